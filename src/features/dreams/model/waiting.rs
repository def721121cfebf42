//! What a reading waits for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::engine::Wait;

/// A reading has to wait. Sent when the wait begins and whenever what it says changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingEvent {
    #[serde(rename = "for")]
    pub reason: WaitReason,
    /// How many readings come before this one; 0: they are done, it is its turn. Absent unless it waits for those.
    #[schema(required)]
    pub place: Option<u32>,
    /// How far what it waits for is, for people.
    #[schema(required)]
    pub detail: Option<String>,
}

/// What a reading waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WaitReason {
    /// Other readings come first.
    Queue,
    /// A model is being fetched or loaded.
    Loading,
    /// The engine starts again after a fault.
    Restart,
}

impl From<Wait> for WaitingEvent {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Queue { ahead } => Self { reason: WaitReason::Queue, place: Some(ahead), detail: None },
            Wait::Loading { percent } => Self { reason: WaitReason::Loading, place: None, detail: Some(format!("{percent} %")) },
            Wait::Restart => Self { reason: WaitReason::Restart, place: None, detail: None },
        }
    }
}
