//! What a person does with their own account.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::AccountService;
use crate::{
    error::{Error, Result},
    features::accounts::{
        Account, Action, ApiKey, Confirmation, Credential, KeyRequest, NewApiKey, PasswordChange, Principal, ProfileChange, Role, Scope,
        Session, UserId, Visitor, audit::Entry, name, password, profile, secret,
    },
};

/// Keys of one person.
const MOST_KEYS: usize = 50;
const LONGEST_KEY_NAME: usize = 60;
const LONGEST_KEY_LIFE_DAYS: u32 = 3650;

impl AccountService {
    pub async fn account(&self, user: UserId) -> Result<Account> {
        self.store.account(user).await?.ok_or(Error::NotFound("account"))
    }

    pub async fn change_profile(&self, user: UserId, change: ProfileChange) -> Result<Account> {
        let email = change.email.as_ref().map(|email| email.as_deref().map(|email| name::email("email", email)).transpose()).transpose()?;
        let checked = |value: Option<Option<String>>, check: fn(&str, &str) -> Result<String>, field: &str| {
            value.map(|value| value.map(|value| check(field, &value)).transpose()).transpose()
        };
        let change = ProfileChange {
            email: change.email,
            language: checked(change.language, profile::language, "language")?,
            time_zone: checked(change.time_zone, profile::time_zone, "time_zone")?,
            place: checked(change.place, profile::place, "place")?,
        };
        self.store.change_profile(user, &change, email).await?;
        self.account(user).await
    }

    pub async fn change_password(&self, principal: &Principal, request: PasswordChange, visitor: &Visitor) -> Result<()> {
        self.confirm(principal, Some(&request.current), visitor).await?;
        let name = self.account(principal.user).await?.name;
        password::check("new", &request.new, &name)?;
        let hash = self.hash(&request.new).await?;
        let session = match principal.credential {
            Credential::Session(id) => Some(id),
            _ => None,
        };
        let told = Entry::new(Action::PasswordChanged, Some(principal.user), visitor.address());
        self.store.change_password(principal.user, &hash, session, &told).await
    }

    pub async fn sessions(&self, principal: &Principal) -> Result<Vec<Session>> {
        let current = match principal.credential {
            Credential::Session(id) => Some(id),
            _ => None,
        };
        self.store.sessions(principal.user, current).await
    }

    pub async fn revoke_session(&self, principal: &Principal, id: Uuid, visitor: &Visitor) -> Result<()> {
        let told = Entry::new(Action::SessionRevoked, Some(principal.user), visitor.address());
        if self.store.end_session(principal.user, id, &told).await? { Ok(()) } else { Err(Error::NotFound("session")) }
    }

    pub async fn keys(&self, user: UserId) -> Result<Vec<ApiKey>> {
        self.store.keys(user).await
    }

    /// Makes a key for a person; `by` asks for it.
    pub async fn make_key(&self, user: UserId, request: KeyRequest, by: &Principal, visitor: &Visitor) -> Result<NewApiKey> {
        let name = request.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_KEY_NAME || name.chars().any(char::is_control) {
            return Err(Error::invalid("name", format!("must be 1 to {LONGEST_KEY_NAME} characters: what the key is for")));
        }
        if let Some(days) = request.expires_in_days
            && !(1..=LONGEST_KEY_LIFE_DAYS).contains(&days)
        {
            return Err(Error::invalid(
                "expires_in_days",
                format!("must be 1 to {LONGEST_KEY_LIFE_DAYS}, or absent for a key that does not expire"),
            ));
        }
        let role = self.store.role_of(user).await?.ok_or(Error::NotFound("person"))?;
        let scopes = granted(role, request.scopes)?;
        self.may_make_key(user, &scopes, by).await?;
        if self.store.keys(user).await?.len() >= MOST_KEYS {
            return Err(Error::Conflict(format!("there are {MOST_KEYS} keys already: revoke one that is not needed any more")));
        }
        let (key, prefix) = secret::api_key().map_err(Error::Internal)?;
        let created_at = OffsetDateTime::now_utc();
        let expires_at = request.expires_in_days.map(|days| created_at + time::Duration::days(days.into()));
        let about = ApiKey { id: Uuid::now_v7(), name: name.to_owned(), prefix, scopes, created_at, expires_at, last_used_at: None };
        let told = Entry::new(Action::KeyCreated, Some(by.user), visitor.address())
            .about(user)
            .with(json!({ "prefix": about.prefix, "scopes": about.scopes }));
        self.store.keep_key(user, &key, &about, &told).await?;
        Ok(NewApiKey { about, key })
    }

