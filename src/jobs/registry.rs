//! Which function does which kind of job.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Job, JobContext};

type Handler = Arc<dyn Fn(Value, JobContext) -> anyhow::Result<BoxFuture<'static, anyhow::Result<()>>> + Send + Sync>;

/// The kinds of job that a runner takes.
#[derive(Default)]
pub struct Registry {
    handlers: HashMap<&'static str, Handler>,
}

impl Registry {
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the handler of a kind. It may be run again after it worked, so it must be idempotent.
    pub fn register<J, F>(&mut self, handler: impl Fn(J, JobContext) -> F + Send + Sync + 'static)
    where
        J: Job,
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |payload, context| {
            let job = serde_json::from_value::<J>(payload).with_context(|| format!("the payload of a {} cannot be read", J::KIND))?;
            Ok(handler(job, context).boxed())
        });
        self.handlers.insert(J::KIND, handler);
    }

    pub(super) fn kinds(&self) -> Vec<String> {
        self.handlers.keys().map(|kind| (*kind).to_owned()).collect()
    }

    /// The handler's future. `Err` when the payload cannot be read: trying again would not help.
    pub(super) fn start(&self, kind: &str, payload: Value, context: JobContext) -> anyhow::Result<BoxFuture<'static, anyhow::Result<()>>> {
        let handler = self.handlers.get(kind).with_context(|| format!("nobody handles {kind}"))?;
        handler(payload, context)
    }
}
