//! What left the machine, or tried to.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use reqwest::Url;
use serde::Serialize;
use time::OffsetDateTime;

use super::{Purpose, policy::destination};

/// One request or refusal. Holds no path, query, header or body: those may hold secrets.
#[derive(Debug, Clone, Serialize)]
pub struct AuditRecord {
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    pub purpose: Purpose,
    /// `scheme://host:port`, or `pip NAME==VERSION`.
    pub destination: String,
    pub method: String,
    /// The HTTP status, `refused: …`, `sealed`, `redirected` or what failed.
    pub outcome: String,
    /// Bytes of body received.
    pub bytes: u64,
}

impl AuditRecord {
    pub fn new(purpose: Purpose, method: &str, destination: &str, outcome: String, bytes: u64) -> Self {
        Self { time: OffsetDateTime::now_utc(), purpose, destination: destination.into(), method: method.into(), outcome, bytes }
    }
}

/// Where records go. Must not block.
pub trait AuditSink: Send + Sync {
    fn record(&self, record: AuditRecord);
}

/// Writes each record as one log line, target `egress`.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogSink;

impl AuditSink for LogSink {
    fn record(&self, record: AuditRecord) {
        let AuditRecord { purpose, destination, method, outcome, bytes, .. } = record;
        tracing::info!(target: "egress", ?purpose, destination, method, outcome, bytes, "a request left, or was kept from leaving");
    }
}

/// One request under way: leaves its record when it ends, however it ends.
pub struct Audited {
    sink: Arc<dyn AuditSink>,
    purpose: Purpose,
    method: &'static str,
    destination: String,
    pub bytes: u64,
    recorded: AtomicBool,
}

impl Audited {
    pub fn new(sink: Arc<dyn AuditSink>, purpose: Purpose, method: &'static str, url: &Url) -> Self {
        Self { sink, purpose, method, destination: destination(url), bytes: 0, recorded: AtomicBool::new(false) }
    }

    pub fn destination(&self) -> &str {
        &self.destination
    }

    pub fn finish(&mut self, outcome: String) {
        self.write(outcome);
    }

    pub fn failed(&self, reason: &str) {
        self.write(format!("failed: {reason}"));
    }

    fn write(&self, outcome: String) {
        if !self.recorded.swap(true, Ordering::Relaxed) {
            self.sink.record(AuditRecord::new(self.purpose, self.method, &self.destination, outcome, self.bytes));
        }
    }
}

impl Drop for Audited {
    fn drop(&mut self) {
        self.write("given up".into());
    }
}
