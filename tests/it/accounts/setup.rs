//! The first admin.

use std::os::unix::fs::PermissionsExt as _;

use axum::http::StatusCode;
use futures_util::future::join_all;
use serde_json::json;

use super::people::{Caller, PASSWORD, dream};
use crate::http::{engines::Behaviour, house::House};

#[tokio::test]
async fn of_thirty_who_set_up_at_once_one_is_the_admin() {
    let house = House::that(Behaviour::Reads).await;
    let token = house.setup_token();
    let tries = (0..30).map(|number| {
        let caller = Caller::new(&house).at(&format!("10.0.0.{}", number + 1));
        let request = json!({ "token": token, "name": format!("first{number}"), "password": PASSWORD });
        async move { caller.post("/api/v1/setup", &request).await.status }
    });
    let answers = join_all(tries).await;
    let made = answers.iter().filter(|status| **status == StatusCode::CREATED).count();
    assert_eq!(made, 1, "{answers:?}");
    // Hashing passwords has a queue of its own; whoever finds it full is told to come later.
    let late = [StatusCode::CREATED, StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS, StatusCode::FORBIDDEN];
    assert!(answers.iter().all(|status| late.contains(status)), "{answers:?}");
    let pool = &house.database.as_ref().unwrap().owner_pool;
    let admins: i64 = sqlx::query_scalar("SELECT count(*) FROM users WHERE role = 'admin'").fetch_one(pool).await.unwrap();
    let people: i64 = sqlx::query_scalar("SELECT count(*) FROM users WHERE name IS NOT NULL").fetch_one(pool).await.unwrap();
    assert_eq!((admins, people), (1, 1));
}

#[tokio::test]
async fn there_is_no_account_before_and_no_second_set_up_after() {
    let house = House::that(Behaviour::Reads).await;
    let file = house.models_folder.path().join("setup-token");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let mut stranger = Caller::new(&house);
    assert_eq!(stranger.get("/api/v1/session").await.json()["stage"], "unclaimed");
    for name in ["admin", "root", "ada", "oneiros"] {
        for password in ["admin", "password", "oneiros", ""] {
            let answer = stranger.at("10.9.9.9").log_in(name, password).await;
            assert!([StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS].contains(&answer.status), "{name}: {}", answer.text);
        }
    }
    let wrong = json!({ "token": "a".repeat(43), "name": "mallory", "password": PASSWORD });
    assert_eq!(stranger.post("/api/v1/setup", &wrong).await.status, StatusCode::FORBIDDEN);
    let token = house.setup_token();
    let weak = json!({ "token": token, "name": "ada", "password": "password123" });
    let refused = stranger.post("/api/v1/setup", &weak).await;
    assert_eq!(refused.json()["errors"][0]["field"], "password", "{}", refused.text);
    house.claimed().await;
    assert!(!file.exists());
    let again = json!({ "token": token, "name": "mallory", "password": PASSWORD });
    assert_eq!(stranger.enter("/api/v1/setup", &again).await.status, StatusCode::CONFLICT);
    assert_eq!(stranger.get("/api/v1/session").await.json()["stage"], "claimed");
    assert_eq!(stranger.get("/api/v1/dreams").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn dreams_from_before_belong_to_the_first_admin() {
    let house = House::that(Behaviour::Reads).await;
    let before = dream(&Caller::new(&house), "A river ran through the old house.").await;
    let admin = house.claimed().await;
    assert_eq!(admin.get(&format!("/api/v1/dreams/{before}")).await.status, StatusCode::OK);
    let (other, _) = house.person(&admin, "other", "user").await;
    assert_eq!(other.get(&format!("/api/v1/dreams/{before}")).await.status, StatusCode::NOT_FOUND);
    let account = admin.get("/api/v1/account").await.json();
    assert_eq!((account["name"].as_str(), account["role"].as_str()), (Some("ada"), Some("admin")));
}
