//! Log-in through a provider of identities as the API shows it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// Where the browser goes on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProviderAddress {
    /// The provider's own page; it sends the browser back here.
    pub address: String,
}

/// As whom the provider knows a person.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Identity {
    pub id: Uuid,
    pub issuer: String,
    /// How the provider called them.
    pub label: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_used_at: Option<OffsetDateTime>,
}

/// What the provider sends the browser back with (OpenID Connect Core, 3.1.2.5 and 3.1.2.6).
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProviderAnswer {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub error: Option<String>,
}
