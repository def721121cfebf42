//! A provider of identities, and how it is spoken with: OpenID Connect, by code with PKCE.
//!
//! What it says is believed when its signature, issuer, audience, nonce and times are right, and nothing else of it is shown
//! to anybody: an answer that cannot be believed is told to the log, without codes and tokens.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use futures_util::future::BoxFuture;
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, DiscoveryError, EmptyAdditionalClaims,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, StandardErrorResponse,
    SubjectIdentifier, TokenResponse as _, UserInfoClaims,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreIdToken, CoreIdTokenVerifier,
        CoreJsonWebKeySet, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreTokenResponse,
    },
    http::{self, header},
    url::Url,
};

use crate::{
    config::ProviderConfig,
    egress::{Egress, EgressError, Purpose},
};

/// How long what the provider tells of itself is taken for true.
const KNOWN_FOR: Duration = Duration::from_secs(10 * 60);
/// By how much the provider's clock may differ from ours.
pub const CLOCKS_DIFFER: Duration = Duration::from_secs(60);
/// How long a person may take at the provider: no token is older than that.
pub const LONGEST_LOG_IN: Duration = Duration::from_secs(10 * 60);
/// Those that a key which everybody may know checks.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];
const LONGEST_LABEL: usize = 100;
/// OpenID Connect Core, 2: a subject has no more.
const LONGEST_SUBJECT: usize = 255;

/// The provider that the operator named.
pub struct Provider {
    name: String,
    registration: bool,
    issuer: IssuerUrl,
    origins: Vec<String>,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    egress: Arc<Egress>,
    known: Mutex<Option<Known>>,
}

/// What the provider told of itself, its keys among it.
#[derive(Clone)]
struct Known {
    about: Arc<CoreProviderMetadata>,
    since: Instant,
}

/// What belongs to one log-in and comes back with it.
pub struct Exchange<'a> {
    /// Where the provider sends the browser.
    pub back: &'a str,
    /// In the ID token, so that none of another log-in is taken.
    pub nonce: &'a str,
    /// Shows, with the code, that whoever asks for tokens is who began (RFC 7636).
    pub verifier: &'a str,
}

/// Whom the provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    pub subject: String,
    /// How it calls them.
    pub label: Option<String>,
    /// What they could be called here, the best first.
    pub names: Vec<String>,
    /// An address that it saw them read.
    pub email: Option<String>,
}

/// Why nobody came of it; told to the log alone.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("its {part} is at {origin}, which is not asked: if that belongs to the provider, add its host to `hosts` of [provider]")]
    Elsewhere { part: &'static str, origin: String },
    #[error("its answer cannot be understood: {0}")]
    Garbled(String),
    #[error("it did not give tokens for the code ({0}): see that client_id and client secret are those that it gave")]
    Declined(String),
    #[error("its ID token was not believed: {0}")]
    NotBelieved(String),
    #[error(
        "its ID token was not believed, because it is of another time ({0}): this machine's clock, or the provider's, may be wrong by more \
         than {tolerance} seconds", tolerance = CLOCKS_DIFFER.as_secs()
    )]
    Clock(String),
}

impl ProviderError {
    /// Whether somebody may have forged what came: then the audit is told, too.
    pub fn is_suspicious(&self) -> bool {
        matches!(self, Self::Declined(_) | Self::NotBelieved(_) | Self::Clock(_))
    }
}

type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

impl Provider {
    /// Reads the client's secret. Nothing is asked of the provider yet: it may be away while this server starts.
    pub fn new(config: &ProviderConfig, egress: Arc<Egress>) -> anyhow::Result<Self> {
        Ok(Self {
            name: config.name.clone(),
            registration: config.registration,
            issuer: IssuerUrl::new(config.issuer.clone())?,
            origins: config.origins.clone(),
            client_id: ClientId::new(config.client_id.clone()),
            client_secret: config.client_secret()?.map(|secret| ClientSecret::new(secret.reveal().to_owned())),
            egress,
            known: Mutex::default(),
        })
    }

    /// For the log-in page.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether whoever it vouches for and has no account gets one.
    pub fn makes_accounts(&self) -> bool {
        self.registration
    }

    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// Asks it what it tells of itself, if that is not known yet: then it can be sent a browser.
    pub async fn be_ready(&self) -> Result<(), ProviderError> {
        self.about().await.map(drop)
    }

