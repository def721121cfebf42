//! The models' page: what there is, and what may not be done. Pulls themselves are tested with a hub (`pull_over_http`).

use axum::body::Body;
use serde_json::Value;

use super::house::{Answer, House, request};

async fn send(house: &House, method: &str, path: &str) -> Answer {
    house.send(request(method, path).body(Body::empty()).unwrap()).await
}

fn model<'a>(list: &'a Value, id: &str) -> &'a Value {
    list["models"].as_array().unwrap().iter().find(|model| model["id"] == id).unwrap_or_else(|| panic!("no {id} in {list}"))
}

#[tokio::test]
async fn the_catalogue_is_shown_with_what_is_known_of_it() {
    let house = House::without_database();
    let list = house.get("/api/v1/models").await.json();
    assert_eq!((&list["profile"], &list["sealed"]), (&"starter".into(), &true.into()));
    assert!(list["disk_free_bytes"].as_u64().unwrap() > 0);
    let whisper = model(&list, "whisper-base");
    assert_eq!((&whisper["kind"], &whisper["present"], &whisper["in_use"]), (&"asr".into(), &false.into(), &false.into()));
    assert_eq!((&whisper["in_profile"], &whisper["pull"]), (&true.into(), &Value::Null));
    assert!(whisper["licence"]["spdx"].is_string() && whisper["bytes"].as_u64().unwrap() > 1_000_000);
    assert_eq!(model(&list, "qwen3-14b")["in_profile"], false);
}

#[tokio::test]
async fn a_sealed_server_pulls_nothing() {
    let house = House::without_database();
    let answer = send(&house, "POST", "/api/v1/models/qwen3-4b-instruct/pull").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (409, &"/problems/conflict".into()));
    assert!(answer.text.contains("sealed"), "{}", answer.text);
    for strange in ["no-such-model", "..%2f..%2fetc", "%ff", "."] {
        assert_eq!(send(&house, "POST", &format!("/api/v1/models/{strange}/pull")).await.status.as_u16(), 404, "{strange}");
        assert_eq!(send(&house, "DELETE", &format!("/api/v1/models/{strange}/pull")).await.status.as_u16(), 404, "{strange}");
        assert_eq!(send(&house, "DELETE", &format!("/api/v1/models/{strange}")).await.status.as_u16(), 404, "{strange}");
    }
    assert_eq!(send(&house, "DELETE", "/api/v1/models/qwen3-4b-instruct/pull").await.status.as_u16(), 204, "there is nothing to stop");
}

#[tokio::test]
async fn what_is_used_stays_and_what_is_not_here_cannot_go() {
    let house = House::without_database();
    let used = send(&house, "DELETE", "/api/v1/models/whisper-base").await;
    assert_eq!(used.status.as_u16(), 409);
    assert!(used.text.contains("uses it"), "{}", used.text);
    assert_eq!(send(&house, "DELETE", "/api/v1/models/qwen3-14b").await.status.as_u16(), 404);
}
