//! Keys of programs.

use axum::http::StatusCode;
use serde_json::json;

use super::people::{Caller, dream, key};
use crate::http::{engines::Behaviour, house::House};

#[tokio::test]
async fn a_key_does_what_it_was_given_until_it_is_taken_back() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    dream(&admin, "I was flying over a grey sea.").await;
    let (secret, id) = key(&admin, &["dreams:read"]).await;
    let program = Caller::with_key(&house, &secret);
    assert_eq!(program.get("/api/v1/dreams").await.json()["dreams"].as_array().unwrap().len(), 1);
    assert_eq!(program.get("/v1/models").await.status, StatusCode::FORBIDDEN);
    let shape = program.get("/v1/models").await.json();
    assert!(shape["error"]["message"].is_string(), "in the protocol's own words: {shape}");
    let listed = admin.get("/api/v1/account/keys").await.json();
    assert!(listed[0]["last_used_at"].is_string() && secret.starts_with(listed[0]["prefix"].as_str().unwrap()));
    assert_eq!(admin.call("DELETE", &format!("/api/v1/account/keys/{id}"), None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(program.get("/api/v1/dreams").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn before_there_are_accounts_any_key_will_do_on_this_machine() {
    let house = House::that(Behaviour::Reads).await;
    let program = Caller::with_key(&house, "none");
    assert_eq!(program.get("/v1/models").await.status, StatusCode::OK);
    assert_eq!(program.at("192.0.2.5").get("/v1/models").await.status, StatusCode::UNAUTHORIZED, "and nowhere else");
    house.claimed().await;
    assert_eq!(program.get("/v1/models").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn no_key_makes_keys_and_a_lesser_role_makes_a_lesser_key() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (operator, id) = house.person(&admin, "olga", "operator").await;
    let (secret, _) = key(&operator, &["models", "inference"]).await;
    let program = Caller::with_key(&house, &secret);
    assert_eq!(program.call("DELETE", "/api/v1/models/nothing", None).await.status, StatusCode::NOT_FOUND);
    let (admins, _) = key(&admin, &["admin"]).await;
    let admins = Caller::with_key(&house, &admins);
    assert_eq!(admins.get("/api/v1/users").await.status, StatusCode::OK);
    let more = json!({ "name": "more", "scopes": ["admin"] });
    assert_eq!(admins.post("/api/v1/account/keys", &more).await.status, StatusCode::FORBIDDEN);
    assert_eq!(admins.post(&format!("/api/v1/users/{id}/keys"), &more).await.status, StatusCode::FORBIDDEN);
    let lesser = admin.call("PATCH", &format!("/api/v1/users/{id}"), Some(&json!({ "role": "user" }))).await;
    assert_eq!(lesser.status, StatusCode::OK, "{}", lesser.text);
    assert_eq!(program.call("DELETE", "/api/v1/models/nothing", None).await.status, StatusCode::FORBIDDEN);
    assert_eq!(program.get("/v1/models").await.status, StatusCode::OK);
}

#[tokio::test]
async fn keys_expire_and_wrong_ones_say_what_is_wrong() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (secret, _) = key(&admin, &["inference"]).await;
    let pool = &house.database.as_ref().unwrap().owner_pool;
    sqlx::query("UPDATE api_keys SET expires_at = now() - interval '1 second'").execute(pool).await.unwrap();
    assert_eq!(Caller::with_key(&house, &secret).get("/v1/models").await.status, StatusCode::UNAUTHORIZED);
    for (body, field) in [
        (json!({ "name": "", "scopes": ["inference"] }), "name"),
        (json!({ "name": "x", "scopes": [] }), "scopes"),
        (json!({ "name": "x", "scopes": ["account"] }), "scopes"),
        (json!({ "name": "x", "scopes": ["everything"] }), "scopes[0]"),
        (json!({ "name": "x", "scopes": ["inference"], "expires_in_days": 0 }), "expires_in_days"),
        (json!({ "name": "x", "scopes": ["inference"], "expires_in_days": -1 }), "expires_in_days"),
        (json!({ "name": "x", "scopes": ["inference"], "expires_in_days": 100_000 }), "expires_in_days"),
    ] {
        let answer = admin.post("/api/v1/account/keys", &body).await;
        assert_eq!(
            (answer.status, answer.json()["errors"][0]["field"].as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, Some(field)),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn an_admin_comes_in_as_nobody_else_by_a_key() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (_, id) = house.person(&admin, "person", "user").await;
    let path = format!("/api/v1/users/{id}/keys");
    for scope in ["dreams:read", "dreams:write"] {
        let refused = admin.post(&path, &json!({ "name": "a look", "scopes": ["inference", scope] })).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("scopes")));
    }
    let made = admin.post(&path, &json!({ "name": "their bot", "scopes": ["inference"] })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let (secret, _) = key(&admin, &["admin"]).await;
    let program = Caller::with_key(&house, &secret);
    assert_eq!(program.get("/api/v1/users").await.status, StatusCode::OK, "it sees people");
    let another = json!({ "name": "another", "password": super::people::PASSWORD, "role": "admin" });
    for (method, path, body) in [
        ("POST", "/api/v1/users".to_owned(), another),
        ("PATCH", format!("/api/v1/users/{id}"), json!({ "role": "admin" })),
        ("POST", format!("/api/v1/users/{id}/password-reset"), json!({})),
        ("POST", "/api/v1/invitations".to_owned(), json!({ "role": "admin" })),
        ("PATCH", "/api/v1/settings".to_owned(), json!({ "second_factor_roles": [] })),
    ] {
        assert_eq!(program.call(method, &path, Some(&body)).await.status, StatusCode::FORBIDDEN, "{method} {path}: and makes none");
    }
}
