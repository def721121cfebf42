//! Passkeys: made, shown, refused, taken away.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    device::{Device, Manner, PAGE, RIGHT, challenge, make, passkey, shown},
    people::{Caller, PASSWORD},
};
use crate::http::{
    engines::Behaviour,
    house::{Answer, House},
};

const DOOR: &str = "/api/v1/session/passkey";
const PASSKEYS: &str = "/api/v1/account/passkeys";

/// Tries to come in by a passkey, in a browser of its own.
async fn knock<'a>(house: &'a House, device: &mut Device, manner: Manner) -> (Caller<'a>, Answer) {
    let mut caller = Caller::new(house).on(PAGE);
    let body = shown(&caller, device, manner).await;
    let answer = caller.enter(DOOR, &body).await;
    (caller, answer)
}

fn assert_not_shown(answer: &Answer, why: &str) {
    assert_eq!(
        (answer.status, answer.json()["type"].as_str()),
        (StatusCode::FORBIDDEN, Some("/problems/not-shown")),
        "{why}: {}",
        answer.text
    );
}

#[tokio::test]
async fn a_passkey_is_a_whole_log_in() {
    let house = House::that(Behaviour::Reads).await;
    let ada = house.claimed().await.on(PAGE);
    let (mut device, made) = passkey(&ada, " My phone ").await;
    assert_eq!((&made["passkey"]["name"], &made["passkey"]["last_used_at"]), (&json!("My phone"), &Value::Null));
    assert_eq!(made["recovery_codes"].as_array().unwrap().len(), 10, "it is the first second factor");
    for _ in 0..2 {
        let (browser, answer) = knock(&house, &mut device, RIGHT).await;
        assert_eq!((answer.status, answer.json()["account"]["name"].as_str()), (StatusCode::OK, Some("ada")), "{}", answer.text);
        let sessions = browser.get("/api/v1/account/sessions").await.json();
        let current = sessions.as_array().unwrap().iter().find(|session| session["current"] == true).unwrap();
        assert_eq!(current["came_by"], "passkey");
    }
    let (_, another) = passkey(&ada, "A key on my desk").await;
    assert_eq!(another["recovery_codes"], json!([]), "there are some");
    let factors = ada.get("/api/v1/account/second-factor").await.json();
    assert_eq!((factors["passkeys"].as_array().unwrap().len(), &factors["recovery_codes_left"]), (2, &json!(10)));
    assert!(factors["passkeys"][0]["last_used_at"].is_string() && factors["passkeys"][1]["last_used_at"].is_null());
    let export = ada.get("/api/v1/account/export").await.json();
    assert_eq!(export["passkeys"], factors["passkeys"]);
    for text in [made.to_string(), factors.to_string(), export["passkeys"].to_string()] {
        assert!(!text.contains("state") && !text.contains("credential"), "{text}");
    }
}

#[tokio::test]
async fn the_first_passkey_ends_what_came_in_without() {
    let house = House::that(Behaviour::Reads).await;
    let ada = house.claimed().await.on(PAGE);
    let mut elsewhere = Caller::new(&house);
    assert_eq!(elsewhere.log_in("ada", PASSWORD).await.status, StatusCode::OK);
    let (mut device, _) = passkey(&ada, "phone").await;
    assert_eq!(elsewhere.get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ada.get("/api/v1/account").await.status, StatusCode::OK, "the browser that made it goes on");
    let (browser, _) = knock(&house, &mut device, RIGHT).await;
    passkey(&ada, "key").await;
    assert_eq!(browser.get("/api/v1/account").await.status, StatusCode::OK, "another one ends nothing");
}

#[tokio::test]
async fn a_password_alone_is_not_enough_any_more_and_a_recovery_code_helps_once() {
    let house = House::that(Behaviour::Reads).await;
    let ada = house.claimed().await.on(PAGE);
    let (_, made) = passkey(&ada, "phone").await;
    let alone = Caller::new(&house).log_in("ada", PASSWORD).await;
    assert_eq!((alone.status, alone.json()["type"].as_str()), (StatusCode::UNAUTHORIZED, Some("/problems/second-factor-needed")));
    let with_code = json!({ "name": "ada", "password": PASSWORD, "code": made["recovery_codes"][0] });
    assert_eq!(Caller::new(&house).enter("/api/v1/session", &with_code).await.status, StatusCode::OK);
    let again = Caller::new(&house).enter("/api/v1/session", &with_code).await;
    assert_eq!((again.status, again.json()["type"].as_str()), (StatusCode::UNAUTHORIZED, Some("/problems/wrong-second-factor")));
}

