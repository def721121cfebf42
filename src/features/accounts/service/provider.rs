//! Log-in through a provider of identities. A browser departs to it and arrives again, with a code that says who it is.
//!
//! What belongs to the departure is kept in a ceremony, whose token is the protocol's `state`; a cookie of the browser is the other
//! half. So what arrives is taken from the browser that departed, once, and within ten minutes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation as _;
use uuid::Uuid;

use super::{AccountService, doors::place_of, second_factor::session_of};
use crate::{
    error::{Error, Result},
    features::accounts::{
        Action, Allowance, CameBy, Confirmation, Entrance, Identity, Principal, ProviderAnswer, Role, UserId, Visitor,
        audit::Entry,
        name::{self, UserName},
        provider::{Exchange, LONGEST_LOG_IN, Provider, ProviderError, Vouched},
        secret,
        store::{CeremonyKind, NewIdentity, Proof},
    },
};

/// Where the provider sends the browser back to.
const WAY_BACK: &str = "/api/v1/session/provider/callback";
/// What the audit calls it.
const DOOR: &str = "provider";
/// Departures from one address: each leaves a row until it arrives.
const DEPARTURES: Allowance = Allowance {
    most: 60,
    window: Duration::from_secs(15 * 60),
    part: 1,
    refusal: "too many log-ins were begun from your address: wait a quarter of an hour",
};
/// How long a name is at most before a number comes to it.
const LONGEST_NAME: usize = 34;
/// So many may have one name, told apart by a number.
const NAMESAKES: u32 = 200;
/// Whom the provider does not name at all.
const NAMELESS: &str = "dreamer";
/// How often somebody else may be quicker with a name.
const ATTEMPTS: usize = 4;

/// A browser on its way to the provider.
pub struct Departure {
    /// Where it goes.
    pub address: String,
    /// What it keeps in a cookie.
    pub browser: String,
}

/// A browser that is back.
pub struct Arrival {
    /// The page that it is shown.
    pub page: &'static str,
    /// The session that begins, where one does.
    pub entrance: Option<Entrance>,
}

impl Arrival {
    fn at(page: &'static str) -> Self {
        Self { page, entrance: None }
    }
}

/// What a departure leaves here.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Digest of the cookie.
    browser: [u8; 32],
    back: String,
    nonce: String,
    verifier: String,
    /// The session that links an account.
    session: Option<Uuid>,
}

impl Kept {
    fn exchange(&self) -> Exchange<'_> {
        Exchange { back: &self.back, nonce: &self.nonce, verifier: &self.verifier }
    }
}

impl AccountService {
    /// Sends a browser to the provider, to log in.
    pub async fn depart(&self, visitor: &Visitor) -> Result<Departure> {
        if !self.is_claimed() {
            return Err(Error::Conflict("no account exists yet: set this appliance up first".into()));
        }
        self.depart_for(None, visitor).await
    }

    /// Sends it there to link the person's account with what the provider calls them.
    pub async fn depart_to_link(&self, principal: &Principal, request: Confirmation, visitor: &Visitor) -> Result<Departure> {
        self.the_provider()?;
        self.confirm(principal, request.password.as_deref(), visitor).await?;
        let session = session_of(principal).ok_or(Error::Forbidden)?;
        self.depart_for(Some((principal.user, session)), visitor).await
    }

    async fn depart_for(&self, linking: Option<(UserId, Uuid)>, visitor: &Visitor) -> Result<Departure> {
        let provider = self.the_provider()?;
        let page = visitor.page.as_deref();
        let page = page.ok_or_else(|| Error::Malformed("this is for browsers: the request lacks the header Origin".into()))?;
        self.limits.take(&format!("departures:{}", place_of(visitor)), &DEPARTURES).await?;
        provider.be_ready().await.map_err(|error| away(provider, &error))?;
        let random = || secret::random().map_err(Error::Internal);
        let browser = random()?;
        let kept = Kept {
            browser: secret::digest(&browser),
            back: format!("{page}{WAY_BACK}"),
            nonce: random()?,
            verifier: random()?,
            session: linking.map(|(_, session)| session),
        };
        let state = serde_json::to_vec(&kept).map_err(|error| Error::Internal(error.into()))?;
        let user = linking.map(|(user, _)| user);
        let token = self.store.begin_ceremony(CeremonyKind::Provider, user, &state, LONGEST_LOG_IN).await?;
        let address = provider.address(&kept.exchange(), &token).await.map_err(|error| away(provider, &error))?;
        Ok(Departure { address, browser })
    }

