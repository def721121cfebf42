//! The doors: set-up, log-in, registration, a new password for a lost one.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::AccountService;
use crate::{
    error::{Error, Result},
    features::accounts::{
        Action, Allowance, CameBy, LoginRequest, PasswordResetRequest, Principal, Registration, RegistrationRequest, SetupRequest, UserId,
        Visitor,
        audit::Entry,
        limits::network,
        name::{self, UserName},
        password, profile, secret,
        store::{NewPerson, NewSession, Proof},
    },
};

const QUARTER: Duration = Duration::from_secs(15 * 60);
/// Tries of one address at any of the doors.
const TRIES_FROM_ONE: Allowance =
    Allowance { most: 20, window: QUARTER, part: 1, refusal: "too many tries from your address: wait a quarter of an hour" };
/// Tries at one name from one address.
const TRIES_AT_NAME: Allowance = Allowance {
    most: 10,
    window: QUARTER,
    part: 1,
    refusal: "too many tries for this name: wait a quarter of an hour, or ask an admin for a new password",
};
/// Tries at one name from everywhere: whoever has many addresses guesses no faster than this.
const TRIES_AT_NAME_OF_ALL: Allowance =
    Allowance { most: 100, window: Duration::from_secs(60 * 60), part: 1, refusal: TRIES_AT_NAME.refusal };

/// A person who came in: the session's secret, this once.
pub struct Entrance {
    pub principal: Principal,
    pub token: String,
}

impl AccountService {
    /// Makes the first admin. Of many who come at once, one is it.
    pub async fn set_up(&self, request: SetupRequest, visitor: &Visitor) -> Result<Entrance> {
        self.try_door(visitor).await?;
        if self.is_claimed() {
            return Err(Error::Conflict("this appliance is set up: log in".into()));
        }
        if !self.setup.opens(&request.token).map_err(Error::Internal)? {
            self.refused(visitor, None, "setup").await;
            return Err(Error::WrongToken);
        }
        let name = UserName::parse("name", &request.name)?;
        password::check("password", &request.password, &name.shown)?;
        let language = request.language.as_deref().map(|code| profile::language("language", code)).transpose()?;
        let host_name = request.host_name.as_deref().filter(|name| !name.trim().is_empty());
        let host_name = host_name.map(|name| profile::host_name("host_name", name)).transpose()?;
        self.claim(&name, None, &request.password, language.as_deref(), host_name.as_deref(), visitor).await?;
        self.give_door_back(visitor).await?;
        self.enter(&Proof::of(UserId::LOCAL), CameBy::Password, visitor).await
    }

    /// Makes the first admin, whoever asked for it with the right to.
    pub(super) async fn claim(
        &self,
        name: &UserName,
        email: Option<(String, String)>,
        password: &str,
        language: Option<&str>,
        host_name: Option<&str>,
        visitor: &Visitor,
    ) -> Result<()> {
        let password_hash = self.hash(password).await?;
        let person = NewPerson { name, email, password_hash: Some(&password_hash), language };
        let told = Entry::new(Action::Setup, Some(UserId::LOCAL), visitor.address());
        if !self.store.claim(&person, host_name, &told).await? {
            return Err(Error::Conflict("this appliance is set up: log in".into()));
        }
        self.refresh().await?;
        self.setup.close().map_err(Error::Internal)
    }

    /// Lets a person in by name (or address) and password, with a code where they have a second factor.
    pub async fn log_in(&self, request: LoginRequest, visitor: &Visitor) -> Result<Entrance> {
        let proof = self.prove(&request.name, &request.password, request.code.as_deref(), visitor).await?;
        self.enter(&proof, CameBy::Password, visitor).await
    }

    /// Whose name (or address) and password this is, shown with a second factor by whoever has one. What was wrong with name or
    /// password is not told, and every try takes as long.
    pub(super) async fn prove(&self, name: &str, password: &str, code: Option<&str>, visitor: &Visitor) -> Result<Proof> {
        let key = UserName::key_of(name);
        self.try_door(visitor).await?;
        let from = place_of(visitor);
        // What was typed as a name may be anything, a password too: it is counted and not kept.
        let counted = secret::fingerprint(&key);
        let tries = [(format!("name:{counted}:{from}"), &TRIES_AT_NAME), (format!("name:{counted}"), &TRIES_AT_NAME_OF_ALL)];
        for (subject, allowance) in &tries {
            self.limits.take(subject, allowance).await?;
        }
        let person = self.store.person_with(&key, &name::email_key_of(name)).await?;
        let hash = person.as_ref().map(|person| person.password_hash.clone());
        let right = self.verify(password, hash).await?;
        let mut person = match person {
            Some(person) if right && !person.suspended => person,
            person => {
                self.refused(visitor, person.map(|person| person.id), "login").await;
                return Err(Error::WrongCredentials);
            }
        };
        let shown = self.show_second_factor(person.id, code, visitor).await;
        if matches!(shown, Err(Error::WrongSecondFactor)) {
            self.refused(visitor, Some(person.id), "second-factor").await;
        }
        // To be asked for the code is a step of the way in and no try of a guesser's: the password was right.
        if matches!(shown, Ok(_) | Err(Error::SecondFactorNeeded)) {
            for (subject, allowance) in &tries {
                self.limits.give_back(subject, allowance).await?;
            }
            self.give_door_back(visitor).await?;
        }
        let second_factor = shown?;
        if password::needs_rehash(&person.password_hash) {
            let fresh = self.hash(password).await?;
            self.store.rehash(person.id, &person.password_hash, &fresh).await?;
            person.password_hash = fresh;
        }
        Ok(Proof { user: person.id, password_hash: Some(person.password_hash), second_factor })
    }

