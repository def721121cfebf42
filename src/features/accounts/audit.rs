//! What is told to the audit: who did what to whom from where, never content.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Credential, Principal, UserId, Visitor};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Setup,
    Login,
    LoginRefused,
    Logout,
    PasswordChanged,
    PasswordReset,
    SessionRevoked,
    KeyCreated,
    KeyRevoked,
    KeyNewAddress,
    Registered,
    Invited,
    InvitationWithdrawn,
    RoleChanged,
    Suspended,
    Reinstated,
    Denied,
    SettingsChanged,
    Exported,
    Erased,
    SecondFactorAdded,
    SecondFactorRemoved,
    RecoveryCodeUsed,
    RecoveryCodesMade,
    PasskeyAdded,
    PasskeyRemoved,
    IdentityAdded,
    IdentityRemoved,
    /// A refresh token was shown again: somebody has a copy of it.
    TokenReused,
    /// Lenses and symbols came.
    PackImported,
    PackRemoved,
    /// Something left the machine, or was kept from leaving.
    Egress,
}

impl Action {
    /// As the audit calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Login => "login",
            Self::LoginRefused => "login-refused",
            Self::Logout => "logout",
            Self::PasswordChanged => "password-changed",
            Self::PasswordReset => "password-reset",
            Self::SessionRevoked => "session-revoked",
            Self::KeyCreated => "key-created",
            Self::KeyRevoked => "key-revoked",
            Self::KeyNewAddress => "key-new-address",
            Self::Registered => "registered",
            Self::Invited => "invited",
            Self::InvitationWithdrawn => "invitation-withdrawn",
            Self::RoleChanged => "role-changed",
            Self::Suspended => "suspended",
            Self::Reinstated => "reinstated",
            Self::Denied => "denied",
            Self::SettingsChanged => "settings-changed",
            Self::Exported => "exported",
            Self::Erased => "erased",
            Self::SecondFactorAdded => "second-factor-added",
            Self::SecondFactorRemoved => "second-factor-removed",
            Self::RecoveryCodeUsed => "recovery-code-used",
            Self::RecoveryCodesMade => "recovery-codes-made",
            Self::PasskeyAdded => "passkey-added",
            Self::PasskeyRemoved => "passkey-removed",
            Self::IdentityAdded => "identity-added",
            Self::IdentityRemoved => "identity-removed",
            Self::TokenReused => "token-reused",
            Self::PackImported => "pack.import",
            Self::PackRemoved => "pack.remove",
            Self::Egress => "egress",
        }
    }
}

/// One line of it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub action: Action,
    pub actor: Option<UserId>,
    pub subject: Option<UserId>,
    pub address: Option<IpAddr>,
    /// Names of things, never what they hold.
    pub detail: Value,
}

impl Entry {
    pub fn new(action: Action, actor: Option<UserId>, address: Option<IpAddr>) -> Self {
        Self { action, actor, subject: None, address, detail: Value::Object(serde_json::Map::new()) }
    }

    /// What an admin does; the command line has no name.
    pub fn by_admin(action: Action, by: &Principal, visitor: &Visitor) -> Self {
        let entry = Self::new(action, by.actor(), visitor.address());
        if by.credential == Credential::Socket { entry.with(json!({ "by": "command line" })) } else { entry }
    }

    pub fn about(self, subject: UserId) -> Self {
        Self { subject: Some(subject), ..self }
    }

    pub fn with(self, detail: Value) -> Self {
        Self { detail, ..self }
    }
}
