//! Tools that a model may call.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A tool.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Tool {
    Function { function: ToolFunction },
}

#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolFunction {
    /// 1 to 64 letters, digits, `_` or `-`.
    pub name: String,
    pub description: Option<String>,
    /// The JSON schema of its arguments: an object's.
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Value>,
    /// Accepted. The schema is enforced where `tool_choice` forces a call; elsewhere the model is shown it.
    pub strict: Option<bool>,
}

/// Whether tools are called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(untagged, expecting = "`auto`, `none`, `required`, or {\"type\": \"function\", \"function\": {\"name\": …}} is expected")]
pub enum ToolChoice {
    Mode(ToolMode),
    Named(NamedTool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolMode {
    Auto,
    None,
    /// One of the tools has to be called.
    Required,
}

/// This tool has to be called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum NamedTool {
    Function { function: ToolName },
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolName {
    pub name: String,
}

/// How much a model thinks before it answers; models that cannot choose do as they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReasoningEffort {
    None,
    Minimal,
    Low,
    Medium,
    High,
}
