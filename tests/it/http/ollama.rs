//! Ollama's protocol on its own listener: who may ask, and what other servers' clients expect.

use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};

use super::house::{Answer, House, request};

async fn post(house: &House, path: &str, body: &Value) -> Answer {
    house.send_to(&house.ollama, request("POST", path).body(body.to_string().into()).unwrap()).await
}

fn chat() -> Value {
    json!({"model": "scripted", "messages": [{"role": "user", "content": "Hello"}], "stream": false})
}

#[tokio::test]
async fn programs_are_answered_whatever_they_call_their_body_and_pages_of_other_sites_never() {
    let house = House::without_database();
    let ask = async |headers: &[(&str, &str)]| {
        let asked = headers.iter().fold(Request::post("/api/chat"), |asked, (name, value)| asked.header(*name, *value));
        house.send_to(&house.ollama, asked.body(Body::from(chat().to_string())).unwrap()).await.status.as_u16()
    };
    let own = ("host", "localhost:11434");
    assert_eq!(ask(&[own]).await, 200, "no content type at all");
    // `curl -d`.
    assert_eq!(ask(&[own, ("content-type", "application/x-www-form-urlencoded")]).await, 200);
    assert_eq!(ask(&[own, ("content-type", "application/json"), ("origin", "http://localhost:11434")]).await, 200);
    for origin in ["https://evil.example", "http://localhost:3000", "null"] {
        assert_eq!(ask(&[own, ("content-type", "text/plain"), ("origin", origin)]).await, 403, "{origin}");
    }
    assert_eq!(ask(&[own, ("content-type", "text/plain"), ("sec-fetch-site", "cross-site")]).await, 403);
    for host in ["evil.example", "evil.example:11434", "192.168.1.4:11434", "localhost.evil.example"] {
        assert_eq!(ask(&[("host", host)]).await, 421, "{host}");
    }
    assert_eq!(ask(&[]).await, 421, "no host at all");
    let foreign = request("GET", "/api/tags").header(header::ORIGIN, "https://evil.example").body(Body::empty()).unwrap();
    let answer = house.send_to(&house.ollama, foreign).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "no other site's page may read an answer");
}

#[tokio::test]
async fn nothing_to_embed_gives_no_vectors() {
    let house = House::without_database();
    for input in [json!(""), json!([])] {
        let answer = post(&house, "/api/embed", &json!({"model": "letters", "input": input})).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["embeddings"]), (200, &json!([])), "{}", answer.text);
    }
    let answer = post(&house, "/api/embeddings", &json!({"model": "letters", "prompt": ""})).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["embedding"]), (200, &json!([])), "{}", answer.text);
    let some = post(&house, "/api/embed", &json!({"model": "letters", "input": ["a", "b"]})).await.json();
    assert_eq!(some["embeddings"].as_array().unwrap().len(), 2);
}
