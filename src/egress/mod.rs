//! The one door outward. Below everything else: needs no database and knows no feature.
//!
//! Owns the [`Purpose`]s, the [`EgressPolicy`] (which destinations each may reach), the only HTTP client that leaves
//! the machine, and pip as an audited subprocess ([`Egress::run_pip`]). Every request and every refusal becomes an
//! [`AuditRecord`] in the sink given at start. `sealed` means that nothing leaves, whatever else is configured.
//!
//! Not here, and named in `clippy.toml`: the command line's client over the local Unix socket, and the database's own
//! connection.

mod address;
mod audit;
mod download;
mod exchange;
mod pip;
mod policy;
mod post;
mod resolver;

pub use audit::{AuditRecord, AuditSink, LogSink};
pub use download::Download;
pub use pip::PipRequest;
pub use policy::{DEFAULT_HUB, EgressPolicy};
pub use post::Content;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Client, Method, Response, Url, header};
use serde::Serialize;

use audit::Audited;

/// Why something leaves the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Fetching models and run-time parts.
    Models,
    /// Texts of `oneiros bench` to the server that the operator measures ours against.
    Benchmark,
    /// Log-ins through the provider of identities that the operator named.
    Provider,
    /// Certificates for the server's own names, by the operator's wish.
    Certificates,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    #[error("this server is sealed: nothing leaves it")]
    Sealed,
    /// The policy does not allow it; nothing was sent.
    #[error("{destination} was refused: {reason}")]
    Refused { destination: String, reason: String },
    #[error("{destination} answered {status}")]
    Status { destination: String, status: u16 },
    /// The same of a server that was asked for something else than a file, with the beginning of what it said.
    #[error("{destination} answered {status}: {said}")]
    Declined { destination: String, status: u16, said: String },
    /// The connection failed or broke; trying again may help.
    #[error("{destination} could not be reached or broke off: {reason}")]
    Broken { destination: String, reason: String },
    #[error("pip could not fetch {package}: {reason}")]
    Pip { package: String, reason: String },
}

/// How many redirects one request may follow.
const MAX_REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

impl Purpose {
    /// The longest time in which nothing comes of an answer.
    fn stall_timeout(self) -> Duration {
        match self {
            Self::Models => Duration::from_secs(60),
            // What a request may take: of a long recording nothing is told until all of it was heard.
            Self::Benchmark => Duration::from_secs(15 * 60),
            // Short questions, which end sooner by themselves.
            Self::Provider | Self::Certificates => Duration::from_secs(30),
        }
    }
}

/// The door. Cheap to share behind an [`Arc`].
pub struct Egress {
    policy: Arc<EgressPolicy>,
    sink: Arc<dyn AuditSink>,
    /// Built at the first request: a sealed server never builds one.
    client: OnceLock<Client>,
}

impl Egress {
    pub fn new(policy: EgressPolicy, sink: Arc<dyn AuditSink>) -> Self {
        Self { policy: Arc::new(policy), sink, client: OnceLock::new() }
    }

    pub fn is_sealed(&self) -> bool {
        self.policy.is_sealed()
    }

    /// Fetches `url` from byte `from_byte` on. A server that cannot resume starts at byte 0: see [`Download::start`].
    pub async fn get(&self, purpose: Purpose, url: &str, from_byte: u64) -> Result<Download, EgressError> {
        let mut url = self.checked(purpose, "GET", url)?;
        for _ in 0..=MAX_REDIRECTS {
            let audited = Audited::new(Arc::clone(&self.sink), purpose, "GET", &url);
            let response = self.send(Method::GET, &url, from_byte, &audited).await?;
            match redirect(&response, &url) {
                Some(next) => url = self.followed(purpose, "GET", audited, &next)?,
                None => return Download::open(response, from_byte, audited),
            }
        }
        Err(self.refuse(purpose, "GET", &policy::destination(&url), "too many redirects"))
    }

