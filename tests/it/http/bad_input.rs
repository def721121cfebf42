//! What is wrong with a request is said, and where.

use axum::{body::Body, http::header};
use serde_json::json;

use super::house::{Answer, House, request};

const PATH: &str = "/api/v1/dreams/interpret";
const DREAM: &str = "I was crossing a narrow bridge over the dark river at night.";

/// Fails before anything is stored, so no database is needed.
fn check(answer: &Answer, status: u16, field: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    assert!(!problem["detail"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let house = House::without_database();
    for (body, field) in [
        (json!({"text": "too short"}), "text"),
        (json!({"text": ""}), "text"),
        (json!({"text": "   \n  "}), "text"),
        (json!({"text": "a".repeat(4001)}), "text"),
        (json!({"text": "I crossed the river\u{0} and saw a horse"}), "text"),
        (json!({"text": "I crossed the river\u{7} and saw a horse"}), "text"),
        (json!({"text": 7}), "text"),
        (json!({"lens": "folk"}), "text"),
        (json!({"text": DREAM, "lens": "Astrology!"}), "lens"),
        (json!({"text": DREAM, "language": "klingon"}), "language"),
        (json!({"text": DREAM, "language": "xx"}), "language"),
        (json!({"text": DREAM, "colour": "blue"}), "colour"),
    ] {
        check(&house.interpret(&body).await, 422, field);
    }
}

#[tokio::test]
async fn text_that_is_no_text_is_named() {
    let house = House::without_database();
    let answer = house.post(PATH, b"{\"text\":\"I crossed the river \xff\xfe and saw a horse\"}".to_vec()).await;
    check(&answer, 400, "text");
}

#[tokio::test]
async fn ten_megabytes_are_too_many() {
    let house = House::without_database();
    let answer = house.interpret(&json!({"text": "dream ".repeat(1_750_000)})).await;
    check(&answer, 413, "text");
}

#[tokio::test]
async fn what_cannot_be_read_at_all_is_a_problem_too() {
    let house = House::without_database();
    assert_eq!(house.post(PATH, "{\"text\":").await.status.as_u16(), 400);
    assert_eq!(house.post(PATH, "").await.status.as_u16(), 400);
    assert!(house.post(PATH, "[".repeat(60_000)).await.status.is_client_error());
    let plain = request("POST", PATH).header(header::CONTENT_TYPE, "text/plain").body(Body::from("{}")).unwrap();
    assert_eq!(house.send(plain).await.status.as_u16(), 415);
    let missing = house.get("/api/v1/dreams/not-an-id").await;
    assert_eq!((missing.status.as_u16(), missing.json()["status"].as_u64()), (404, Some(404)));
    assert_eq!(house.get("/nowhere").await.status.as_u16(), 404);
    assert_eq!(house.get(PATH).await.status.as_u16(), 405);
    assert_eq!(house.post("/api/v1/system", "{}").await.status.as_u16(), 405);
}

#[tokio::test]
async fn page_limits_are_checked() {
    let house = House::without_database();
    for query in ["limit=0", "limit=101", "limit=-1", "limit=99999999999", "limit=x"] {
        check(&house.get(&format!("/api/v1/dreams?{query}")).await, 422, "limit");
    }
    check(&house.get("/api/v1/dreams?colour=blue").await, 422, "colour");
}

#[tokio::test]
async fn texts_to_embed_are_checked() {
    let house = House::without_database();
    let path = "/api/v1/embeddings";
    check(&house.post(path, json!({"texts": [], "role": "query"}).to_string()).await, 422, "texts");
    check(&house.post(path, json!({"texts": ["a", " "], "role": "query"}).to_string()).await, 422, "texts[1]");
    check(&house.post(path, json!({"texts": ["a"], "role": "chat"}).to_string()).await, 422, "role");
    let answer = house.post(path, json!({"texts": ["a", "b"], "role": "passage"}).to_string()).await.json();
    assert_eq!((answer["model"].as_str(), answer["dimensions"].as_u64()), (Some("letters"), Some(384)));
    assert_eq!(answer["vectors"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_database_that_is_gone_is_said_with_when_to_come_back() {
    let house = House::without_database();
    for answer in [house.interpret(&json!({"text": DREAM})).await, house.get("/api/v1/dreams").await] {
        assert_eq!(answer.status.as_u16(), 503, "{}", answer.text);
        assert!(answer.headers.contains_key(header::RETRY_AFTER));
        assert!(answer.text.contains("database"), "{}", answer.text);
    }
}