    /// Takes in a browser that the provider sends back; `browser` is its cookie. Whatever goes wrong, it is shown a page.
    pub async fn arrive(&self, answer: ProviderAnswer, browser: Option<&str>, visitor: &Visitor) -> Arrival {
        match self.arrived(answer, browser, visitor).await {
            Ok(arrival) => arrival,
            Err(error) => {
                tracing::warn!(%error, cause = ?std::error::Error::source(&error), "a log-in through the provider came to nothing");
                Arrival::at("/login?provider=failed")
            }
        }
    }

    async fn arrived(&self, answer: ProviderAnswer, browser: Option<&str>, visitor: &Visitor) -> Result<Arrival> {
        let provider = self.the_provider()?;
        // Without its half of the departure it is no guess, but any page's picture: that must not cost an address its tries.
        if browser.is_none() {
            return Ok(Arrival::at("/login?provider=expired"));
        }
        self.try_door(visitor).await?;
        let Some((user, kept)) = self.departed(answer.state.as_deref(), browser).await? else {
            self.refused(visitor, None, DOOR).await;
            return Ok(Arrival::at("/login?provider=expired"));
        };
        let Some(code) = answer.code.filter(|_| answer.error.is_none()) else {
            // The person changed their mind, or the provider does not want them here.
            return Ok(Arrival::at(if user.is_some() { "/account?provider=failed" } else { "/login?provider=refused" }));
        };
        let vouched = match provider.finish(&code, &kept.exchange()).await {
            Ok(vouched) => vouched,
            Err(error) => {
                tracing::warn!(issuer = provider.issuer(), %error, "the provider of identities let nobody in");
                if error.is_suspicious() {
                    self.refused(visitor, user, DOOR).await;
                }
                return Ok(Arrival::at(if user.is_some() { "/account?provider=failed" } else { "/login?provider=failed" }));
            }
        };
        match user {
            Some(user) => self.link(user, kept.session, provider, &vouched, visitor).await,
            None => self.let_in(provider, &vouched, visitor).await,
        }
    }

    /// What was kept of the departure that this is the arrival of. Its token is used up, whatever comes of it.
    async fn departed(&self, state: Option<&str>, browser: Option<&str>) -> Result<Option<(Option<UserId>, Kept)>> {
        let Some(state) = state else { return Ok(None) };
        let Some(ceremony) = self.store.take_ceremony(state, CeremonyKind::Provider).await? else { return Ok(None) };
        let kept: Kept = serde_json::from_slice(&ceremony.state).map_err(|error| Error::Internal(error.into()))?;
        let is_the_browser = browser.is_some_and(|browser| secret::digest(browser) == kept.browser);
        Ok(is_the_browser.then_some((ceremony.user, kept)))
    }

