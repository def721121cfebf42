//! What holds for the whole appliance, as every server of a database knows it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Role;

/// Who may make an account without being invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    #[default]
    Closed,
    Open,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Accounts exist: nothing but log-in is open to strangers.
    pub claimed: bool,
    /// The name that browsers reach the appliance by, beside the loopback ones.
    pub host_name: Option<String>,
    pub registration: Registration,
    /// How many readings a person may ask for in a day.
    pub daily_readings: Option<u32>,
    /// Who must have a second factor.
    pub second_factor_roles: Vec<Role>,
}

impl Registration {
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
        }
    }
}
