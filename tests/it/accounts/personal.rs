//! A person's own account.

use axum::http::{StatusCode, header};
use serde_json::{Value, json};

use super::people::{Caller, PASSWORD, dream, key};
use crate::http::{engines::Behaviour, house::House};

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_the_keys() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let mut elsewhere = Caller::new(&house);
    elsewhere.log_in("ada", PASSWORD).await;
    let (secret, _) = key(&admin, &["inference"]).await;
    let change = async |current: &str, new: &str| admin.post("/api/v1/account/password", &json!({ "current": current, "new": new })).await;
    assert_eq!(change("wrong wrong wrong", "a quiet garden at noon").await.status, StatusCode::FORBIDDEN);
    assert_eq!(change(PASSWORD, "1234567890").await.json()["errors"][0]["field"], "new");
    assert_eq!(change(PASSWORD, "a quiet garden at noon").await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.get("/api/v1/account").await.status, StatusCode::OK);
    assert_eq!(elsewhere.get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(Caller::with_key(&house, &secret).get("/v1/models").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn devices_are_listed_and_logged_out() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let mut phone = Caller::new(&house).at("192.0.2.9");
    phone.log_in("ada", PASSWORD).await;
    let listed = admin.get("/api/v1/account/sessions").await.json();
    let other = listed.as_array().unwrap().iter().find(|session| session["current"] == false).unwrap();
    assert_eq!((listed.as_array().unwrap().len(), other["address"].as_str()), (2, Some("192.0.2.9")));
    let path = format!("/api/v1/account/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(admin.call("DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(phone.get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_profile_is_what_the_person_says_and_nothing_is_guessed() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let change = async |change: Value| admin.call("PATCH", "/api/v1/account", Some(&change)).await;
    let account = change(json!({})).await.json();
    assert!(["language", "time_zone", "place", "email"].iter().all(|field| account[field].is_null()), "{account}");
    let account =
        change(json!({ "language": "ru", "time_zone": "Asia/Yekaterinburg", "place": "Казань", "email": "Ada@Example.org" })).await.json();
    assert_eq!((account["place"].as_str(), account["email"].as_str()), (Some("Казань"), Some("Ada@Example.org")));
    let account = change(json!({ "place": null })).await.json();
    assert_eq!((account["place"].clone(), account["language"].as_str()), (Value::Null, Some("ru")));
    for (wrong, field) in [
        (json!({ "language": "xx" }), "language"),
        (json!({ "time_zone": "../../etc/passwd" }), "time_zone"),
        (json!({ "place": "a\nb" }), "place"),
        (json!({ "email": "no address" }), "email"),
        (json!({ "email": 5 }), "email"),
    ] {
        assert_eq!(change(wrong).await.json()["errors"][0]["field"], field);
    }
    assert_eq!(Caller::new(&house).log_in("ada@example.ORG", PASSWORD).await.status, StatusCode::OK, "by address, too");
    let (other, _) = house.person(&admin, "other", "user").await;
    let taken = other.call("PATCH", "/api/v1/account", Some(&json!({ "email": "ada@example.org" }))).await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "{}", taken.text);
}

#[tokio::test]
async fn an_export_holds_everything_of_one_and_nothing_of_others() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    dream(&admin, "The admin dreamt of a locked door.").await;
    let (person, _) = house.person(&admin, "person", "user").await;
    let id = dream(&person, "A train went under the sea.").await;
    let (secret, _) = key(&person, &["inference"]).await;
    let export = person.get("/api/v1/account/export").await;
    assert_eq!(export.headers[header::CONTENT_DISPOSITION], "attachment; filename=\"oneiros.json\"");
    let all = export.json();
    assert_eq!((all["account"]["name"].as_str(), all["dreams"][0]["id"].as_str()), (Some("person"), Some(id.as_str())));
    assert_eq!((all["dreams"][0]["readings"].as_array().unwrap().len(), all["dreams"][0]["vectors"].as_i64()), (1, Some(1)));
    assert_eq!((all["sessions"].as_array().unwrap().len(), all["keys"].as_array().unwrap().len()), (1, 1));
    assert!(!export.text.contains("locked door") && !export.text.contains(&secret) && !export.text.contains("argon2"));
}

#[tokio::test]
async fn erasure_leaves_nothing_in_the_database() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (person, id) = house.person(&admin, "canaryname", "user").await;
    person.call("PATCH", "/api/v1/account", Some(&json!({ "place": "canaryplace", "email": "canary@example.org" }))).await;
    dream(&person, "The canarydream flew through a yellow house.").await;
    key(&person, &["inference"]).await;
    let wrong = person.post("/api/v1/account/erasure", &json!({ "password": "wrong wrong wrong" })).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let erased = person.post("/api/v1/account/erasure", &json!({ "password": PASSWORD })).await;
    assert_eq!(erased.status, StatusCode::NO_CONTENT, "{}", erased.text);
    assert_eq!(person.get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(Caller::new(&house).log_in("canaryname", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    let pool = &house.database.as_ref().unwrap().owner_pool;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
            .fetch_all(pool)
            .await
            .unwrap();
    for table in &tables {
        let rows = format!("SELECT coalesce(string_agg(row::text, ' '), '') FROM {table} AS row");
        let text: String = sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(pool).await.unwrap();
        assert!(!text.to_lowercase().contains("canary"), "{table} still holds something: {text}");
        assert!(table == "audit" || !text.contains(&id), "{table} still names the person");
    }
    assert!(tables.len() > 10, "{tables:?}");
    let last = admin.post("/api/v1/account/erasure", &json!({ "password": PASSWORD })).await;
    assert_eq!(last.status, StatusCode::CONFLICT, "the last admin stays: {}", last.text);
}