    /// Where the browser goes; it comes back with `state`.
    pub async fn address(&self, exchange: &Exchange<'_>, state: &str) -> Result<String, ProviderError> {
        let (state, nonce) = (CsrfToken::new(state.to_owned()), Nonce::new(exchange.nonce.to_owned()));
        let client = self.client(&*self.about().await?, exchange.back)?;
        let request = client.authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce);
        let scopes = ["profile", "email"].map(|scope| Scope::new(scope.to_owned()));
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(exchange.verifier.to_owned()));
        Ok(request.add_scopes(scopes).set_pkce_challenge(challenge).url().0.into())
    }

    /// Whom the provider vouches for with `code`.
    pub async fn finish(&self, code: &str, exchange: &Exchange<'_>) -> Result<Vouched, ProviderError> {
        let about = self.about().await?;
        let client = self.client(&about, exchange.back)?;
        let asked = client.exchange_code(AuthorizationCode::new(code.to_owned()));
        let asked = asked.map_err(|error| ProviderError::Garbled(error.to_string()))?;
        let asked = asked.set_pkce_verifier(PkceCodeVerifier::new(exchange.verifier.to_owned()));
        let answer = asked.request_async(&self.door()).await.map_err(declined)?;
        let token = answer.id_token().ok_or_else(|| ProviderError::NotBelieved("there is none".into()))?;
        let nonce = Nonce::new(exchange.nonce.to_owned());
        let mut believed = self.believe(token, &about, &nonce);
        if matches!(&believed, Err(ClaimsVerificationError::SignatureVerification(error)) if may_have_other_keys(error)) {
            let fresh = self.with_its_keys(&about).await?;
            believed = self.believe(token, &fresh, &nonce);
        }
        let vouched = believed.map_err(not_believed)?;
        if vouched.subject.is_empty() || vouched.subject.len() > LONGEST_SUBJECT {
            return Err(ProviderError::NotBelieved("its subject is empty or longer than may be".into()));
        }
        if vouched.names.is_empty() { Ok(self.with_more(vouched, &client, &answer).await) } else { Ok(vouched) }
    }

    fn believe(&self, token: &CoreIdToken, about: &CoreProviderMetadata, nonce: &Nonce) -> Result<Vouched, ClaimsVerificationError> {
        // Without the client's secret: what is signed with that, which others may have, is not believed.
        let verifier = CoreIdTokenVerifier::new_public_client(self.client_id.clone(), self.issuer.clone(), about.jwks().clone())
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(|| (SystemTime::now() - CLOCKS_DIFFER).into())
            .set_issue_time_verifier_fn(|issued| of_now(issued.into()));
        let claims = token.claims(&verifier, nonce)?;
        if claims.authorized_party().is_some_and(|party| party.as_str() != self.client_id.as_str()) {
            return Err(ClaimsVerificationError::InvalidAudience("it was issued to another client".into()));
        }
        let of = Told {
            username: claims.preferred_username().map(|name| name.as_str()),
            email: claims.email().map(|email| email.as_str()),
            email_verified: claims.email_verified(),
            name: claims.name().and_then(|name| name.get(None)).map(|name| name.as_str()),
        };
        Ok(of.vouched(claims.subject().as_str()))
    }

    /// Names and address, which many providers tell only who asks for them. That they cannot be had keeps nobody out.
    async fn with_more(&self, vouched: Vouched, client: &Client, answer: &CoreTokenResponse) -> Vouched {
        let token = answer.access_token();
        // What cannot stand in a header.
        if !token.secret().bytes().all(|byte| byte.is_ascii_graphic()) || !self.may_ask_for_more(client) {
            return vouched;
        }
        let subject = SubjectIdentifier::new(vouched.subject.clone());
        let Ok(request) = client.user_info(token.clone(), Some(subject)) else { return vouched };
        let told: Result<UserInfoClaims<EmptyAdditionalClaims, CoreGenderClaim>, _> = request.request_async(&self.door()).await;
        match told {
            Ok(claims) => {
                let of = Told {
                    username: claims.preferred_username().map(|name| name.as_str()),
                    email: claims.email().map(|email| email.as_str()),
                    email_verified: claims.email_verified(),
                    name: claims.name().and_then(|name| name.get(None)).map(|name| name.as_str()),
                };
                of.vouched(&vouched.subject)
            }
            Err(error) => {
                tracing::warn!(issuer = self.issuer(), %error, "the provider tells neither name nor address of a person");
                vouched
            }
        }
    }

    fn may_ask_for_more(&self, client: &Client) -> bool {
        client.user_info_url().is_some_and(|address| self.may_ask(address.url()))
    }

    fn may_ask(&self, address: &Url) -> bool {
        self.origins.contains(&address.origin().ascii_serialization())
    }

    fn client(&self, about: &CoreProviderMetadata, back: &str) -> Result<Client, ProviderError> {
        let back = RedirectUrl::new(back.to_owned()).map_err(|error| ProviderError::Garbled(error.to_string()))?;
        let client = CoreClient::from_provider_metadata(about.clone(), self.client_id.clone(), self.client_secret.clone());
        let methods = about.token_endpoint_auth_methods_supported();
        let in_body = methods.is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost) && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        let client = if in_body { client.set_auth_type(AuthType::RequestBody) } else { client };
        Ok(client.set_redirect_uri(back))
    }

    /// What the provider tells of itself, asked at most every ten minutes.
    async fn about(&self) -> Result<Arc<CoreProviderMetadata>, ProviderError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(known) if known.since.elapsed() < KNOWN_FOR => Ok(known.about),
            _ => self.with_its_keys(&self.discover().await?).await,
        }
    }

    /// OpenID Connect Discovery, 4.
    async fn discover(&self) -> Result<CoreProviderMetadata, ProviderError> {
        let garbled = |error: &dyn std::error::Error| ProviderError::Garbled(error.to_string());
        let address = self.issuer.join(".well-known/openid-configuration").map_err(|error| garbled(&error))?;
        let request = http::Request::get(address.as_str()).header(header::ACCEPT, "application/json").body(Vec::new());
        let request = request.map_err(|error| garbled(&error))?;
        let answer =
            self.egress.exchange(Purpose::Provider, request).await.map_err(|error| ProviderError::Unreachable(error.to_string()))?;
        if answer.status() != http::StatusCode::OK {
            return Err(ProviderError::Unreachable(format!("{address} answered {}", answer.status().as_u16())));
        }
        let about: CoreProviderMetadata = serde_json::from_slice(answer.body()).map_err(|error| garbled(&error))?;
        if *about.issuer() != self.issuer {
            return Err(ProviderError::Garbled(format!("it calls itself {}: write `issuer` exactly so", about.issuer().as_str())));
        }
        let token = about.token_endpoint().ok_or_else(|| ProviderError::Garbled("it names no token endpoint".into()))?;
        let parts = [
            ("authorization endpoint", about.authorization_endpoint().url()),
            ("token endpoint", token.url()),
            ("list of keys", about.jwks_uri().url()),
        ];
        let elsewhere = parts.into_iter().find(|(_, address)| !self.may_ask(address));
        let elsewhere = elsewhere.map(|(part, address)| ProviderError::Elsewhere { part, origin: address.origin().ascii_serialization() });
        elsewhere.map_or(Ok(()), Err)?;
        Ok(about)
    }

    /// The same with the keys that the provider has now; kept for those who come next.
    async fn with_its_keys(&self, about: &CoreProviderMetadata) -> Result<Arc<CoreProviderMetadata>, ProviderError> {
        let keys = CoreJsonWebKeySet::fetch_async(about.jwks_uri(), &self.door()).await.map_err(|error| match error {
            DiscoveryError::Request(error) => ProviderError::Unreachable(error.to_string()),
            DiscoveryError::Response(status, ..) => ProviderError::Unreachable(format!("its list of keys answered {}", status.as_u16())),
            other => ProviderError::Garbled(other.to_string()),
        })?;
        let about = Arc::new(about.clone().set_jwks(keys));
        let known = Known { about: Arc::clone(&about), since: Instant::now() };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(about)
    }

    /// The one way out, as the protocol's crate wants it.
    fn door(&self) -> impl Fn(HttpRequest) -> BoxFuture<'static, Result<HttpResponse, EgressError>> + Send + Sync + use<> {
        let egress = Arc::clone(&self.egress);
        move |request| {
            let egress = Arc::clone(&egress);
            Box::pin(async move { egress.exchange(Purpose::Provider, request).await })
        }
    }
}

