//! `/v1/responses`: text in, text out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Content, Role, ServiceTier, TextOrParts};
use crate::features::openai::{Advice, SamplingFields, Wire};

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseRequest {
    /// A model that `/v1/models` lists, or one of its aliases.
    pub model: String,
    #[schema(value_type = TextOrMessages)]
    pub input: ResponseInput,
    /// Put before the input as a system message.
    pub instructions: Option<String>,
    #[schema(minimum = 1)]
    pub max_output_tokens: Option<i64>,
    /// 0 to 2; 1 when absent.
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub text: Option<TextOptions>,
    pub stream: Option<bool>,
    #[schema(ignore)]
    pub stream_options: Option<super::StreamOptions>,
    /// Only false, which is also the default here: this server keeps no answers.
    pub store: Option<bool>,
    /// Comes back with the answer.
    pub metadata: Option<BTreeMap<String, String>>,
    pub user: Option<String>,
    pub safety_identifier: Option<String>,
    /// Accepted: prefixes are always shared here.
    pub prompt_cache_key: Option<String>,
    pub service_tier: Option<ServiceTier>,
    /// Only `disabled`: a prompt that is too long is refused.
    pub truncation: Option<Truncation>,
    /// Only false.
    pub background: Option<bool>,
    /// Only empty.
    pub include: Option<Vec<String>>,
    /// Only empty: tools are called under `/v1/chat/completions`.
    pub tools: Option<Vec<Value>>,
    pub tool_choice: Option<NoTools>,
    pub parallel_tool_calls: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Truncation {
    Disabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoTools {
    Auto,
    None,
}

impl Wire for ResponseRequest {
    const REFUSED: &'static [Advice] = &[
        ("previous_response_id", "this server keeps no answers: send the whole conversation as `input`"),
        ("conversation", "this server keeps no conversations: send the whole conversation as `input`"),
        ("prompt", "this server keeps no prompts: send `instructions` and `input`"),
        ("reasoning", "ask under /v1/chat/completions, with `reasoning_effort`"),
        ("max_tool_calls", "tools are called under /v1/chat/completions"),
        ("top_logprobs", "ask under /v1/chat/completions, with `logprobs`"),
        ("messages", "send them as `input`"),
        ("max_tokens", "send it as `max_output_tokens`"),
        ("response_format", "send it as `text.format`"),
    ];
}

impl ResponseRequest {
    pub fn sampling(&self) -> SamplingFields {
        SamplingFields { temperature: self.temperature, top_p: self.top_p, ..SamplingFields::default() }
    }
}

/// As the API document shows [`ResponseInput`].
#[derive(ToSchema)]
#[serde(untagged)]
pub enum TextOrMessages {
    Text(String),
    Messages(Vec<InputMessage>),
}

/// A text, or a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseInput {
    Text(String),
    Messages(Vec<InputMessage>),
}

impl<'de> Deserialize<'de> for ResponseInput {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = ResponseInput;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a text or a list of messages")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ResponseInput, E> {
                Ok(ResponseInput::Text(text.to_owned()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<ResponseInput, A::Error> {
                let mut messages = Vec::new();
                while let Some(message) = items.next_element()? {
                    messages.push(message);
                }
                Ok(ResponseInput::Messages(messages))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InputMessage {
    #[serde(default)]
    pub r#type: ItemType,
    pub role: Role,
    #[schema(value_type = TextOrParts)]
    pub content: Content,
    /// Clients send back what they were given.
    #[schema(ignore)]
    pub id: Option<String>,
    #[schema(ignore)]
    pub status: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemType {
    #[default]
    Message,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextOptions {
    pub format: Option<TextFormat>,
}

/// What the answer is to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum TextFormat {
    Text,
    JsonObject,
    JsonSchema {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[schema(value_type = Object)]
        schema: Value,
        strict: Option<bool>,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ResponseObject {
    pub id: String,
    /// `response`.
    pub object: &'static str,
    pub created_at: i64,
    pub status: ResponseStatus,
    pub background: bool,
    #[schema(value_type = Option<Object>)]
    pub error: Option<Value>,
    pub incomplete_details: Option<IncompleteDetails>,
    pub instructions: Option<String>,
    pub max_output_tokens: Option<i64>,
    pub metadata: BTreeMap<String, String>,
    pub model: String,
    pub output: Vec<OutputMessage>,
    pub parallel_tool_calls: bool,
    pub previous_response_id: Option<String>,
    pub store: bool,
    pub temperature: f64,
    pub text: TextOptions,
    /// `auto`.
    pub tool_choice: &'static str,
    #[schema(value_type = Vec<Object>)]
    pub tools: Vec<Value>,
    pub top_p: f64,
    /// `disabled`.
    pub truncation: &'static str,
    pub usage: Option<ResponseUsage>,
    pub user: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseStatus {
    InProgress,
    Completed,
    Incomplete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct IncompleteDetails {
    /// `max_output_tokens`.
    pub reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OutputMessage {
    pub id: String,
    /// `message`.
    pub r#type: &'static str,
    pub status: ResponseStatus,
    /// `assistant`.
    pub role: &'static str,
    pub content: Vec<OutputText>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OutputText {
    /// `output_text`.
    pub r#type: &'static str,
    pub text: String,
    #[schema(value_type = Vec<Object>)]
    pub annotations: Vec<Value>,
    #[schema(value_type = Vec<Object>)]
    pub logprobs: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ResponseUsage {
    pub input_tokens: u32,
    pub input_tokens_details: super::PromptTokensDetails,
    pub output_tokens: u32,
    pub output_tokens_details: OutputTokensDetails,
    pub total_tokens: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct OutputTokensDetails {
    pub reasoning_tokens: u32,
}
