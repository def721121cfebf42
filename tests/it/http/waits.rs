//! Before a reading begins: models that are still coming, a line that is full, a dream that is read again.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{StatusCode, header},
};
use oneiros::{engine::supervisor::MOST_OF_ONE_ASKER as MOST_OF_ONE, features::dreams::DreamModels};
use serde_json::json;

use super::{
    engines::Behaviour,
    house::{House, request},
};

fn dream(number: usize) -> serde_json::Value {
    json!({"text": format!("Dream {number}: I was crossing a narrow bridge over the dark river at night, and my grandmother waited.")})
}

#[tokio::test]
async fn a_reading_waits_for_its_models_and_says_how_far_they_are() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let loaded = house.news.borrow().clone();
    let coming = |text: &str| Arc::new(DreamModels { coming: Some(text.into()), ..DreamModels::default() });
    house.news.send_replace(coming("scripted: 10 %"));
    let news = house.news.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        news.send_replace(coming("scripted: 60 %"));
        tokio::time::sleep(Duration::from_millis(300)).await;
        news.send_replace(loaded);
    });
    assert_eq!(house.get("/api/v1/dreams").await.status, StatusCode::OK, "dreams are shown meanwhile");
    let events = house.stream(&dream(1)).await.events();
    let waits: Vec<_> = events.iter().filter(|(name, _)| name == "waiting").map(|(_, data)| data.clone()).collect();
    let wait = |detail: &str| json!({"for": "loading", "place": null, "detail": detail});
    assert_eq!(waits, [wait("scripted: 10 %"), wait("scripted: 60 %")]);
    let mut names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    assert_eq!(names, ["dream", "similar", "waiting", "delta", "interpretation", "done"]);
}

#[tokio::test]
async fn a_full_line_refuses_and_keeps_the_dream() {
    let house = House::new(Behaviour::Hangs, &["en"]).await;
    let mut held = Vec::new();
    for number in 0..MOST_OF_ONE {
        held.push(house.open_stream(&dream(number)).await);
    }
    let refused = house.stream(&dream(MOST_OF_ONE)).await;
    assert_eq!((refused.status, refused.json()["type"].as_str()), (StatusCode::TOO_MANY_REQUESTS, Some("/problems/busy")));
    let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((5..=7).contains(&seconds), "nothing is known yet of how long a reading takes: {seconds}");
    let kept = house.get(&format!("/api/v1/dreams/{}", refused.json()["dream_id"].as_str().unwrap())).await;
    assert_eq!(kept.json()["dream"]["text"], dream(MOST_OF_ONE)["text"]);

    held.truncate(MOST_OF_ONE - 1);
    let mut freed = false;
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let one_more = house.router_answers(&dream(65)).await;
        freed = one_more == StatusCode::OK;
        if freed {
            break;
        }
    }
    assert!(freed, "a place is free within two seconds after somebody left");
}

#[tokio::test]
async fn a_kept_dream_is_read_again_through_another_lens() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let first = house.interpret(&dream(1)).await.json();
    let path = format!("/api/v1/dreams/{}/interpret", first["dream"]["id"].as_str().unwrap());
    let again = house.post(&path, "{}").await.json();
    assert_eq!((&again["dream"], &again["interpretation"]["cached"]), (&first["dream"], &true.into()));
    let other = house.post(&path, r#"{"lens": "folk"}"#).await.json();
    assert_eq!((&other["interpretation"]["lens"], &other["interpretation"]["cached"]), (&"folk".into(), &false.into()));
    let stream = request("POST", &path).header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT, "text/event-stream");
    let events = house.send(stream.body(Body::from("{}")).unwrap()).await.events();
    assert_eq!(events.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["dream", "similar", "interpretation", "done"]);

    assert_eq!(house.post(&path, r#"{"lens": "tarot"}"#).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let unknown = "/api/v1/dreams/0198c0de-0000-7000-8000-000000000000/interpret";
    assert_eq!(house.post(unknown, "{}").await.status, StatusCode::NOT_FOUND);
}
