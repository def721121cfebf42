//! A session as a browser keeps it.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::{
    error::{Error, Result},
    features::accounts::{CSRF_COOKIE, Entrance, PROVIDER_COOKIE, SESSION_COOKIE, csrf_token},
};

/// As long as a session lasts at most; the database's clock decides.
const LIFE_SECONDS: u32 = 60 * 24 * 60 * 60;
/// As long as a log-in through the provider may take.
const DEPARTURE_SECONDS: u32 = 600;

/// The cookies of a session that begins. The page can read the second one alone.
pub fn begin(entrance: &Entrance) -> Result<HeaderMap> {
    let session = format!("{SESSION_COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={LIFE_SECONDS}", entrance.token);
    let csrf = format!("{CSRF_COOKIE}={}; Path=/; Secure; SameSite=Strict; Max-Age={LIFE_SECONDS}", csrf_token(&entrance.token));
    set([session, csrf])
}

/// Takes both away.
pub fn end() -> Result<HeaderMap> {
    set([SESSION_COOKIE, CSRF_COOKIE].map(|name| format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")))
}

/// What a browser that goes to the provider shows when it is back. Lax, since it comes from the provider's page.
pub fn depart(browser: &str) -> Result<HeaderMap> {
    set([format!("{PROVIDER_COOKIE}={browser}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={DEPARTURE_SECONDS}")])
}

/// Takes that away, and begins a session if somebody came in.
pub fn arrive(entrance: Option<&Entrance>) -> Result<HeaderMap> {
    let mut headers = entrance.map(begin).transpose()?.unwrap_or_default();
    let gone = set([format!("{PROVIDER_COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")])?;
    for cookie in gone.get_all(header::SET_COOKIE) {
        headers.append(header::SET_COOKIE, cookie.clone());
    }
    Ok(headers)
}

fn set<const N: usize>(cookies: [String; N]) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for cookie in cookies {
        let mut value = HeaderValue::try_from(cookie).map_err(|error| Error::Internal(error.into()))?;
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
    Ok(headers)
}
