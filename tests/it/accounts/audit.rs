//! What the audit tells, and what nothing tells.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::people::{Caller, PASSWORD, dream, key};
use crate::http::{engines::Behaviour, house::House};

async fn actions(admin: &Caller<'_>, query: &str) -> Vec<Value> {
    admin.get(&format!("/api/v1/audit?limit=100{query}")).await.json()["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn who_did_what_is_told_and_never_what_was_in_it() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (person, id) = house.person(&admin, "person", "user").await;
    dream(&person, "The canarydream flew through a yellow house.").await;
    let (secret, key_id) = key(&person, &["inference"]).await;
    let program = Caller::with_key(&house, &secret);
    program.get("/v1/models").await;
    program.at("192.0.2.77").get("/v1/models").await;
    person.call("DELETE", &format!("/api/v1/account/keys/{key_id}"), None).await;
    person.get("/api/v1/users").await;
    Caller::new(&house).get("/api/v1/dreams").await;
    Caller::new(&house).log_in("person", "wrong wrong wrong").await;
    person.get("/api/v1/account/export").await;
    admin.post("/api/v1/invitations", &json!({ "role": "user" })).await;
    admin.call("PATCH", "/api/v1/settings", Some(&json!({ "registration": "open" }))).await;
    for change in [json!({ "role": "imam" }), json!({ "suspended": true }), json!({ "suspended": false })] {
        admin.call("PATCH", &format!("/api/v1/users/{id}"), Some(&change)).await;
    }
    let told = actions(&admin, "").await;
    let names: Vec<&str> = told.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    for action in [
        "setup",
        "login",
        "login-refused",
        "registered",
        "key-created",
        "key-new-address",
        "key-revoked",
        "denied",
        "exported",
        "invited",
        "settings-changed",
        "role-changed",
        "suspended",
        "reinstated",
    ] {
        assert!(names.contains(&action), "{action} is not told: {names:?}");
    }
    let text = Value::from(told.clone()).to_string();
    assert!(
        !text.contains("canarydream") && !text.contains(&secret) && !text.contains(PASSWORD) && !text.contains("wrong wrong"),
        "{text}"
    );
    let new_address = told.iter().find(|entry| entry["action"] == "key-new-address").unwrap();
    assert_eq!((new_address["address"].as_str(), new_address["actor"]["name"].as_str()), (Some("192.0.2.77"), Some("person")));
    let denied = told.iter().find(|entry| entry["action"] == "denied" && entry["actor"]["name"] == "person").unwrap();
    assert_eq!(denied["detail"], json!({ "scope": "admin", "path": "/api/v1/users" }));
}

#[tokio::test]
async fn the_audit_is_searched_and_read_page_by_page() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    for name in ["bea", "bob", "eve"] {
        house.person(&admin, name, "user").await;
    }
    assert!(actions(&admin, "&action=login").await.iter().all(|entry| entry["action"] == "login"));
    let of_bea = actions(&admin, "&user=BEA").await;
    assert!(!of_bea.is_empty() && of_bea.iter().all(|entry| entry.to_string().contains("bea")), "{of_bea:?}");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/api/v1/audit?limit=2{cursor}")).await.json();
        seen.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["id"].as_i64().unwrap()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert!(seen.len() >= 8 && seen.is_sorted_by(|one, other| one > other), "{seen:?}");
    for wrong in ["limit=0", "limit=101", "cursor=x", "limit=-1", "colour=red"] {
        assert_eq!(admin.get(&format!("/api/v1/audit?{wrong}")).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}
