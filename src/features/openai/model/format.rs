//! The format that an answer is to have.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What the answer is to be.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ResponseFormat {
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that a schema describes; enforced token by token.
    JsonSchema {
        json_schema: NamedSchema,
    },
}

#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedSchema {
    pub name: String,
    pub description: Option<String>,
    /// JSON Schema, as far as llguidance enforces it: `type`, `properties`, `required`, `additionalProperties`, `enum`, `const`,
    /// `anyOf`, `oneOf`, `allOf`, `$ref` within the schema, `items`, `prefixItems`, `minItems`, `maxItems`, `minLength`,
    /// `maxLength`, `pattern`, `format`, and the bounds of numbers. At most 64 KiB and 64 levels.
    #[schema(value_type = Option<Object>)]
    pub schema: Option<Value>,
    /// A schema is always enforced here.
    pub strict: Option<bool>,
}