/// What the provider tells of somebody beside who they are.
struct Told<'a> {
    username: Option<&'a str>,
    email: Option<&'a str>,
    email_verified: Option<bool>,
    name: Option<&'a str>,
}

impl Told<'_> {
    fn vouched(&self, subject: &str) -> Vouched {
        let local = |text: &str| text.split('@').next().unwrap_or_default().trim().to_owned();
        let names = [self.username.map(local), self.email.map(local), self.name.map(|name| name.trim().to_owned())];
        let label = [self.username, self.email, self.name].into_iter().flatten().map(label).find(|label| !label.is_empty());
        Vouched {
            subject: subject.to_owned(),
            label,
            names: names.into_iter().flatten().filter(|name| !name.is_empty()).collect(),
            email: self.email.filter(|_| self.email_verified == Some(true)).map(str::to_owned),
        }
    }
}

/// One line without what cannot be seen.
fn label(text: &str) -> String {
    text.trim().chars().filter(|letter| !letter.is_control()).take(LONGEST_LABEL).collect()
}

/// Its answer's text is not told: it may hold what was sent.
fn declined(error: RequestTokenError<EgressError, StandardErrorResponse<CoreErrorResponseType>>) -> ProviderError {
    match error {
        RequestTokenError::Request(error) => ProviderError::Unreachable(error.to_string()),
        RequestTokenError::ServerResponse(answer) => ProviderError::Declined(match answer.error() {
            CoreErrorResponseType::Extension(_) => "another error".into(),
            known => known.as_ref().to_owned(),
        }),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            ProviderError::Garbled("what the token endpoint answers holds no tokens that can be read".into())
        }
    }
}

