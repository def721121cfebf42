//! Log-in, registration, new passwords for lost ones.

use axum::http::{StatusCode, header};
use serde_json::json;

use super::people::{Caller, PASSWORD};
use crate::http::{engines::Behaviour, house::House};

#[tokio::test]
async fn twenty_wrong_passwords_from_one_network_are_enough() {
    let house = House::that(Behaviour::Reads).await;
    house.claimed().await;
    let stranger = Caller::new(&house);
    let mut answers = Vec::new();
    for number in 0..21 {
        // Another address of the same /64, and another name, each time.
        let mut guesser = stranger.at(&format!("2001:db8:1:2::{number:x}"));
        answers.push(guesser.log_in(&format!("name{number}"), "wrong wrong wrong").await);
    }
    let (last, others) = answers.split_last().unwrap();
    assert!(others.iter().all(|answer| answer.status == StatusCode::UNAUTHORIZED));
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS, "{}", last.text);
    assert!(last.headers.contains_key(header::RETRY_AFTER) && last.json()["detail"].as_str().unwrap().contains("wait"));
    assert_eq!(stranger.at("2001:db8:1:2::ffff").log_in("ada", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(stranger.at("2001:db8:1:3::1").log_in("ada", PASSWORD).await.status, StatusCode::OK, "the network beside it");
}

#[tokio::test]
async fn one_name_is_not_guessed_from_one_place_and_coming_in_costs_no_try() {
    let house = House::that(Behaviour::Reads).await;
    house.claimed().await;
    for _ in 0..25 {
        assert_eq!(Caller::new(&house).log_in("ada", PASSWORD).await.status, StatusCode::OK);
    }
    let mut guesser = Caller::new(&house).at("192.0.2.1");
    let mut wrong = Vec::new();
    for _ in 0..11 {
        wrong.push(guesser.log_in("Ada", "wrong wrong wrong").await.status);
    }
    assert_eq!(wrong.pop(), Some(StatusCode::TOO_MANY_REQUESTS));
    assert!(wrong.iter().all(|status| *status == StatusCode::UNAUTHORIZED));
    assert_eq!(Caller::new(&house).at("192.0.2.2").log_in("ada", PASSWORD).await.status, StatusCode::OK, "the person is not locked out");
}

#[tokio::test]
async fn a_refusal_does_not_tell_what_was_wrong() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (_, id) = house.person(&admin, "gone", "user").await;
    admin.call("PATCH", &format!("/api/v1/users/{id}"), Some(&json!({ "suspended": true }))).await;
    let mut texts = Vec::new();
    for (name, password) in [("ada", "wrong wrong wrong"), ("nobody", PASSWORD), ("gone", PASSWORD), ("a\0b", PASSWORD), ("🦊", PASSWORD)]
    {
        let answer = Caller::new(&house).log_in(name, password).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}: {}", answer.text);
        texts.push(answer.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[tokio::test]
async fn a_log_in_begins_a_new_session_and_ends_the_one_before() {
    let house = House::that(Behaviour::Reads).await;
    let mut admin = house.claimed().await;
    let before = admin.clone();
    assert_eq!(admin.log_in("ADA", PASSWORD).await.status, StatusCode::OK);
    assert_ne!(admin.session, before.session);
    assert_eq!(before.get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(admin.get("/api/v1/account").await.status, StatusCode::OK);
    let mut planted = Caller::new(&house);
    planted.session = Some("a-secret-that-somebody-put-there".into());
    planted.log_in("ada", PASSWORD).await;
    assert_ne!(planted.session.as_deref(), Some("a-secret-that-somebody-put-there"));
    let mut leaving = admin.clone();
    let left = leaving.call("DELETE", "/api/v1/session", None).await;
    assert_eq!(left.status, StatusCode::NO_CONTENT);
    assert!(left.headers.get_all(header::SET_COOKIE).iter().all(|cookie| cookie.to_str().unwrap().contains("Max-Age=0")));
    assert_eq!(admin.get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED);
    leaving.session = None;
}

#[tokio::test]
async fn an_invitation_opens_once_and_for_the_role_that_it_names() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let closed = Caller::new(&house).post("/api/v1/registration", &json!({ "name": "bea", "password": PASSWORD })).await;
    assert_eq!((closed.status, closed.json()["type"].as_str()), (StatusCode::FORBIDDEN, Some("/problems/registration-closed")));
    let invitation = admin.post("/api/v1/invitations", &json!({ "role": "operator", "note": "for Bea" })).await.json();
    let code = invitation["code"].as_str().unwrap();
    let mut bea = Caller::new(&house);
    let taken = json!({ "name": "ADA", "password": PASSWORD, "invitation": code });
    assert_eq!(bea.post("/api/v1/registration", &taken).await.status, StatusCode::CONFLICT, "a name that is taken uses nothing up");
    let joined = bea.enter("/api/v1/registration", &json!({ "name": "bea", "password": PASSWORD, "invitation": code })).await;
    assert_eq!(joined.status, StatusCode::CREATED, "{}", joined.text);
    assert_eq!(bea.get("/api/v1/account").await.json()["role"], "operator");
    let again = Caller::new(&house).post("/api/v1/registration", &json!({ "name": "eve", "password": PASSWORD, "invitation": code })).await;
    assert_eq!((again.status, again.json()["type"].as_str()), (StatusCode::FORBIDDEN, Some("/problems/wrong-code")));
    assert_eq!(admin.get("/api/v1/invitations").await.json()[0]["used_by"], "bea");
    let other = admin.post("/api/v1/invitations", &json!({ "role": "user" })).await.json();
    let path = format!("/api/v1/invitations/{}", other["id"].as_str().unwrap());
    assert_eq!(admin.call("DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
    let late = json!({ "name": "eve", "password": PASSWORD, "invitation": other["code"] });
    assert_eq!(Caller::new(&house).post("/api/v1/registration", &late).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn open_registration_makes_users_whose_names_nobody_confuses() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    admin.call("PATCH", "/api/v1/settings", Some(&json!({ "registration": "open" }))).await;
    let join = async |name: &str, from: u8| {
        Caller::new(&house)
            .at(&format!("10.1.0.{from}"))
            .post("/api/v1/registration", &json!({ "name": name, "password": PASSWORD }))
            .await
            .status
    };
    assert_eq!(join("coco", 1).await, StatusCode::CREATED);
    assert_eq!(join("Сосо", 2).await, StatusCode::CONFLICT, "the same to the eye in Cyrillic");
    assert_eq!(join("аda", 3).await, StatusCode::UNPROCESSABLE_ENTITY, "two alphabets");
    for (name, from) in [("🦊🦊", 4), ("a\u{200b}da", 5), ("x", 6), (".dot", 7), ("a b", 8)] {
        assert_eq!(join(name, from).await, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
    assert_eq!(join("Мария", 9).await, StatusCode::CREATED);
    assert_eq!(join("نور", 10).await, StatusCode::CREATED);
    let page = admin.get("/api/v1/users?search=coc").await.json();
    assert_eq!((page["users"][0]["role"].as_str(), page["users"].as_array().unwrap().len()), (Some("user"), 1));
}

#[tokio::test]
async fn a_code_from_an_admin_sets_a_new_password_and_ends_every_way_in() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (person, id) = house.person(&admin, "person", "user").await;
    let (key, _) = super::people::key(&person, &["inference"]).await;
    let path = format!("/api/v1/users/{id}/password-reset");
    let first = admin.call("POST", &path, None).await.json();
    let code = admin.call("POST", &path, None).await.json();
    let stranger = Caller::new(&house);
    let reset = async |code: &serde_json::Value, password: &str| {
        stranger.post("/api/v1/password-reset", &json!({ "code": code["code"], "password": password })).await.status
    };
    assert_eq!(reset(&first, "another river, another bridge").await, StatusCode::FORBIDDEN, "the later code replaced it");
    assert_eq!(reset(&code, "password123").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(reset(&code, "another river, another bridge").await, StatusCode::NO_CONTENT);
    assert_eq!(reset(&code, "a third river, a third bridge").await, StatusCode::FORBIDDEN);
    assert_eq!(person.get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(Caller::with_key(&house, &key).get("/v1/models").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(Caller::new(&house).log_in("person", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(Caller::new(&house).log_in("person", "another river, another bridge").await.status, StatusCode::OK);
}