#[tokio::test]
async fn a_ceremony_is_good_once_for_five_minutes_and_for_its_person() {
    let house = House::that(Behaviour::Reads).await;
    let ada = house.claimed().await.on(PAGE);
    let (bea, _) = house.person(&ada, "bea", "user").await;
    let bea = bea.on(PAGE);
    let begin = async |caller: &Caller<'_>| {
        let begun = challenge(caller, "/api/v1/account/passkeys/challenge").await;
        let (device, credential) = Device::make(&begun["options"], RIGHT);
        (device, json!({ "ceremony": begun["ceremony"], "name": "phone", "credential": credential }))
    };
    let (_, beas) = begin(&bea).await;
    assert_not_shown(&ada.post(PASSKEYS, &beas).await, "another's");
    assert_not_shown(&bea.post(PASSKEYS, &beas).await, "it was tried");

    let (mut device, adas) = begin(&ada).await;
    assert_eq!(ada.post(PASSKEYS, &adas).await.status, StatusCode::CREATED);
    assert_not_shown(&ada.post(PASSKEYS, &adas).await, "made twice");
    let browser = Caller::new(&house).on(PAGE);
    let body = shown(&browser, &mut device, RIGHT).await;
    assert_eq!(browser.post(DOOR, &body).await.status, StatusCode::OK);
    assert_not_shown(&browser.post(DOOR, &body).await, "shown twice");

    let (_, begun) = begin(&ada).await;
    assert_not_shown(
        &browser.post(DOOR, &json!({ "ceremony": begun["ceremony"], "credential": body["credential"] })).await,
        "of another kind",
    );
    let (late, late_in_coming) = (begin(&ada).await.1, shown(&browser, &mut device, RIGHT).await);
    let pool = &house.database.as_ref().unwrap().owner_pool;
    sqlx::query("UPDATE ceremonies SET expires_at = now() - interval '1 second'").execute(pool).await.unwrap();
    assert_not_shown(&ada.post(PASSKEYS, &late).await, "too late");
    assert_not_shown(&browser.post(DOOR, &late_in_coming).await, "too late");
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM passkeys").fetch_one(pool).await.unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn what_is_not_right_is_not_kept() {
    let house = House::that(Behaviour::Reads).await;
    let ada = house.claimed().await.on(PAGE);
    let wrong = [
        ("another page", Manner { page: "https://evil.example", ..RIGHT }),
        ("another port of this host", Manner { page: "http://localhost:8081", ..RIGHT }),
        ("for another", Manner { party: "evil.example", ..RIGHT }),
        ("nobody verified", Manner { verified: false, ..RIGHT }),
    ];
    for (why, manner) in wrong {
        assert_not_shown(&make(&ada, "phone", manner).await.1, why);
    }
    let too_long = "x".repeat(61);
    for name in ["", " ", "a\nb", too_long.as_str()] {
        assert_eq!(make(&ada, name, RIGHT).await.1.status, StatusCode::UNPROCESSABLE_ENTITY, "{name:?}");
    }
    assert_eq!(ada.get("/api/v1/account/second-factor").await.json()["passkeys"], json!([]));
    let unconfirmed = ada.post("/api/v1/account/passkeys/challenge", &json!({ "password": "wrong wrong wrong" })).await;
    assert_eq!((unconfirmed.status, unconfirmed.json()["type"].as_str()), (StatusCode::FORBIDDEN, Some("/problems/wrong-password")));
}