fn not_believed(error: ClaimsVerificationError) -> ProviderError {
    match error {
        ClaimsVerificationError::Expired(when) => ProviderError::Clock(when),
        ClaimsVerificationError::SignatureVerification(error) => ProviderError::NotBelieved(error.to_string()),
        other => ProviderError::NotBelieved(other.to_string()),
    }
}

/// Whether a token can be the answer to a log-in that was begun a moment ago.
fn of_now(issued: SystemTime) -> Result<(), String> {
    let now = SystemTime::now();
    let ahead = issued.duration_since(now).unwrap_or_default();
    let age = now.duration_since(issued).unwrap_or_default();
    if ahead > CLOCKS_DIFFER {
        return Err(format!("issued {} seconds from now", ahead.as_secs()));
    }
    if age > LONGEST_LOG_IN + CLOCKS_DIFFER {
        return Err(format!("issued {} seconds ago", age.as_secs()));
    }
    Ok(())
}

/// Providers change their keys now and then.
fn may_have_other_keys(error: &SignatureVerificationError) -> bool {
    matches!(error, SignatureVerificationError::NoMatchingKey | SignatureVerificationError::CryptoError(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_now() {
        let now = SystemTime::now();
        for right in [now, now - LONGEST_LOG_IN, now + Duration::from_secs(50)] {
            assert!(of_now(right).is_ok());
        }
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        for wrong in [now - LONGEST_LOG_IN - Duration::from_secs(65), now + Duration::from_secs(65), now - year, now + year] {
            assert!(of_now(wrong).is_err());
        }
        let told = not_believed(ClaimsVerificationError::Expired(of_now(now - year).unwrap_err())).to_string();
        assert!(told.contains("clock") && told.contains("60 seconds"), "{told}");
    }

    #[test]
    fn a_person_is_called_by_what_is_told_and_an_address_counts_when_it_was_seen_read() {
        let all = Told { username: Some("Ada.L"), email: Some("ada@example.org"), email_verified: Some(true), name: Some("Ada Lovelace") };
        let vouched = all.vouched("1");
        assert_eq!(vouched.names, ["Ada.L", "ada", "Ada Lovelace"]);
        assert_eq!((vouched.label.as_deref(), vouched.email.as_deref()), (Some("Ada.L"), Some("ada@example.org")));
        for email_verified in [None, Some(false)] {
            let unseen = Told { username: None, email: Some("ada@example.org"), email_verified, name: None }.vouched("1");
            assert_eq!((unseen.email, unseen.names), (None, vec!["ada".to_owned()]));
        }
        let nobody = Told { username: Some(" "), email: None, email_verified: None, name: None }.vouched("1");
        assert!(nobody.names.is_empty() && nobody.label.is_none());
        assert_eq!(label(&format!(" a\u{7}b{}", "x".repeat(500))).chars().count(), LONGEST_LABEL);
    }
}
