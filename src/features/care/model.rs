//! What is said, as the API has it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Words of help, with whom to turn to. People wrote them; no model did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CareMessage {
    pub title: String,
    /// Paragraphs.
    pub text: Vec<String>,
    /// ISO 639-1.
    pub language: String,
    /// Whose resources come first; ISO 3166.
    pub country: Option<String>,
    pub resources: Vec<CareResource>,
}

/// Somebody to turn to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CareResource {
    /// ISO 3166; empty: everywhere.
    pub country: String,
    pub name: String,
    pub phone: Option<String>,
    pub url: Option<String>,
    pub hours: Option<String>,
    pub about: Option<String>,
}

/// Words of help, and the countries that there is somebody to turn to in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CarePage {
    pub message: CareMessage,
    /// ISO 3166.
    pub countries: Vec<String>,
}
