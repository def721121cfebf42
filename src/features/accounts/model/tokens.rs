//! Tokens of apps as the API shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Scope;

/// An app in which a person logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// User name or e-mail.
    pub name: String,
    #[schema(format = Password)]
    pub password: String,
    /// What the authenticator app shows, or a recovery code: for whoever has a second factor.
    #[serde(default)]
    pub code: Option<String>,
    /// What the app calls itself, 1 to 60 characters: the person sees it in their list of devices.
    pub app: String,
    /// Any but `account`, as far as the person has them.
    pub scopes: Vec<Scope>,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    #[schema(format = Password)]
    pub refresh_token: String,
}

/// What an app shows from now on. Each refresh token is good once: shown again, everything of that log-in ends.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    /// A JWT (RFC 7519), sent as `Authorization: Bearer …`.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Seconds that the access token is good for.
    pub expires_in: u32,
    pub refresh_token: String,
    pub scopes: Vec<Scope>,
}