    /// An admin makes keys for others' programs, but none that shows their dreams or acts as an admin of their name: that would be to
    /// come in as them, unseen. The command line of this machine may.
    async fn may_make_key(&self, user: UserId, scopes: &[Scope], by: &Principal) -> Result<()> {
        if by.user == user || !by.has_account() {
            return self.require_still(by, Scope::Account).await;
        }
        if let Some(theirs) = scopes.iter().find(|scope| matches!(scope, Scope::DreamsRead | Scope::DreamsWrite | Scope::Admin)) {
            return Err(Error::invalid("scopes", format!("must not hold `{}`: only the person makes such a key", theirs.name())));
        }
        self.require_still(by, Scope::Admin).await
    }

    pub async fn revoke_key(&self, principal: &Principal, id: Uuid, visitor: &Visitor) -> Result<()> {
        let told = Entry::new(Action::KeyRevoked, Some(principal.user), visitor.address());
        if self.store.end_key(principal.user, id, &told).await? { Ok(()) } else { Err(Error::NotFound("key")) }
    }

    /// All that is kept of a person.
    pub async fn export(&self, principal: &Principal, visitor: &Visitor) -> Result<Value> {
        let user = principal.user;
        let mut all = Map::new();
        all.insert("account".into(), json!(self.account(user).await?));
        for kept in &self.belongings {
            all.insert(kept.name().into(), kept.export(user).await?);
        }
        all.insert("sessions".into(), json!(self.store.sessions(user, None).await?));
        all.insert("keys".into(), json!(self.store.keys(user).await?));
        all.insert("identities".into(), json!(self.store.identities(user).await?));
        all.insert("passkeys".into(), json!(self.store.passkeys(user).await?));
        self.store.tell(&Entry::new(Action::Exported, Some(user), visitor.address())).await?;
        Ok(Value::Object(all))
    }

    /// Deletes the person with everything that is theirs.
    pub async fn erase(&self, principal: &Principal, request: Confirmation, visitor: &Visitor) -> Result<()> {
        self.confirm(principal, request.password.as_deref(), visitor).await?;
        let told = Entry::new(Action::Erased, Some(principal.user), visitor.address()).about(principal.user);
        self.store.erase(principal.user, &told).await
    }

    /// Asks for the password once more: a page left open is not the person. Whoever has none must have come in just now.
    pub(super) async fn confirm(&self, principal: &Principal, password: Option<&str>, visitor: &Visitor) -> Result<()> {
        let Some(hash) = self.store.password_hash(principal.user).await? else {
            let Credential::Session(session) = principal.credential else { return Err(Error::LogInAgain) };
            return if self.store.is_fresh(principal.user, session).await? { Ok(()) } else { Err(Error::LogInAgain) };
        };
        let subject = format!("confirm:{}", principal.user.0);
        self.limits.take(&subject, &super::CONFIRMATIONS).await?;
        if self.verify(password.unwrap_or_default(), Some(hash)).await? {
            return self.limits.give_back(&subject, &super::CONFIRMATIONS).await;
        }
        let told = Entry::new(Action::LoginRefused, Some(principal.user), visitor.address()).with(json!({ "door": "confirmation" }));
        self.store.tell(&told).await?;
        Err(Error::WrongPassword)
    }
}

/// What a program is given, in order: any but the account itself, as far as its person has it.
pub(super) fn granted(role: Role, mut scopes: Vec<Scope>) -> Result<Vec<Scope>> {
    if scopes.is_empty() {
        return Err(Error::invalid("scopes", "must name at least one scope"));
    }
    let beyond = scopes.iter().find(|scope| **scope == Scope::Account || !role.scopes().contains(scope));
    if let Some(beyond) = beyond {
        return Err(Error::invalid("scopes", format!("must not hold `{}`: no program of this person can have it", beyond.name())));
    }
    scopes.sort_unstable();
    scopes.dedup();
    Ok(scopes)
}
