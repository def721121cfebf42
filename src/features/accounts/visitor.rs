//! Where a request comes from and what it shows.

use std::net::IpAddr;

/// Holds the secret of a browser's session. Its prefix makes the browser keep it to this host and to TLS (RFC 6265bis).
pub const SESSION_COOKIE: &str = "__Host-oneiros-session";
/// Holds what the page must send beside the session when it changes something; the page can read it.
pub const CSRF_COOKIE: &str = "__Host-oneiros-csrf";

/// Holds what a browser shows that comes back from the provider of identities, for minutes.
pub const PROVIDER_COOKIE: &str = "__Host-oneiros-provider";

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The Unix socket, which file permissions guard.
    Socket,
    Network(IpAddr),
}

/// Who knocks, before it is known who that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    pub origin: Origin,
    /// An API key, or an access token of an app.
    pub key: Option<String>,
    /// A session's secret.
    pub session: Option<String>,
    /// What a page sends beside it.
    pub csrf: Option<String>,
    pub user_agent: Option<String>,
    /// The page that asks, as the browser tells its origin (`https://dreams.home.arpa:8420`): this server's own, or the request
    /// would have been refused before.
    pub page: Option<String>,
}

impl Visitor {
    /// Whether the other end is on this machine, as far as it can be known.
    pub fn is_at_this_machine(&self) -> bool {
        match self.origin {
            Origin::Socket => true,
            Origin::Network(address) => address.to_canonical().is_loopback(),
        }
    }

    pub fn address(&self) -> Option<IpAddr> {
        match self.origin {
            Origin::Socket => None,
            Origin::Network(address) => Some(address),
        }
    }
}
