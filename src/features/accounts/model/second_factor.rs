//! Second factors as the API shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Passkey;

/// What a person shows beside a password.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SecondFactor {
    /// An authenticator app makes codes for this account.
    pub authenticator: bool,
    pub passkeys: Vec<Passkey>,
    pub recovery_codes_left: u32,
    /// The account's role must have one.
    pub required: bool,
}

/// The secret of an authenticator app, this once; it asks for nothing until its first code was shown.
#[derive(Serialize, ToSchema)]
pub struct NewAuthenticator {
    /// Base32, to be typed.
    pub secret: String,
    /// `otpauth://totp/…`, for a QR code.
    pub address: String,
}

/// What the authenticator app shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthenticatorCode {
    /// Six digits.
    pub code: String,
}

/// Codes for whoever loses their second factor, this once; each opens once. Empty when the person keeps those that they have.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    pub codes: Vec<String>,
}
