//! What runs here, and whether it is ready.

use super::{engines::Behaviour, house::House};

#[tokio::test]
async fn a_server_without_its_parts_says_what_is_missing() {
    let house = House::without_database();
    assert_eq!(house.get("/healthz").await.json()["status"], "ok");
    let answer = house.get("/readyz").await;
    assert_eq!(answer.status.as_u16(), 503);
    assert!(answer.text.contains("database") && answer.text.contains("transcription"), "{}", answer.text);
    let system = house.get("/api/v1/system").await.json();
    assert_eq!(system["sandboxed"], false);
    assert!(system["warnings"][0].as_str().unwrap().contains("--allow-unsandboxed"));
}

#[tokio::test]
async fn a_whole_server_is_ready() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    assert_eq!(house.get("/readyz").await.json()["status"], "ready");
    let system = house.get("/api/v1/system").await.json();
    assert_eq!((&system["sandboxed"], &system["sealed"]), (&true.into(), &true.into()));
    assert!(system["hardware"]["memory_bytes"].as_u64().unwrap() > 0);
}
