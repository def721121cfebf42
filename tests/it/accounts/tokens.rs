//! Apps: access tokens that last for minutes, refresh tokens that are good once, and what is none of either.

use axum::{
    body::Body,
    http::{StatusCode, header},
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign, get_current_timestamp};
use oneiros::features::accounts::{MasterKey, SESSION_COOKIE};
use serde_json::{Value, json};

use super::{
    events::Listening,
    people::{Caller, PASSWORD, dream},
};
use crate::http::{
    engines::Behaviour,
    house::{Answer, House, request},
};

const TOKENS: &str = "/api/v1/tokens";
const REFRESH: &str = "/api/v1/tokens/refresh";
const REVOCATION: &str = "/api/v1/tokens/revocation";

/// What an app was given.
struct App {
    access: String,
    refresh: String,
}

impl App {
    fn of(answer: &Answer) -> Self {
        let text = |field: &str| answer.json()[field].as_str().expect("text").to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }

    async fn logged_in(house: &House, name: &str, scopes: &[&str]) -> Self {
        let answer = log_in(house, name, scopes).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        Self::of(&answer)
    }

    fn caller<'a>(&self, house: &'a House) -> Caller<'a> {
        Caller::with_key(house, &self.access)
    }
}

async fn log_in(house: &House, name: &str, scopes: &[&str]) -> Answer {
    let body = json!({ "name": name, "password": PASSWORD, "app": "a phone", "scopes": scopes });
    Caller::new(house).post(TOKENS, &body).await
}

async fn refresh(house: &House, token: &str) -> Answer {
    Caller::new(house).post(REFRESH, &json!({ "refresh_token": token })).await
}

#[track_caller]
fn is_refused(answer: &Answer, kind: &str) {
    let problem = answer.json()["type"].as_str().map(str::to_owned);
    assert_eq!((answer.status, problem), (StatusCode::UNAUTHORIZED, Some(format!("/problems/{kind}"))), "{}", answer.text);
}

async fn opens(caller: &Caller<'_>) -> bool {
    match caller.get("/api/v1/dreams").await {
        answer if answer.status == StatusCode::OK => true,
        answer => {
            is_refused(&answer, "unauthenticated");
            false
        }
    }
}

async fn told(admin: &Caller<'_>, action: &str) -> Vec<Value> {
    admin.get(&format!("/api/v1/audit?action={action}")).await.json()["entries"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_app_logs_in_asks_and_logs_out() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (person, id) = house.person(&admin, "person", "user").await;
    let answer = log_in(&house, "person", &["dreams:write", "dreams:read", "dreams:read"]).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
    let given = answer.json();
    assert_eq!((&given["token_type"], &given["expires_in"]), (&json!("Bearer"), &json!(600)));
    assert_eq!(given["scopes"], json!(["dreams:read", "dreams:write"]));

    let app = App::of(&answer);
    let caller = app.caller(&house);
    let kept = dream(&caller, "I was flying over a grey sea at dawn.").await;
    assert_eq!(person.get(&format!("/api/v1/dreams/{kept}")).await.status, StatusCode::OK, "the dream is the person's");
    let state = caller.get("/api/v1/session").await.json();
    assert_eq!((&state["account"]["id"], &state["scopes"]), (&json!(id), &given["scopes"]));

    let sessions = person.get("/api/v1/account/sessions").await.json();
    let listed = sessions.as_array().unwrap().iter().find(|session| session["app"] == "a phone").expect("it is in the list");
    assert_eq!(listed["current"], false);
    let login = told(&admin, "login").await;
    assert!(login.iter().any(|entry| entry["detail"]["app"] == listed["id"] && entry["actor"]["name"] == "person"), "{login:?}");

    let again = json!({ "refresh_token": app.refresh });
    assert_eq!(Caller::new(&house).post(REVOCATION, &again).await.status, StatusCode::NO_CONTENT);
    assert!(!opens(&caller).await, "at once, though the token has minutes left");
    is_refused(&refresh(&house, &app.refresh).await, "wrong-refresh-token");
    assert_eq!(Caller::new(&house).post(REVOCATION, &again).await.status, StatusCode::NO_CONTENT, "it is as good as logged out");
    assert!(opens(&person).await, "the browser is not the app");
}

#[tokio::test]
async fn a_refresh_token_gives_new_ones_once() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    house.person(&admin, "person", "user").await;
    let mut app = App::logged_in(&house, "person", &["dreams:read"]).await;
    for _ in 0..3 {
        let answer = refresh(&house, &app.refresh).await;
        assert_eq!((answer.status, &answer.json()["scopes"]), (StatusCode::OK, &json!(["dreams:read"])), "{}", answer.text);
        let next = App::of(&answer);
        assert!(next.refresh != app.refresh && next.access != app.access);
        assert!(opens(&next.caller(&house)).await);
        app = next;
    }
    assert!(told(&admin, "token-reused").await.is_empty());
}