    /// Begins a session for the person whom the provider vouches for; one is made where the operator wants that. Nobody is known
    /// again by an e-mail address: whoever has another's there would be let into their account here.
    async fn let_in(&self, provider: &Provider, vouched: &Vouched, visitor: &Visitor) -> Result<Arrival> {
        let identity = identity(provider, vouched);
        let told = Entry::new(Action::Registered, None, visitor.address()).with(json!({ "door": DOOR }));
        for _ in 0..ATTEMPTS {
            match self.store.owner_of(&identity).await? {
                Some(owner) if owner.suspended => {
                    self.refused(visitor, Some(owner.user), DOOR).await;
                    return Ok(Arrival::at("/login?provider=refused"));
                }
                Some(owner) => {
                    self.give_door_back(visitor).await?;
                    let entrance = self.enter(&Proof::of(owner.user), CameBy::Provider, visitor).await?;
                    return Ok(Arrival { page: "/", entrance: Some(entrance) });
                }
                None if !provider.makes_accounts() => {
                    self.refused(visitor, None, DOOR).await;
                    return Ok(Arrival::at("/login?provider=unknown"));
                }
                None => {
                    let email = vouched.email.as_deref().and_then(|email| name::email("email", email).ok());
                    match self.store.add_vouched(&possible_names(&vouched.names), email, &identity, &told).await {
                        // Known now, or somebody was quicker.
                        Ok(_) | Err(Error::Conflict(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Err(Error::Conflict("no name can be found for a person whom the provider vouches for: make an account for them".into()))
    }

    async fn link(
        &self,
        user: UserId,
        session: Option<Uuid>,
        provider: &Provider,
        vouched: &Vouched,
        visitor: &Visitor,
    ) -> Result<Arrival> {
        // Whoever was logged out or suspended meanwhile links nothing any more.
        let principal = session.map(|session| Principal::of_session(user, session, Role::User));
        let is_alive = match &principal {
            Some(principal) => self.store.is_alive(principal).await?,
            None => false,
        };
        if !is_alive {
            self.refused(visitor, Some(user), DOOR).await;
            return Ok(Arrival::at("/account?provider=failed"));
        }
        self.give_door_back(visitor).await?;
        let told = Entry::new(Action::IdentityAdded, Some(user), visitor.address()).with(json!({ "issuer": provider.issuer() }));
        let linked = self.store.link_identity(user, &identity(provider, vouched), &told).await?;
        Ok(Arrival::at(if linked { "/account?provider=linked" } else { "/account?provider=taken" }))
    }

    pub async fn identities(&self, principal: &Principal) -> Result<Vec<Identity>> {
        self.store.identities(principal.user).await
    }

    pub async fn remove_identity(&self, principal: &Principal, id: Uuid, request: Confirmation, visitor: &Visitor) -> Result<()> {
        self.confirm(principal, request.password.as_deref(), visitor).await?;
        let told = Entry::new(Action::IdentityRemoved, Some(principal.user), visitor.address());
        let issuer = self.provider.as_ref().map(Provider::issuer);
        if self.store.remove_identity(principal.user, id, issuer, session_of(principal), &told).await? {
            Ok(())
        } else {
            Err(Error::NotFound("identity"))
        }
    }

    fn the_provider(&self) -> Result<&Provider> {
        self.provider.as_ref().ok_or(Error::NotFound("provider of identities: `[provider]` names none"))
    }
}

fn identity<'a>(provider: &'a Provider, vouched: &'a Vouched) -> NewIdentity<'a> {
    NewIdentity { issuer: provider.issuer(), subject: &vouched.subject, label: vouched.label.as_deref() }
}

/// Why stays in the log: people cannot mend it.
fn away(provider: &Provider, error: &ProviderError) -> Error {
    tracing::warn!(issuer = provider.issuer(), %error, "nobody can be sent to the provider of identities");
    Error::Unavailable {
        what: "the provider of identities cannot be used now: log in another way or try again later; the server's log tells why".into(),
        retry_after: Duration::from_secs(30),
    }
}

/// What somebody can be called here, the best first: what the provider calls them, then the same with numbers.
fn possible_names(told: &[String]) -> Vec<UserName> {
    let parse = |text: &str| UserName::parse("name", text).ok();
    let Some(best) = told.iter().find_map(|name| parse(&tidy(name))).or_else(|| parse(NAMELESS)) else { return Vec::new() };
    let numbered: Vec<UserName> = (2..=NAMESAKES).filter_map(|number| parse(&format!("{}-{number}", best.shown))).collect();
    std::iter::once(best).chain(numbered).collect()
}

/// Letters and digits with single dots in the place of all else.
fn tidy(name: &str) -> String {
    let mut tidy = String::new();
    for letter in name.chars() {
        if letter.is_alphanumeric() || is_combining_mark(letter) {
            tidy.push(letter);
        } else if !tidy.is_empty() && !tidy.ends_with('.') {
            tidy.push('.');
        }
    }
    let short: String = tidy.graphemes(true).take(LONGEST_NAME).collect();
    short.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(told: &[&str]) -> String {
        possible_names(&told.iter().map(ToString::to_string).collect::<Vec<_>>())[0].shown.clone()
    }

    #[test]
    fn whatever_a_provider_calls_somebody_there_is_a_name_for_them() {
        for (told, name) in [
            (&["ada"][..], "ada"),
            (&["Ada Lovelace"], "Ada.Lovelace"),
            (&["ada_l+dreams"], "ada.l.dreams"),
            (&["..ada--"], "ada"),
            (&["Мария Кюри"], "Мария.Кюри"),
            (&["نور"], "نور"),
            (&["x", "ada"], "ada"),
            (&["аda", "ada"], "ada"),
            (&["🦊🦊", "", "\u{200b}"], NAMELESS),
            (&[], NAMELESS),
            (&["<script>"], "script"),
        ] {
            assert_eq!(called(told), name, "{told:?}");
        }
        assert_eq!(called(&[&"a".repeat(300)]).len(), LONGEST_NAME);
    }

    #[test]
    fn namesakes_are_told_apart_by_a_number() {
        let names = possible_names(&["ada".into()]);
        let shown: Vec<&str> = names.iter().take(3).map(|name| name.shown.as_str()).collect();
        assert_eq!(shown, ["ada", "ada-2", "ada-3"]);
        assert_eq!(names.len(), 200);
        assert_eq!(possible_names(&["a".repeat(300)]).len(), 200, "there is room for the number");
    }
}
