//! Every operation of the API document against everybody who may knock. The document is the list: an operation that says nothing
//! of who may is closed, and fails here.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use oneiros::features::accounts::{Role, Scope};
use serde_json::{Value, json};

use super::people::{Caller, PASSWORD, dream, key};
use crate::http::{engines::Behaviour, house::House};

/// What an operation asks for, by the document.
struct Operation {
    method: String,
    path: String,
    /// `None`: open to all.
    scope: Option<String>,
    by_key: bool,
}

/// Operations that end or change what the others need: the caller's own session, or what everybody is.
const LAST: [&str; 2] = ["/api/v1/session", "/api/v1/account/erasure"];

fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(oneiros::http::document()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = operation["security"].as_array().unwrap_or_else(|| panic!("{method} {path} does not say who may"));
            let scopes: BTreeSet<String> = security
                .iter()
                .flat_map(|requirement| requirement.as_object().unwrap().values())
                .flat_map(|scopes| scopes.as_array().unwrap())
                .map(|scope| scope.as_str().unwrap().to_owned())
                .collect();
            assert!(!security.is_empty() && scopes.len() <= 1, "{method} {path} must name one scope, or say that it is open");
            let scope = scopes.into_iter().next();
            assert!(scope.as_deref().is_none_or(|scope| Scope::named(scope).is_some()), "{method} {path}: {scope:?}");
            let by_key = security.iter().any(|requirement| requirement.get("key").is_some());
            operations.push(Operation { method: method.to_uppercase(), path: path.clone(), scope, by_key });
        }
    }
    operations
}

/// The operation whose answer does not end.
const ENDLESS: &str = "/api/v1/events";

/// Whether the doorkeeper refused, not the operation itself.
async fn is_refused(caller: &Caller<'_>, operation: &Operation) -> Option<StatusCode> {
    let path = operation.path.replace("{id}", "00000000-0000-0000-0000-0000000000ff").replace("{model}", "nobody");
    if path == ENDLESS {
        return Some(caller.open(&path).await.status()).filter(|status| status.is_client_error());
    }
    // No operation takes this body: what is let in gets no further than to say so.
    let answer = caller.call(&operation.method, &path, Some(&json!({ "nothing": "of the kind" }))).await;
    let kind =
        if answer.text.is_empty() { Value::Null } else { serde_json::from_str::<Value>(&answer.text).unwrap_or_default()["type"].clone() };
    let refused = match answer.status {
        StatusCode::UNAUTHORIZED => kind != "/problems/wrong-credentials",
        StatusCode::FORBIDDEN => kind == "/problems/forbidden" || operation.path.starts_with("/v1/"),
        _ => false,
    };
    refused.then_some(answer.status)
}

#[tokio::test]
async fn every_operation_lets_in_those_whom_it_names_and_nobody_else() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let mut callers = vec![("a stranger".to_owned(), Caller::new(&house), vec![], false)];
    for role in Role::ALL {
        let (person, _) = house.person(&admin, role.name(), role.name()).await;
        let scopes = role.scopes().to_vec();
        for scope in scopes.iter().filter(|scope| **scope != Scope::Account) {
            let (key, _) = key(&person, &[scope.name()]).await;
            callers.push((format!("a key of {role:?} for {}", scope.name()), Caller::with_key(&house, &key), vec![*scope], true));
        }
        callers.push((format!("{role:?}"), person, scopes, false));
    }
    callers.push(("a false key".into(), Caller::with_key(&house, "oneiros_nothing"), vec![], true));
    let mut operations = operations();
    operations.sort_by_key(|operation| LAST.contains(&operation.path.as_str()));
    let (mut asked, mut wrong) = (0, Vec::new());
    for operation in &operations {
        for (who, caller, scopes, is_key) in &callers {
            let may = match &operation.scope {
                None => true,
                Some(scope) => scopes.iter().any(|held| held.name() == scope) && (operation.by_key || !is_key),
            };
            let expected = match (may, scopes.is_empty()) {
                (true, _) => None,
                (false, true) => Some(StatusCode::UNAUTHORIZED),
                (false, false) => Some(StatusCode::FORBIDDEN),
            };
            // Ending a session is tried last and by everybody; a door takes few tries from one place.
            let caller = caller.at(&format!("2001:db8:{asked:x}::1"));
            let answer = is_refused(&caller, operation).await;
            asked += 1;
            if answer != expected {
                wrong.push(format!("{} {} for {who}: {answer:?}, not {expected:?}", operation.method, operation.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(operations.len() > 35 && asked > 700, "{} operations, {asked} requests", operations.len());
}

#[tokio::test]
async fn what_is_anothers_is_not_there() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (one, _) = house.person(&admin, "one", "user").await;
    let (other, _) = house.person(&admin, "other", "user").await;
    let theirs = dream(&one, "I walked through a house with a new room.").await;
    let (_, key) = key(&one, &["inference"]).await;
    let session = one.get("/api/v1/account/sessions").await.json()[0]["id"].as_str().unwrap().to_owned();
    let paths = [
        ("GET", format!("/api/v1/dreams/{theirs}")),
        ("GET", format!("/api/v1/dreams/{theirs}/similar")),
        ("DELETE", format!("/api/v1/dreams/{theirs}")),
        ("DELETE", format!("/api/v1/account/keys/{key}")),
        ("DELETE", format!("/api/v1/account/sessions/{session}")),
    ];
    for who in [&other, &admin] {
        for (method, path) in &paths {
            assert_eq!(who.call(method, path, None).await.status, StatusCode::NOT_FOUND, "{method} {path}");
        }
        let again = who.post(&format!("/api/v1/dreams/{theirs}/interpret"), &json!({})).await;
        assert_eq!(again.status, StatusCode::NOT_FOUND, "{}", again.text);
        assert!(!who.get("/api/v1/dreams").await.text.contains("new room"));
    }
    assert_eq!(one.get(&paths[0].1).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_makes_more_of_themselves() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (user, id) = house.person(&admin, "user", "user").await;
    let asked = user.call("PATCH", "/api/v1/account", Some(&json!({ "role": "admin" }))).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(user.call("PATCH", &format!("/api/v1/users/{id}"), Some(&json!({ "role": "admin" }))).await.status, StatusCode::FORBIDDEN);
    assert_eq!(user.get("/api/v1/account").await.json()["role"], "user");
    let more = user.post("/api/v1/account/keys", &json!({ "name": "more", "scopes": ["admin"] })).await;
    assert_eq!(more.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", more.text);
    let registration = json!({ "name": "mallory", "password": PASSWORD, "role": "admin" });
    assert_eq!(Caller::new(&house).post("/api/v1/registration", &registration).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn no_answer_holds_a_hash_or_a_secret() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (person, id) = house.person(&admin, "person", "user").await;
    let (key, _) = key(&person, &["inference"]).await;
    let secrets = [person.session.clone().unwrap(), admin.session.clone().unwrap(), key];
    let mut seen = 0;
    for who in [&person, &admin] {
        for operation in operations().iter().filter(|operation| operation.method == "GET" && operation.path != ENDLESS) {
            let text = who.get(&operation.path.replace("{id}", &id)).await.text;
            seen += text.len();
            assert!(!text.contains("argon2") && !text.contains("sha256"), "{}: {text}", operation.path);
            assert!(secrets.iter().all(|secret| !text.contains(secret)), "{}: {text}", operation.path);
        }
    }
    assert!(seen > 5_000, "{seen} bytes were looked at");
}
