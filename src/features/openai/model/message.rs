//! The messages of a dialog.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MessageRole)]
pub enum Role {
    System,
    /// The same as `system`.
    Developer,
    User,
    Assistant,
    /// What a called tool returned.
    Tool,
}

/// One message of a dialog.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestMessage {
    pub role: Role,
    #[schema(value_type = Option<TextOrParts>)]
    pub content: Option<Content>,
    /// Who speaks.
    pub name: Option<String>,
    /// What an assistant's message called.
    pub tool_calls: Option<Vec<WireCall>>,
    /// Which call a tool's message answers.
    pub tool_call_id: Option<String>,
    /// What the assistant thought before this message.
    pub reasoning_content: Option<String>,
    /// The same under the name that other servers give it; some clients send both.
    #[schema(ignore)]
    pub reasoning: Option<String>,
    /// An assistant's earlier refusal, which clients send back; read like its content.
    pub refusal: Option<String>,
    /// Clients send back what they were given; it is empty here.
    #[schema(ignore)]
    pub annotations: Option<Value>,
    #[schema(ignore)]
    pub audio: Option<Nothing>,
    #[schema(ignore)]
    pub function_call: Option<Nothing>,
}

/// Only `null`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub enum Nothing {}

/// A message's text, whole or in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content(pub String);

/// As the API document shows [`Content`].
#[derive(ToSchema)]
#[serde(untagged)]
pub enum TextOrParts {
    Text(String),
    Parts(Vec<ContentPart>),
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ContentPart {
    #[serde(alias = "input_text", alias = "output_text")]
    Text {
        text: String,
        #[serde(default)]
        #[schema(ignore)]
        annotations: Option<IgnoredAny>,
        #[serde(default)]
        #[schema(ignore)]
        logprobs: Option<IgnoredAny>,
        /// A hint for caches of other servers; accepted.
        #[serde(default)]
        #[schema(ignore)]
        cache_control: Option<IgnoredAny>,
    },
    Refusal {
        refusal: String,
    },
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = Content;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text or a list of parts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Content, A::Error> {
                let mut texts = Vec::new();
                while let Some(part) = parts.next_element()? {
                    texts.push(match part {
                        ContentPart::Text { text, .. } => text,
                        ContentPart::Refusal { refusal } => refusal,
                    });
                }
                Ok(Content(texts.join("\n")))
            }
        }

        deserializer.deserialize_any(Texts)
    }
}

/// A tool's call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WireCall {
    pub id: String,
    #[serde(default)]
    pub r#type: CallType,
    pub function: WireFunction,
    /// Clients send back what a stream told them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub index: Option<u32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallType {
    #[default]
    Function,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WireFunction {
    pub name: String,
    /// A JSON object, as text.
    pub arguments: String,
}
