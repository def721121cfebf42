//! The feature's types as the API shows them.

mod passkeys;
mod providers;
mod second_factor;
mod tokens;

pub use passkeys::*;
pub use providers::*;
pub use second_factor::*;
pub use tokens::*;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Registration, Role, Scope};

/// Whether accounts exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// None does: whoever sits at the machine uses the appliance.
    Unclaimed,
    Claimed,
}

/// What a page needs to know first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionState {
    pub stage: Stage,
    /// Who is logged in.
    pub account: Option<Account>,
    pub registration: Registration,
    /// What the caller may do.
    pub scopes: Vec<Scope>,
    /// This account must have a second factor and has none: until it does, setting one up is all that it may do.
    pub must_add_second_factor: bool,
    /// How the provider of identities is called by which people can log in, where there is one.
    pub provider: Option<String>,
}

/// A person's own account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Account {
    pub id: Uuid,
    pub name: String,
    pub email: Option<String>,
    pub role: Role,
    /// Whoever comes by a provider of identities alone has none.
    pub has_password: bool,
    /// ISO 639-1; of pages and messages.
    pub language: Option<String>,
    /// IANA name.
    pub time_zone: Option<String>,
    /// For the moon, as the person wrote it.
    pub place: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// User name or e-mail.
    pub name: String,
    #[schema(format = Password)]
    pub password: String,
    /// What the authenticator app shows, or a recovery code: for whoever has a second factor.
    #[serde(default)]
    pub code: Option<String>,
}

/// The first admin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// What the server printed when it started; also in the file `setup-token` of the state directory.
    pub token: String,
    pub name: String,
    #[schema(format = Password)]
    pub password: String,
    #[serde(default)]
    pub language: Option<String>,
    /// The name that browsers will reach the appliance by.
    #[serde(default)]
    pub host_name: Option<String>,
}

/// A new person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistrationRequest {
    pub name: String,
    #[schema(format = Password)]
    pub password: String,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub language: Option<String>,
    /// The code of an invitation; needed unless registration is open.
    #[serde(default)]
    pub invitation: Option<String>,
}

/// A new password for one that was lost.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordResetRequest {
    /// What an admin handed over.
    pub code: String,
    #[schema(format = Password)]
    pub password: String,
}

/// What of a profile is to change; null clears, what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileChange {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub language: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub time_zone: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub place: Option<Option<String>>,
}

/// Tells null from absence.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    #[schema(format = Password)]
    pub current: String,
    #[schema(format = Password)]
    pub new: String,
}

/// The person once more: a page left open is not the person. Whoever has no password (they come by a provider of
/// identities) has to have logged in within the last ten minutes instead.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    #[serde(default)]
    #[schema(format = Password)]
    pub password: Option<String>,
}

/// By what somebody came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CameBy {
    /// With a second factor where the person has one.
    Password,
    Passkey,
    /// A provider of identities.
    Provider,
}

impl CameBy {
    /// As the database calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::Provider => "provider",
        }
    }

    /// The column has a check, so that it holds no other.
    pub fn named(name: &str) -> Self {
        [Self::Passkey, Self::Provider].into_iter().find(|way| way.name() == name).unwrap_or(Self::Password)
    }
}

/// A browser or an app that is logged in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Session {
    pub id: Uuid,
    /// The one that asks.
    pub current: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub last_seen_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    pub user_agent: Option<String>,
    pub address: Option<String>,
    pub came_by: CameBy,
    /// What the app calls itself; null for browsers.
    pub app: Option<String>,
}

/// A key of a program. The key itself is shown once, when it is made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ApiKey {
    pub id: Uuid,
    pub name: String,
    /// Its beginning.
    pub prefix: String,
    pub scopes: Vec<Scope>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_used_at: Option<OffsetDateTime>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// What it is for, 1 to 60 characters.
    pub name: String,
    /// Any but `account`, as far as the person has them.
    pub scopes: Vec<Scope>,
    /// 1 to 3,650; never when absent.
    #[serde(default)]
    pub expires_in_days: Option<u32>,
}

/// A key, this once.
#[derive(Serialize, ToSchema)]
pub struct NewApiKey {
    #[serde(flatten)]
    pub about: ApiKey,
    pub key: String,
}

/// A person as admins see them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct User {
    pub id: Uuid,
    pub name: String,
    pub email: Option<String>,
    pub role: Role,
    pub suspended: bool,
    /// Has an authenticator or a passkey.
    pub second_factor: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_seen_at: Option<OffsetDateTime>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UserPage {
    pub users: Vec<User>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
}

/// A person whom an admin makes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserRequest {
    pub name: String,
    #[schema(format = Password)]
    pub password: String,
    pub role: Role,
    #[serde(default)]
    pub email: Option<String>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    #[serde(default)]
    pub role: Option<Role>,
    #[serde(default)]
    pub suspended: Option<bool>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationRequest {
    /// What the person will be.
    pub role: Role,
    /// For the admins, at most 200 characters.
    #[serde(default)]
    pub note: Option<String>,
    /// 1 to 90; 7 when absent.
    #[serde(default)]
    pub expires_in_days: Option<u32>,
}

/// A code that is shown this once.
#[derive(Serialize, ToSchema)]
pub struct OneTimeCode {
    pub id: Uuid,
    pub code: String,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Invitation {
    pub id: Uuid,
    pub role: Role,
    pub note: Option<String>,
    /// Name of the admin.
    pub created_by: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// Name of who came by it.
    pub used_by: Option<String>,
}

/// Somebody named in the audit; nameless after erasure.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditPerson {
    pub id: Uuid,
    pub name: Option<String>,
}

/// What somebody did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditEntry {
    pub id: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// `login`, `login-refused`, `denied`, `role-changed`, …
    pub action: String,
    pub actor: Option<AuditPerson>,
    pub subject: Option<AuditPerson>,
    pub address: Option<String>,
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditPage {
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
}

/// What admins decide for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Settings {
    pub registration: Registration,
    pub host_name: Option<String>,
    /// How many readings a person may ask for in a day; null: as many as they like.
    pub daily_readings: Option<u32>,
    /// People of these roles can do nothing but set up a second factor until they have one.
    pub second_factor_roles: Vec<Role>,
}

/// What is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    #[serde(default)]
    pub registration: Option<Registration>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub host_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    pub daily_readings: Option<Option<u32>>,
    #[serde(default)]
    pub second_factor_roles: Option<Vec<Role>>,
}
