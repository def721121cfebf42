//! How a reading was made, step by step.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One step on the way to a reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    pub name: StepName,
    pub outcome: StepOutcome,
    pub milliseconds: u32,
    /// What it found or decided, as names and values for people who want to know.
    pub facts: Vec<Fact>,
}

/// The steps, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepName {
    /// Which language the dream is in and which the reading will be in.
    Language,
    /// Whether somebody may need help. That it was looked at is told here, never what was seen.
    Care,
    /// Which images of the dictionary the dream holds.
    Symbols,
    /// Dreams like this one, images that come back, what the dreamer told about them.
    Memory,
    Prompt,
    Generation,
    /// What of the model's answer may be shown.
    Check,
    Confidence,
    /// Under which key the reading is kept.
    Storage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    Done,
    /// It found nothing.
    Nothing,
    /// What it needs was not there.
    Skipped,
    /// Something was made anew or left out.
    Repaired,
}

/// One thing that a step found or decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fact {
    pub name: String,
    pub value: String,
}
