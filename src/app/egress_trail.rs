//! The way of what left the machine into the audit. Requests leave before the database is open, since its programs may have to be
//! fetched first: their records wait here.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use time::Date;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::watch::EgressCounter;
use crate::{
    egress::{AuditRecord, Purpose},
    error::Result,
    features::accounts::AccountStore,
};

/// Records that wait at most; without a database further ones are in the log alone.
const MOST_WAITING: usize = 1000;
/// Rows of one purpose and destination in a day: a model comes in many pieces.
const MOST_A_DAY: u32 = 1000;
/// After how long the database is asked again when it takes nothing.
const AGAIN: Duration = Duration::from_secs(1);

/// Records on their way.
#[derive(Default)]
pub struct Trail {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Default)]
struct Waiting {
    records: VecDeque<AuditRecord>,
    /// Of which the counts are.
    day: Option<Date>,
    counts: HashMap<(Purpose, String), u32>,
    full: bool,
}

impl Trail {
    /// Takes a record along; does not wait for anything.
    pub fn add(&self, record: AuditRecord) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.takes(&record) {
            waiting.records.push_back(record);
            drop(waiting);
            self.news.notify_one();
        }
    }

    fn next(&self) -> Option<AuditRecord> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.full = false;
        waiting.records.pop_front()
    }
}

impl Waiting {
    fn takes(&mut self, record: &AuditRecord) -> bool {
        if self.records.len() >= MOST_WAITING {
            if !std::mem::replace(&mut self.full, true) {
                tracing::warn!("more requests leave than the audit takes: until it does they are in the log alone");
            }
            return false;
        }
        let day = Some(record.time.date());
        if self.day != day {
            self.day = day;
            self.counts.clear();
        }
        let count = self.counts.entry((record.purpose, record.destination.clone())).or_default();
        *count = count.saturating_add(1);
        if *count == MOST_A_DAY + 1 {
            let destination = &record.destination;
            tracing::warn!(destination, "{MOST_A_DAY} requests went there today: the audit takes no more of them, the log does");
        }
        *count <= MOST_A_DAY
    }
}

/// Writes what comes along into the audit, until the server stops.
pub async fn tell_audit(egress: &EgressCounter, store: AccountStore, stopping: CancellationToken) {
    stopping.run_until_cancelled(tell_all(egress.trail(), &store)).await;
    while let Some(record) = egress.trail().next() {
        if tell(&store, &record).await.is_err() {
            return;
        }
    }
}

async fn tell_all(trail: &Trail, store: &AccountStore) {
    loop {
        let Some(record) = trail.next() else {
            trail.news.notified().await;
            continue;
        };
        while let Err(error) = tell(store, &record).await {
            tracing::debug!(%error, "the audit takes nothing; trying again");
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// A record that the database will never take is left to the log: it must not keep back those behind it.
async fn tell(store: &AccountStore, record: &AuditRecord) -> Result<()> {
    let told = store.tell_of_egress(record).await;
    if let Err(error) = &told
        && error.is_refused_for_good()
    {
        let destination = &record.destination;
        tracing::warn!(error = ?error, destination, "the audit cannot hold this request: it is in the log alone");
        return Ok(());
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(destination: &str) -> AuditRecord {
        AuditRecord::new(Purpose::Models, "GET", destination, "200".into(), 0)
    }

    fn taken(trail: &Trail) -> usize {
        std::iter::from_fn(|| trail.next()).count()
    }

    #[test]
    fn what_waits_is_bounded() {
        let trail = Trail::default();
        (0..MOST_WAITING + 50).for_each(|number| trail.add(record(&number.to_string())));
        assert_eq!(taken(&trail), MOST_WAITING);
        trail.add(record("later"));
        assert_eq!(taken(&trail), 1);
    }

    #[test]
    fn one_destination_has_a_thousand_rows_a_day_and_others_are_told_still() {
        let trail = Trail::default();
        let mut told = 0;
        for _ in 0..MOST_A_DAY + 50 {
            trail.add(record("https://hub.example:443"));
            told += taken(&trail);
        }
        assert_eq!(told, 1000);
        trail.add(record("https://other.example:443"));
        let tomorrow = AuditRecord { time: record("").time + time::Duration::days(1), ..record("https://hub.example:443") };
        trail.add(tomorrow);
        assert_eq!(taken(&trail), 2);
    }
}
