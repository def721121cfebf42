//! What an engine is doing, for people and for readiness checks.

use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::{confinement::ConfinementReport, wire::EngineKind};

/// One engine as `doctor` and `/api/v1/system` show it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EngineStatus {
    pub kind: EngineKind,
    /// The catalogue id of its model.
    pub model_id: String,
    pub state: EngineState,
    /// What is enforced on the child; absent until it has started once.
    pub confinement: Option<ConfinementReport>,
    /// The child's process id while there is one.
    pub pid: Option<u32>,
    /// The child's memory in RAM.
    pub resident_bytes: Option<u64>,
    /// How often a fault made it start again.
    pub restarts: u32,
    /// Requests that are served or wait.
    pub queued: u32,
    /// Tokens of the prompts that it has answered.
    pub prompt_tokens: u64,
    /// Of them, those that were in its cache.
    pub cached_tokens: u64,
    /// It is loaded when somebody asks for it.
    pub on_demand: bool,
}

impl EngineStatus {
    /// Whether a request is served, now or once the model is loaded for it.
    pub fn serves(&self) -> bool {
        match self.state {
            EngineState::Ready | EngineState::Resting => true,
            EngineState::Starting { .. } => self.on_demand,
            EngineState::Restarting { .. } | EngineState::Failed { .. } | EngineState::Stopped => false,
        }
    }
}

/// Where an engine is in its life.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum EngineState {
    /// Its model is being loaded; `fraction` is 0 to 1.
    Starting {
        fraction: f32,
    },
    Ready,
    /// Its model is not in memory; the next request has it loaded.
    Resting,
    /// It failed and starts again in a moment; `attempt` counts from 1.
    Restarting {
        attempt: u32,
        reason: String,
    },
    /// It failed too often, or its model was refused. The next request has it try again.
    Failed {
        reason: String,
    },
    /// It was stopped in order.
    Stopped,
}

impl EngineState {
    /// Why a request cannot be served now, in words that end "the engine is not available: …".
    pub(super) fn unavailability(&self) -> Option<String> {
        match self {
            Self::Ready | Self::Resting => None,
            Self::Starting { fraction } => Some(format!("it is loading its model ({:.0} %)", fraction * 100.0)),
            Self::Restarting { reason, .. } => Some(format!("it is starting again, because {reason}")),
            Self::Failed { reason } => Some(reason.clone()),
            Self::Stopped => Some("it was stopped".into()),
        }
    }
}
