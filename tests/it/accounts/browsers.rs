//! What browsers may be made to do: cookies, forgery, other hosts, other origins, broken heads.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
};
use oneiros::features::accounts::{CSRF_COOKIE, SESSION_COOKIE};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::people::{Caller, PASSWORD};
use crate::http::{
    engines::Behaviour,
    house::{House, request},
};

#[tokio::test]
async fn the_cookies_are_kept_to_this_host_and_to_the_browser() {
    let house = House::that(Behaviour::Reads).await;
    house.claimed().await;
    let answer = Caller::new(&house).log_in("ada", PASSWORD).await;
    let cookies: Vec<&str> = answer.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    for cookie in &cookies {
        let parts: Vec<&str> = cookie.split("; ").collect();
        assert!(parts.contains(&"Path=/") && parts.contains(&"Secure") && parts.contains(&"SameSite=Strict"), "{cookie}");
        assert!(cookie.starts_with("__Host-") && !cookie.contains("Domain"), "{cookie}");
        assert_eq!(parts.contains(&"HttpOnly"), cookie.starts_with(SESSION_COOKIE), "the page reads the other one alone: {cookie}");
    }
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let [session, csrf] = [SESSION_COOKIE, CSRF_COOKIE].map(|name| cookies.iter().find(|cookie| cookie.starts_with(name)).unwrap());
    assert!(
        !answer.text.contains(session.split(['=', ';']).nth(1).unwrap()) && !answer.text.contains(csrf.split(['=', ';']).nth(1).unwrap())
    );
}

#[tokio::test]
async fn a_change_needs_the_token_of_this_very_session() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let (other, _) = house.person(&admin, "other", "user").await;
    let change = json!({ "place": "Kazan" });
    for csrf in [None, Some(String::new()), Some("x".repeat(43)), other.csrf.clone(), admin.session.clone()] {
        let forged = Caller { csrf: csrf.clone(), ..admin.clone() };
        let answer = forged.call("PATCH", "/api/v1/account", Some(&change)).await;
        assert_eq!((answer.status, answer.json()["type"].as_str()), (StatusCode::FORBIDDEN, Some("/problems/csrf")), "{csrf:?}");
        assert_eq!(forged.get("/api/v1/account").await.status, StatusCode::OK, "reading changes nothing");
    }
    assert_eq!(admin.call("PATCH", "/api/v1/account", Some(&change)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn other_sites_and_other_hosts_are_refused_with_the_best_of_cookies() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let send = async |method: &str, set: &[(header::HeaderName, &'static str)]| {
        let mut request = admin.request(method, "/api/v1/account", Some(&json!({ "place": "Kazan" })));
        for (name, value) in set {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        house.send(request).await
    };
    let foreign = send("PATCH", &[(header::ORIGIN, "https://evil.example")]).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert!(!foreign.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    assert!(!send("GET", &[(header::ORIGIN, "https://evil.example")]).await.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    let form = [(header::ORIGIN, "https://evil.example"), (header::CONTENT_TYPE, "text/plain")];
    assert_eq!(send("PATCH", &form).await.status, StatusCode::FORBIDDEN);
    assert_eq!(send("PATCH", &[(header::HeaderName::from_static("sec-fetch-site"), "cross-site")]).await.status, StatusCode::FORBIDDEN);
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", ""] {
        assert_eq!(send("GET", &[(header::HOST, host)]).await.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    assert_eq!(send("GET", &[(header::HOST, "dreams.home.arpa")]).await.status, StatusCode::MISDIRECTED_REQUEST);
    let named = admin.call("PATCH", "/api/v1/settings", Some(&json!({ "host_name": "Dreams.home.arpa" }))).await;
    assert_eq!(named.json()["host_name"], "dreams.home.arpa");
    assert_eq!(send("GET", &[(header::HOST, "dreams.home.arpa:8420")]).await.status, StatusCode::OK);
    let mut twice = admin.request("GET", "/api/v1/account", None);
    twice.headers_mut().append(header::HOST, HeaderValue::from_static("dreams.home.arpa"));
    assert_eq!(house.send(twice).await.status, StatusCode::MISDIRECTED_REQUEST, "two hosts are none");
}

#[tokio::test]
async fn sessions_and_keys_that_are_none_open_nothing() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    let session = admin.session.clone().unwrap();
    let tries = [String::new(), "x".into(), session[1..].to_owned(), format!("{session}x"), "' OR 1=1 --".into(), "\u{7f}".into()];
    for secret in &tries {
        let caller = Caller { session: Some(secret.clone()), ..Caller::new(&house) };
        let Ok(_) = HeaderValue::from_str(secret) else { continue };
        assert_eq!(caller.get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED, "{secret}");
    }
    // Tokens of the kind that is signed: by nobody, and by somebody else (the rest of them is in `tokens`).
    for jwt in [
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDEiLCJyb2xlIjoiYWRtaW4ifQ.",
        "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYWRtaW4ifQ.5mhBHqs5_DTLdINd9p5m7ZJ6XD0Xc55kIaCRY5r6HRA",
    ] {
        assert_eq!(Caller::with_key(&house, jwt).get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED);
    }
    let mut doubled = request("GET", "/api/v1/account");
    doubled = doubled.header(header::COOKIE, format!("{SESSION_COOKIE}={session}; {SESSION_COOKIE}={session}"));
    assert_eq!(house.send(doubled.body(Body::empty()).unwrap()).await.status, StatusCode::UNAUTHORIZED, "which of the two?");
    let pool = &house.database.as_ref().unwrap().owner_pool;
    for wrong in [
        "UPDATE sessions SET expires_at = now() - interval '1 second'",
        "UPDATE sessions SET expires_at = now() + interval '1 day', last_seen_at = now() - interval '15 days'",
        // The clock was a year ahead when it began, and is right again.
        "UPDATE sessions SET last_seen_at = now() + interval '1 year', created_at = now() + interval '1 year', expires_at = now() + interval '14 months'",
    ] {
        sqlx::query(wrong).execute(pool).await.unwrap();
        assert_eq!(admin.get("/api/v1/account").await.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
}

/// What a server says to raw bytes.
async fn say(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    // A server that has heard enough hangs up while the rest is still on its way.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn heads_that_mean_two_things_or_never_end_are_refused() {
    let house = House::that(Behaviour::Reads).await;
    house.claimed().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stopping = tokio_util::sync::CancellationToken::new();
    let listeners = oneiros::http::Listeners { tcp: Some(listener), ..Default::default() };
    let serving = tokio::spawn(oneiros::http::serve(listeners, house.router.clone(), stopping.clone()));
    let cookie = format!("GET /api/v1/account HTTP/1.1\r\nhost: localhost\r\ncookie: a={}\r\n\r\n", "x".repeat(1024 * 1024));
    let answer = say(address, cookie.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{}", &answer[..answer.len().min(200)]);
    // Whoever reads the length takes the second request for the first one's body, whoever reads the chunks does not.
    let smuggled = "GET /api/v1/users HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let both = format!(
        "POST /api/v1/session HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        smuggled.len() + 5
    );
    let answer = say(address, both.as_bytes()).await;
    assert!(!answer.contains(" 200 "), "{answer}");
    let twice = "POST /api/v1/session HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}";
    assert!(say(address, twice.as_bytes()).await.starts_with("HTTP/1.1 400"));
    let hosts = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert!(say(address, hosts.as_bytes()).await.starts_with("HTTP/1.1 421"));
    let well = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert!(say(address, well.as_bytes()).await.starts_with("HTTP/1.1 200"), "and it goes on serving");
    stopping.cancel();
    serving.await.unwrap();
}