#[tokio::test]
async fn what_is_not_right_opens_nothing_and_hears_nothing() {
    let house = House::that(Behaviour::Reads).await;
    let ada = house.claimed().await.on(PAGE);
    let (mut device, _) = passkey(&ada, "phone").await;
    let (mut strange, _) = Device::make(&json!({ "user": { "id": device.handle }, "challenge": "x" }), RIGHT);
    device.counter = 7;
    assert_eq!(knock(&house, &mut device, RIGHT).await.1.status, StatusCode::OK);
    let wrong = [
        ("another page", Manner { page: "https://evil.example", ..RIGHT }),
        ("another port of this host", Manner { page: "http://localhost:8081", ..RIGHT }),
        ("for another", Manner { party: "evil.example", ..RIGHT }),
        ("nobody verified", Manner { verified: false, ..RIGHT }),
    ];
    let mut answers = Vec::new();
    for (why, manner) in wrong {
        answers.push((why, knock(&house, &mut device, manner).await.1));
    }
    answers.push(("nobody's", knock(&house, &mut strange, RIGHT).await.1));
    let next = device.counter;
    device.counter = 3;
    answers.push(("the counter went back", knock(&house, &mut device, RIGHT).await.1));
    device.counter = 7;
    answers.push(("the counter stood still", knock(&house, &mut device, RIGHT).await.1));
    device.counter = next;
    let browser = Caller::new(&house).on(PAGE);
    for (why, field) in [("altered signature", "signature"), ("altered data", "authenticatorData"), ("no person", "userHandle")] {
        let mut body = shown(&browser, &mut device, RIGHT).await;
        let other = shown(&browser, &mut strange, RIGHT).await;
        body["credential"]["response"][field] =
            if field == "userHandle" { Value::Null } else { other["credential"]["response"][field].clone() };
        answers.push((why, browser.post(DOOR, &body).await));
    }
    for (why, credential) in
        [("nothing", json!({})), ("no object", json!("passkey")), ("an empty one", json!({ "id": "", "response": {} }))]
    {
        let begun = challenge(&browser, "/api/v1/session/passkey/challenge").await;
        answers.push((why, browser.post(DOOR, &json!({ "ceremony": begun["ceremony"], "credential": credential })).await));
    }
    for (why, answer) in &answers {
        assert_not_shown(answer, why);
        assert_eq!(answer.text, answers[0].1.text, "{why}");
    }
    assert_eq!(knock(&house, &mut device, RIGHT).await.1.status, StatusCode::OK, "the right one still opens");
    let refused = ada.get("/api/v1/audit?action=login-refused").await.json();
    let refused = refused["entries"].as_array().unwrap();
    assert!(refused.len() == answers.len() && refused.iter().all(|entry| entry["detail"]["door"] == "passkey"), "{refused:?}");
}

