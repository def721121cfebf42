//! `/v1/completions`: a text is continued.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FinishedBy, OneOrMany, ServiceTier, StreamOptions, Usage};
use crate::features::openai::{Advice, SamplingFields, Wire};

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompletionRequest {
    /// A model that `/v1/models` lists, or one of its aliases.
    pub model: String,
    /// A text or several; each is continued.
    #[schema(value_type = OneOrMany)]
    pub prompt: Inputs,
    /// The most tokens of an answer; 16 when absent.
    #[schema(minimum = 1)]
    pub max_tokens: Option<i64>,
    pub stop: Option<OneOrMany>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    #[schema(minimum = 1, maximum = 8)]
    pub n: Option<i64>,
    pub seed: Option<i64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    pub logit_bias: Option<BTreeMap<String, f64>>,
    /// How many alternatives to tell beside each token's probability.
    #[schema(minimum = 0, maximum = 20)]
    pub logprobs: Option<i64>,
    pub stream: Option<bool>,
    pub stream_options: Option<StreamOptions>,
    pub user: Option<String>,
    /// Only false.
    pub echo: Option<bool>,
    /// Only what `n` is.
    pub best_of: Option<i64>,
    pub metadata: Option<BTreeMap<String, String>>,
    pub service_tier: Option<ServiceTier>,
    /// Extension.
    pub top_k: Option<i64>,
    /// Extension.
    pub min_p: Option<f64>,
    /// Extension.
    #[serde(alias = "repetition_penalty")]
    pub repeat_penalty: Option<f64>,
    /// Extension.
    pub dry_multiplier: Option<f64>,
    /// Extension.
    pub ignore_eos: Option<bool>,
    /// Extension: the whole answer matches this regular expression.
    #[serde(alias = "guided_regex")]
    pub regex: Option<String>,
    /// Extension: the whole answer follows this grammar, in llguidance's notation, which is much like Lark's.
    pub grammar: Option<String>,
    /// Extension: as in `/v1/chat/completions`.
    pub response_format: Option<super::ResponseFormat>,
}

/// Texts, or token numbers, which are refused by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts is expected")]
pub enum Inputs {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<i64>),
    TokenLists(Vec<Vec<i64>>),
}

impl Inputs {
    /// There is nothing to read: an empty text or an empty list.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Texts(texts) => texts.is_empty(),
            Self::Tokens(tokens) => tokens.is_empty(),
            Self::TokenLists(lists) => lists.is_empty(),
        }
    }
}

impl Wire for CompletionRequest {
    const REFUSED: &'static [Advice] = &[("suffix", "these models continue a text and cannot fill a gap: leave it out")];
}

impl CompletionRequest {
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

/// Continuations, whole or a piece of them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Completion {
    pub id: String,
    /// `text_completion`.
    pub object: &'static str,
    pub created: i64,
    pub model: String,
    pub system_fingerprint: String,
    pub choices: Vec<CompletionChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Option<Usage>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CompletionChoice {
    pub index: usize,
    pub text: String,
    pub logprobs: Option<CompletionLogprobs>,
    pub finish_reason: Option<FinishedBy>,
}

/// How likely the tokens were; one entry a token in each list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct CompletionLogprobs {
    /// One of broken characters is told by its bytes, as `bytes:\xd0`.
    pub tokens: Vec<String>,
    pub token_logprobs: Vec<f32>,
    pub top_logprobs: Vec<BTreeMap<String, f32>>,
    /// Where each token begins, in characters of the answer.
    pub text_offset: Vec<usize>,
}
