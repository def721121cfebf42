//! What happened outside the database's sight: requests that left, and pulls under way.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    egress::{AuditRecord, AuditSink, LogSink},
    features::system::{EgressCount, PullProgress as PullStatus},
    models::{ProgressEvent, PullProgress, Stage},
};

/// Counts what left since the start; every record also becomes a log line.
#[derive(Default)]
pub struct EgressCounter {
    counts: Mutex<BTreeMap<String, (u64, u64)>>,
}

impl EgressCounter {
    pub fn counts(&self) -> Vec<EgressCount> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .map(|(purpose, (requests, refused))| EgressCount { purpose: purpose.clone(), requests: *requests, refused: *refused })
            .collect()
    }
}

impl AuditSink for EgressCounter {
    fn record(&self, record: AuditRecord) {
        let refused = record.outcome.starts_with("refused") || record.outcome == "sealed";
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(format!("{:?}", record.purpose).to_lowercase()).or_default();
        if refused {
            count.1 += 1
        } else {
            count.0 += 1
        }
        drop(counts);
        LogSink.record(record);
    }
}

/// The pulls under way, for the status page; also passed on to the terminal.
pub struct PullWatch {
    pulls: Mutex<BTreeMap<String, PullStatus>>,
    next: Arc<dyn PullProgress>,
}

impl PullWatch {
    pub fn new(next: Arc<dyn PullProgress>) -> Self {
        Self { pulls: Mutex::default(), next }
    }

    pub fn pulls(&self) -> Vec<PullStatus> {
        self.pulls.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

impl PullProgress for PullWatch {
    fn event(&self, event: ProgressEvent) {
        let mut pulls = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(event.stage, Stage::Done | Stage::Failed(_)) {
            pulls.remove(&event.id);
        } else {
            let status = PullStatus { id: event.id.clone(), bytes_done: event.bytes, bytes_total: event.total.unwrap_or(0) };
            pulls.insert(event.id.clone(), status);
        }
        drop(pulls);
        self.next.event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{egress::Purpose, models::NoProgress};

    #[test]
    fn what_left_and_what_was_refused_are_counted_apart() {
        let counter = EgressCounter::default();
        for outcome in ["200", "refused: not on the list", "sealed"] {
            counter.record(AuditRecord::new(Purpose::Models, "GET", "https://hub.example:443", outcome.into(), 0));
        }
        assert_eq!(counter.counts(), [EgressCount { purpose: "models".into(), requests: 1, refused: 2 }]);
    }

    #[test]
    fn a_pull_is_shown_until_it_ends() {
        let watch = PullWatch::new(Arc::new(NoProgress));
        let event = |stage| ProgressEvent { id: "m".into(), stage, bytes: 5, total: Some(10) };
        watch.event(event(Stage::Assembling));
        assert_eq!(watch.pulls(), [PullStatus { id: "m".into(), bytes_done: 5, bytes_total: 10 }]);
        watch.event(event(Stage::Done));
        assert!(watch.pulls().is_empty());
    }
}
