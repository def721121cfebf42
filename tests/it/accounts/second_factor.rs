//! Authenticators, recovery codes, and roles that must have a second factor.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use axum::http::StatusCode;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use super::people::{Caller, PASSWORD, key};
use crate::http::{engines::Behaviour, house::House};

/// The present step of time.
fn step() -> i64 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(seconds / 30).unwrap()
}

/// What an authenticator app shows in a step: RFC 6238 over RFC 4226, written here a second time.
fn code(secret: &str, step: i64) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = secret.chars().map(|letter| format!("{:05b}", LETTERS.find(letter).expect("base32"))).collect();
    let bytes: Vec<u8> =
        bits.as_bytes().chunks_exact(8).map(|bits| u8::from_str_radix(str::from_utf8(bits).unwrap(), 2).unwrap()).collect();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes), &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// An authenticator that was set up.
struct Authenticator {
    secret: String,
    /// Whose code was used up by that; the next one's is taken at least half a minute long.
    step: i64,
    recovery_codes: Vec<String>,
}

async fn with_authenticator(person: &Caller<'_>) -> Authenticator {
    let offered = person.post("/api/v1/account/authenticator", &json!({ "password": PASSWORD })).await;
    assert_eq!(offered.status, StatusCode::CREATED, "{}", offered.text);
    let secret = offered.json()["secret"].as_str().expect("a secret").to_owned();
    let step = step();
    let shown = json!({ "code": code(&secret, step) });
    let confirmed = person.post("/api/v1/account/authenticator/confirmation", &shown).await;
    assert_eq!(confirmed.status, StatusCode::OK, "{}", confirmed.text);
    let codes = confirmed.json()["codes"].as_array().expect("codes").iter().map(|code| code.as_str().expect("text").to_owned()).collect();
    Authenticator { secret, step, recovery_codes: codes }
}

