//! What went wrong before, kept beside the certificate: a server that starts again and again asks no more often for it.

use std::{fs, path::Path, time::Duration};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::super::authority::{read, write};
use crate::config::AcmeConfig;

const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);
/// What an authority may ask for: its limits count by the week.
const LONGEST_ASKED: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// Failures in a row, all of the same wish.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failures {
    names: Vec<String>,
    directory: String,
    count: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub next_try: OffsetDateTime,
    /// The last one's reason; empty when the server ended before there was one.
    said: String,
}

impl Failures {
    /// Those of this wish. Another one is tried at once, and so is one whose time no clock that is right could have set.
    pub fn known(path: &Path, wish: &AcmeConfig, now: OffsetDateTime) -> Option<Self> {
        let known: Self = serde_json::from_str(&read(path).ok()??).ok()?;
        let same = known.names == wish.names && known.directory == wish.directory;
        (same && known.are_possible(now)).then_some(known)
    }

    /// Whether a clock that is right could have set the time of the next try.
    pub fn are_possible(&self, now: OffsetDateTime) -> bool {
        self.next_try <= now + LONGEST_ASKED
    }

    /// One more, as far as it is known: nothing was said yet. `spread`: 0 to 1.
    pub fn after(known: Option<Self>, wish: &AcmeConfig, spread: f64) -> Self {
        let count = known.map_or(0, |known| known.count).saturating_add(1);
        let next_try = OffsetDateTime::now_utc() + pause(count, None, spread);
        Self { names: wish.names.clone(), directory: wish.directory.clone(), count, next_try, said: String::new() }
    }

    /// What was said. `asked`: how long the authority wants to be left alone.
    pub fn refused(self, said: String, asked: Option<Duration>, spread: f64) -> Self {
        Self { next_try: OffsetDateTime::now_utc() + pause(self.count, asked, spread), said, ..self }
    }

    pub fn keep(&self, path: &Path) -> Result<()> {
        write(path, &serde_json::to_string_pretty(self)?)
    }

    pub fn forget(path: &Path) {
        let _ = fs::remove_file(path);
    }
}

/// A minute, doubled by every failure, up to six hours; a quarter more by chance; never less than was asked for.
fn pause(count: u32, asked: Option<Duration>, spread: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(count.saturating_sub(1))).min(LONGEST_PAUSE);
    doubled.mul_f64(1.0 + spread / 4.0).max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(name: &str) -> AcmeConfig {
        AcmeConfig { names: vec![name.into()], directory: "https://acme.example.org/dir".into(), contact: None, authority: None }
    }

    #[test]
    fn pauses_grow_and_end_and_honour_what_is_asked() {
        let minutes = |count| pause(count, None, 0.0).as_secs() / 60;
        assert_eq!([1, 2, 3, 9, 10, 40].map(minutes), [1, 2, 4, 256, 360, 360]);
        assert_eq!(pause(1, None, 1.0), Duration::from_secs(75));
        assert_eq!(pause(1, Some(Duration::from_secs(7200)), 0.0), Duration::from_secs(7200));
        assert_eq!(pause(12, Some(Duration::from_secs(5)), 0.0), LONGEST_PAUSE);
        assert_eq!(pause(1, Some(Duration::MAX), 0.0), LONGEST_ASKED);
    }

    #[test]
    fn failures_outlive_a_start_and_count_for_the_same_wish_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("failures.json"), OffsetDateTime::now_utc());
        assert!(Failures::known(&path, &wish("a.example.org"), now).is_none());
        let first = Failures::after(None, &wish("a.example.org"), 0.0);
        first.keep(&path).unwrap();
        let unended = Failures::known(&path, &wish("a.example.org"), now).expect("the server ended over it");
        Failures::after(Some(unended), &wish("a.example.org"), 0.0).refused("still no".into(), None, 0.0).keep(&path).unwrap();
        let known = Failures::known(&path, &wish("a.example.org"), now).unwrap();
        assert_eq!((known.count, known.said.as_str()), (2, "still no"));
        assert!(known.next_try > now + Duration::from_secs(110));
        assert!(Failures::known(&path, &wish("b.example.org"), now).is_none(), "another wish");
        assert!(Failures::known(&path, &wish("a.example.org"), now - LONGEST_ASKED * 2).is_none(), "another clock");
        Failures::forget(&path);
        assert!(Failures::known(&path, &wish("a.example.org"), now).is_none());
    }
}