    /// Asks for headers only, following redirects until an answer carries `until` or is the last. Names are lower case.
    pub async fn head(&self, purpose: Purpose, url: &str, until: &str) -> Result<BTreeMap<String, String>, EgressError> {
        let mut url = self.checked(purpose, "HEAD", url)?;
        for _ in 0..=MAX_REDIRECTS {
            let mut audited = Audited::new(Arc::clone(&self.sink), purpose, "HEAD", &url);
            let response = self.send(Method::HEAD, &url, 0, &audited).await?;
            let next = redirect(&response, &url).filter(|_| !response.headers().contains_key(until));
            if let Some(next) = next {
                url = self.followed(purpose, "HEAD", audited, &next)?;
                continue;
            }
            let status = response.status();
            audited.finish(status.as_u16().to_string());
            if status.is_client_error() || status.is_server_error() {
                return Err(EgressError::Status { destination: policy::destination(&url), status: status.as_u16() });
            }
            let text = |value: &header::HeaderValue| value.to_str().ok().map(str::to_owned);
            return Ok(response.headers().iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?))).collect());
        }
        Err(self.refuse(purpose, "HEAD", &policy::destination(&url), "too many redirects"))
    }

    /// Whether `url`'s host answers anything at all within `patience`.
    pub async fn answers(&self, purpose: Purpose, url: &str, patience: Duration) -> bool {
        let answer = tokio::time::timeout(patience, self.head(purpose, url, "")).await;
        matches!(answer, Ok(Ok(_) | Err(EgressError::Status { .. })))
    }

    fn client(&self) -> Result<&Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = policy::client(&self.policy).map_err(|error| format!("no client could be made: {}", chain(&error)))?;
        Ok(self.client.get_or_init(|| client))
    }

    fn checked(&self, purpose: Purpose, method: &'static str, url: &str) -> Result<Url, EgressError> {
        let parsed = Url::parse(url).map_err(|_| self.refuse(purpose, method, "an address that is no URL", "it cannot be read"))?;
        if self.policy.is_sealed() {
            self.record(purpose, method, &policy::destination(&parsed), "sealed");
            return Err(EgressError::Sealed);
        }
        match self.policy.check(purpose, &parsed) {
            Ok(()) => Ok(parsed),
            Err(reason) => Err(self.refuse(purpose, method, &policy::destination(&parsed), &reason)),
        }
    }

    fn followed(&self, purpose: Purpose, method: &'static str, mut audited: Audited, next: &str) -> Result<Url, EgressError> {
        audited.finish("redirected".into());
        self.checked(purpose, method, next)
    }

    fn refuse(&self, purpose: Purpose, method: &str, destination: &str, reason: &str) -> EgressError {
        self.record(purpose, method, destination, &format!("refused: {reason}"));
        EgressError::Refused { destination: destination.into(), reason: reason.into() }
    }

    fn record(&self, purpose: Purpose, method: &str, destination: &str, outcome: &str) {
        self.sink.record(AuditRecord::new(purpose, method, destination, outcome.into(), 0));
    }

    async fn send(&self, method: Method, url: &Url, from_byte: u64, audited: &Audited) -> Result<Response, EgressError> {
        let broken = |reason: String| EgressError::Broken { destination: policy::destination(url), reason };
        let client = self.client().map_err(broken)?;
        let mut request = client.request(method, url.clone()).header(header::ACCEPT_ENCODING, "identity");
        if from_byte > 0 {
            request = request.header(header::RANGE, format!("bytes={from_byte}-"));
        }
        request.send().await.map_err(|error| {
            let reason = chain(&error.without_url());
            audited.failed(&reason);
            broken(reason)
        })
    }
}

/// Where the answer sends us, as an absolute address.
fn redirect(response: &Response, url: &Url) -> Option<String> {
    if !response.status().is_redirection() {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    // What does not parse is handed on as it is, to be refused by name.
    Some(url.join(location).map_or_else(|_| location.to_owned(), Url::into))
}

/// An error with its causes, in one line: reqwest's own text does not say what went wrong.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
