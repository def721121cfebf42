//! How much may be asked for in a window of time, counted in the database, so that every server of it counts the same.
//!
//! A busy limit is not counted request by request: a server takes a small part of the window's allowance at a time and counts
//! that by itself. Two servers then let through no more than the allowance; one may find the other's part taken and unused.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::AccountStore;
use crate::error::{Error, Result};

/// Parts that are remembered before those of past windows are forgotten.
const MOST_PARTS: usize = 10_000;

/// How much of something in how long.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    pub most: u32,
    pub window: Duration,
    /// How much a server takes at a time.
    pub part: u32,
    /// What was asked for too often, and what to do.
    pub refusal: &'static str,
}

/// A part of a window's allowance that this server counts.
struct Part {
    left: u32,
    until: Instant,
}

pub struct Limits {
    store: AccountStore,
    parts: Mutex<HashMap<String, Part>>,
}

impl Limits {
    pub fn new(store: AccountStore) -> Self {
        Self { store, parts: Mutex::default() }
    }

    /// Takes one of the allowance for `subject`, or says when there will be more.
    pub async fn take(&self, subject: &str, allowance: &Allowance) -> Result<()> {
        if self.take_here(subject) {
            return Ok(());
        }
        let (used, rest) = self.store.count(subject, allowance.window, allowance.part).await?;
        let before = used.saturating_sub(allowance.part.into());
        let Some(left) = u64::from(allowance.most).checked_sub(before).filter(|left| *left > 0) else {
            return Err(Error::TooMany { what: allowance.refusal, retry_after: rest });
        };
        let left = u32::try_from(left).unwrap_or(u32::MAX).min(allowance.part) - 1;
        if left > 0 {
            let mut parts = self.parts();
            if parts.len() >= MOST_PARTS {
                let now = Instant::now();
                parts.retain(|_, part| part.until > now);
            }
            parts.insert(subject.to_owned(), Part { left, until: Instant::now() + rest });
        }
        Ok(())
    }

    /// Gives back one that was taken before it was known whether it counts.
    pub async fn give_back(&self, subject: &str, allowance: &Allowance) -> Result<()> {
        self.store.count_back(subject, allowance.window).await
    }

    /// Takes one of the part that is here.
    fn take_here(&self, subject: &str) -> bool {
        let mut parts = self.parts();
        match parts.get_mut(subject) {
            Some(part) if part.left > 0 && part.until > Instant::now() => {
                part.left -= 1;
                true
            }
            _ => false,
        }
    }

    fn parts(&self) -> MutexGuard<'_, HashMap<String, Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address as limits know it: of IPv6 the network, since whoever has one address of it has 2⁶⁴.
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_are_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
    }
}
