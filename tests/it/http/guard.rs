//! Other sites' pages get nothing, and every answer carries its headers.

use axum::{
    body::Body,
    http::{Request, header},
};

use super::house::{House, request};

#[tokio::test]
async fn only_this_machines_names_are_answered() {
    let house = House::without_database();
    for host in ["evil.example", "localhost.evil.example", "192.168.1.4:8080"] {
        let answer = house.send(Request::get("/healthz").header(header::HOST, host).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status.as_u16(), 421, "{host}");
    }
    for host in ["localhost", "127.0.0.1:8080", "[::1]:8080"] {
        let answer = house.send(Request::get("/healthz").header(header::HOST, host).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status.as_u16(), 200, "{host}");
    }
    assert_eq!(house.send(Request::get("/healthz").body(Body::empty()).unwrap()).await.status.as_u16(), 421);
}

#[tokio::test]
async fn another_sites_page_changes_nothing() {
    let house = House::without_database();
    let post = || request("POST", "/api/v1/dreams/interpret").header(header::CONTENT_TYPE, "text/plain");
    let foreign = house.send(post().header(header::ORIGIN, "https://evil.example").body(Body::from("{}")).unwrap()).await;
    assert_eq!(foreign.status.as_u16(), 403);
    assert!(!foreign.headers.contains_key("access-control-allow-origin"));
    let hinted = house.send(post().header("sec-fetch-site", "cross-site").body(Body::from("{}")).unwrap()).await;
    assert_eq!(hinted.status.as_u16(), 403);
    let own = house.send(post().header(header::ORIGIN, "http://localhost:8080").body(Body::from("{}")).unwrap()).await;
    assert_eq!(own.status.as_u16(), 415, "it gets as far as its content type");
}

#[tokio::test]
async fn every_answer_carries_its_headers() {
    let house = House::without_database();
    for path in ["/", "/reference", "/reference.css", "/openapi.json", "/healthz", "/nowhere", "/api/v1/dreams?limit=0"] {
        let answer = house.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"));
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer", "{path}");
        let caching = if path == "/" { "no-cache" } else { "no-store" };
        assert_eq!(answer.headers["cache-control"], caching, "{path}");
        assert!(answer.headers["permissions-policy"].to_str().unwrap().contains("microphone=(self)"), "{path}");
    }
}