#[tokio::test]
async fn a_refresh_token_shown_again_ends_the_whole_log_in() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (_, id) = house.person(&admin, "person", "user").await;
    let first = App::logged_in(&house, "person", &["dreams:read"]).await;
    let other = App::logged_in(&house, "person", &["dreams:read"]).await;
    let second = App::of(&refresh(&house, &first.refresh).await);
    let mut open = Listening::open(&second.caller(&house)).await;
    is_refused(&refresh(&house, &first.refresh).await, "wrong-refresh-token");
    assert!(open.ends().await, "what the app has open ends, too");
    for access in [&first, &second] {
        assert!(!opens(&access.caller(&house)).await);
    }
    is_refused(&refresh(&house, &second.refresh).await, "wrong-refresh-token");
    assert!(opens(&other.caller(&house)).await, "another app of that person goes on");
    let reused = told(&admin, "token-reused").await;
    assert_eq!(reused.len(), 1, "{reused:?}");
    assert_eq!((&reused[0]["subject"]["id"], &reused[0]["address"]), (&json!(id), &json!("127.0.0.1")));
    // The same where the app logs out with one that it should have forgotten.
    let next = App::of(&refresh(&house, &other.refresh).await);
    let old = json!({ "refresh_token": other.refresh });
    assert_eq!(Caller::new(&house).post(REVOCATION, &old).await.status, StatusCode::NO_CONTENT);
    assert!(!opens(&next.caller(&house)).await);
    assert_eq!(told(&admin, "token-reused").await.len(), 2);
}

#[tokio::test]
async fn of_two_who_refresh_at_the_same_instant_one_gets_tokens_and_the_other_ends_them() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    house.person(&admin, "person", "user").await;
    let app = App::logged_in(&house, "person", &["dreams:read"]).await;
    let (one, other) = tokio::join!(refresh(&house, &app.refresh), refresh(&house, &app.refresh));
    let (won, lost) = if one.status == StatusCode::OK { (one, other) } else { (other, one) };
    assert_eq!(won.status, StatusCode::OK, "{}", won.text);
    is_refused(&lost, "wrong-refresh-token");
    assert!(!opens(&App::of(&won).caller(&house)).await, "which of the two is the thief nobody knows");
}

/// The parts of a token as this server's key would sign them.
struct Forge {
    key: [u8; 32],
    claims: Value,
}

impl Forge {
    fn of(house: &House, real: &str) -> Self {
        let key = MasterKey::in_directory(house.models_folder.path()).unwrap().derive("access tokens").unwrap();
        let claims = URL_SAFE_NO_PAD.decode(real.split('.').nth(1).unwrap()).unwrap();
        Self { key, claims: serde_json::from_slice(&claims).unwrap() }
    }

    fn with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims.clone();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        claims
    }

    /// With the times moved by so many seconds.
    fn moved(&self, seconds: i64) -> Value {
        let mut claims = self.claims.clone();
        for name in ["iat", "nbf", "exp"] {
            claims[name] = (claims[name].as_i64().unwrap() + seconds).into();
        }
        claims
    }

    fn signed(&self, claims: &Value) -> String {
        signed(&json!({ "typ": "at+jwt", "alg": "HS256" }), claims, &self.key, Algorithm::HS256)
    }
}

/// A token of any head, signed by any key in any way.
fn signed(head: &Value, claims: &Value, key: &[u8], algorithm: Algorithm) -> String {
    let message = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let signature = sign(message.as_bytes(), &EncodingKey::from_secret(key).unwrap(), algorithm).unwrap();
    format!("{message}.{signature}")
}

