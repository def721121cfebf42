//! A child with a single asker and one question at a time: parse jobs and self-checks.

use std::{os::fd::OwnedFd, time::Duration};

use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::{ChildProcess, Spawner};
use crate::engine::{
    EngineError,
    child::ChildArguments,
    wire::{Event, FromChild, MAX_ANSWER_BYTES, ReadyReport, Request, STARTING, ToChild, connection},
};

/// How long a child may take to end once its socket is closed.
const LAST_BREATH: Duration = Duration::from_millis(500);

/// Dropping it kills the child.
pub(in crate::engine) struct Conversation {
    child: ChildProcess,
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    last_id: u64,
}

impl Conversation {
    /// Starts a child and waits until it can be asked.
    pub(in crate::engine) async fn start(spawner: &Spawner, arguments: &ChildArguments) -> Result<(Self, ReadyReport), EngineError> {
        let started = spawner.spawn(arguments).await;
        let (child, socket) = started.map_err(|error| EngineError::Unavailable(format!("it could not be started: {error}")))?;
        let (read, write) = socket.into_split();
        let mut conversation = Self { child, read, write, last_id: STARTING };
        loop {
            match conversation.next().await? {
                FromChild::Loading { .. } => {}
                FromChild::Ready(report) => return Ok((conversation, report)),
                FromChild::Error { error, .. } => return Err(error),
                FromChild::Event { .. } | FromChild::Done { .. } => return Err(out_of_turn()),
            }
        }
    }

    pub(in crate::engine) fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Asks and waits for the last event of the answer.
    pub(in crate::engine) async fn ask(&mut self, request: Request, descriptors: &[OwnedFd]) -> Result<Event, EngineError> {
        self.last_id += 1;
        let frame = connection::frame(&ToChild::Request { id: self.last_id, request });
        let frame = frame.map_err(|error| EngineError::InvalidRequest(error.to_string()))?;
        if connection::send(&mut self.write, &frame, descriptors).await.is_err() {
            return Err(EngineError::Died(self.child.end(LAST_BREATH).await));
        }
        let mut answer = Err(EngineError::Failed("it ended without an answer".into()));
        loop {
            match self.next().await? {
                FromChild::Event { event, .. } => answer = Ok(event),
                FromChild::Error { error, .. } => answer = Err(error),
                FromChild::Done { .. } => return answer,
                FromChild::Loading { .. } | FromChild::Ready(_) => return Err(out_of_turn()),
            }
        }
    }

    /// Closes the socket, whereupon the child ends by itself.
    pub(in crate::engine) async fn end(self) {
        let Self { mut child, read, write, .. } = self;
        drop((read, write));
        child.end(LAST_BREATH).await;
    }

    async fn next(&mut self) -> Result<FromChild, EngineError> {
        match connection::receive(&mut self.read, MAX_ANSWER_BYTES).await {
            Ok(Some(received)) => Ok(received.message),
            _ => Err(EngineError::Died(self.child.end(LAST_BREATH).await)),
        }
    }
}

fn out_of_turn() -> EngineError {
    EngineError::Failed("it spoke out of turn".into())
}
