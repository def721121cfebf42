//! What changes in a person's journal is told to their other devices, and to nobody else's.

use std::time::Duration;

use axum::{body::BodyDataStream, http::StatusCode};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::people::{Caller, dream, key};
use crate::http::{engines::Behaviour, house::House};

pub const EVENTS: &str = "/api/v1/events";
/// For what must come, on a machine that does much besides.
const SOON: Duration = Duration::from_secs(20);
/// Long enough for what would come, had it been told.
const QUIET: Duration = Duration::from_millis(700);

/// An open stream of events.
pub struct Listening {
    body: BodyDataStream,
    unread: String,
}

impl Listening {
    /// Opens one; its first event says that it stands.
    pub async fn open(caller: &Caller<'_>) -> Self {
        let response = caller.open(EVENTS).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        let mut listening = Self { body: response.into_body().into_data_stream(), unread: String::new() };
        assert_eq!(listening.next().await, Some(("ready".into(), json!({}))));
        listening
    }

    /// The next event; `None` when the stream has ended. Comments are none.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((block, rest)) = self.unread.split_once("\n\n") {
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let event = field("event:").map(|name| (name.to_owned(), serde_json::from_str(field("data:").unwrap()).unwrap()));
                self.unread = rest.to_owned();
                if event.is_some() {
                    return event;
                }
            }
            let piece = self.body.next().await?.unwrap();
            self.unread.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// What is told next of dreams. That the line to the database stands by now is told to all, too, and is no news here.
    async fn dreams(&mut self) -> Value {
        loop {
            match timeout(SOON, self.next()).await.expect("something is told") {
                Some((name, data)) if name == "dreams" => return data,
                Some((name, _)) if name == "lost" => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Whether nothing is told of dreams for a while.
    async fn is_quiet(&mut self) -> bool {
        let told = async {
            loop {
                match self.next().await {
                    Some((name, _)) if name == "lost" => {}
                    other => return other,
                }
            }
        };
        timeout(QUIET, told).await.is_err()
    }

    /// Whether the stream ends by itself.
    pub async fn ends(&mut self) -> bool {
        timeout(SOON, async { while self.next().await.is_some() {} }).await.is_ok()
    }
}

fn change(id: &str, change: &str) -> Value {
    json!({ "dream_id": id, "change": change })
}

/// Waits until the server hears the database: what is told before that is lost.
pub async fn heard(house: &House) {
    // As the role that listens: of others' connections nobody sees what they asked.
    let pool = &house.database.as_ref().unwrap().pool;
    let question = "SELECT EXISTS (SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN%oneiros_events%')";
    for _ in 0..200 {
        if sqlx::query_scalar(question).fetch_one(pool).await.unwrap() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("nobody listens to the database");
}

#[tokio::test]
async fn what_one_device_does_is_told_to_the_others_of_that_person_alone() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (person, _) = house.person(&admin, "person", "user").await;
    let mut phone = Caller::new(&house);
    phone.log_in("person", super::people::PASSWORD).await;
    let (secret, _) = key(&person, &["dreams:read"]).await;
    heard(&house).await;
    let mut theirs =
        [Listening::open(&person).await, Listening::open(&phone).await, Listening::open(&Caller::with_key(&house, &secret)).await];
    let mut admins = Listening::open(&admin).await;
    let id = dream(&person, "I was crossing a narrow bridge over the dark river.").await;
    for listening in &mut theirs {
        assert_eq!(listening.dreams().await, change(&id, "kept"));
        assert_eq!(listening.dreams().await, change(&id, "read"));
    }
    assert_eq!(phone.call("DELETE", &format!("/api/v1/dreams/{id}"), None).await.status, StatusCode::NO_CONTENT);
    for listening in &mut theirs {
        assert_eq!(listening.dreams().await, change(&id, "deleted"));
    }
    assert!(admins.is_quiet().await, "another's journal is nobody's business");
    assert!(theirs[0].is_quiet().await, "each thing is told once");
    dream(&admin, "The stairs had no end, and I climbed.").await;
    assert_eq!(admins.dreams().await["change"], "kept");
    assert!(theirs[1].is_quiet().await);
}

#[tokio::test]
async fn the_same_dream_told_again_is_no_news() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    heard(&house).await;
    let mut listening = Listening::open(&admin).await;
    let text = "A grey horse stood in the kitchen and looked at me.";
    let id = dream(&admin, text).await;
    assert_eq!([listening.dreams().await, listening.dreams().await], [change(&id, "kept"), change(&id, "read")]);
    assert_eq!(dream(&admin, text).await, id);
    assert!(listening.is_quiet().await);
}

#[tokio::test]
async fn sixteen_streams_are_enough_for_one_person_and_a_closed_one_makes_room() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (person, _) = house.person(&admin, "person", "user").await;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(Listening::open(&person).await);
    }
    let refused = person.get(EVENTS).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.text.contains("close one of") && refused.headers.contains_key("retry-after"), "{}", refused.text);
    let (secret, _) = key(&person, &["dreams:read"]).await;
    assert_eq!(Caller::with_key(&house, &secret).open(EVENTS).await.status(), StatusCode::TOO_MANY_REQUESTS, "a key of theirs is theirs");
    Listening::open(&admin).await;
    open.pop();
    open.push(Listening::open(&person).await);
    assert_eq!(person.open(EVENTS).await.status(), StatusCode::TOO_MANY_REQUESTS);
    // Not even read to its first event.
    open.clear();
    for _ in 0..40 {
        assert_eq!(person.open(EVENTS).await.status(), StatusCode::OK, "a stream that is gone takes no place");
    }
}

#[tokio::test]
async fn a_stream_ends_with_what_it_was_opened_with() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (person, id) = house.person(&admin, "person", "user").await;
    let (secret, key_id) = key(&person, &["dreams:read"]).await;
    let mut by_key = Listening::open(&Caller::with_key(&house, &secret)).await;
    let mut by_session = Listening::open(&person).await;
    let mut admins = Listening::open(&admin).await;
    assert_eq!(person.call("DELETE", &format!("/api/v1/account/keys/{key_id}"), None).await.status, StatusCode::NO_CONTENT);
    assert!(by_key.ends().await);
    assert!(by_session.is_quiet().await, "it is open still");
    let suspended = admin.call("PATCH", &format!("/api/v1/users/{id}"), Some(&json!({ "suspended": true }))).await;
    assert_eq!(suspended.status, StatusCode::OK, "{}", suspended.text);
    assert!(by_session.ends().await);
    assert!(admins.is_quiet().await);
    assert_eq!(person.open(EVENTS).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_key_for_something_else_hears_nothing() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (secret, _) = key(&admin, &["inference", "dreams:write"]).await;
    assert_eq!(Caller::with_key(&house, &secret).open(EVENTS).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(Caller::new(&house).open(EVENTS).await.status(), StatusCode::UNAUTHORIZED);
}
