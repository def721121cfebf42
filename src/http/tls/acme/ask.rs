//! One order of a certificate: the account, the proof of every name, the certificate itself.

use std::{
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, Request, header},
};
use http_body_util::{BodyExt as _, Full};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, Error, HttpClient, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, Problem, RetryPolicy,
};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::{
    super::{
        Shown,
        authority::{read, write},
        made,
    },
    given,
};
use crate::{
    config::AcmeConfig,
    egress::{Egress, EgressError, Purpose},
};

/// How long an order may take in all.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How often, and how long, the authority is asked whether it has looked.
const POLLING: RetryPolicy = RetryPolicy::new().initial_delay(Duration::from_millis(500)).backoff(1.5).timeout(Duration::from_secs(180));
const UNKNOWN_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
/// Of an answer that is no word of the protocol's, so much is told.
const MOST_TOLD: usize = 200;

pub struct Asking<'a> {
    wish: &'a AcmeConfig,
    /// The account's key, and what the authority calls it.
    account: PathBuf,
    shown: &'a Shown,
    egress: &'a Arc<Egress>,
    left_alone: LeftAlone,
}

/// How long the authority wants to be left alone, as far as it said so.
type LeftAlone = Arc<Mutex<Option<Duration>>>;

#[derive(Serialize, Deserialize)]
struct StoredAccount {
    /// An account is one authority's.
    directory: String,
    credentials: AccountCredentials,
}

impl<'a> Asking<'a> {
    pub fn new(wish: &'a AcmeConfig, account: PathBuf, shown: &'a Shown, egress: &'a Arc<Egress>) -> Self {
        Self { wish, account, shown, egress, left_alone: LeftAlone::default() }
    }

    /// The file that is to be kept.
    pub async fn certificate(&self) -> Result<String> {
        let asked = tokio::time::timeout(PATIENCE, self.ask()).await;
        self.shown.prove_nothing();
        asked.unwrap_or_else(|_| bail!("the authority took longer than {} minutes", PATIENCE.as_secs() / 60))
    }

    /// How long the authority wants to be left alone after this.
    pub fn pause(&self, error: &anyhow::Error) -> Option<Duration> {
        let until = match error.downcast_ref::<Error>() {
            Some(Error::Timeout(until)) => until.map(|until| until.saturating_duration_since(Instant::now())),
            _ => None,
        };
        until.max(*self.left_alone.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn ask(&self) -> Result<String> {
        let Some(known) = self.known_account().await? else { return self.order(&self.new_account().await?).await };
        match self.order(&known).await {
            Err(error) if is_unknown_account(&error) => {
                tracing::info!("the authority does not know the account any more: a new one is made");
                self.order(&self.new_account().await?).await
            }
            ordered => ordered,
        }
    }

    async fn known_account(&self) -> Result<Option<Account>> {
        let Some(text) = read(&self.account)? else { return Ok(None) };
        let stored: StoredAccount = match serde_json::from_str(&text) {
            Ok(stored) => stored,
            Err(error) => {
                tracing::warn!(%error, "{} cannot be used, and another account is made", self.account.display());
                return Ok(None);
            }
        };
        if stored.directory != self.wish.directory {
            return Ok(None);
        }
        Ok(Some(Account::builder_with_http(self.door()).from_credentials(stored.credentials).await?))
    }

    async fn new_account(&self) -> Result<Account> {
        let contact = self.wish.contact.iter().map(|address| format!("mailto:{address}")).collect::<Vec<_>>();
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let directory = self.wish.directory.clone();
        let (account, credentials) = Account::builder_with_http(self.door()).create(&wanted, directory.clone(), None).await?;
        write(&self.account, &serde_json::to_string_pretty(&StoredAccount { directory, credentials })?)?;
        Ok(account)
    }

    async fn order(&self, account: &Account) -> Result<String> {
        let names: Vec<Identifier> = self.wish.names.iter().cloned().map(Identifier::Dns).collect();
        let mut order = account.new_order(&NewOrder::new(&names)).await?;
        self.prove_names(&mut order).await?;
        match order.poll_ready(&POLLING).await {
            Ok(OrderStatus::Ready) => {}
            Ok(_) => bail!(refusals(&mut order).await.unwrap_or_else(|| "the authority refused, and did not say why".into())),
            Err(error @ Error::Api(_)) => return Err(refusals(&mut order).await.map_or_else(|| error.into(), |said| anyhow!(said))),
            Err(error) => return Err(error.into()),
        }
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&POLLING).await?;
        Ok(given::file(&self.wish.directory, &key, &chain))
    }

    /// Lets the listener prove every name, and tells the authority to look.
    async fn prove_names(&self, order: &mut Order) -> Result<()> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let name = authorization.identifier().to_string();
            let mut challenge = authorization.challenge(ChallengeType::TlsAlpn01).with_context(|| {
                format!("the authority does not take tls-alpn-01 as a proof of {name}: it is the only one that is spoken here")
            })?;
            self.shown.prove(&name, made::proof(&name, challenge.key_authorization().digest().as_ref())?);
            match challenge.set_ready().await {
                // It has looked already.
                Err(Error::Api(problem)) => bail!("the authority says of {name}: {}", told(&problem)),
                looking => looking?,
            }
        }
        Ok(())
    }

    fn door(&self) -> Box<dyn HttpClient> {
        Box::new(Door { egress: Arc::clone(self.egress), left_alone: Arc::clone(&self.left_alone) })
    }
}