#[tokio::test]
async fn a_token_that_is_not_exactly_ours_opens_nothing() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    house.person(&admin, "person", "user").await;
    let app = App::logged_in(&house, "person", &["dreams:read"]).await;
    let forge = Forge::of(&house, &app.access);
    assert!(opens(&Caller::with_key(&house, &forge.signed(&forge.claims))).await, "the forge is as good as the server");
    assert!(opens(&Caller::with_key(&house, &forge.signed(&forge.moved(-610)))).await, "clocks may differ a little");

    let parts: Vec<&str> = app.access.split('.').collect();
    let [head, payload, signature] = parts[..] else { panic!("{}", app.access) };
    let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let unsigned = |head: Value| format!("{}.{payload}.", encoded(&head));
    let own = b"a key that whoever forged this made up";
    let own_key = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(own) });
    let with_own = |head: Value| signed(&head, &forge.claims, own, Algorithm::HS256);
    let tampered = forge.with("sub", json!("00000000-0000-0000-0000-000000000001"));
    let year = 365 * 24 * 60 * 60;
    let now = get_current_timestamp();
    let forged = [
        ("alg none", unsigned(json!({ "typ": "at+jwt", "alg": "none" }))),
        ("alg None", unsigned(json!({ "typ": "at+jwt", "alg": "None" }))),
        ("alg none with a signature", format!("{}.{payload}.{signature}", encoded(&json!({ "typ": "at+jwt", "alg": "none" })))),
        ("no alg", unsigned(json!({ "typ": "at+jwt" }))),
        ("HS256 without a signature", format!("{head}.{payload}.")),
        ("RS256 in the head", signed(&json!({ "typ": "at+jwt", "alg": "RS256" }), &forge.claims, &forge.key, Algorithm::HS256)),
        ("ES256 in the head", signed(&json!({ "typ": "at+jwt", "alg": "ES256" }), &forge.claims, &forge.key, Algorithm::HS256)),
        ("HS384", signed(&json!({ "typ": "at+jwt", "alg": "HS384" }), &forge.claims, &forge.key, Algorithm::HS384)),
        ("HS512", signed(&json!({ "typ": "at+jwt", "alg": "HS512" }), &forge.claims, &forge.key, Algorithm::HS512)),
        ("another key", with_own(json!({ "typ": "at+jwt", "alg": "HS256" }))),
        ("a key in the head", with_own(json!({ "typ": "at+jwt", "alg": "HS256", "jwk": own_key }))),
        ("a key elsewhere", with_own(json!({ "typ": "at+jwt", "alg": "HS256", "jku": "https://evil.example/jwks.json" }))),
        ("a key's name", with_own(json!({ "typ": "at+jwt", "alg": "HS256", "kid": "../../dev/null" }))),
        ("a certificate in the head", with_own(json!({ "typ": "at+jwt", "alg": "HS256", "x5c": [URL_SAFE_NO_PAD.encode(own)] }))),
        ("a key of zeros", signed(&json!({ "typ": "at+jwt", "alg": "HS256" }), &forge.claims, &[0; 32], Algorithm::HS256)),
        ("no typ", signed(&json!({ "alg": "HS256" }), &forge.claims, &forge.key, Algorithm::HS256)),
        ("typ JWT", signed(&json!({ "typ": "JWT", "alg": "HS256" }), &forge.claims, &forge.key, Algorithm::HS256)),
        (
            "an extension that must be understood",
            signed(&json!({ "typ": "at+jwt", "alg": "HS256", "crit": ["exp"] }), &forge.claims, &forge.key, Algorithm::HS256),
        ),
        ("wrong aud", forge.signed(&forge.with("aud", json!("another-api")))),
        ("no aud", forge.signed(&forge.with("aud", Value::Null))),
        ("wrong iss", forge.signed(&forge.with("iss", json!("https://evil.example")))),
        ("no iss", forge.signed(&forge.with("iss", Value::Null))),
        ("no exp", forge.signed(&forge.with("exp", Value::Null))),
        ("no nbf", forge.signed(&forge.with("nbf", Value::Null))),
        ("exp is a text", forge.signed(&forge.with("exp", json!("9999999999")))),
        ("exp is negative", forge.signed(&forge.with("exp", json!(-1)))),
        ("exp is the largest number", forge.signed(&forge.with("exp", json!(u64::MAX)))),
        ("exp is 1e300", forge.signed(&forge.with("exp", json!(1e300)))),
        ("nbf is the largest number", forge.signed(&forge.with("nbf", json!(u64::MAX)))),
        ("expired", forge.signed(&forge.moved(-640))),
        ("expired long ago", forge.signed(&forge.moved(-year))),
        ("not yet valid", forge.signed(&forge.moved(120))),
        ("of a clock that is a year ahead", forge.signed(&forge.moved(year))),
        ("good for a year", forge.signed(&forge.with("exp", json!(now + year.unsigned_abs())))),
        ("another person in sub", forge.signed(&tampered)),
        ("no session", forge.signed(&forge.with("sid", Value::Null))),
        ("a session that is none", forge.signed(&forge.with("sid", json!("00000000-0000-0000-0000-0000000000ff")))),
        ("a session that is no id", forge.signed(&forge.with("sid", json!("' OR 1=1 --")))),
        ("claims that are a list", forge.signed(&json!([]))),
        ("a tampered payload", format!("{head}.{}.{signature}", encoded(&tampered))),
        ("a cut signature", app.access[..app.access.len() - 2].to_owned()),
        ("padding", format!("{}=", app.access)),
        ("a fourth part", format!("{}.x", app.access)),
        ("two parts", format!("{head}.{payload}")),
        ("points", "..".to_owned()),
        ("not base64", "a!.b!.c!".to_owned()),
        ("100 KB", format!("{head}.{}.{signature}", "A".repeat(100_000))),
        ("100 KB of points", ".".repeat(100_000)),
        ("the refresh token", app.refresh.clone()),
    ];
    for (what, token) in &forged {
        let answer = Caller::with_key(&house, token).get("/api/v1/dreams").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}: {}", answer.text);
    }
    for empty in ["Bearer", "Bearer ", "Bearer .", "Basic e30.e30.e30"] {
        let asked = request("GET", "/api/v1/dreams").header(header::AUTHORIZATION, empty).body(Body::empty()).unwrap();
        assert_eq!(house.send(asked).await.status, StatusCode::UNAUTHORIZED, "{empty}");
    }
    assert!(opens(&app.caller(&house)).await, "and the real one does");
}

