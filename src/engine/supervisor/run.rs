//! The task that owns one engine: lives follow each other, with waits between them.

use std::sync::Arc;

use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Duration, Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Command, EngineSpec, EngineState, Patience, Shared, Spawner,
    life::{Ended, Life},
    line::Line,
};
use crate::engine::{EngineError, child::ChildArguments};

pub(super) struct Runner {
    pub(super) spec: EngineSpec,
    pub(super) spawner: Spawner,
    pub(super) patience: Patience,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: CancellationToken,
}

impl Runner {
    /// Runs until it is stopped.
    pub(super) async fn run(self, mut commands: UnboundedReceiver<Command>) {
        let mut failures = 0;
        let mut line = Line::default();
        while !self.stop.is_cancelled() {
            let (reason, hopeless) = match self.live(&mut commands, &mut line).await {
                Ended::Stopped => break,
                Ended::Refused(reason) => (reason, true),
                Ended::Faulty { reason, served_for } => {
                    failures = if served_for.is_some_and(|served| served >= self.patience.healthy) { 1 } else { failures + 1 };
                    (reason, failures >= self.patience.attempts)
                }
            };
            tracing::warn!(model = self.spec.model_id, kind = ?self.spec.kind, hopeless, "an engine failed: {reason}");
            let went_on = if hopeless {
                failures = 0;
                self.rest(reason, &mut commands, &mut line).await
            } else {
                self.wait(failures, reason, &mut commands, &mut line).await
            };
            if !went_on {
                break;
            }
            self.shared.view.send_modify(|view| {
                view.restarts += 1;
                view.state = EngineState::Starting { fraction: 0.0 };
            });
        }
        self.set(EngineState::Stopped);
        line.refuse_all("it was stopped");
        // Requests that were on their way when the engine stopped.
        commands.close();
        while let Some(command) = commands.recv().await {
            self.refuse(command);
        }
    }

    async fn live(&self, commands: &mut UnboundedReceiver<Command>, line: &mut Line) -> Ended {
        let arguments = ChildArguments {
            kind: self.spec.kind,
            model: self.spec.model.clone(),
            backend: self.spec.backend.clone(),
            options: self.spec.options,
            confinement: Some(self.spec.confinement.clone()),
            allow_unsandboxed: self.spec.allow_unsandboxed,
            memory_bytes: None,
            cpu_seconds: None,
            file_bytes: None,
            parent: std::process::id(),
        };
        match self.spawner.spawn(&arguments).await {
            Ok((child, socket)) => Life::new(&self.shared, self.patience, line, child, socket).run(commands, &self.stop).await,
            Err(error) => Ended::Faulty { reason: format!("it could not be started: {error}"), served_for: None },
        }
    }

    /// The wait before a restart. `false` when the engine is to stop.
    async fn wait(&self, failures: u32, reason: String, commands: &mut UnboundedReceiver<Command>, line: &mut Line) -> bool {
        let doublings = failures.saturating_sub(1).min(16);
        let pause = (self.patience.first_restart * 2_u32.pow(doublings)).min(self.patience.longest_restart);
        self.set(EngineState::Restarting { attempt: failures, reason });
        let until = Instant::now() + pause;
        loop {
            line.tell(&self.shared.view.borrow());
            let next = line.next_to_end(false).unwrap_or(until).min(until);
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = sleep_until(next) => {
                    if Instant::now() >= until {
                        return true;
                    }
                    line.end_overdue(Some(&self.shared.unavailability()), None);
                }
                command = commands.recv() => match command {
                    Some(Command::Submit(submission)) if submission.patient => line.join(submission, &self.patience),
                    Some(Command::Cancel { id }) => line.cancel(id, None),
                    Some(command) => self.refuse(command),
                    None => return false,
                },
            }
        }
    }

    /// Rests until somebody asks again. A new try is not made at once after a failure, however often it is asked for.
    async fn rest(&self, reason: String, commands: &mut UnboundedReceiver<Command>, line: &mut Line) -> bool {
        line.refuse_all(&reason);
        self.set(EngineState::Failed { reason });
        self.turn_away(Instant::now() + self.patience.first_restart, false, commands).await
            && self.turn_away(Instant::now() + Duration::from_secs(365 * 24 * 3600), true, commands).await
    }

    /// Refuses what comes until the time is over, or until somebody asks if `until_asked`. `false` when the engine is
    /// to stop.
    async fn turn_away(&self, until: Instant, until_asked: bool, commands: &mut UnboundedReceiver<Command>) -> bool {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = sleep_until(until) => return true,
                command = commands.recv() => match command {
                    Some(Command::TryAgain) if until_asked => return true,
                    Some(command) => self.refuse(command),
                    None => return false,
                },
            }
        }
    }

    fn refuse(&self, command: Command) {
        if let Command::Submit(submission) = command {
            let reason = self.shared.unavailability();
            // An asker that is gone needs no answer.
            let _ = submission.events.send(Err(EngineError::Unavailable(reason)));
        }
    }

    fn set(&self, state: EngineState) {
        self.shared.view.send_modify(|view| (view.state, view.pid) = (state, None));
    }
}
