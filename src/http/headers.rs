//! Headers that every answer carries.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

use super::server::Secure;

/// A page may load from this server alone and run no inline script or style.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    media-src 'self' blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// Of what a browser offers to pages, ours need the microphone.
const PERMISSIONS_POLICY: &str = "microphone=(self), camera=(), geolocation=(), display-capture=(), payment=(), usb=(), serial=(), \
    bluetooth=(), midi=()";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Whoever came by TLS once does not try without it for a year.
const ONLY_TLS: &str = "max-age=31536000";

/// Marks an answer that says itself how long it may be kept: a file of the web app. Everything else is kept by nobody.
#[derive(Clone, Copy)]
pub struct MayBeKept;

/// Sets the headers, whatever the answer.
pub async fn secure(request: Request, next: Next) -> Response {
    let is_secure = request.extensions().get::<Secure>().is_some();
    let mut response = next.run(request).await;
    if is_secure {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(ONLY_TLS));
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if response.extensions().get::<MayBeKept>().is_none() {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}
