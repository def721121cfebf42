//! The feature's types as the API shows them.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::Hardware;
use crate::{
    engine::{confinement::ConfinementReport, wire::EngineKind},
    jobs::JobStatus,
};

/// What `GET /api/v1/system` and `oneiros doctor --json` show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemReport {
    pub version: String,
    /// When the server started.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// The server's own memory in RAM, without its engines and its database.
    pub server_memory_bytes: u64,
    pub hardware: Hardware,
    #[serde(flatten)]
    pub snapshot: SystemSnapshot,
    /// Whether every engine is confined by the kernel.
    pub sandboxed: bool,
    /// What the operator should know, in whole sentences.
    pub warnings: Vec<String>,
}

/// What other modules know at this moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemSnapshot {
    /// The profile in force, such as `starter`.
    pub profile: String,
    pub models: Vec<ModelStatus>,
    pub database: DatabaseStatus,
    pub engines: Vec<EngineStatus>,
    /// What needs an engine, and whether it has one.
    pub tasks: Vec<TaskStatus>,
    /// The operator allowed unconfined engines.
    pub unsandboxed_allowed: bool,
    /// Nothing may leave this machine.
    pub sealed: bool,
    /// What has left since the start, by purpose.
    pub egress: Vec<EgressCount>,
    /// The last 50 requests that left or were kept from leaving, newest first.
    pub egress_log: Vec<EgressEntry>,
    /// Room left where models and dreams are kept; absent where the file system does not say.
    pub disk_free_bytes: Option<u64>,
    pub limits: Limits,
    /// Downloads under way.
    pub pulls: Vec<PullProgress>,
    /// Work that waits, runs or failed for good, such as vectors for a new embedding model.
    pub jobs: Vec<JobStatus>,
}

/// One entry of the profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelStatus {
    /// The catalogue id.
    pub id: String,
    /// `llm`, `embedding`, `asr`, `runtime`.
    pub kind: String,
    pub licence: String,
    pub bytes: u64,
    pub present: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseStatus {
    /// Whether it answered just now.
    pub available: bool,
    /// A private cluster of this server, not the operator's own.
    pub private: bool,
    pub version: Option<String>,
    pub pgvector: Option<String>,
    /// What is wrong, for people.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EngineState {
    Starting,
    Ready,
    /// Not in memory: the next request has it loaded.
    Resting,
    Restarting,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EngineStatus {
    pub kind: EngineKind,
    /// The catalogue id of its model.
    pub model: String,
    pub state: EngineState,
    pub pid: Option<u32>,
    /// Its memory in RAM; absent while it has no process.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// How often it had to be started again.
    pub restarts: u32,
    /// Requests that it serves or that wait for it.
    #[serde(default)]
    pub queued: u32,
    /// Tokens of the prompts that it has answered since the server started.
    #[serde(default)]
    #[schema(required)]
    pub prompt_tokens: u64,
    /// Of them, those that need not be read anew: another request had begun alike.
    #[serde(default)]
    #[schema(required)]
    pub cached_tokens: u64,
    /// What the kernel enforces on it; absent until it has answered.
    pub confinement: Option<ConfinementReport>,
    /// Why it is not ready, for people.
    pub detail: Option<String>,
}

impl EngineStatus {
    /// A child that was started to see what the kernel enforces, and is gone again.
    pub fn survey(confinement: ConfinementReport) -> Self {
        let detail = Some("started for this report alone".into());
        Self {
            kind: EngineKind::Parse,
            model: "parse".into(),
            state: EngineState::Ready,
            pid: None,
            memory_bytes: None,
            restarts: 0,
            queued: 0,
            prompt_tokens: 0,
            cached_tokens: 0,
            confinement: Some(confinement),
            detail,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskStatus {
    /// `interpretation`, `embedding`, `transcription`.
    pub task: String,
    pub ready: bool,
    /// What is missing, for people.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EgressCount {
    /// `models`, …
    pub purpose: String,
    pub requests: u64,
    pub refused: u64,
}

/// One request that left, or was kept from leaving. It names no path, header or content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EgressEntry {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// `models`, …
    pub purpose: String,
    /// `GET`, `HEAD`, `PIP`.
    pub method: String,
    /// `scheme://host:port`, or `pip NAME==VERSION`.
    pub destination: String,
    /// The HTTP status, `fetched`, `redirected`, `refused: …`, `sealed`, `failed: …`, `given up`.
    pub outcome: String,
    /// Bytes that came back.
    pub bytes: u64,
}

/// What this server takes at most, for whoever sends it something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    pub recording_minutes: u64,
    pub recording_bytes: u64,
    /// Characters as people count them (grapheme clusters).
    pub dream_min_characters: usize,
    pub dream_max_characters: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PullProgress {
    /// The catalogue id.
    pub id: String,
    pub bytes_done: u64,
    pub bytes_total: u64,
}

/// The answer of `/healthz` and `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok` or `ready`.
    pub status: String,
}
