//! Claims jobs, runs their handlers, renews leases, and survives the database's restarts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::queue::CHANNEL;
use super::store::{self, Claim, HEARTBEAT, LEASE};
use super::{Interrupted, JobContext, Queue, Registry};

/// How long a worker sleeps when nobody wakes it: retries come due and leases lapse without a notification.
const POLL: Duration = Duration::from_secs(2);
const SWEEP: Duration = Duration::from_secs(5);
/// How long handlers may take to end when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(10);
const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(300);

/// Works on jobs until it is stopped. Dropping it abandons its jobs to other runners, who take over when the leases lapse.
pub struct Runner {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    pool: PgPool,
    registry: Registry,
    kinds: Vec<String>,
    runner: Uuid,
    wake: Notify,
    stopping: CancellationToken,
}

/// How a handler's run ended.
enum Outcome {
    Done,
    Failed(anyhow::Error),
    /// Trying again would not help.
    Unreadable(anyhow::Error),
    /// The server stops; the job is not done.
    Interrupted,
    /// Another runner has it.
    Lost,
}

impl Runner {
    /// Starts `concurrency` workers on the current runtime.
    pub fn start(queue: &Queue, registry: Registry, concurrency: usize) -> Self {
        let shared = Arc::new(Shared {
            pool: queue.pool().clone(),
            kinds: registry.kinds(),
            registry,
            runner: Uuid::now_v7(),
            wake: Notify::new(),
            stopping: CancellationToken::new(),
        });
        let mut tasks = JoinSet::new();
        for _ in 0..concurrency {
            tasks.spawn(work(Arc::clone(&shared)));
        }
        tasks.spawn(listen(Arc::clone(&shared)));
        tasks.spawn(sweep(Arc::clone(&shared)));
        Self { shared, tasks }
    }

