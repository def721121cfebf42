//! The task that owns one engine: lives follow each other, with waits between them.

use std::sync::Arc;

use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Duration, Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Command, EngineSpec, EngineState, Patience, Presence, Shared, Spawner,
    life::{Ended, Life, Started},
    line::Line,
};
use crate::engine::{
    EngineError,
    child::ChildArguments,
    pool::{Berth, Share},
};

/// Longer than anybody waits.
const A_LONG_TIME: Duration = Duration::from_secs(365 * 24 * 3600);

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
            let ended = match self.come(&mut commands, &mut line).await {
                Ok(berth) => self.live(&mut commands, &mut line, berth).await,
                Err(ended) => ended,
            };
            let (reason, hopeless) = match ended {
                Ended::Stopped => break,
                Ended::Rested => continue,
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

    /// For an engine that comes and goes: waits until somebody needs it, then for memory.
    async fn come(&self, commands: &mut UnboundedReceiver<Command>, line: &mut Line) -> Result<Option<Berth>, Ended> {
        let Presence::OnDemand { share, .. } = &self.spec.presence else { return Ok(None) };
        loop {
            self.until_needed(share, commands, line).await?;
            if let Some(berth) = self.until_there_is_room(share, commands, line).await? {
                return Ok(Some(berth));
            }
        }
    }

    /// One that stays needs to be woken once, any other comes for those who wait.
    async fn until_needed(&self, share: &Share, commands: &mut UnboundedReceiver<Command>, line: &mut Line) -> Result<(), Ended> {
        let mut woken = share.stays() && matches!(self.shared.view.borrow().state, EngineState::Starting { .. });
        while !woken && !self.shared.is_awaited() {
            self.set(EngineState::Resting);
            tokio::select! {
                () = self.stop.cancelled() => return Err(Ended::Stopped),
                command = commands.recv() => match command.ok_or(Ended::Stopped)? {
                    Command::Wanted => woken = share.stays(),
                    command => self.queue(command, line),
                },
            }
        }
        Ok(())
    }

    /// `None`: nobody waits for it any more.
    async fn until_there_is_room(
        &self,
        share: &Share,
        commands: &mut UnboundedReceiver<Command>,
        line: &mut Line,
    ) -> Result<Option<Berth>, Ended> {
        self.set(EngineState::Starting { fraction: 0.0 });
        let taking = share.take();
        tokio::pin!(taking);
        while share.stays() || self.shared.is_awaited() {
            line.tell(&self.shared.view.borrow());
            let next = line.next_to_end(true).unwrap_or_else(|| Instant::now() + A_LONG_TIME);
            tokio::select! {
                () = self.stop.cancelled() => return Err(Ended::Stopped),
                berth = &mut taking => return berth.map(Some).map_err(|error| Ended::Refused(error.to_string())),
                () = sleep_until(next) => line.end_overdue(None, None),
                command = commands.recv() => self.queue(command.ok_or(Ended::Stopped)?, line),
            }
        }
        Ok(None)
    }

    /// While no child is there that could take it.
    fn queue(&self, command: Command, line: &mut Line) {
        match command {
            Command::Submit(submission) => line.join(submission, &self.patience),
            Command::Cancel { id } => line.cancel(id, None),
            Command::Wanted | Command::Left | Command::Stay(_) => {}
        }
    }

    async fn live(&self, commands: &mut UnboundedReceiver<Command>, line: &mut Line, berth: Option<Berth>) -> Ended {
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
            Ok((child, socket)) => {
                let started = Started { child, socket, berth };
                Life::new(&self.shared, self.patience, line, started).run(commands, &self.stop).await
            }
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
            && self.turn_away(Instant::now() + A_LONG_TIME, true, commands).await
    }

    /// Refuses what comes until the time is over, or until somebody asks if `until_asked`. `false` when the engine is
    /// to stop.
    async fn turn_away(&self, until: Instant, until_asked: bool, commands: &mut UnboundedReceiver<Command>) -> bool {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = sleep_until(until) => return true,
                command = commands.recv() => match command {
                    Some(Command::Wanted) if until_asked => return true,
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
