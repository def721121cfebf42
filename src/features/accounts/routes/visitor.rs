//! What a request shows of who sends it.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{Extensions, HeaderMap, header, request::Parts},
};

use crate::{
    error::Error,
    features::accounts::{Origin, Principal, SESSION_COOKIE, Visitor},
};

/// What a page sends beside its session.
const CSRF_HEADER: &str = "x-csrf-token";
/// Of what a browser calls itself so much is kept.
const LONGEST_USER_AGENT: usize = 200;

/// Reads a request's head. Without an [`Origin`] it comes from nowhere that is known, and is taken for a stranger's.
pub fn visitor(headers: &HeaderMap, extensions: &Extensions) -> Visitor {
    let unknown = Origin::Network(std::net::Ipv6Addr::UNSPECIFIED.into());
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Visitor {
        origin: extensions.get::<Origin>().copied().unwrap_or(unknown),
        key: text(header::AUTHORIZATION.as_str()).and_then(|value| bearer(&value)),
        session: cookie(headers, SESSION_COOKIE),
        csrf: text(CSRF_HEADER),
        user_agent: text(header::USER_AGENT.as_str())
            .map(|name| name.chars().filter(|c| !c.is_control()).take(LONGEST_USER_AGENT).collect()),
        page: text(header::ORIGIN.as_str()),
    }
}

fn bearer(value: &str) -> Option<String> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned()).filter(|key| !key.is_empty())
}

/// The cookie's value, when it came exactly once: two of one name are somebody's attempt to put one in the other's place.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found =
        values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('=')).filter(|(key, _)| *key == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value.to_owned()),
        _ => None,
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(visitor(&parts.headers, &parts.extensions))
    }
}

/// Put there by what guards every operation with a rule; an operation without one has no principal.
impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        parts.extensions.get::<Self>().cloned().ok_or(Error::Unauthenticated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn what_is_shown_is_read_and_what_is_doubled_is_not() {
        let of = |pairs: &[(&'static str, &str)]| visitor(&head(pairs), &Extensions::new());
        assert_eq!(of(&[("cookie", "a=b; __Host-oneiros-session=secret")]).session.as_deref(), Some("secret"));
        assert_eq!(of(&[("cookie", "__Host-oneiros-session=one; __Host-oneiros-session=two")]).session, None);
        assert_eq!(of(&[("cookie", "__Host-oneiros-session=one"), ("cookie", "__Host-oneiros-session=two")]).session, None);
        assert_eq!(of(&[("cookie", "oneiros-session=secret")]).session, None, "another cookie");
        assert_eq!(of(&[("authorization", "bearer key")]).key.as_deref(), Some("key"));
        assert_eq!(of(&[("authorization", "Basic key")]).key, None);
        assert_eq!(of(&[("authorization", "Bearer ")]).key, None);
        assert_eq!(of(&[("x-csrf-token", "t")]).csrf.as_deref(), Some("t"));
        assert!(of(&[("user-agent", &"x".repeat(5000))]).user_agent.unwrap().len() == LONGEST_USER_AGENT);
    }
}