#[tokio::test]
async fn no_token_stands_for_one_of_another_kind() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (person, id) = house.person(&admin, "person", "user").await;
    let app = App::logged_in(&house, "person", &["dreams:read"]).await;
    for other in [app.access.as_str(), person.session.as_deref().unwrap(), "", ".", "x.y", &format!("{id}.x")] {
        is_refused(&refresh(&house, other).await, "wrong-refresh-token");
    }
    for secret in [&app.refresh, &app.access] {
        let cookie = Caller { session: Some(secret.clone()), ..Caller::new(&house) };
        assert!(!opens(&cookie).await, "as the cookie {SESSION_COOKIE}");
    }
    let as_key = Caller::with_key(&house, person.session.as_ref().unwrap());
    assert!(!opens(&as_key).await);

    // A browser's session is no app's, whatever a token says, and an app's is its person's alone.
    let pool = &house.database.as_ref().unwrap().owner_pool;
    let forge = Forge::of(&house, &app.access);
    let browsers: String = sqlx::query_scalar("SELECT id::text FROM sessions WHERE app IS NULL AND owner_id = $1::text::uuid")
        .bind(&id)
        .fetch_one(pool)
        .await
        .unwrap();
    assert!(!opens(&Caller::with_key(&house, &forge.signed(&forge.with("sid", json!(browsers))))).await);
    let admins = App::logged_in(&house, "ada", &["dreams:read"]).await;
    let stolen = Forge::of(&house, &admins.access).claims["sid"].clone();
    assert!(!opens(&Caller::with_key(&house, &forge.signed(&forge.with("sid", stolen)))).await, "the session of another person");
    assert!(opens(&app.caller(&house)).await);
    // None of these tries was a reuse.
    assert!(told(&admin, "token-reused").await.is_empty());
}

