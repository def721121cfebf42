//! Who may ask: only programs and pages of this machine, until accounts exist.
//!
//! A page of another site can make a browser send requests here, under its own name (cross-site requests) or under a
//! name that was made to point here (DNS rebinding). The first is seen by `Origin` and `Sec-Fetch-Site`, the second by
//! `Host`.

use std::net::IpAddr;

use axum::{
    extract::Request,
    http::{HeaderMap, Method, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::error::Error;

/// Refuses every request for a host that is not the loopback one.
pub async fn own_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let named = request.uri().authority().map(Authority::as_str);
    let own = [host, named].into_iter().flatten().all(is_loopback) && (host.is_some() || named.is_some());
    if own { next.run(request).await } else { Error::Misdirected.into_response() }
}

fn is_loopback(authority: &str) -> bool {
    if authority.contains('@') {
        return false;
    }
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Refuses requests that change something and come from another site's page.
pub async fn own_origin(request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && is_cross_site(request.headers()) {
        return Error::CrossSite.into_response();
    }
    next.run(request).await
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap_or("null"));
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    // Programs send no Origin; browsers send one with every request that changes something.
    let Some(origin) = text("origin") else { return false };
    let own = text("host").unwrap_or_default();
    let named = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    !named.is_some_and(|named| named.eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_ours() {
        for own in ["localhost", "localhost:8080", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080", "LOCALHOST"] {
            assert!(is_loopback(own), "{own}");
        }
        for other in ["example.com", "localhost.example.com", "10.0.0.1", "127.0.0.1.nip.io", "[::2]", "", "a b", "evil@localhost:80x"] {
            assert!(!is_loopback(other), "{other}");
        }
    }

    #[test]
    fn another_sites_page_is_noticed() {
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            is_cross_site(&headers)
        };
        assert!(!with(&[("host", "localhost:1")]));
        assert!(!with(&[("host", "localhost:1"), ("origin", "http://localhost:1")]));
        assert!(with(&[("host", "localhost:1"), ("origin", "http://localhost:2")]));
        assert!(with(&[("host", "localhost:1"), ("origin", "https://example.com")]));
        assert!(with(&[("host", "localhost:1"), ("origin", "null")]));
        assert!(with(&[("host", "localhost:1"), ("sec-fetch-site", "cross-site")]));
    }
}
