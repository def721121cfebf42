//! Durable jobs: once in effect, through retries, crashes and restarts.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use oneiros::db::{DATABASE_NAME, Database, OWNER_ROLE, ThrowawayCluster};
use oneiros::jobs::{Job, JobContext, JobState, JobStatus, Queue, Registry, Runner};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use super::process::{Process, kill};
use crate::support::database::{binaries, test_database};

const URL: &str = "ONEIROS_TEST_JOBS";

/// Leaves a mark in the table `users`, where the application may write: one row for each number, whatever the attempts.
#[derive(Serialize, Deserialize)]
struct Mark {
    number: u128,
    #[serde(default)]
    key: Option<String>,
}

impl Job for Mark {
    const KIND: &'static str = "test.mark";
    const MAX_ATTEMPTS: i32 = 2;

    fn deduplication_key(&self) -> Option<String> {
        self.key.clone()
    }
}

fn mark(number: u128) -> Mark {
    Mark { number, key: None }
}

async fn leave(pool: &PgPool, number: u128) -> anyhow::Result<()> {
    let mark = "INSERT INTO limit_counts (subject, window_start, used) VALUES ($1, 'epoch', 1) ON CONFLICT DO NOTHING";
    sqlx::query(mark).bind(number.to_string()).execute(pool).await?;
    Ok(())
}

async fn marks(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM limit_counts").fetch_one(pool).await.unwrap()
}

/// A registry whose handler leaves the mark and counts its runs.
fn marking(pool: &PgPool, runs: &Arc<AtomicUsize>) -> Registry {
    let mut registry = Registry::new();
    let (pool, runs) = (pool.clone(), Arc::clone(runs));
    registry.register(move |job: Mark, _: JobContext| {
        let (pool, runs) = (pool.clone(), Arc::clone(&runs));
        async move {
            runs.fetch_add(1, Ordering::SeqCst);
            leave(&pool, job.number).await
        }
    });
    registry
}