#[tokio::test]
async fn an_app_does_what_it_was_given_as_far_as_its_person_may() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (_, id) = house.person(&admin, "olga", "operator").await;
    let app = App::logged_in(&house, "olga", &["models", "inference"]).await;
    let caller = app.caller(&house);
    let remove = async || caller.call("DELETE", "/api/v1/models/nothing", None).await.status;
    assert_eq!(remove().await, StatusCode::NOT_FOUND);
    for (method, path) in [("GET", "/api/v1/dreams"), ("GET", "/api/v1/account"), ("DELETE", "/api/v1/session"), ("GET", "/api/v1/users")] {
        assert_eq!(caller.call(method, path, None).await.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    assert_eq!(admin.call("PATCH", &format!("/api/v1/users/{id}"), Some(&json!({ "role": "user" }))).await.status, StatusCode::OK);
    assert_eq!(remove().await, StatusCode::FORBIDDEN, "the role is looked up, not what the token was made with");
    assert_eq!(caller.get("/v1/models").await.status, StatusCode::OK);
    assert_eq!(refresh(&house, &app.refresh).await.json()["scopes"], json!(["inference"]));
    // What is the person's own to do is not an app's, admin or not.
    let admins = App::logged_in(&house, "ada", &["admin"]).await.caller(&house);
    assert_eq!(admins.get("/api/v1/users").await.status, StatusCode::OK);
    let more = json!({ "name": "more", "scopes": ["admin"] });
    assert_eq!(admins.post("/api/v1/account/keys", &more).await.status, StatusCode::FORBIDDEN);
    assert_eq!(admins.post(&format!("/api/v1/users/{id}/keys"), &more).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_wrong_with_a_log_in_is_told() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    house.person(&admin, "person", "user").await;
    for (change, field) in [
        (json!({ "app": "" }), "app"),
        (json!({ "app": "x".repeat(61) }), "app"),
        (json!({ "app": "a\u{7}bell" }), "app"),
        (json!({ "scopes": [] }), "scopes"),
        (json!({ "scopes": ["account"] }), "scopes"),
        (json!({ "scopes": ["dreams:read", "models"] }), "scopes"),
        (json!({ "scopes": ["everything"] }), "scopes[0]"),
    ] {
        let mut body = json!({ "name": "person", "password": PASSWORD, "app": "a phone", "scopes": ["dreams:read"] });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = Caller::new(&house).post(TOKENS, &body).await;
        let said = answer.json()["errors"][0]["field"].as_str().map(str::to_owned);
        assert_eq!((answer.status, said.as_deref()), (StatusCode::UNPROCESSABLE_ENTITY, Some(field)), "{}", answer.text);
    }
    for (name, password) in [("person", "wrong wrong wrong"), ("nobody", PASSWORD)] {
        let body = json!({ "name": name, "password": password, "app": "a phone", "scopes": ["dreams:read"] });
        is_refused(&Caller::new(&house).at("192.0.2.1").post(TOKENS, &body).await, "wrong-credentials");
    }
    // The limits are those of every door.
    let body = json!({ "name": "person", "password": "wrong wrong wrong", "app": "a phone", "scopes": ["dreams:read"] });
    let mut last = StatusCode::OK;
    for _ in 0..11 {
        last = Caller::new(&house).at("192.0.2.9").post(TOKENS, &body).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let mut last = StatusCode::OK;
    for _ in 0..21 {
        last = Caller::new(&house).at("192.0.2.10").post(REFRESH, &json!({ "refresh_token": "x.y" })).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS, "whoever guesses is sent away");
}

#[tokio::test]
async fn what_ends_a_person_or_their_password_ends_their_apps() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (person, id) = house.person(&admin, "person", "user").await;
    let app = App::logged_in(&house, "person", &["dreams:read"]).await;
    let mut open = Listening::open(&app.caller(&house)).await;
    let suspended = admin.call("PATCH", &format!("/api/v1/users/{id}"), Some(&json!({ "suspended": true }))).await;
    assert_eq!(suspended.status, StatusCode::OK, "{}", suspended.text);
    assert!(open.ends().await);
    assert!(!opens(&app.caller(&house)).await);
    is_refused(&refresh(&house, &app.refresh).await, "wrong-refresh-token");
    is_refused(&log_in(&house, "person", &["dreams:read"]).await, "wrong-credentials");
    admin.call("PATCH", &format!("/api/v1/users/{id}"), Some(&json!({ "suspended": false }))).await;
    assert!(!opens(&app.caller(&house)).await, "the former log-in does not come back");
    assert!(!opens(&person).await);

    let mut again = Caller::new(&house);
    again.log_in("person", PASSWORD).await;
    let one = App::logged_in(&house, "person", &["dreams:read"]).await;
    let mut open = Listening::open(&one.caller(&house)).await;
    let sessions = again.get("/api/v1/account/sessions").await.json();
    let listed = sessions.as_array().unwrap().iter().find(|session| session["app"] == "a phone").expect("it is in the list");
    let path = format!("/api/v1/account/sessions/{}", listed["id"].as_str().unwrap());
    assert_eq!(again.call("DELETE", &path, None).await.status, StatusCode::NO_CONTENT);
    assert!(open.ends().await, "the person logged it out");
    assert!(!opens(&one.caller(&house)).await);

    let other = App::logged_in(&house, "person", &["dreams:read"]).await;
    let change = json!({ "current": PASSWORD, "new": "a quiet garden at noon" });
    assert_eq!(again.post("/api/v1/account/password", &change).await.status, StatusCode::NO_CONTENT);
    assert!(!opens(&other.caller(&house)).await);
    is_refused(&refresh(&house, &other.refresh).await, "wrong-refresh-token");
}

#[tokio::test]
async fn a_log_in_of_an_app_runs_out() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    house.person(&admin, "person", "user").await;
    let pool = &house.database.as_ref().unwrap().owner_pool;
    for wrong in [
        "UPDATE sessions SET expires_at = now() - interval '1 second'",
        "UPDATE sessions SET last_seen_at = now() - interval '15 days'",
        // The clock was a year ahead when it began, and is right again.
        "UPDATE sessions SET last_seen_at = now() + interval '1 year', created_at = now() + interval '1 year', expires_at = now() + interval '14 months'",
    ] {
        let app = App::logged_in(&house, "person", &["dreams:read"]).await;
        assert!(opens(&app.caller(&house)).await);
        sqlx::query(wrong).execute(pool).await.unwrap();
        assert!(!opens(&app.caller(&house)).await, "{wrong}");
        is_refused(&refresh(&house, &app.refresh).await, "wrong-refresh-token");
    }
}

#[tokio::test]
async fn whoever_has_a_second_factor_is_asked_for_it_by_an_app_too() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (_, id) = house.person(&admin, "person", "user").await;
    let pool = &house.database.as_ref().unwrap().owner_pool;
    // A passkey is a second factor, and a recovery code stands for it where there is no page that could ask for it.
    let passkey = "INSERT INTO passkeys (id, owner_id, credential_id, fixed_state, moving_state, name)
        VALUES (gen_random_uuid(), $1::text::uuid, 'c', 'f', 'm', 'a key')";
    sqlx::query(passkey).bind(&id).execute(pool).await.unwrap();
    let code = "INSERT INTO recovery_codes (owner_id, code_sha256) VALUES ($1::text::uuid, sha256('abcdefghjkmnpqrs'))";
    sqlx::query(code).bind(&id).execute(pool).await.unwrap();
    is_refused(&log_in(&house, "person", &["dreams:read"]).await, "second-factor-needed");
    let with = async |code: &str| {
        let body = json!({ "name": "person", "password": PASSWORD, "code": code, "app": "a phone", "scopes": ["dreams:read"] });
        Caller::new(&house).post(TOKENS, &body).await
    };
    is_refused(&with("000000").await, "wrong-second-factor");
    let shown = with("abcd-efgh-jkmn-pqrs").await;
    assert_eq!(shown.status, StatusCode::CREATED, "{}", shown.text);
    assert!(opens(&App::of(&shown).caller(&house)).await);
    is_refused(&with("abcd-efgh-jkmn-pqrs").await, "wrong-second-factor");
}
