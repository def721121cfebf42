//! Passkeys as the API shows them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// A passkey of a person.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Passkey {
    pub id: Uuid,
    /// What the person calls it.
    pub name: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_used_at: Option<OffsetDateTime>,
}

/// What a browser is asked, to make or to show a passkey.
#[derive(Serialize, ToSchema)]
pub struct PasskeyChallenge {
    /// Names this ceremony; it is good once, for five minutes.
    pub ceremony: String,
    /// For `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON` (WebAuthn, level 3).
    #[schema(value_type = Object)]
    pub options: Value,
}

/// A passkey that was just made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasskeyRequest {
    pub ceremony: String,
    /// What the person calls it, 1 to 60 characters.
    pub name: String,
    /// The browser's `credential.toJSON()`.
    #[schema(value_type = Object)]
    pub credential: Value,
}

/// A passkey that is kept now.
#[derive(Serialize, ToSchema)]
pub struct NewPasskey {
    pub passkey: Passkey,
    /// Where it is the first second factor: codes for whoever loses it, this once. Else empty.
    pub recovery_codes: Vec<String>,
}

/// A passkey that is shown to log in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasskeyLogin {
    pub ceremony: String,
    /// The browser's `credential.toJSON()`.
    #[schema(value_type = Object)]
    pub credential: Value,
}
