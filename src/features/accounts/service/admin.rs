//! What admins do.

use serde_json::json;
use uuid::Uuid;

use super::AccountService;
use crate::{
    error::{Error, Result},
    features::accounts::{
        Action, AuditPage, Invitation, InvitationRequest, NewUserRequest, OneTimeCode, Principal, Role, Scope, Settings, SettingsChange,
        User, UserChange, UserId, UserPage, Visitor,
        audit::Entry,
        name::{self, UserName},
        password, profile, secret,
        store::{NewInvitation, NewPerson, UserFilter},
    },
};

const INVITATION_DAYS: u32 = 7;
const LONGEST_INVITATION_DAYS: u32 = 90;
const LONGEST_NOTE: usize = 200;
const RESET_HOURS: i32 = 24;
const MOST_DAILY_READINGS: u32 = 10_000;

impl AccountService {
    pub async fn users(&self, filter: &UserFilter) -> Result<UserPage> {
        self.store.users(filter).await
    }

    /// Makes a person with a password. The first one must be an admin, and is the person at this machine.
    pub async fn add_user(&self, request: NewUserRequest, by: &Principal, visitor: &Visitor) -> Result<UserId> {
        let name = UserName::parse("name", &request.name)?;
        password::check("password", &request.password, &name.shown)?;
        let email = request.email.as_deref().map(|email| name::email("email", email)).transpose()?;
        if !self.is_claimed() {
            if request.role != Role::Admin {
                return Err(Error::Conflict("no account exists yet: make an admin first".into()));
            }
            self.claim(&name, email, &request.password, None, None, visitor).await?;
            return Ok(UserId::LOCAL);
        }
        let password_hash = self.hash(&request.password).await?;
        self.require_still(by, Scope::Admin).await?;
        let person = NewPerson { name: &name, email, password_hash: Some(&password_hash), language: None };
        let told = Entry::by_admin(Action::Registered, by, visitor).with(json!({ "role": request.role }));
        self.store.add_person(&person, request.role, &told).await
    }

    pub async fn change_user(&self, id: Uuid, change: UserChange, by: &Principal, visitor: &Visitor) -> Result<User> {
        let actor = by.actor();
        if actor == Some(UserId(id)) {
            return Err(Error::Conflict("nobody changes their own role or suspends themselves: ask another admin".into()));
        }
        let about = |action| Entry::by_admin(action, by, visitor).about(UserId(id));
        let role = change.role.map(|role| about(Action::RoleChanged).with(json!({ "role": role })));
        let suspended = change.suspended.map(|suspended| about(if suspended { Action::Suspended } else { Action::Reinstated }));
        let told: Vec<Entry> = role.into_iter().chain(suspended).collect();
        self.store.change_user(actor, id, &change, &told).await
    }

    /// A code by which somebody sets a new password.
    pub async fn offer_reset(&self, id: Uuid, by: &Principal, visitor: &Visitor) -> Result<OneTimeCode> {
        self.require_still(by, Scope::Admin).await?;
        let (code, code_id, user) = (secret::random().map_err(Error::Internal)?, Uuid::now_v7(), UserId(id));
        let told = Entry::by_admin(Action::PasswordReset, by, visitor).about(user);
        let expires_at = self.store.offer_reset(code_id, &code, user, by.actor(), RESET_HOURS, &told).await?;
        Ok(OneTimeCode { id: code_id, code, expires_at })
    }

    /// Takes every second factor of somebody away who lost them; their sessions end.
    pub async fn remove_second_factor_of(&self, id: Uuid, by: &Principal, visitor: &Visitor) -> Result<()> {
        let told = Entry::by_admin(Action::SecondFactorRemoved, by, visitor).about(UserId(id));
        if self.store.remove_factors(UserId(id), &told).await? { Ok(()) } else { Err(Error::NotFound("person")) }
    }

    pub async fn invite(&self, request: InvitationRequest, by: &Principal, visitor: &Visitor) -> Result<OneTimeCode> {
        let days = request.expires_in_days.unwrap_or(INVITATION_DAYS);
        if !(1..=LONGEST_INVITATION_DAYS).contains(&days) {
            return Err(Error::invalid("expires_in_days", format!("must be 1 to {LONGEST_INVITATION_DAYS}")));
        }
        let note = request.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
        if note.is_some_and(|note| note.chars().count() > LONGEST_NOTE || note.chars().any(char::is_control)) {
            return Err(Error::invalid("note", format!("must be at most {LONGEST_NOTE} characters on one line")));
        }
        if !self.is_claimed() {
            return Err(Error::Conflict("no account exists yet: set this appliance up first".into()));
        }
        self.require_still(by, Scope::Admin).await?;
        let (code, id) = (secret::random().map_err(Error::Internal)?, Uuid::now_v7());
        let told = Entry::by_admin(Action::Invited, by, visitor).with(json!({ "role": request.role }));
        let expires_at = self.store.invite(&NewInvitation { id, code: &code, role: request.role, note, days }, by.user, &told).await?;
        Ok(OneTimeCode { id, code, expires_at })
    }

    pub async fn invitations(&self) -> Result<Vec<Invitation>> {
        self.store.invitations().await
    }

    pub async fn withdraw_invitation(&self, id: Uuid, by: &Principal, visitor: &Visitor) -> Result<()> {
        let told = Entry::by_admin(Action::InvitationWithdrawn, by, visitor);
        if self.store.withdraw_invitation(id, &told).await? { Ok(()) } else { Err(Error::NotFound("open invitation")) }
    }

    pub async fn audit(&self, action: Option<&str>, person: Option<&str>, before: Option<i64>, limit: u16) -> Result<AuditPage> {
        self.store.audit(action, person, before, limit).await
    }

    pub fn settings(&self) -> Settings {
        let standing = self.standing();
        Settings {
            registration: standing.registration,
            host_name: standing.host_name,
            daily_readings: standing.daily_readings,
            second_factor_roles: standing.second_factor_roles,
        }
    }

    pub async fn change_settings(&self, change: SettingsChange, by: &Principal, visitor: &Visitor) -> Result<Settings> {
        let host_name = change.host_name.map(|name| name.map(|name| profile::host_name("host_name", &name)).transpose()).transpose()?;
        if let Some(Some(most)) = change.daily_readings
            && !(1..=MOST_DAILY_READINGS).contains(&most)
        {
            return Err(Error::invalid(
                "daily_readings",
                format!("must be 1 to {MOST_DAILY_READINGS}, or null for as many as people like"),
            ));
        }
        let mut change = SettingsChange { host_name, ..change };
        if let Some(roles) = &mut change.second_factor_roles {
            roles.sort_unstable();
            roles.dedup();
        }
        self.require_still(by, Scope::Admin).await?;
        let told = Entry::by_admin(Action::SettingsChanged, by, visitor).with(json!({
            "registration": change.registration, "host_name": change.host_name.is_some(), "daily_readings": change.daily_readings.flatten(),
            "second_factor_roles": change.second_factor_roles,
        }));
        let settings = self.store.change_settings(&change, &told).await?;
        self.refresh().await?;
        Ok(settings)
    }
}