    /// Makes an account for somebody with an invitation, or for anybody where registration is open.
    pub async fn register(&self, request: RegistrationRequest, visitor: &Visitor) -> Result<Entrance> {
        self.try_door(visitor).await?;
        if !self.is_claimed() {
            return Err(Error::Conflict("no account exists yet: set this appliance up first".into()));
        }
        let code = request.invitation.as_deref().map(str::trim).filter(|code| !code.is_empty());
        if code.is_none() && self.standing.borrow().registration == Registration::Closed {
            return Err(Error::RegistrationClosed);
        }
        let name = UserName::parse("name", &request.name)?;
        password::check("password", &request.password, &name.shown)?;
        let email = request.email.as_deref().filter(|email| !email.trim().is_empty());
        let email = email.map(|email| name::email("email", email)).transpose()?;
        let language = request.language.as_deref().map(|code| profile::language("language", code)).transpose()?;
        let password_hash = self.hash(&request.password).await?;
        let person = NewPerson { name: &name, email, password_hash: Some(&password_hash), language: language.as_deref() };
        let told = Entry::new(Action::Registered, None, visitor.address());
        let user = match code {
            Some(code) => self.store.register_invited(code, &person, &told).await,
            None => self.store.add_person(&person, crate::features::accounts::Role::User, &told).await,
        };
        if matches!(user, Err(Error::WrongCode)) {
            self.refused(visitor, None, "registration").await;
        }
        let user = user?;
        self.give_door_back(visitor).await?;
        self.enter(&Proof::of(user), CameBy::Password, visitor).await
    }

    /// Sets a new password by a code from an admin.
    pub async fn reset_password(&self, request: PasswordResetRequest, visitor: &Visitor) -> Result<()> {
        self.try_door(visitor).await?;
        let Some((_, name)) = self.store.reset_for(&request.code).await? else {
            self.refused(visitor, None, "password-reset").await;
            return Err(Error::WrongCode);
        };
        password::check("password", &request.password, &name)?;
        let hash = self.hash(&request.password).await?;
        self.store.reset_password(&request.code, &hash, &Entry::new(Action::PasswordReset, None, visitor.address())).await?;
        self.give_door_back(visitor).await
    }

    /// Ends the session that asks.
    pub async fn log_out(&self, principal: &Principal, session: Uuid, visitor: &Visitor) -> Result<()> {
        let told = Entry::new(Action::Logout, Some(principal.user), visitor.address());
        // Ended elsewhere meanwhile is as good.
        self.store.end_session(principal.user, session, &told).await.map(drop)
    }

    /// Begins a session for somebody who came in by a door.
    pub(super) async fn enter(&self, proof: &Proof, came_by: CameBy, visitor: &Visitor) -> Result<Entrance> {
        let token = secret::random().map_err(Error::Internal)?;
        let session = NewSession {
            token: &token,
            came_by,
            user_agent: visitor.user_agent.as_deref(),
            address: visitor.address(),
            instead_of: visitor.session.as_deref(),
        };
        let told = Entry::new(Action::Login, Some(proof.user), visitor.address()).with(json!({ "came_by": came_by }));
        self.store.begin_session(proof, &session, &told).await?;
        let principal = self.store.session_with(&token).await?.ok_or(Error::WrongCredentials)?;
        Ok(Entrance { principal, token })
    }

    /// Takes a try of those that an address has at all doors.
    pub(super) async fn try_door(&self, visitor: &Visitor) -> Result<()> {
        self.limits.take(&format!("doors:{}", place_of(visitor)), &TRIES_FROM_ONE).await
    }

    /// Whoever came in by the right door was no guesser.
    pub(super) async fn give_door_back(&self, visitor: &Visitor) -> Result<()> {
        self.limits.give_back(&format!("doors:{}", place_of(visitor)), &TRIES_FROM_ONE).await
    }

    /// Tells the audit that somebody was not let in.
    pub(super) async fn refused(&self, visitor: &Visitor, subject: Option<UserId>, door: &str) {
        let entry = Entry { subject, ..Entry::new(Action::LoginRefused, None, visitor.address()) };
        if let Err(error) = self.store.tell(&entry.with(json!({ "door": door }))).await {
            tracing::warn!(%error, "a refusal could not be noted");
        }
    }
}

/// Where a visitor comes from, as limits know it.
pub(super) fn place_of(visitor: &Visitor) -> String {
    visitor.address().map_or_else(|| "socket".into(), network)
}
