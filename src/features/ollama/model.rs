//! The wire types. Field names are the protocol's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::keep_alive::KeepAlive;
use crate::features::openai::{Advice, EmbeddingsRequest as Embedding, Inputs, OneOrMany, Role, Tool, Wire};

const IMAGES: Advice = ("images", "these models read text only: leave pictures out");

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatRequest {
    pub model: String,
    #[serde(default)]
    pub messages: Vec<Message>,
    pub tools: Option<Vec<Tool>>,
    pub format: Option<Value>,
    pub options: Option<Options>,
    pub stream: Option<bool>,
    pub think: Option<Think>,
    pub keep_alive: Option<KeepAlive>,
}

impl Wire for ChatRequest {
    const REFUSED: &'static [Advice] =
        &[("logprobs", "ask under /v1/chat/completions"), ("top_logprobs", "ask under /v1/chat/completions")];
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerateRequest {
    pub model: String,
    #[serde(default)]
    pub prompt: String,
    pub system: Option<String>,
    pub raw: Option<bool>,
    pub format: Option<Value>,
    pub options: Option<Options>,
    pub stream: Option<bool>,
    pub think: Option<Think>,
    pub keep_alive: Option<KeepAlive>,
    /// Only empty.
    pub images: Option<Vec<Value>>,
    /// Only empty.
    pub suffix: Option<String>,
    /// Only empty.
    pub template: Option<String>,
    /// Only empty.
    pub context: Option<Vec<Value>>,
}

impl Wire for GenerateRequest {
    const REFUSED: &'static [Advice] = &[("logprobs", "ask under /v1/completions"), ("top_logprobs", "ask under /v1/completions")];
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    pub role: Role,
    #[serde(default)]
    pub content: String,
    pub thinking: Option<String>,
    pub tool_calls: Option<Vec<Call>>,
    /// Which tool a tool's message comes from.
    #[serde(alias = "name")]
    pub tool_name: Option<String>,
    pub tool_call_id: Option<String>,
    /// Only empty.
    pub images: Option<Vec<Value>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub function: CalledFunction,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalledFunction {
    pub name: String,
    #[serde(default)]
    pub arguments: serde_json::Map<String, Value>,
}

/// Whether the model thinks before it answers, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "true, false, `low`, `medium` or `high` is expected")]
pub enum Think {
    Switch(bool),
    Effort(Effort),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    Low,
    Medium,
    High,
}

/// How text is written. Options that this server does not have are refused by name, those about memory and processors are
/// accepted: the operator sets them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what is accepted is not all read")]
pub struct Options {
    pub temperature: Option<f64>,
    pub top_k: Option<i64>,
    pub top_p: Option<f64>,
    pub min_p: Option<f64>,
    pub seed: Option<i64>,
    pub stop: Option<OneOrMany>,
    pub num_predict: Option<i64>,
    pub num_ctx: Option<i64>,
    pub repeat_penalty: Option<f64>,
    pub repeat_last_n: Option<i64>,
    pub presence_penalty: Option<f64>,
    pub frequency_penalty: Option<f64>,
    pub num_keep: Option<Value>,
    pub num_batch: Option<Value>,
    pub num_gpu: Option<Value>,
    pub main_gpu: Option<Value>,
    pub num_thread: Option<Value>,
    pub use_mmap: Option<Value>,
    pub use_mlock: Option<Value>,
    pub numa: Option<Value>,
    pub low_vram: Option<Value>,
    pub f16_kv: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what is accepted is not all read")]
pub struct EmbedRequest {
    pub model: String,
    pub input: Inputs,
    /// True when absent.
    pub truncate: Option<bool>,
    pub dimensions: Option<i64>,
    pub options: Option<Options>,
    pub keep_alive: Option<KeepAlive>,
}

impl Wire for EmbedRequest {
    const LIMIT_BYTES: u64 = Embedding::LIMIT_BYTES;
}

/// The older way to ask for one vector.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what is accepted is not all read")]
pub struct EmbeddingsRequest {
    pub model: String,
    pub prompt: String,
    pub options: Option<Options>,
    pub keep_alive: Option<KeepAlive>,
}

impl Wire for EmbeddingsRequest {}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what is accepted is not all read")]
pub struct ShowRequest {
    #[serde(alias = "name")]
    pub model: String,
    pub verbose: Option<bool>,
}

impl Wire for ShowRequest {}

/// Refuses what these models cannot see.
pub fn refuse_images(field: &str, images: Option<&Vec<Value>>) -> crate::error::Result<()> {
    match images {
        Some(images) if !images.is_empty() => {
            Err(crate::error::Error::invalid(format!("{field}{}", IMAGES.0), format!("is not supported by this server: {}", IMAGES.1)))
        }
        _ => Ok(()),
    }
}

/// A piece of an answer; the last one has the figures.
#[derive(Debug, Clone, Serialize)]
pub struct Piece {
    pub model: String,
    pub created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<AnswerMessage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    pub done: bool,
    #[serde(flatten)]
    pub figures: Option<Figures>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct AnswerMessage {
    /// `assistant`.
    pub role: &'static str,
    pub content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<Call>,
}

/// Durations are nanoseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// `stop`, `length`, `load` or `unload`.
    pub done_reason: &'static str,
    pub total_duration: u64,
    pub load_duration: u64,
    pub prompt_eval_count: u32,
    pub prompt_eval_duration: u64,
    pub eval_count: u32,
    pub eval_duration: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct EmbedResponse {
    pub model: String,
    pub embeddings: Vec<Vec<f32>>,
    pub total_duration: u64,
    pub load_duration: u64,
    pub prompt_eval_count: u32,
}

#[derive(Debug, Clone, Serialize)]
pub struct EmbeddingsResponse {
    pub embedding: Vec<f32>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Tags {
    pub models: Vec<Tag>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Tag {
    pub name: String,
    pub model: String,
    pub modified_at: String,
    pub size: u64,
    pub digest: String,
    pub details: Details,
    /// Of a model in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_vram: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u32>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Details {
    pub parent_model: &'static str,
    pub format: String,
    pub family: String,
    pub families: Vec<String>,
    pub parameter_size: String,
    pub quantization_level: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    pub modified_at: String,
    pub details: Details,
    pub model_info: BTreeMap<String, Value>,
    pub capabilities: Vec<&'static str>,
}
