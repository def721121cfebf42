//! Who has to wait is told why, truly, and is served in the end.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{
    api::Api,
    events::Events,
    processes::{self, Signal},
    reading,
    server::{Launch, Server},
    state::{ENGLISH_MODEL, StateDirectory},
    texts, turn,
};

/// A server whose engines carry on one conversation at a time, so that a second one has to wait.
async fn serving_one_by_one() -> Server {
    let environment = [("ONEIROS_SLOTS".to_owned(), "1".to_owned())];
    Launch { environment: &environment, ..Launch::default() }.start(&StateDirectory::with_models()).await
}

/// A stream whose dream is kept and whose reading stands in line.
async fn ask(api: &Api, text: &str) -> (String, Events) {
    let mut events = api.stream(&reading::request(text)).await;
    let dream = events.expect("dream").await.data;
    events.expect("similar").await;
    (dream["id"].as_str().expect("id").to_owned(), events)
}

/// The same, and the engine stands still in the middle of it: whoever comes now has to wait.
async fn held_up(api: &Api, engine: i32) -> (String, Events) {
    let (dream, mut events) = ask(api, texts::HORSE).await;
    events.until("delta").await.expect("its first words");
    processes::signal(engine, Signal::STOP);
    (dream, events)
}

async fn waits(events: &mut Events) -> Value {
    events.expect("waiting").await.data
}

fn place(wait: &Value) -> u64 {
    assert_eq!(wait["for"], "queue", "{wait}");
    wait["place"].as_u64().unwrap_or_else(|| panic!("no place: {wait}"))
}

#[tokio::test]
async fn everybody_hears_a_true_place_also_when_others_leave() {
    let _turn = turn::alone().await;
    let server = serving_one_by_one().await;
    let api = server.api();
    let engine = api.engine_pid(ENGLISH_MODEL).await;
    let (_, mut first) = held_up(&api, engine).await;
    let (_, mut second) = ask(&api, texts::LIBRARY).await;
    assert_eq!(place(&waits(&mut second).await), 1);
    let (_, mut third) = ask(&api, &format!("{} Then I woke up.", texts::HORSE)).await;
    assert_eq!(place(&waits(&mut third).await), 2);
    let (_, mut fourth) = ask(&api, &format!("{} Then I woke up.", texts::LIBRARY)).await;
    assert_eq!(place(&waits(&mut fourth).await), 3);

    drop(second);
    processes::signal(engine, Signal::CONT);
    assert_eq!(place(&waits(&mut third).await), 1, "one of two has left");
    assert_eq!(place(&waits(&mut fourth).await), 2);
    assert!(first.until("delta").await.is_some());
    drop(first);
    let left = Instant::now();
    assert_eq!(place(&waits(&mut third).await), 0, "it is its turn");
    assert!(left.elapsed() < Duration::from_secs(3), "{:?}", left.elapsed());
    third.expect("delta").await;
    drop(third);
    assert_eq!(place(&waits(&mut fourth).await), 1);
    assert_eq!(place(&waits(&mut fourth).await), 0);
    fourth.expect("delta").await;
}

#[tokio::test]
async fn a_reading_that_had_not_begun_outlives_its_engine() {
    let _turn = turn::alone().await;
    let server = serving_one_by_one().await;
    let api = server.api();
    let engine = api.engine_pid(ENGLISH_MODEL).await;
    let (dream, mut served) = held_up(&api, engine).await;
    let (_, mut standing) = ask(&api, texts::LIBRARY).await;
    assert_eq!(place(&waits(&mut standing).await), 1);
    processes::signal(engine, Signal::KILL);
    let killed = Instant::now();

    let error = served.until("error").await.expect("the one that was served hears of it");
    assert!(error.at - killed < Duration::from_secs(1), "{:?}", error.at - killed);
    assert_eq!((&error.data["type"], &error.data["dream_id"]), (&"/problems/engine-died".into(), &dream.as_str().into()));
    let wait = waits(&mut standing).await;
    assert_eq!((&wait["for"], &wait["place"]), (&"restart".into(), &Value::Null), "{wait}");
    // One who comes while the engine is away.
    let (_, mut late) = ask(&api, &format!("{} Then I woke up.", texts::LIBRARY)).await;
    standing.until("delta").await.expect("it is read after all");
    drop(standing);
    late.until("delta").await.expect("it is read, too");
    drop(late);

    let mut again = api.stream_again(&dream).await;
    assert_eq!(again.expect("dream").await.data["id"], dream.as_str());
    again.until("delta").await.expect("the same dream, read again");
}
