//! Engines that come and go: for whom they are loaded, how long they stay, and what becomes of those who wait.
//!
//! The children are shell scripts that answer every request with nothing.

use std::time::Duration;

use futures_util::{FutureExt as _, future::join_all};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::{
    hostile::{ask_of, child, read, ready, start_present},
    *,
};
use crate::engine::{
    pool::{Footprint, Pool},
    wire::FromChild,
};

const SOON: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(3600);
const MIB: u64 = 1 << 20;

fn of(mebibytes: u64) -> Footprint {
    Footprint { memory: mebibytes * MIB, gpu_memory: 0 }
}

/// A program whose requests end at once.
fn prompt() -> (TempDir, Spawner) {
    after("")
}

/// A program that does this before each of its answers.
fn after(before: &str) -> (TempDir, Spawner) {
    let ends: Vec<FromChild> = (1..10).map(|id| FromChild::Done { id }).collect();
    let next = "dd bs=65536 count=1 2>/dev/null | wc -c";
    child(
        &[ready()],
        &[("ends", &ends)],
        &format!("{before}\ncat ends >&0\nwhile [ \"$({next})\" -gt 0 ]; do {before}\ncat ends >&0; done\nexit"),
    )
}

fn presence(pool: &Arc<Pool>, size: u64, keep_alive: Duration, stays: bool) -> Presence {
    Presence::OnDemand { share: Arc::new(pool.share(of(size), stays).unwrap()), keep_alive }
}

fn engine(spawner: &Spawner, pool: &Arc<Pool>, keep_alive: Duration) -> Supervisor {
    start_present(spawner, Patience::default(), presence(pool, 10, keep_alive, false))
}

async fn until(engine: &Supervisor, state: EngineState) {
    let since = Instant::now();
    while engine.status().state != state {
        assert!(since.elapsed() < Duration::from_secs(10), "{:?} instead of {state:?}", engine.status().state);
        sleep(Duration::from_millis(10)).await;
    }
}

async fn is_answered(client: &EngineClient) {
    assert_eq!(read(ask_of(client)).await, (0, String::new()));
}

#[tokio::test]
async fn a_model_that_nobody_waits_for_any_more_gives_up_its_place_in_the_line_for_memory() {
    let (_folder, spawner) = prompt();
    let pool = Pool::new(of(12));
    let _held = pool.share(of(6), false).unwrap().take().await.unwrap();
    let engine = engine(&spawner, &pool, LONG);
    let client = engine.client();
    for knows_it in [false, true] {
        let asked = ask_of(&client);
        if knows_it {
            drop(asked);
            assert!(timeout(SOON, client.ready()).await.is_err());
        } else {
            sleep(SOON).await;
            assert_eq!(engine.status().state, EngineState::Starting { fraction: 0.0 });
            drop(asked);
        }
        until(&engine, EngineState::Resting).await;
        let behind = pool.share(of(4), false).unwrap();
        drop(timeout(SOON, behind.take()).await.expect("nobody is before it").unwrap());
    }
    engine.stop().await;
}

#[tokio::test]
async fn only_so_many_wait_for_a_model_and_the_others_are_told_when_to_come_again() {
    let (_folder, spawner) = prompt();
    let pool = Pool::new(of(12));
    let held = pool.share(of(6), false).unwrap().take().await.unwrap();
    let engine = engine(&spawner, &pool, LONG);
    let client = engine.client();
    let mut waiting = Box::pin(join_all((0..MOST_REQUESTS).map(|_| client.ready())));
    assert!(waiting.as_mut().now_or_never().is_none());
    assert_eq!(engine.status().queued as usize, MOST_REQUESTS);
    let refused = client.ready().await.unwrap_err();
    assert!(matches!(refused, EngineError::Busy { retry_after } if retry_after >= Duration::from_secs(1)), "{refused}");
    let refused = ask_of(&client).recv().await.unwrap().unwrap_err();
    assert!(matches!(refused, EngineError::Busy { .. }), "{refused}");
    drop(held);
    assert!(waiting.await.iter().all(Result::is_ok));
    is_answered(&client).await;
    engine.stop().await;
}