/// What the authority found at the names.
async fn refusals(order: &mut Order) -> Option<String> {
    let mut said = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        let problems = state.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        said.extend(problems.map(|problem| format!("{}: {}", state.identifier(), told(problem))));
    }
    (!said.is_empty()).then(|| format!("the authority says of {}", said.join("; of ")))
}

fn is_unknown_account(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::Api(problem)) if problem.r#type.as_deref() == Some(UNKNOWN_ACCOUNT))
}

/// An error in one sentence, in the authority's own words where it said something.
pub fn in_words(error: &anyhow::Error) -> String {
    match error.downcast_ref::<Error>() {
        Some(Error::Api(problem)) => format!("the authority says: {}", told(problem)),
        Some(Error::Json(error)) => format!("what answers at the directory's address does not speak ACME ({error})"),
        _ => format!("{error:#}"),
    }
    .trim_end_matches('.')
    .to_owned()
}

fn told(problem: &Problem) -> String {
    let kind = problem.r#type.as_deref().map(|kind| kind.trim_start_matches("urn:ietf:params:acme:error:"));
    let mut told = match (problem.detail.as_deref(), kind) {
        (Some(detail), Some(kind)) => format!("{detail} ({kind})"),
        (Some(said), None) | (None, Some(said)) => said.to_owned(),
        (None, None) => "nothing".to_owned(),
    };
    for part in &problem.subproblems {
        told = format!("{told}; {part}");
    }
    told
}

/// The way to the authority: out through the one door.
struct Door {
    egress: Arc<Egress>,
    left_alone: LeftAlone,
}

impl HttpClient for Door {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = std::result::Result<BytesResponse, Error>> + Send>> {
        let (egress, left_alone) = (Arc::clone(&self.egress), Arc::clone(&self.left_alone));
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => body.to_bytes().to_vec(),
                Err(never) => match never {},
            };
            let destination = format!("{}://{}", head.uri.scheme_str().unwrap_or_default(), head.uri.host().unwrap_or_default());
            let answer = egress.exchange(Purpose::Certificates, Request::from_parts(head, body)).await.map_err(other)?;
            let status = answer.status();
            if status.is_client_error() || status.is_server_error() {
                *left_alone.lock().unwrap_or_else(PoisonError::into_inner) = retry_after(answer.headers(), OffsetDateTime::now_utc());
                if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(answer.body()).is_err() {
                    let said = String::from_utf8_lossy(answer.body()).chars().take(MOST_TOLD).collect();
                    return Err(other(EgressError::Declined { destination, status: status.as_u16(), said }));
                }
            }
            Ok(BytesResponse::from(answer.map(|body| Full::new(Bytes::from(body)))))
        })
    }
}

fn other(error: EgressError) -> Error {
    Error::Other(Box::new(error))
}

/// Seconds or a date (RFC 9110).
fn retry_after(headers: &HeaderMap<HeaderValue>, now: OffsetDateTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| Duration::try_from(OffsetDateTime::parse(text, &Rfc2822).ok()? - now).ok())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_authority_is_left_alone_as_it_says() {
        let now = datetime!(1999-12-31 23:58:59 UTC);
        let asked = |text: &str| retry_after(&HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]), now);
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Fri, 31 Dec 1999 23:59:59 GMT"), Some(Duration::from_secs(60)));
        assert_eq!((asked("Fri, 31 Dec 1999 23:00:00 GMT"), asked("soon"), asked("-1")), (None, None, None));
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn the_authoritys_own_words_are_told() {
        let problem: Problem = serde_json::from_str(
            r#"{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many certificates already issued.", "status": 429}"#,
        )
        .unwrap();
        let error = anyhow::Error::from(Error::Api(problem));
        assert_eq!(in_words(&error), "the authority says: too many certificates already issued. (rateLimited)");
        assert!(!is_unknown_account(&error));
        let unknown: Problem = serde_json::from_str(&format!(r#"{{"type": "{UNKNOWN_ACCOUNT}"}}"#)).unwrap();
        assert!(is_unknown_account(&anyhow::Error::from(Error::Api(unknown)).context("at the door")));
    }
}