#[tokio::test]
async fn guesses_cost_tries_and_coming_in_does_not() {
    let house = House::that(Behaviour::Reads).await;
    let ada = house.claimed().await.on(PAGE);
    let (mut device, _) = passkey(&ada, "phone").await;
    for _ in 0..25 {
        assert_eq!(knock(&house, &mut device, RIGHT).await.1.status, StatusCode::OK);
    }
    let stranger = Caller::new(&house).on(PAGE).at("192.0.2.1");
    let guess = json!({ "ceremony": "x", "credential": {} });
    for _ in 0..20 {
        assert_not_shown(&stranger.post(DOOR, &guess).await, "a guess");
    }
    assert_eq!(stranger.post(DOOR, &guess).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn the_suspended_and_the_removed_do_not_come_in() {
    let house = House::that(Behaviour::Reads).await;
    let ada = house.claimed().await;
    let (bea, id) = house.person(&ada, "bea", "user").await;
    let (mut device, made) = passkey(&bea.on(PAGE), "phone").await;
    let path = format!("/api/v1/users/{id}");
    let suspend = async |suspended: bool| ada.call("PATCH", &path, Some(&json!({ "suspended": suspended }))).await.status;
    assert_eq!(suspend(true).await, StatusCode::OK);
    assert_not_shown(&knock(&house, &mut device, RIGHT).await.1, "suspended");
    assert_eq!(suspend(false).await, StatusCode::OK);
    let (bea, answer) = knock(&house, &mut device, RIGHT).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);

    let removal = format!("{PASSKEYS}/{}/removal", made["passkey"]["id"].as_str().unwrap());
    assert_eq!(bea.post(&removal, &json!({ "password": "wrong wrong wrong" })).await.status, StatusCode::FORBIDDEN);
    let confirmed = json!({ "password": PASSWORD });
    assert_eq!(ada.post(&removal, &confirmed).await.status, StatusCode::NOT_FOUND, "not even an admin's is it");
    assert_eq!(bea.post(&removal, &confirmed).await.status, StatusCode::NO_CONTENT);
    assert_eq!(bea.post(&removal, &confirmed).await.status, StatusCode::NOT_FOUND);
    assert_not_shown(&knock(&house, &mut device, RIGHT).await.1, "removed");
    assert_eq!(Caller::new(&house).log_in("bea", PASSWORD).await.status, StatusCode::OK, "the password alone again");
}

#[tokio::test]
async fn twenty_passkeys_are_enough() {
    let house = House::that(Behaviour::Reads).await;
    let ada = house.claimed().await.on(PAGE);
    let begun = challenge(&ada, "/api/v1/account/passkeys/challenge").await;
    let pool = &house.database.as_ref().unwrap().owner_pool;
    sqlx::query(
        "INSERT INTO passkeys (id, owner_id, credential_id, fixed_state, moving_state, name)
        SELECT gen_random_uuid(), users.id, sha256(number::text::bytea), ''::bytea, ''::bytea, 'one of many' FROM users, generate_series(1, 20) AS number",
    )
    .execute(pool)
    .await
    .unwrap();
    let (_, credential) = Device::make(&begun["options"], RIGHT);
    let late = ada.post(PASSKEYS, &json!({ "ceremony": begun["ceremony"], "name": "phone", "credential": credential })).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.text);
    let again = ada.post("/api/v1/account/passkeys/challenge", &json!({ "password": PASSWORD })).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.json()["detail"].as_str().unwrap().contains("remove one"), "{}", again.text);
    sqlx::query("DELETE FROM passkeys WHERE id IN (SELECT id FROM passkeys LIMIT 1)").execute(pool).await.unwrap();
    let begun = challenge(&ada, "/api/v1/account/passkeys/challenge").await;
    assert_eq!(begun["options"]["excludeCredentials"].as_array().unwrap().len(), 19, "no authenticator makes a second one");
}

#[tokio::test]
async fn passkeys_need_a_page_with_a_name() {
    let house = House::that(Behaviour::Reads).await;
    let ada = house.claimed().await;
    let change = json!({ "host_name": "dreams.home.arpa" });
    let ask = async |page: Option<&'static str>| {
        let caller = Caller { page, ..ada.clone() };
        let answers = [
            caller.post("/api/v1/account/passkeys/challenge", &json!({ "password": PASSWORD })).await,
            caller.call("POST", "/api/v1/session/passkey/challenge", None).await,
            caller.post(DOOR, &json!({ "ceremony": "x", "credential": {} })).await,
        ];
        assert!(answers.iter().all(|answer| answer.status == StatusCode::CONFLICT), "{answers:?}");
        answers[0].json()["detail"].as_str().unwrap().to_owned()
    };
    assert!(ask(Some("http://127.0.0.1:8080")).await.ends_with("open it as http://localhost:8080"));
    assert!(ask(None).await.contains("browsers"));
    assert_eq!(ada.call("PATCH", "/api/v1/settings", Some(&change)).await.status, StatusCode::OK);
    assert!(ask(Some("https://127.0.0.1:8420")).await.ends_with("open it as https://dreams.home.arpa:8420"));

    let named = Manner { page: "https://dreams.home.arpa:8420", party: "dreams.home.arpa", verified: true };
    let (mut device, made) = make(&ada.on(named.page), "phone", named).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let browser = Caller::new(&house).on(named.page);
    let body = shown(&browser, &mut device, named).await;
    assert_eq!(browser.post(DOOR, &body).await.status, StatusCode::OK);
    let body = shown(&browser, &mut device, named).await;
    assert_not_shown(&Caller::new(&house).on(PAGE).post(DOOR, &body).await, "it was made at another page");
}
