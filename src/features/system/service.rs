//! What the feature does: gather the report, say whether the server is ready.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use time::OffsetDateTime;

use super::{Hardware, SystemReport, SystemSnapshot};
use crate::{
    engine::supervisor::resident_bytes,
    error::{Error, Result},
};

/// Said on every page of a server that was started with `--allow-unsandboxed`.
pub const UNCONFINED: &str = "The server was started with --allow-unsandboxed: engines may run without confinement, and nothing then \
    keeps them from the network and from your files.";

/// Where the state of the other modules comes from.
pub trait SystemSource: Send + Sync {
    /// Their state now. Answers within a second or two even when the database does not.
    fn snapshot(&self) -> BoxFuture<'_, SystemSnapshot>;
}

/// The feature's face to `http/` and the command line.
pub struct SystemService {
    source: Arc<dyn SystemSource>,
    started_at: OffsetDateTime,
}

impl SystemService {
    pub fn new(source: Arc<dyn SystemSource>) -> Self {
        Self { source, started_at: OffsetDateTime::now_utc() }
    }

    /// Everything that is known.
    pub async fn report(&self) -> SystemReport {
        let snapshot = self.source.snapshot().await;
        let unconfined = snapshot.engines.iter().filter(|engine| engine.confinement.as_ref().is_some_and(|report| !report.is_confined()));
        let mut warnings: Vec<String> =
            unconfined.map(|engine| format!("The engine of {} runs without confinement.", engine.model)).collect();
        let sandboxed = !snapshot.unsandboxed_allowed && warnings.is_empty();
        if snapshot.unsandboxed_allowed {
            warnings.insert(0, UNCONFINED.to_owned());
        }
        SystemReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            server_memory_bytes: resident_bytes(std::process::id()).unwrap_or_default(),
            hardware: Hardware::of_this_machine(),
            snapshot,
            sandboxed,
            warnings,
        }
    }

    /// Fails with what is missing until every task has an engine and the database answers.
    pub async fn ready(&self) -> Result<()> {
        let snapshot = self.source.snapshot().await;
        let mut missing = Vec::new();
        if !snapshot.database.available {
            missing.push(snapshot.database.detail.clone().unwrap_or_else(|| "the database does not answer".into()));
        }
        for task in snapshot.tasks.iter().filter(|task| !task.ready) {
            missing.push(
                task.detail.clone().map_or_else(|| format!("{} has no engine", task.task), |detail| format!("{}: {detail}", task.task)),
            );
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::Unavailable { what: format!("not ready: {}", missing.join("; ")), retry_after: Duration::from_secs(5) })
    }
}
