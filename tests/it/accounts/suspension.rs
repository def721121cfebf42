//! Suspended: every credential and every open stream ends at once.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::time::timeout;

use super::people::{Caller, PASSWORD, dream, key};
use crate::http::{engines::Behaviour, house::House};

const AT_ONCE: Duration = Duration::from_secs(2);
/// The first text of a process waits for what the checks read once, beside all other tests.
const FIRST_WORDS: Duration = Duration::from_secs(60);
const A_WHILE: Duration = Duration::from_millis(500);

/// Opens a reading that hangs, waits for its first words and does what ends it; the stream must end.
async fn ends_its_stream(caller: &Caller<'_>, deed: impl Future<Output = StatusCode>) {
    let mut stream = caller.stream("I crossed a bridge with a lantern in my hand.").await.into_data_stream();
    let mut heard = String::new();
    while !heard.contains("event: delta") {
        let piece = timeout(FIRST_WORDS, stream.next()).await.expect("its first words come");
        heard.push_str(&String::from_utf8_lossy(&piece.expect("it is open").unwrap()));
    }
    // It hangs after its first words, and is open as long as nobody ends it.
    while let Ok(piece) = timeout(A_WHILE, stream.next()).await {
        heard.push_str(&String::from_utf8_lossy(&piece.expect("it is open").unwrap()));
    }
    assert!(!heard.contains("event: done"), "{heard}");
    assert!(deed.await.is_success());
    let rest = timeout(AT_ONCE, async { while stream.next().await.is_some() {} }).await;
    assert!(rest.is_ok(), "it is still open");
}

#[tokio::test]
async fn a_suspended_persons_stream_session_and_key_end_at_once() {
    let house = House::that(Behaviour::Hangs).await;
    let admin = house.claimed().await;
    let (person, id) = house.person(&admin, "person", "user").await;
    let (secret, _) = key(&person, &["inference", "dreams:read"]).await;
    let path = format!("/api/v1/users/{id}");
    ends_its_stream(&person, async { admin.call("PATCH", &path, Some(&json!({ "suspended": true }))).await.status }).await;
    assert_eq!(person.get("/api/v1/dreams").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(Caller::with_key(&house, &secret).get("/api/v1/dreams").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(Caller::new(&house).log_in("person", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    admin.call("PATCH", &path, Some(&json!({ "suspended": false }))).await;
    assert_eq!(person.get("/api/v1/dreams").await.status, StatusCode::UNAUTHORIZED, "the former session does not come back");
    assert_eq!(Caller::new(&house).log_in("person", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn logging_out_and_another_password_end_streams_and_leave_those_of_others() {
    let house = House::that(Behaviour::Hangs).await;
    let admin = house.claimed().await;
    let (person, _) = house.person(&admin, "person", "user").await;
    let mut others = admin.stream("I could not find my shoes in a large house.").await.into_data_stream();
    others.next().await.unwrap().unwrap();
    ends_its_stream(&person, async { person.call("DELETE", "/api/v1/session", None).await.status }).await;
    let mut again = Caller::new(&house);
    again.log_in("person", PASSWORD).await;
    let mut elsewhere = Caller::new(&house);
    elsewhere.log_in("person", PASSWORD).await;
    let change = json!({ "current": PASSWORD, "new": "a quiet garden at noon" });
    ends_its_stream(&again, async { elsewhere.post("/api/v1/account/password", &change).await.status }).await;
    let (secret, id) = key(&elsewhere, &["dreams:write"]).await;
    let path = format!("/api/v1/account/keys/{id}");
    ends_its_stream(&Caller::with_key(&house, &secret), async { elsewhere.call("DELETE", &path, None).await.status }).await;
    while let Ok(piece) = timeout(Duration::from_millis(500), others.next()).await {
        assert!(piece.is_some(), "somebody else's stream ended");
    }
}

#[tokio::test]
async fn of_two_admins_who_suspend_each_other_at_once_one_remains() {
    let house = House::that(Behaviour::Reads).await;
    let ada = house.claimed().await;
    let (bob, bobs) = house.person(&ada, "bob", "admin").await;
    let adas = ada.get("/api/v1/account").await.json()["id"].as_str().unwrap().to_owned();
    let suspended = json!({ "suspended": true });
    let (of_bob, of_ada) =
        tokio::join!(async { ada.call("PATCH", &format!("/api/v1/users/{bobs}"), Some(&suspended)).await.status }, async {
            bob.call("PATCH", &format!("/api/v1/users/{adas}"), Some(&suspended)).await.status
        },);
    let done = [of_bob, of_ada].iter().filter(|status| status.is_success()).count();
    assert_eq!(done, 1, "{of_bob} {of_ada}");
    let oneself = if of_bob.is_success() { (&ada, &adas) } else { (&bob, &bobs) };
    let refused = oneself.0.call("PATCH", &format!("/api/v1/users/{}", oneself.1), Some(&suspended)).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "nobody suspends themselves: {}", refused.text);
}

#[tokio::test]
async fn a_person_has_so_many_readings_a_day_and_loses_no_dream() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    assert_eq!(admin.call("PATCH", "/api/v1/settings", Some(&json!({ "daily_readings": 2 }))).await.status, StatusCode::OK);
    let (person, _) = house.person(&admin, "person", "user").await;
    let first = dream(&person, "I was swimming in a lake of glass.").await;
    for _ in 0..3 {
        let again = person.post(&format!("/api/v1/dreams/{first}/interpret"), &json!({})).await;
        assert_eq!(again.json()["interpretation"]["cached"], true, "what is here costs nothing: {}", again.text);
    }
    dream(&person, "The stairs had no end, and I climbed.").await;
    let third = person.post("/api/v1/dreams/interpret", &json!({ "text": "A grey horse stood in the kitchen." })).await;
    assert_eq!(third.status, StatusCode::TOO_MANY_REQUESTS, "{}", third.text);
    let kept = third.json()["dream_id"].as_str().unwrap().to_owned();
    assert_eq!(person.get(&format!("/api/v1/dreams/{kept}")).await.status, StatusCode::OK);
    dream(&admin, "Others have readings of their own.").await;
}