    /// Takes no new job, asks the handlers to end and waits for them a while; what is not done then is released.
    pub async fn stop(mut self) {
        self.shared.stopping.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn work(shared: Arc<Shared>) {
    while !shared.stopping.is_cancelled() {
        match store::claim(&shared.pool, shared.runner, &shared.kinds).await {
            Ok(Some(claim)) => {
                // Another worker may find the next one meanwhile.
                shared.wake.notify_one();
                run(&shared, claim).await;
            }
            Ok(None) => shared.idle(POLL).await,
            Err(error) => {
                tracing::warn!(%error, "no job can be claimed; trying again");
                shared.idle(POLL).await;
            }
        }
    }
}

async fn run(shared: &Shared, claim: Claim) {
    let outcome = outcome(shared, &claim).await;
    let delay = retry_delay(claim.attempt);
    let is_last = claim.attempt >= claim.max_attempts;
    match &outcome {
        Outcome::Failed(error) => {
            tracing::warn!(kind = claim.kind, attempt = claim.attempt, is_last, error = format!("{error:#}"), "a job failed");
        }
        Outcome::Unreadable(error) => tracing::error!(kind = claim.kind, error = format!("{error:#}"), "a job cannot be read"),
        Outcome::Lost => tracing::warn!(kind = claim.kind, "a job went to another runner"),
        Outcome::Done | Outcome::Interrupted => {}
    }
    // The database may be away just now. What cannot be noted within a lease is left to lapse.
    let noted = tokio::time::timeout(LEASE, async {
        loop {
            let noted = match &outcome {
                Outcome::Done => claim.finish(&shared.pool).await,
                Outcome::Failed(error) => claim.fail(&shared.pool, &format!("{error:#}"), delay, is_last).await,
                Outcome::Unreadable(error) => claim.fail(&shared.pool, &format!("{error:#}"), delay, true).await,
                Outcome::Interrupted => claim.release(&shared.pool).await,
                Outcome::Lost => Ok(()),
            };
            match noted {
                Ok(()) => break,
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    });
    if noted.await.is_err() {
        tracing::warn!(kind = claim.kind, "the end of a job could not be noted; it will run again");
    }
}

async fn outcome(shared: &Shared, claim: &Claim) -> Outcome {
    let cancelled = shared.stopping.child_token();
    let context = JobContext::new(claim.clone(), shared.pool.clone(), cancelled.clone());
    let handler = match shared.registry.start(&claim.kind, claim.payload.clone(), context) {
        Ok(handler) => handler,
        Err(error) => return Outcome::Unreadable(error),
    };
    // A task of its own: a handler that panics fails its job, not the worker.
    let mut handler = AbortOnDrop(tokio::spawn(handler as BoxFuture<'static, anyhow::Result<()>>));
    tokio::select! {
        ended = &mut handler.0 => ended_as(ended),
        () = keep_lease(shared, claim) => {
            cancelled.cancel();
            Outcome::Lost
        }
        () = async { shared.stopping.cancelled().await; tokio::time::sleep(STOP_GRACE).await } => Outcome::Interrupted,
    }
}

fn ended_as(ended: Result<anyhow::Result<()>, JoinError>) -> Outcome {
    match ended {
        Ok(Ok(())) => Outcome::Done,
        Ok(Err(error)) if error.is::<Interrupted>() => Outcome::Interrupted,
        Ok(Err(error)) => Outcome::Failed(error),
        Err(panicked) => Outcome::Failed(anyhow::anyhow!("the handler panicked: {panicked}")),
    }
}

/// Returns when the lease is lost to another runner. While the database is away nobody else can take the job either.
async fn keep_lease(shared: &Shared, claim: &Claim) {
    let mut pause = HEARTBEAT;
    loop {
        tokio::time::sleep(pause).await;
        pause = match claim.renew(&shared.pool).await {
            Ok(true) => HEARTBEAT,
            Ok(false) => return,
            Err(error) => {
                tracing::debug!(%error, "a lease was not renewed; trying again");
                Duration::from_millis(200)
            }
        };
    }
}

/// 2, 4, 8, … seconds.
fn retry_delay(attempt: i32) -> Duration {
    let exponent = u32::try_from(attempt).unwrap_or(0).min(16);
    Duration::from_secs(2_u64.pow(exponent)).min(LONGEST_RETRY_DELAY)
}

/// Wakes a worker for each new job. Polling covers the time in which this has no connection.
async fn listen(shared: Arc<Shared>) {
    while !shared.stopping.is_cancelled() {
        let heard = tokio::select! {
            () = shared.stopping.cancelled() => return,
            heard = wake_on_notifications(&shared) => heard,
        };
        if let Err(error) = heard {
            tracing::debug!(%error, "not listening for jobs; polling meanwhile");
        }
        shared.pause(POLL).await;
    }
}

async fn wake_on_notifications(shared: &Shared) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(&shared.pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        listener.recv().await?;
        shared.wake.notify_one();
    }
}

async fn sweep(shared: Arc<Shared>) {
    while !shared.stopping.is_cancelled() {
        if let Err(error) = store::sweep(&shared.pool).await {
            tracing::debug!(%error, "jobs were not swept; trying again");
        }
        shared.pause(SWEEP).await;
    }
}

impl Shared {
    /// Until woken, stopped or `longest` has passed.
    async fn idle(&self, longest: Duration) {
        tokio::select! {
            () = self.wake.notified() => {}
            () = self.pause(longest) => {}
        }
    }

    async fn pause(&self, longest: Duration) {
        tokio::select! {
            () = self.stopping.cancelled() => {}
            () = tokio::time::sleep(longest) => {}
        }
    }
}

/// Ends a handler that nobody waits for any longer.
struct AbortOnDrop(JoinHandle<anyhow::Result<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_come_later_and_later_but_not_forever_later() {
        let delays: Vec<u64> = (1..=10).map(|attempt| retry_delay(attempt).as_secs()).collect();
        assert_eq!(delays, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }
}