async fn log_in(person: &mut Caller<'_>, name: &str, code: Option<&str>) -> (StatusCode, String) {
    let answer = person.enter("/api/v1/session", &json!({ "name": name, "password": PASSWORD, "code": code })).await;
    let kind = if answer.status.is_success() { Value::Null } else { answer.json()["type"].clone() };
    (answer.status, kind.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn whoever_has_an_authenticator_is_asked_for_its_code_and_each_code_opens_once() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (bea, _) = house.person(&admin, "bea", "user").await;
    let mut elsewhere = Caller::new(&house);
    assert_eq!(elsewhere.log_in("bea", PASSWORD).await.status, StatusCode::OK);
    let offered = bea.post("/api/v1/account/authenticator", &json!({ "password": "not the password" })).await;
    assert_eq!(offered.status, StatusCode::FORBIDDEN, "the person once more");
    assert_eq!(bea.post("/api/v1/account/authenticator", &json!({})).await.status, StatusCode::FORBIDDEN);

    let Authenticator { secret, step: used, recovery_codes } = with_authenticator(&bea).await;
    assert_eq!(recovery_codes.len(), 10);
    assert_eq!(bea.get("/api/v1/account").await.status, StatusCode::OK, "the browser that set it up stays");
    assert_eq!(elsewhere.get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED, "another came in without");
    let state = bea.get("/api/v1/account/second-factor").await.json();
    assert_eq!((&state["authenticator"], &state["recovery_codes_left"], &state["required"]), (&json!(true), &json!(10), &json!(false)));

    let mut browser = Caller::new(&house);
    assert_eq!(log_in(&mut browser, "bea", None).await, (StatusCode::UNAUTHORIZED, "/problems/second-factor-needed".into()));
    assert_eq!(log_in(&mut browser, "bea", Some("")).await.1, "/problems/second-factor-needed");
    let wrong = (StatusCode::UNAUTHORIZED, "/problems/wrong-second-factor".to_owned());
    assert_eq!(log_in(&mut browser, "bea", Some("000000")).await, wrong);
    assert_eq!(log_in(&mut browser, "bea", Some(&code(&secret, used))).await, wrong, "used when it was set up");
    assert_eq!(log_in(&mut browser, "bea", Some(&code(&secret, used + 40))).await, wrong, "a clock twenty minutes off");
    assert_eq!(log_in(&mut browser, "bea", Some(&code(&secret, used + 365 * 24 * 120))).await, wrong, "a clock a year off");
    let now = code(&secret, used + 1);
    assert_eq!(log_in(&mut browser, "bea", Some(&now)).await.0, StatusCode::OK);
    assert_eq!(log_in(&mut Caller::new(&house), "bea", Some(&now)).await, wrong, "a code opens once");
    assert_eq!(log_in(&mut Caller::new(&house), "bea", Some(&code(&secret, used))).await, wrong, "nor does one before it");
    let wrong_password = Caller::new(&house).log_in("bea", "wrong wrong wrong").await;
    assert_eq!(wrong_password.json()["type"], "/problems/wrong-credentials", "who has a second factor is not told to guessers");
    let listed = admin.get("/api/v1/users?search=bea").await.json();
    assert_eq!(listed["users"][0]["second_factor"], true);
}

#[tokio::test]
async fn a_recovery_code_opens_once_however_it_is_typed() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (bea, _) = house.person(&admin, "bea", "user").await;
    let codes = with_authenticator(&bea).await.recovery_codes;
    let mut browser = Caller::new(&house);
    let typed = format!(" {} ", codes[3].to_uppercase().replace('-', " "));
    assert_eq!(log_in(&mut browser, "bea", Some(&typed)).await.0, StatusCode::OK);
    assert_eq!(log_in(&mut Caller::new(&house), "bea", Some(&codes[3])).await.1, "/problems/wrong-second-factor");
    assert_eq!(browser.get("/api/v1/account/second-factor").await.json()["recovery_codes_left"], 9);

    let renewed = browser.post("/api/v1/account/recovery-codes", &json!({ "password": PASSWORD })).await;
    assert_eq!(renewed.status, StatusCode::CREATED, "{}", renewed.text);
    assert_eq!(log_in(&mut Caller::new(&house), "bea", Some(&codes[4])).await.1, "/problems/wrong-second-factor", "an old one");
    let fresh = renewed.json()["codes"][0].as_str().expect("a code").to_owned();
    assert_eq!(log_in(&mut Caller::new(&house), "bea", Some(&fresh)).await.0, StatusCode::OK);

    let removed = browser.post("/api/v1/account/authenticator/removal", &json!({ "password": PASSWORD })).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{}", removed.text);
    assert_eq!(browser.get("/api/v1/account/second-factor").await.json()["recovery_codes_left"], 0, "they stand in for nothing");
    assert_eq!(browser.post("/api/v1/account/recovery-codes", &json!({ "password": PASSWORD })).await.status, StatusCode::CONFLICT);
    assert_eq!(Caller::new(&house).log_in("bea", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_authenticator_asks_for_nothing_until_its_first_code_was_shown() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (bea, _) = house.person(&admin, "bea", "user").await;
    let nothing = bea.post("/api/v1/account/authenticator/confirmation", &json!({ "code": "123456" })).await;
    assert_eq!(nothing.status, StatusCode::CONFLICT);
    let first = bea.post("/api/v1/account/authenticator", &json!({ "password": PASSWORD })).await.json();
    let second = bea.post("/api/v1/account/authenticator", &json!({ "password": PASSWORD })).await.json();
    assert_ne!(first["secret"], second["secret"], "begun again");
    assert!(second["address"].as_str().unwrap().starts_with("otpauth://totp/Oneiros:bea?"), "{second}");
    assert_eq!(Caller::new(&house).log_in("bea", PASSWORD).await.status, StatusCode::OK);
    let of_first = json!({ "code": code(first["secret"].as_str().unwrap(), step()) });
    assert_eq!(bea.post("/api/v1/account/authenticator/confirmation", &of_first).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let of_second = json!({ "code": code(second["secret"].as_str().unwrap(), step()) });
    assert_eq!(bea.post("/api/v1/account/authenticator/confirmation", &of_second).await.status, StatusCode::OK);
    assert_eq!(bea.post("/api/v1/account/authenticator", &json!({ "password": PASSWORD })).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn codes_are_not_guessed_even_with_the_password() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (bea, _) = house.person(&admin, "bea", "user").await;
    let Authenticator { secret, step, .. } = with_authenticator(&bea).await;
    let mut refused = 0;
    for number in 0..30 {
        // From a network of its own each time.
        let mut guesser = Caller::new(&house).at(&format!("2001:db8:{number:x}::1"));
        let (status, kind) = log_in(&mut guesser, "bea", Some(&format!("{number:06}"))).await;
        match status {
            StatusCode::UNAUTHORIZED => assert_eq!(kind, "/problems/wrong-second-factor"),
            StatusCode::TOO_MANY_REQUESTS => refused += 1,
            other => panic!("{other} {kind}"),
        }
    }
    assert_eq!(refused, 10, "twenty a day from everywhere");
    let right = log_in(&mut Caller::new(&house).at("2001:db8:99::1"), "bea", Some(&code(&secret, step + 1))).await;
    assert_eq!(right.0, StatusCode::TOO_MANY_REQUESTS, "nor is the right one taken on this day");
    let audit = admin.get("/api/v1/audit?action=login-refused").await.json();
    assert!(audit["entries"].as_array().unwrap().iter().any(|entry| entry["detail"]["door"] == "second-factor"), "{audit}");
}

#[tokio::test]
async fn a_role_that_must_have_a_second_factor_can_do_nothing_before() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (imam, _) = house.person(&admin, "imam", "imam").await;
    let (user, _) = house.person(&admin, "bea", "user").await;
    let (key, _) = key(&imam, &["dreams:read"]).await;
    let program = Caller::with_key(&house, &key);
    assert_eq!(program.get("/api/v1/dreams").await.status, StatusCode::OK);
    let settings = admin.call("PATCH", "/api/v1/settings", Some(&json!({ "second_factor_roles": ["imam", "imam"] }))).await;
    assert_eq!(settings.json()["second_factor_roles"], json!(["imam"]), "{}", settings.text);

    for caller in [&imam, &program] {
        let refused = caller.get("/api/v1/dreams").await;
        assert_eq!((refused.status, &refused.json()["type"]), (StatusCode::FORBIDDEN, &json!("/problems/second-factor-missing")));
    }
    for (method, path, body) in [
        ("GET", "/api/v1/account/export", None),
        ("PATCH", "/api/v1/account", Some(json!({ "place": "x" }))),
        ("POST", "/api/v1/account/keys", Some(json!({ "name": "a way around", "scopes": ["dreams:read"] }))),
        ("POST", "/api/v1/account/identities", Some(json!({ "password": PASSWORD }))),
        ("POST", "/api/v1/account/erasure", Some(json!({ "password": PASSWORD }))),
        ("GET", "/api/v1/account/sessions", None),
    ] {
        let refused = imam.call(method, path, body.as_ref()).await;
        assert_eq!(refused.json()["type"], "/problems/second-factor-missing", "{method} {path}: {}", refused.text);
    }
    assert_eq!(user.get("/api/v1/dreams").await.status, StatusCode::OK, "another role");
    assert_eq!(imam.get("/api/v1/session").await.json()["must_add_second_factor"], true);
    assert_eq!(imam.get("/api/v1/account/second-factor").await.json()["required"], true);
    with_authenticator(&imam).await;
    assert_eq!(imam.get("/api/v1/dreams").await.status, StatusCode::OK);
    assert_eq!(program.get("/api/v1/dreams").await.status, StatusCode::OK);
    assert_eq!(imam.get("/api/v1/session").await.json()["must_add_second_factor"], false);
}

#[tokio::test]
async fn a_log_in_that_was_proven_before_the_factor_came_is_none_after() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (bea, _) = house.person(&admin, "bea", "user").await;
    // Log-ins with the password alone, one after the other, while the authenticator is set up.
    let guessing = async {
        let mut came_in = Vec::new();
        for _ in 0..8 {
            let mut browser = Caller::new(&house);
            if browser.log_in("bea", PASSWORD).await.status == StatusCode::OK {
                came_in.push(browser);
            }
        }
        came_in
    };
    let (came_in, _) = tokio::join!(guessing, with_authenticator(&bea));
    for browser in came_in {
        assert_eq!(browser.get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED, "it came in without");
    }
}

#[tokio::test]
async fn the_days_wrong_codes_do_not_keep_a_recovery_code_out() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (bea, _) = house.person(&admin, "bea", "user").await;
    let codes = with_authenticator(&bea).await.recovery_codes;
    for number in 0..21 {
        log_in(&mut Caller::new(&house).at(&format!("2001:db8:{number:x}::1")), "bea", Some(&format!("{number:06}"))).await;
    }
    assert_eq!(log_in(&mut Caller::new(&house), "bea", Some("123456")).await.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(log_in(&mut Caller::new(&house), "bea", Some(&codes[0])).await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_admin_lets_somebody_in_who_lost_it() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (bea, id) = house.person(&admin, "bea", "user").await;
    with_authenticator(&bea).await;
    let path = format!("/api/v1/users/{id}/second-factor/removal");
    assert_eq!(bea.call("POST", &path, None).await.status, StatusCode::FORBIDDEN);
    assert_eq!(admin.call("POST", &path, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(bea.get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED, "their sessions end");
    assert_eq!(Caller::new(&house).log_in("bea", PASSWORD).await.status, StatusCode::OK);
    let nobody = admin.call("POST", "/api/v1/users/00000000-0000-0000-0000-0000000000ff/second-factor/removal", None).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

/// Every row of the database as text, as a dump would hold it.
async fn dumped(pool: &PgPool) -> String {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'").fetch_all(pool).await.unwrap();
    let mut all = String::new();
    for table in tables {
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT row::text FROM {table} AS row"))).fetch_all(pool).await.unwrap();
        all.extend(rows.iter().map(|row| format!("{table} {row}\n")));
    }
    all
}

#[tokio::test]
async fn a_copy_of_the_database_opens_nothing() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (bea, _) = house.person(&admin, "bea", "user").await;
    let (key, _) = key(&bea, &["dreams:read"]).await;
    let Authenticator { secret, recovery_codes: codes, .. } = with_authenticator(&bea).await;
    let dump = dumped(&house.database.as_ref().expect("a database").owner_pool).await;
    assert!(dump.contains("authenticators (") && dump.contains("recovery_codes ("), "the rows are there");
    let bytes: String = {
        const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let bits: String = secret.chars().map(|letter| format!("{:05b}", LETTERS.find(letter).unwrap())).collect();
        bits.as_bytes()
            .chunks_exact(8)
            .map(|bits| format!("{:02x}", u8::from_str_radix(str::from_utf8(bits).unwrap(), 2).unwrap()))
            .collect()
    };
    let session = bea.session.clone().expect("a session");
    for hidden in [&secret, &bytes, &key, &session, &codes[0], &codes[0].replace('-', ""), &PASSWORD.to_owned()] {
        assert!(!dump.contains(hidden.as_str()), "{hidden} lies open in the database");
    }
}
