//! A transcription as a stream of events, the line of those who wait, and who goes away.

use std::time::{Duration, Instant};

use super::{SAID, fixture};
use crate::support::{
    api::names,
    server,
    speech::{silence, spoken, word_accuracy},
};

#[tokio::test]
async fn a_recording_is_heard_piece_by_piece() {
    let server = server::shared().await;
    let events = server.api().hear_as_events(fixture("chromium.webm")).await.rest().await;
    let seen = names(&events);
    let (last, before) = seen.split_last().expect("events");
    assert_eq!((*last, before.last()), ("done", Some(&"transcription")), "{seen:?}");
    let segments: Vec<_> = events.iter().filter(|event| event.name == "segment").map(|event| event.data.clone()).collect();
    assert!(!segments.is_empty(), "{seen:?}");
    let whole = &events[events.len() - 2].data;
    assert_eq!(whole["segments"].as_array(), Some(&segments));
    assert_eq!(whole["source_format"], "webm-opus");
    assert!(word_accuracy(SAID, whole["text"].as_str().expect("text")) > 0.9, "{whole}");
}

#[tokio::test]
async fn a_bad_recording_ends_the_stream_with_its_problem() {
    let server = server::shared().await;
    let mut events = server.api().hear_as_events(silence(2)).await.rest().await;
    // Others may be before it.
    events.retain(|event| event.name != "waiting");
    assert_eq!(names(&events), ["error", "done"]);
    assert_eq!(events[0].data["errors"][0]["field"], "file", "{:?}", events[0]);
}

#[tokio::test]
async fn who_waits_knows_the_place_and_who_leaves_makes_room() {
    let server = server::shared().await;
    let api = server.api();
    // Two minutes of speech hold the engine for some seconds.
    let long = spoken(&format!("{SAID} ").repeat(15));
    let mut first = api.hear_as_events(long.clone()).await;
    first.until("segment").await.expect("it is being heard");
    let mut second = api.hear_as_events(long).await;
    assert!(second.expect("waiting").await.data["place"].as_u64() >= Some(1));
    let mut third = api.hear_as_events(fixture("firefox.ogg")).await;
    let waiting = third.expect("waiting").await;
    assert_eq!(waiting.data["for"], "queue");
    let place = waiting.data["place"].as_u64().expect("number");
    assert!(place >= 2, "{waiting:?}");
    drop(second);
    let now = third.expect("waiting").await.data["place"].as_u64().expect("number");
    assert!(now < place, "it moves up: {now}");
    let left = Instant::now();
    drop(first);
    third.until("segment").await.expect("it is heard");
    println!("heard {:.1} s after the one before left", left.elapsed().as_secs_f64());
    assert!(left.elapsed() < Duration::from_secs(60));
    assert_eq!(third.until("transcription").await.expect("transcript").data["source_format"], "ogg-opus");
}
