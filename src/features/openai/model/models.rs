//! `/v1/models`.

use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelObjects {
    /// `list`.
    pub object: &'static str,
    pub data: Vec<ModelObject>,
}

/// A model that can be asked.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelObject {
    pub id: String,
    /// `model`.
    pub object: &'static str,
    /// When the server began to offer it, in seconds since 1970.
    pub created: i64,
    pub owned_by: &'static str,
    /// Extension: what it is for: `chat`, `completion`, `embedding` or `transcription`.
    pub task: &'static str,
    /// Extension: further names that mean this model.
    pub aliases: Vec<String>,
    /// Extension: in tokens.
    pub context_length: Option<u32>,
    /// Extension: length of a vector.
    pub dimensions: Option<u32>,
}