#[tokio::test]
async fn nobody_waits_for_a_model_longer_than_a_request_may() {
    let (_folder, spawner) = prompt();
    let pool = Pool::new(of(12));
    let _held = pool.share(of(6), false).unwrap().take().await.unwrap();
    let hasty = Patience { whole: SOON, ..Patience::default() };
    let engine = start_present(&spawner, hasty, presence(&pool, 10, LONG, false));
    let overdue = timeout(10 * SOON, engine.client().ready()).await.expect("it does not wait for ever").unwrap_err();
    assert!(matches!(overdue, EngineError::Overdue(_)), "{overdue}");
    until(&engine, EngineState::Resting).await;
    engine.stop().await;
}

#[tokio::test]
async fn a_model_that_does_not_fit_beside_those_that_stay_is_refused_at_once_with_both_numbers() {
    let (_folder, spawner) = prompt();
    let pool = Pool::new(of(12));
    let engine = engine(&spawner, &pool, LONG);
    let _pinned = pool.share(of(5), true).unwrap();
    let (_, why) = timeout(10 * SOON, read(ask_of(&engine.client()))).await.expect("it does not wait for ever");
    assert!(why.contains("needs about 10 MiB of memory, and 7 MiB are left"), "{why}");
    engine.stop().await;
}

#[tokio::test]
async fn what_a_request_wishes_counts_from_its_end_until_the_next_begins() {
    let (_folder, spawner) = prompt();
    let engine = engine(&spawner, &Pool::new(of(10)), LONG);
    let client = engine.client();
    let at_once = client.clone().keeping(Some(Duration::ZERO));
    is_answered(&at_once).await;
    sleep(SOON).await;
    assert_eq!(engine.status().state, EngineState::Ready, "it would have to be loaded again for a request that comes right after");
    is_answered(&client).await;
    sleep(2 * LINGER).await;
    assert_eq!(engine.status().state, EngineState::Ready, "the usual time counts again");
    is_answered(&at_once).await;
    until(&engine, EngineState::Resting).await;
    client.load().await.unwrap();
    sleep(2 * LINGER).await;
    assert_eq!(engine.status().state, EngineState::Ready, "the wish was of another request");
    at_once.load().await.unwrap();
    until(&engine, EngineState::Resting).await;
    client.load().await.unwrap();
    client.leave().await;
    assert_eq!((engine.status().state, engine.status().pid), (EngineState::Resting, None));
    engine.stop().await;
}

#[tokio::test]
async fn one_that_stays_ignores_what_requests_wish() {
    let (_folder, spawner) = prompt();
    let engine = start_present(&spawner, Patience::default(), presence(&Pool::new(of(10)), 10, LONG, true));
    let client = engine.client().keeping(Some(Duration::ZERO));
    assert_eq!(engine.status().state, EngineState::Resting);
    client.wake();
    until(&engine, EngineState::Ready).await;
    is_answered(&client).await;
    client.leave().await;
    sleep(2 * LINGER).await;
    assert_eq!(engine.status().state, EngineState::Ready);
    engine.stop().await;
}

#[tokio::test]
async fn one_that_retires_ends_what_it_has_begun_unless_there_is_a_hurry() {
    let (_folder, spawner) = after("sleep 2");
    for (hurries, error) in [(false, String::new()), (true, EngineError::Unavailable("it is being stopped".into()).to_string())] {
        let pool = Pool::new(of(10));
        let engine = engine(&spawner, &pool, LONG);
        let client = engine.client();
        let answer = tokio::spawn(read(ask_of(&client)));
        until(&engine, EngineState::Ready).await;
        let hurry = CancellationToken::new();
        let retiring = tokio::spawn(engine.retire(hurry.clone()));
        sleep(LINGER + SOON).await;
        assert!(!retiring.is_finished());
        if hurries {
            hurry.cancel();
        }
        assert_eq!(answer.await.unwrap().1, error);
        retiring.await.unwrap();
        assert_eq!(client.status().state, EngineState::Stopped);
    }
}
