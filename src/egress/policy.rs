//! Which destinations each purpose may reach.

use std::{net::IpAddr, sync::Arc};

use reqwest::{Certificate, Client, Proxy, Url, redirect};

use super::{
    CONNECT_TIMEOUT, EgressError, Purpose,
    address::{is_link_local, is_public},
    resolver::GuardedResolver,
};

/// The model hub when nothing else is configured.
pub const DEFAULT_HUB: &str = "https://huggingface.co";

/// Where the default hub sends one for the files themselves: scheme and port as usual, host by suffix.
const DEFAULT_HUB_FILES: [&str; 2] = [".hf.co", ".huggingface.co"];

#[derive(Debug, Clone)]
struct Destination {
    purpose: Purpose,
    scheme: String,
    host: Host,
    port: u16,
    /// The operator named it, so it may lie in a private network.
    named_by_operator: bool,
}

#[derive(Debug, Clone)]
enum Host {
    Exactly(String),
    /// Begins with a dot.
    EndsWith(String),
}

impl Host {
    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exactly(name) => host == name,
            Self::EndsWith(suffix) => host.ends_with(suffix.as_str()),
        }
    }
}

/// What may leave. Empty at first: everything is refused until it is allowed.
#[derive(Debug, Clone, Default)]
pub struct EgressPolicy {
    sealed: bool,
    destinations: Vec<Destination>,
    proxy: Option<Url>,
    /// What vouches for servers in place of what the system trusts.
    authorities: Vec<Certificate>,
}

impl EgressPolicy {
    /// The model hub and nothing else. `hub` is [`DEFAULT_HUB`] or the operator's own.
    pub fn for_hub(hub: &str) -> Result<Self, EgressError> {
        let mut policy = Self::default();
        if hub.trim_end_matches('/') != DEFAULT_HUB {
            return policy.allow(Purpose::Models, hub);
        }
        let host = |host| Destination { purpose: Purpose::Models, scheme: "https".into(), host, port: 443, named_by_operator: false };
        policy.destinations.push(host(Host::Exactly("huggingface.co".into())));
        policy.destinations.extend(DEFAULT_HUB_FILES.map(|suffix| host(Host::EndsWith(suffix.into()))));
        Ok(policy)
    }

    /// Allows exactly this scheme, host and port, which the operator configured: it may lie in a private network.
    pub fn allow(mut self, purpose: Purpose, url: &str) -> Result<Self, EgressError> {
        let refused = |reason: &str| EgressError::Refused { destination: url.into(), reason: reason.into() };
        let parsed = Url::parse(url).map_err(|_| refused("it is no URL"))?;
        let (host, port) = parsed.host_str().zip(parsed.port_or_known_default()).ok_or_else(|| refused("it names no host"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refused("only http and https are spoken"));
        }
        self.destinations.push(Destination {
            purpose,
            scheme: parsed.scheme().into(),
            host: Host::Exactly(host.into()),
            port,
            named_by_operator: true,
        });
        Ok(self)
    }

    /// `true` refuses everything.
    pub fn sealed(mut self, sealed: bool) -> Self {
        self.sealed = sealed;
        self
    }

    /// Sends requests through the operator's proxy. The environment's proxies are never used.
    pub fn proxy(mut self, proxy: &str) -> Result<Self, EgressError> {
        let refused = || EgressError::Refused { destination: proxy.into(), reason: "a proxy must be an http or https URL".into() };
        self.proxy = Some(Url::parse(proxy).ok().filter(Url::has_host).ok_or_else(refused)?);
        Ok(self)
    }

    /// Believes servers that these authorities (PEM) vouch for, and no others.
    pub fn trusting_only(mut self, authorities: &[u8]) -> Result<Self, EgressError> {
        let refused =
            || EgressError::Refused { destination: "every server".into(), reason: "no authority can be read (PEM is needed)".into() };
        self.authorities = Certificate::from_pem_bundle(authorities).ok().filter(|read| !read.is_empty()).ok_or_else(refused)?;
        Ok(self)
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Says why `url` may not be reached. `Url` has already brought every spelling of an IPv4 address to one.
    pub(super) fn check(&self, purpose: Purpose, url: &Url) -> Result<(), String> {
        let host = url.host_str().ok_or("it names no host")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address must not carry a name or password".into());
        }
        let address = literal(host);
        if address.is_some_and(is_link_local) {
            return Err("link-local addresses are never reached".into());
        }
        let listed = |destination: &&Destination| {
            destination.purpose == purpose
                && destination.scheme == url.scheme()
                && Some(destination.port) == url.port_or_known_default()
                && destination.host.matches(host)
        };
        let destination = self.destinations.iter().find(listed).ok_or("it is not on the list of allowed destinations")?;
        if address.is_some_and(|address| !is_public(address)) && !destination.named_by_operator {
            return Err("it is a private or local address".into());
        }
        Ok(())
    }

    /// Whether a name may resolve to this address: names can be made to point anywhere (DNS rebinding).
    pub(super) fn may_resolve_to(&self, host: &str, address: IpAddr) -> bool {
        if is_link_local(address) {
            return false;
        }
        let named = |destination: &Destination| destination.named_by_operator && destination.host.matches(host);
        let is_proxy = self.proxy.as_ref().and_then(Url::host_str) == Some(host);
        is_public(address) || is_proxy || self.destinations.iter().any(named)
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// `scheme://host:port`: all of an address that may be told.
pub(super) fn destination(url: &Url) -> String {
    let port = url.port_or_known_default().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// The one client that leaves the machine: follows nothing by itself, takes no proxy from the environment.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub(super) fn client(policy: &Arc<EgressPolicy>) -> Result<Client, reqwest::Error> {
    // reqwest knows it of clients only, not of requests.
    let stall_timeout = policy.destinations.iter().map(|destination| destination.purpose.stall_timeout()).max();
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(GuardedResolver::new(Arc::clone(policy))))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(stall_timeout.unwrap_or_else(|| Purpose::Models.stall_timeout()))
        .user_agent(concat!("oneiros/", env!("CARGO_PKG_VERSION")));
    let builder = if policy.authorities.is_empty() { builder } else { builder.tls_certs_only(policy.authorities.iter().cloned()) };
    match &policy.proxy {
        Some(proxy) => builder.proxy(Proxy::all(proxy.clone())?).build(),
        None => builder.build(),
    }
}
