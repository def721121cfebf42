//! `/v1/chat/completions`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{OneOrMany, ReasoningEffort, RequestMessage, ResponseFormat, ServiceTier, StreamOptions, Tool, ToolChoice, Usage, WireCall};
use crate::features::openai::{Advice, SamplingFields, Wire};

/// What a dialog's continuation is asked with.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatRequest {
    /// A model that `/v1/models` lists, or one of its aliases.
    pub model: String,
    pub messages: Vec<RequestMessage>,
    /// The most tokens of an answer; as many as fit into the context when absent.
    #[schema(minimum = 1)]
    pub max_completion_tokens: Option<i64>,
    /// The older name of `max_completion_tokens`.
    #[schema(minimum = 1)]
    pub max_tokens: Option<i64>,
    /// At most four texts that end an answer.
    pub stop: Option<OneOrMany>,
    /// 0 to 2; 1 when absent.
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    /// How many answers, 1 to 8.
    #[schema(minimum = 1, maximum = 8)]
    pub n: Option<i64>,
    /// The same seed and request give the same answer while the server is otherwise idle.
    pub seed: Option<i64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    /// Token numbers of the model and what is added to their logits, −100 to 100.
    pub logit_bias: Option<BTreeMap<String, f64>>,
    pub logprobs: Option<bool>,
    #[schema(minimum = 0, maximum = 20)]
    pub top_logprobs: Option<i64>,
    /// Cannot be had together with tools.
    pub response_format: Option<ResponseFormat>,
    pub tools: Option<Vec<Tool>>,
    /// `auto` when absent. A forced call follows its schema token by token.
    pub tool_choice: Option<ToolChoice>,
    /// False: one call at most.
    pub parallel_tool_calls: Option<bool>,
    pub reasoning_effort: Option<ReasoningEffort>,
    pub stream: Option<bool>,
    pub stream_options: Option<StreamOptions>,
    /// Who asks, on whose behalf the server is shared out.
    pub user: Option<String>,
    /// The newer name of `user`.
    pub safety_identifier: Option<String>,
    /// Accepted: prefixes are always shared here.
    pub prompt_cache_key: Option<String>,
    /// Accepted and read by nothing.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Only false: this server keeps no answers.
    pub store: Option<bool>,
    pub service_tier: Option<ServiceTier>,
    /// Only `["text"]`.
    pub modalities: Option<Vec<Modality>>,
    /// Extension: only the likeliest k tokens; 0 is off.
    pub top_k: Option<i64>,
    /// Extension: only tokens at least this likely beside the likeliest.
    pub min_p: Option<f64>,
    /// Extension: 1 is off.
    #[serde(alias = "repetition_penalty")]
    pub repeat_penalty: Option<f64>,
    /// Extension: DRY's multiplier; 0 is off.
    pub dry_multiplier: Option<f64>,
    /// Extension: the model may not end its answer; for measuring.
    pub ignore_eos: Option<bool>,
    /// Extension: the whole answer matches this regular expression.
    #[serde(alias = "guided_regex")]
    pub regex: Option<String>,
    /// Extension: the whole answer follows this grammar, in llguidance's notation, which is much like Lark's.
    pub grammar: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    Text,
}

impl Wire for ChatRequest {
    const REFUSED: &'static [Advice] = &[
        ("audio", "these models write text only: leave it out"),
        ("functions", "send them as `tools`"),
        ("function_call", "send it as `tool_choice`"),
        ("prediction", "leave it out: repeated text is guessed by itself"),
        ("verbosity", "say in a message how long the answer should be"),
        ("web_search_options", "nothing leaves this server: leave it out"),
        ("guided_json", "send it as `response_format`"),
        ("guided_grammar", "send it as `grammar`, in llguidance's notation"),
        ("best_of", "ask for several answers with `n` and choose among them"),
    ];
}

impl ChatRequest {
    pub fn sampling(&self) -> SamplingFields {
        SamplingFields {
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            min_p: self.min_p,
            repeat_penalty: self.repeat_penalty,
            repeat_last_n: None,
            dry_multiplier: self.dry_multiplier,
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            logit_bias: self.logit_bias.clone(),
            ignore_eos: self.ignore_eos,
            top_logprobs: None,
            seed: self.seed,
        }
    }

    pub fn wants_usage(&self) -> bool {
        self.stream_options.and_then(|options| options.include_usage).unwrap_or(false)
    }
}

/// A dialog's continuations.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChatCompletion {
    pub id: String,
    /// `chat.completion`.
    pub object: &'static str,
    pub created: i64,
    pub model: String,
    pub choices: Vec<ChatChoice>,
    pub usage: Usage,
    pub system_fingerprint: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChatChoice {
    pub index: usize,
    pub message: AnswerMessage,
    pub logprobs: Option<ChatLogprobs>,
    pub finish_reason: FinishedBy,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AnswerMessage {
    /// `assistant`.
    pub role: &'static str,
    pub content: Option<String>,
    pub refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub tool_calls: Vec<WireCall>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FinishedBy {
    /// The model ended it, or a stop text did.
    Stop,
    /// The limit of tokens was reached.
    Length,
    /// The model calls tools.
    ToolCalls,
}

/// A piece of answers that are being written.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChatChunk {
    pub id: String,
    /// `chat.completion.chunk`.
    pub object: &'static str,
    pub created: i64,
    pub model: String,
    pub system_fingerprint: String,
    pub choices: Vec<ChunkChoice>,
    /// In the last chunk, when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Option<Usage>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChunkChoice {
    pub index: usize,
    pub delta: Delta,
    pub logprobs: Option<ChatLogprobs>,
    pub finish_reason: Option<FinishedBy>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Delta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub tool_calls: Vec<WireCall>,
}

/// How likely the tokens of an answer were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct ChatLogprobs {
    pub content: Vec<TokenChance>,
    pub refusal: Option<Vec<TokenChance>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TokenChance {
    /// Broken characters are replaced; `bytes` has them as they are.
    pub token: String,
    pub logprob: f32,
    pub bytes: Vec<u8>,
    pub top_logprobs: Vec<TopChance>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TopChance {
    pub token: String,
    pub logprob: f32,
    pub bytes: Vec<u8>,
}
