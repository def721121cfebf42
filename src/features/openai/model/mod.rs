//! The wire types, as OpenAI's clients know them. Field names are the protocol's.

mod chat;
mod completion;
mod embedding;
mod format;
mod message;
mod models;
mod response;
mod tools;
mod transcription;

pub use chat::*;
pub use completion::*;
pub use embedding::*;
pub use format::*;
pub use message::*;
pub use models::*;
pub use response::*;
pub use tools::*;
pub use transcription::*;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an error looks like here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// What went wrong and what to do, for people.
    pub message: String,
    /// `invalid_request_error`, `rate_limit_error` or `server_error`.
    pub r#type: String,
    /// The field that is wrong.
    pub param: Option<String>,
    /// `model_not_found`, `context_length_exceeded`, …
    pub code: Option<String>,
}

/// Tokens that were read and written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    pub total_tokens: u32,
    pub prompt_tokens_details: PromptTokensDetails,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromptTokensDetails {
    /// Of the prompt, how many need not be read since an earlier request had them read, rounded down to a multiple of 128.
    pub cached_tokens: u32,
}

/// One text or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(untagged, expecting = "a text or a list of texts is expected")]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Vec<String> {
    fn from(texts: OneOrMany) -> Self {
        match texts {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamOptions {
    /// The last chunk tells the tokens that were read and written.
    pub include_usage: Option<bool>,
    /// Accepted; nothing is padded here.
    #[schema(ignore)]
    pub include_obfuscation: Option<bool>,
}

/// How soon an answer is wanted. There is one tier here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceTier {
    Auto,
    Default,
}
