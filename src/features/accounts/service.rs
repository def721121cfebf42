//! What the feature does: know people, let them in, and let admins look after them.

mod admin;
mod doors;
mod passkeys;
mod personal;
mod provider;
mod second_factor;
mod tokens;

pub use doors::Entrance;

use std::{net::IpAddr, sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::{
    AccountStore, Action, Allowance, Limits, MasterKey, Origin, Principal, Provider, Revocations, Scope, SessionState, SetupToken, Stage,
    Standing, UserId, Visitor, access_token, audit::Entry, belongings::Belongings, limits::network, password,
};
use crate::error::{Error, Result};

/// Passwords that are hashed at the same time: each takes a processor and 64 MiB for a tenth of a second.
const HASHES_AT_ONCE: usize = 2;
/// How many wait for that; whoever comes beyond is sent away, since a flood of log-ins must not take the memory.
const HASHES_WAITING: usize = 64;

/// What one person's programs and pages may ask for altogether.
const REQUESTS_OF_ONE: Allowance =
    Allowance { most: 1200, window: Duration::from_secs(60), part: 60, refusal: "your account asks for too much: slow down" };
/// What may come from one address; the loopback ones are this machine's programs and a proxy's.
const REQUESTS_FROM_ONE: Allowance =
    Allowance { most: 6000, window: Duration::from_secs(60), part: 200, refusal: "too many requests come from your address: slow down" };
/// What all may ask for.
const REQUESTS_OF_ALL: Allowance = Allowance {
    most: 600_000,
    window: Duration::from_secs(60),
    part: 5000,
    refusal: "the whole server is asked for too much: come back in a minute",
};
/// Passwords that a logged-in person may get wrong.
const CONFIRMATIONS: Allowance = Allowance {
    most: 10,
    window: Duration::from_secs(15 * 60),
    part: 1,
    refusal: "too many tries with a wrong password: wait a quarter of an hour",
};
/// Refusals of one address that are noted.
const DENIALS_TOLD: Allowance = Allowance { most: 30, window: Duration::from_secs(60), part: 1, refusal: "" };
/// Readings in a day, where the operator set a number; the number is theirs.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The feature's face to `http/`.
pub struct AccountService {
    store: AccountStore,
    standing: Arc<watch::Sender<Standing>>,
    limits: Limits,
    revocations: Arc<Revocations>,
    setup: SetupToken,
    belongings: Vec<Box<dyn Belongings>>,
    master: MasterKey,
    provider: Option<Provider>,
    hashing: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl AccountService {
    pub fn new(
        store: AccountStore,
        standing: Arc<watch::Sender<Standing>>,
        revocations: Arc<Revocations>,
        setup: SetupToken,
        master: MasterKey,
        belongings: Vec<Box<dyn Belongings>>,
        provider: Option<Provider>,
    ) -> Self {
        let (hashing, waiting) = (Arc::new(Semaphore::new(HASHES_AT_ONCE)), Arc::new(Semaphore::new(HASHES_WAITING)));
        Self { limits: Limits::new(store.clone()), store, standing, revocations, setup, belongings, master, provider, hashing, waiting }
    }

    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Who a visitor is; `None` for a stranger. A key speaks for itself alone: where it opens nothing, no session beside it does.
    pub async fn identify(&self, visitor: &Visitor) -> Result<Option<Principal>> {
        let shown = match (&visitor.key, &visitor.session) {
            (Some(token), _) if access_token::looks_like_one(token) => self.with_access_token(token).await?,
            (Some(key), _) => self.with_key(key, visitor.address()).await?,
            (None, _) if visitor.origin == Origin::Socket => Some(Principal::of_socket()),
            (None, Some(token)) => self.store.session_with(token).await?,
            (None, None) => None,
        };
        // Programs send some key or other before there are any.
        Ok(shown.or_else(|| (visitor.is_at_this_machine() && !self.is_claimed()).then(Principal::unclaimed)))
    }

    async fn with_key(&self, key: &str, address: Option<IpAddr>) -> Result<Option<Principal>> {
        let Some(used) = self.store.key_with(key, address).await? else { return Ok(None) };
        let news = format!("key-news:{:?}", used.principal.credential);
        if used.new_address && self.limits.take(&news, &DENIALS_TOLD).await.is_ok() {
            let entry = Entry::new(Action::KeyNewAddress, Some(used.principal.user), address);
            self.store.tell(&entry.with(json!({ "credential": format!("{:?}", used.principal.credential) }))).await?;
        }
        Ok(Some(used.principal))
    }

    /// Looks again at who asks, now that all of the request is here, which may take its time: what gives a way in is not to be had by
    /// one that ended meanwhile.
    async fn require_still(&self, principal: &Principal, scope: Scope) -> Result<()> {
        if !principal.has_account() {
            return Ok(());
        }
        let role = self.store.role_of(principal.user).await?;
        let may = role.is_some_and(|role| role.scopes().contains(&scope));
        if may && self.store.is_alive(principal).await? { Ok(()) } else { Err(Error::Unauthenticated) }
    }

    /// As this server knows it: what it does itself it knows at once, what another one does as soon as the database tells.
    fn is_claimed(&self) -> bool {
        self.standing.borrow().claimed
    }

    /// Reads what was just changed here.
    async fn refresh(&self) -> Result<()> {
        self.standing.send_replace(self.store.standing().await?);
        Ok(())
    }

    /// Refuses whoever asks too often. People without an account are those at this machine, whom nothing limits.
    pub async fn admit(&self, principal: &Principal, visitor: &Visitor) -> Result<()> {
        if !principal.has_account() {
            return Ok(());
        }
        self.limits.take(&format!("user:{}", principal.user.0), &REQUESTS_OF_ONE).await?;
        self.limits.take("all", &REQUESTS_OF_ALL).await?;
        self.admit_address(visitor).await
    }

    /// The same for whoever is not known, or comes to a door that is open to all.
    pub async fn admit_address(&self, visitor: &Visitor) -> Result<()> {
        match visitor.address() {
            Some(address) if !address.to_canonical().is_loopback() => {
                self.limits.take(&format!("address:{}", network(address)), &REQUESTS_FROM_ONE).await
            }
            _ => Ok(()),
        }
    }

    /// Takes one of the readings that a person may ask for in a day. `false`: theirs are not counted.
    pub async fn admit_reading(&self, principal: &Principal) -> Result<bool> {
        let Some(most) = self.standing.borrow().daily_readings.filter(|_| principal.has_account()) else { return Ok(false) };
        let refusal = "you have had all readings of this day: the dream can be kept and read tomorrow, or ask an admin for more";
        let daily = Allowance { most, window: DAY, part: 1, refusal };
        self.limits.take(&format!("readings:{}", principal.user.0), &daily).await?;
        Ok(true)
    }

    /// Gives one back of which nothing came, or that was here already.
    pub async fn give_reading_back(&self, user: UserId) {
        let daily = Allowance { most: u32::MAX, window: DAY, part: 1, refusal: "" };
        if let Err(error) = self.limits.give_back(&format!("readings:{}", user.0), &daily).await {
            tracing::warn!(%error, "a reading of which nothing came is counted");
        }
    }

    /// Notes that something was refused; of one address not without end.
    pub async fn denied(&self, principal: Option<&Principal>, visitor: &Visitor, wanted: Scope, path: &str) {
        let address = visitor.address();
        let from = address.map_or_else(|| "socket".into(), network);
        if self.limits.take(&format!("denials:{from}"), &DENIALS_TOLD).await.is_err() {
            return;
        }
        let entry = Entry::new(Action::Denied, principal.map(|principal| principal.user), address);
        if let Err(error) = self.store.tell(&entry.with(json!({ "scope": wanted.name(), "path": path }))).await {
            tracing::warn!(%error, "a denial could not be noted");
        }
    }

    /// What a page needs to know first.
    pub async fn state(&self, principal: Option<&Principal>) -> Result<SessionState> {
        let claimed = self.is_claimed();
        let standing = self.standing();
        let account = match principal {
            Some(principal) if principal.has_account() => self.store.account(principal.user).await?,
            _ => None,
        };
        Ok(SessionState {
            stage: if claimed { Stage::Claimed } else { Stage::Unclaimed },
            account,
            registration: standing.registration,
            scopes: principal.map(|principal| principal.scopes.clone()).unwrap_or_default(),
            must_add_second_factor: principal.is_some_and(|principal| principal.limited),
            provider: self.provider.as_ref().map(|provider| provider.name().to_owned()),
        })
    }

    /// Works with a password on a thread that may block. At most [`HASHES_WAITING`] wait for their turn.
    async fn hashing<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let waiting = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| Error::Busy { retry_after: Duration::from_secs(5) })?;
        let turn = Arc::clone(&self.hashing).acquire_owned().await.map_err(|error| Error::Internal(error.into()))?;
        // The work holds its turn itself: it goes on when the request is dropped.
        let work = move || {
            let done = work();
            drop((turn, waiting));
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))
    }

    async fn hash(&self, password: &str) -> Result<String> {
        let password = password.to_owned();
        self.hashing(move || password::hash(&password)).await?.map_err(Error::Internal)
    }

    /// Whether this is the password; without a hash, after the same time, never.
    async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool> {
        let password = password.to_owned();
        self.hashing(move || {
            let known = hash.is_some();
            password::verify(&password, hash.as_deref().unwrap_or(password::decoy())) && known
        })
        .await
    }
}