async fn wait_for(queue: &Queue, id: Uuid, state: JobState, within: Duration) -> JobStatus {
    let since = Instant::now();
    loop {
        let status = queue.status(id).await;
        if let Ok(Some(status)) = &status
            && status.state == state
        {
            return status.clone();
        }
        assert!(since.elapsed() < within, "{status:?} is not {state:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn fifty_jobs_and_two_runners_do_each_job_once() {
    let database = test_database().await;
    let queue = Queue::new(database.pool.clone());
    let runs = Arc::new(AtomicUsize::new(0));
    let first = Runner::start(&queue, marking(&database.pool, &runs), 2);
    let second = Runner::start(&queue, marking(&database.pool, &runs), 2);
    let mut last = vec![];
    for number in 0..50 {
        last.push(queue.enqueue(&mark(number)).await.unwrap().id);
    }
    for id in last {
        wait_for(&queue, id, JobState::Done, Duration::from_secs(20)).await;
    }
    first.stop().await;
    second.stop().await;
    assert_eq!((runs.load(Ordering::SeqCst), marks(&database.pool).await), (50, 50));
    assert!(queue.unfinished().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_waiting_runner_hears_of_a_new_job_at_once() {
    let database = test_database().await;
    let queue = Queue::new(database.pool.clone());
    let runner = Runner::start(&queue, marking(&database.pool, &Arc::default()), 1);
    tokio::time::sleep(Duration::from_millis(700)).await;
    let since = Instant::now();
    let id = queue.enqueue(&mark(1)).await.unwrap().id;
    wait_for(&queue, id, JobState::Done, Duration::from_secs(5)).await;
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    runner.stop().await;
}

#[tokio::test]
async fn one_job_of_a_key_waits_or_runs_at_a_time() {
    let database = test_database().await;
    let queue = Queue::new(database.pool.clone());
    let keyed = |number| Mark { number, key: Some("same".into()) };
    let first = queue.enqueue(&keyed(1)).await.unwrap();
    let second = queue.enqueue(&keyed(2)).await.unwrap();
    assert!(first.is_new && !second.is_new);
    assert_eq!(first.id, second.id);
    let runner = Runner::start(&queue, marking(&database.pool, &Arc::default()), 1);
    wait_for(&queue, first.id, JobState::Done, Duration::from_secs(10)).await;
    runner.stop().await;
    assert!(queue.enqueue(&keyed(3)).await.unwrap().is_new);
}

#[tokio::test]
async fn a_job_can_leave_what_is_for_all_to_the_last_that_waits() {
    let database = test_database().await;
    let queue = Queue::new(database.pool.clone());
    let mut last = Uuid::nil();
    for number in 0..4 {
        last = queue.enqueue(&mark(number)).await.unwrap().id;
    }
    let (pool, mut registry) = (database.pool.clone(), Registry::new());
    registry.register(move |job: Mark, context: JobContext| {
        let pool = pool.clone();
        async move { if context.another_waits().await? { Ok(()) } else { leave(&pool, job.number).await } }
    });
    let runner = Runner::start(&queue, registry, 1);
    wait_for(&queue, last, JobState::Done, Duration::from_secs(10)).await;
    runner.stop().await;
    assert_eq!(marks(&database.pool).await, 1);
}

#[tokio::test]
async fn a_job_of_a_transaction_that_is_rolled_back_never_was() {
    let database = test_database().await;
    let queue = Queue::new(database.pool.clone());
    let mut transaction = database.pool.begin().await.unwrap();
    let enqueued = Queue::enqueue_in(&mut transaction, &mark(1)).await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(queue.status(enqueued.id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_job_that_fails_too_often_is_dead_and_says_why() {
    let database = test_database().await;
    let queue = Queue::new(database.pool.clone());
    let mut registry = Registry::new();
    registry.register(|job: Mark, context: JobContext| async move {
        assert!(job.number != 2, "a handler's own mistake");
        anyhow::bail!("attempt {} failed", context.attempt())
    });
    let failing = queue.enqueue(&mark(1)).await.unwrap().id;
    let panicking = queue.enqueue(&mark(2)).await.unwrap().id;
    let runner = Runner::start(&queue, registry, 2);
    let failed = wait_for(&queue, failing, JobState::Dead, Duration::from_secs(15)).await;
    assert_eq!((failed.attempts, failed.last_error.as_deref()), (2, Some("attempt 2 failed")));
    let panicked = wait_for(&queue, panicking, JobState::Dead, Duration::from_secs(15)).await;
    assert!(panicked.last_error.unwrap().contains("panicked"));
    runner.stop().await;
}

#[tokio::test]
async fn a_payload_that_cannot_be_read_is_dead_at_once() {
    let database = test_database().await;
    let queue = Queue::new(database.pool.clone());
    let id = queue.enqueue(&mark(1)).await.unwrap().id;
    sqlx::query("UPDATE jobs SET payload = '{\"other\": 1}'").execute(&database.owner_pool).await.unwrap();
    let runner = Runner::start(&queue, marking(&database.pool, &Arc::default()), 1);
    let dead = wait_for(&queue, id, JobState::Dead, Duration::from_secs(10)).await;
    assert!(dead.attempts == 1 && dead.last_error.unwrap().contains("payload"));
    runner.stop().await;
}

#[tokio::test]
async fn a_stopping_server_gives_its_job_back_at_no_cost() {
    let database = test_database().await;
    let queue = Queue::new(database.pool.clone());
    let mut registry = Registry::new();
    registry.register(|_: Mark, context: JobContext| async move {
        context.progress(3, 7).await;
        context.cancelled().await;
        Ok(context.check()?)
    });
    let id = queue.enqueue(&mark(1)).await.unwrap().id;
    let runner = Runner::start(&queue, registry, 1);
    wait_for(&queue, id, JobState::Running, Duration::from_secs(10)).await;
    let since = Instant::now();
    runner.stop().await;
    assert!(since.elapsed() < Duration::from_secs(5));
    let status = queue.status(id).await.unwrap().unwrap();
    assert_eq!((status.state, status.attempts), (JobState::Queued, 0));
    assert_eq!((status.progress_done, status.progress_total), (3, 7));
}

#[tokio::test]
#[ignore = "another process for the test below"]
async fn process_that_dies_in_mid_job() {
    let Some(url) = std::env::var(URL).ok() else { return };
    let pool = PgPool::connect_with(PgConnectOptions::from_str(&url).unwrap()).await.unwrap();
    let mut registry = Registry::new();
    registry.register(|job: Mark, _: JobContext| async move {
        println!("working on {}", job.number);
        std::future::pending::<anyhow::Result<()>>().await
    });
    let _runner = Runner::start(&Queue::new(pool), registry, 1);
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_servers_job_is_finished_by_another() {
    let cluster = ThrowawayCluster::start(&binaries()).await.unwrap();
    oneiros::db::migrate(&cluster.cluster().connect_options(OWNER_ROLE, DATABASE_NAME)).await.unwrap();
    let url = cluster.cluster().url(oneiros::db::APP_ROLE, DATABASE_NAME);
    let pool = PgPool::connect(&url).await.unwrap();
    let queue = Queue::new(pool.clone());
    let id = queue.enqueue(&mark(5)).await.unwrap().id;
    let mut process = Process::start("database::jobs::process_that_dies_in_mid_job", URL, &url);
    assert_eq!(process.line("working on "), "5");
    let runner = Runner::start(&queue, marking(&pool, &Arc::default()), 1);
    // While it lives, the job stays its own beyond the length of a lease.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(queue.status(id).await.unwrap().unwrap().attempts, 1);
    process.kill();
    let since = Instant::now();
    let done = wait_for(&queue, id, JobState::Done, Duration::from_secs(15)).await;
    println!("taken over after {:?}", since.elapsed());
    assert_eq!((done.attempts, marks(&pool).await), (2, 1));
    runner.stop().await;
    pool.close().await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn jobs_go_on_after_the_database_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut settings = oneiros::db::ClusterSettings::new(binaries(), folder.path().join("postgresql"));
    settings.run_as = oneiros::db::unprivileged_when_root();
    let database = Database::on_cluster(oneiros::db::PrivateCluster::start(settings).await.unwrap()).await.unwrap();
    let queue = Queue::new(database.pool().clone());
    let runs = Arc::new(AtomicUsize::new(0));
    let mut registry = Registry::new();
    let (pool, counted) = (database.pool().clone(), Arc::clone(&runs));
    registry.register(move |job: Mark, _: JobContext| {
        let (pool, runs) = (pool.clone(), Arc::clone(&counted));
        async move {
            runs.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(3)).await;
            // However long the database takes to come back: what is tried here is that the job is not run twice meanwhile.
            while leave(&pool, job.number).await.is_err() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Ok(())
        }
    });
    let runner = Runner::start(&queue, registry, 1);
    let before = queue.enqueue(&mark(1)).await.unwrap().id;
    wait_for(&queue, before, JobState::Running, Duration::from_secs(10)).await;
    kill(database.cluster().unwrap().postmaster_pid().unwrap());
    wait_for(&queue, before, JobState::Done, Duration::from_secs(30)).await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    let after = queue.enqueue(&mark(2)).await.unwrap().id;
    wait_for(&queue, after, JobState::Done, Duration::from_secs(15)).await;
    runner.stop().await;
    database.close().await.unwrap();
}
