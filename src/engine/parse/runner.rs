//! Runs parse jobs, each in a fresh child that is gone afterwards.

use std::{os::fd::OwnedFd, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::timeout};

use super::{ParseOutcome, ParseRequest, limits::Limits};
use crate::engine::{
    EngineError, EngineOptions,
    backend::Backend,
    child::ChildArguments,
    confinement::{Confinement, ConfinementReport},
    supervisor::{Conversation, Spawner},
    wire::{EngineKind, Event, MAX_DESCRIPTORS, Request},
};

/// Children at work at the same time.
const AT_ONCE: usize = 2;

/// The longest job: joining and converting models of gigabytes.
const TIME_LIMIT: Duration = Duration::from_secs(600);
/// Working through every weight of one takes longer.
const MODEL_TIME_LIMIT: Duration = Duration::from_secs(3600);

/// Reads untrusted bytes in confined children. Clones share the limit on children.
#[derive(Clone)]
pub struct ParseRunner {
    spawner: Spawner,
    allow_unsandboxed: bool,
    places: Arc<Semaphore>,
    time_limit: Duration,
}

impl ParseRunner {
    pub fn new(spawner: Spawner, allow_unsandboxed: bool) -> Self {
        Self { spawner, allow_unsandboxed, places: Arc::new(Semaphore::new(AT_ONCE)), time_limit: TIME_LIMIT }
    }

    /// The same runner with another limit on the duration of a job.
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Starts a child and lets it go again: what the kernel enforces here, or why a child cannot be confined.
    pub async fn confinement(&self) -> Result<ConfinementReport, EngineError> {
        let (child, report) = Conversation::start(&self.spawner, &child_arguments(self.allow_unsandboxed, Limits::default())).await?;
        child.end().await;
        Ok(report.confinement)
    }

    /// Runs one job; `descriptors` as its variant of [`ParseRequest`] states. Dropping the future kills the child.
    pub async fn run(&self, request: ParseRequest, descriptors: Vec<OwnedFd>) -> Result<ParseOutcome, EngineError> {
        if descriptors.len() > MAX_DESCRIPTORS {
            return Err(EngineError::InvalidRequest(format!("at most {MAX_DESCRIPTORS} files go into one job")));
        }
        let _place = self.places.acquire().await.map_err(|_| EngineError::Unavailable("it was stopped".into()))?;
        let limit = match request {
            ParseRequest::Requantize { .. } | ParseRequest::CompareModels { .. } => self.time_limit.max(MODEL_TIME_LIMIT),
            _ => self.time_limit,
        };
        let job = self.run_alone(request, descriptors);
        timeout(limit, job).await.unwrap_or_else(|_| {
            let seconds = limit.as_secs();
            Err(EngineError::Died(format!("reading the file took longer than {seconds} seconds")))
        })
    }

    async fn run_alone(&self, request: ParseRequest, descriptors: Vec<OwnedFd>) -> Result<ParseOutcome, EngineError> {
        let arguments =
            ChildArguments { confinement: Some(request.confinement()), ..child_arguments(self.allow_unsandboxed, Limits::of(&request)) };
        let (mut child, _) = Conversation::start(&self.spawner, &arguments).await?;
        let answer = child.ask(Request::Parse(request), &descriptors).await;
        child.end().await;
        match answer? {
            Event::Parsed(outcome) => Ok(outcome),
            _ => Err(EngineError::Failed("it answered another question".into())),
        }
    }
}

/// How every parse child is started.
pub(in crate::engine) fn child_arguments(allow_unsandboxed: bool, limits: Limits) -> ChildArguments {
    ChildArguments {
        kind: EngineKind::Parse,
        model: None,
        backend: Backend::default(),
        options: EngineOptions { threads: 1, ..EngineOptions::default() },
        confinement: Some(Confinement::Parse),
        allow_unsandboxed,
        memory_bytes: Some(limits.memory_bytes),
        cpu_seconds: Some(limits.cpu_seconds),
        file_bytes: Some(limits.file_bytes),
        parent: std::process::id(),
    }
}
