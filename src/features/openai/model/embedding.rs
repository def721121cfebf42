//! `/v1/embeddings`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Inputs;
use crate::{
    engine::EmbeddingRole,
    features::openai::{Advice, Wire},
};

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingsRequest {
    /// A model that `/v1/models` lists, or one of its aliases.
    pub model: String,
    /// A text or at most 2,048 of them.
    #[schema(value_type = super::OneOrMany)]
    pub input: Inputs,
    pub encoding_format: Option<VectorEncoding>,
    /// Only the model's own: vectors of these models mean nothing when they are cut.
    pub dimensions: Option<i64>,
    pub user: Option<String>,
    /// Extension: what the texts are; models such as E5 embed a question and a stored text differently. `passage` when absent.
    pub input_type: Option<InputType>,
    /// Extension: read the beginning of a text that is longer than the model's context, and say so, instead of refusing it.
    pub truncate: Option<bool>,
}

impl Wire for EmbeddingsRequest {
    const REFUSED: &'static [Advice] = &[];
    /// 8 MiB.
    const LIMIT_BYTES: u64 = 8 * 1024 * 1024;
}

impl EmbeddingsRequest {
    /// Texts to be embedded by a model, everything else as it is by default.
    pub fn of(model: &str, input: Inputs) -> Self {
        let (encoding_format, dimensions, user, input_type, truncate) = (None, None, None, None, None);
        Self { model: model.to_owned(), input, encoding_format, dimensions, user, input_type, truncate }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VectorEncoding {
    #[default]
    Float,
    /// 32-bit floats, little endian, in base64.
    Base64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    #[serde(alias = "search_query")]
    Query,
    #[default]
    #[serde(alias = "document", alias = "search_document")]
    Passage,
}

impl From<InputType> for EmbeddingRole {
    fn from(kind: InputType) -> Self {
        match kind {
            InputType::Query => Self::Query,
            InputType::Passage => Self::Passage,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EmbeddingObjects {
    /// `list`.
    pub object: &'static str,
    pub data: Vec<EmbeddingObject>,
    pub model: String,
    pub usage: EmbeddingUsage,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EmbeddingObject {
    /// `embedding`.
    pub object: &'static str,
    pub index: usize,
    pub embedding: Vector,
    /// Extension: only the beginning of the text was read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub truncated: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Vector {
    Floats(Vec<f32>),
    Base64(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct EmbeddingUsage {
    pub prompt_tokens: u32,
    pub total_tokens: u32,
}
