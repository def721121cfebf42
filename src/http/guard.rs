//! From where one may ask: from this server's own pages and from programs, by this server's own names.
//!
//! A page of another site can make a browser send requests here, under its own name (cross-site requests) or under a
//! name that was made to point here (DNS rebinding). The first is seen by `Origin` and `Sec-Fetch-Site`, the second by
//! `Host`.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Doorkeeper, Tls, server::OwnAddress};
use crate::error::Error;

/// What this server may be called, beside loopback names: as an admin named it, and as an authority certified it.
#[derive(Clone)]
pub struct OwnNames {
    doorkeeper: Doorkeeper,
    certified: Arc<[String]>,
}

impl OwnNames {
    pub fn of(doorkeeper: Doorkeeper, tls: Option<&Tls>) -> Self {
        Self { doorkeeper, certified: tls.map(Tls::certified_names).unwrap_or_default().into() }
    }

    fn hold(&self, authority: &str) -> bool {
        self.certified.iter().any(|name| is_named(authority, name))
            || self.doorkeeper.host_name().is_some_and(|name| is_named(authority, &name))
    }
}

/// Refuses every request for a host that is neither a loopback one nor one of the server's own names.
pub async fn own_host(State(names): State<OwnNames>, request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, second) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next());
    let named = request.uri().authority().map(Authority::as_str);
    let reached = request.extensions().get::<OwnAddress>().and_then(|own| own.0);
    let is_own =
        |authority: &str| is_loopback(authority) || names.hold(authority) || reached.is_some_and(|address| is_address(authority, address));
    let own = second.is_none() && [host, named].into_iter().flatten().all(is_own) && (host.is_some() || named.is_some());
    if own { next.run(request).await } else { Error::Misdirected.into_response() }
}

/// No name can be made to point here in place of an address.
fn is_address(authority: &str, address: IpAddr) -> bool {
    let host = |authority: Authority| authority.host().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    !authority.contains('@') && authority.parse().is_ok_and(|authority| host(authority).is_ok_and(|named| named.to_canonical() == address))
}

fn is_named(authority: &str, name: &str) -> bool {
    !authority.contains('@')
        && authority.parse::<Authority>().is_ok_and(|authority| authority.host().trim_end_matches('.').eq_ignore_ascii_case(name))
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
    fn the_given_name_is_ours_and_nothing_like_it() {
        for own in ["dreams.home.arpa", "Dreams.home.arpa:8420", "dreams.home.arpa."] {
            assert!(is_named(own, "dreams.home.arpa"), "{own}");
        }
        for other in ["dreams.home.arpa.example.com", "x@dreams.home.arpa", "home.arpa", ""] {
            assert!(!is_named(other, "dreams.home.arpa"), "{other}");
        }
    }

    #[test]
    fn certified_names_are_ours() {
        let certified = ["dreams.example.org", "oneiros.example.org"].map(str::to_owned).into();
        let names = OwnNames { doorkeeper: Doorkeeper::ComingUp { claimed: true }, certified };
        assert!(names.hold("dreams.example.org:8420") && names.hold("Oneiros.example.org"));
        assert!(!names.hold("example.org") && !OwnNames::of(Doorkeeper::ComingUp { claimed: true }, None).hold("dreams.example.org"));
    }

    #[test]
    fn the_address_that_was_reached_is_ours_and_no_other() {
        let reached: IpAddr = "192.168.1.5".parse().unwrap();
        assert!(is_address("192.168.1.5:8420", reached) && is_address("[::ffff:192.168.1.5]:8420", reached));
        assert!(!is_address("192.168.1.6", reached) && !is_address("192.168.1.5.nip.io", reached) && !is_address("x@192.168.1.5", reached));
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
