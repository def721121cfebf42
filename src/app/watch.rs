//! What happened outside the database's sight: requests that left.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use super::egress_trail::Trail;
use crate::{
    egress::{AuditRecord, AuditSink, LogSink},
    features::system::{EgressCount, EgressEntry},
};

/// How many records are kept for the status page.
const REMEMBERED: usize = 50;

/// Counts what left since the start and remembers the last of it; every record also becomes a log line, and a row of the audit.
#[derive(Default)]
pub struct EgressCounter {
    counts: Mutex<BTreeMap<String, (u64, u64)>>,
    last: Mutex<VecDeque<EgressEntry>>,
    trail: Trail,
}

impl EgressCounter {
    pub fn counts(&self) -> Vec<EgressCount> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .map(|(purpose, (requests, refused))| EgressCount { purpose: purpose.clone(), requests: *requests, refused: *refused })
            .collect()
    }

    /// Newest first.
    pub fn last(&self) -> Vec<EgressEntry> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// What is on its way into the audit.
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    fn remember(&self, record: &AuditRecord) {
        let entry = EgressEntry {
            at: record.time,
            purpose: purpose_name(record),
            method: record.method.clone(),
            destination: record.destination.clone(),
            outcome: record.outcome.clone(),
            bytes: record.bytes,
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.push_front(entry);
        last.truncate(REMEMBERED);
    }
}

fn purpose_name(record: &AuditRecord) -> String {
    format!("{:?}", record.purpose).to_lowercase()
}

impl AuditSink for EgressCounter {
    fn record(&self, record: AuditRecord) {
        let refused = record.outcome.starts_with("refused") || record.outcome == "sealed";
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(purpose_name(&record)).or_default();
        if refused {
            count.1 += 1
        } else {
            count.0 += 1
        }
        drop(counts);
        self.remember(&record);
        self.trail.add(record.clone());
        LogSink.record(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::Purpose;

    #[test]
    fn what_left_and_what_was_refused_are_counted_apart() {
        let counter = EgressCounter::default();
        for outcome in ["200", "refused: not on the list", "sealed"] {
            counter.record(AuditRecord::new(Purpose::Models, "GET", "https://hub.example:443", outcome.into(), 0));
        }
        assert_eq!(counter.counts(), [EgressCount { purpose: "models".into(), requests: 1, refused: 2 }]);
        assert_eq!(
            counter.last().iter().map(|entry| entry.outcome.as_str()).collect::<Vec<_>>(),
            ["sealed", "refused: not on the list", "200"]
        );
    }

    #[test]
    fn only_the_last_fifty_are_remembered() {
        let counter = EgressCounter::default();
        for number in 0..60 {
            counter.record(AuditRecord::new(Purpose::Models, "GET", "https://hub.example:443", number.to_string(), 0));
        }
        assert_eq!((counter.last().len(), counter.last()[0].outcome.as_str()), (50, "59"));
    }
}
