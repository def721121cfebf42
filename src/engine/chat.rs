//! A dialog as a model's chat template takes it: messages, tools and the calls of tools.
//!
//! JSON travels as text: the wire's format knows no free-form values.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A dialog to be continued.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ChatPrompt {
    pub messages: Vec<ChatMessage>,
    /// What the model may call.
    pub tools: Vec<ToolDefinition>,
    pub reasoning: Reasoning,
    /// Control tokens that mark calls and reasoning may be written and are told as text, for a
    /// [`super::tools::ToolReader`]; else they are neither.
    pub marks: bool,
}

impl From<Vec<ChatMessage>> for ChatPrompt {
    /// Without tools.
    fn from(messages: Vec<ChatMessage>) -> Self {
        Self { messages, ..Self::default() }
    }
}

impl ChatPrompt {
    /// Every text that somebody gave and a template may show.
    pub fn visit_texts(&mut self, visit: &mut dyn FnMut(&mut String)) {
        for message in &mut self.messages {
            visit(&mut message.content);
            [&mut message.reasoning, &mut message.name, &mut message.tool_call_id].into_iter().flatten().for_each(&mut *visit);
            for call in &mut message.tool_calls {
                [&mut call.id, &mut call.name].into_iter().for_each(&mut *visit);
                visit_json(&mut call.arguments, visit);
            }
        }
        for tool in &mut self.tools {
            [&mut tool.name, &mut tool.description].into_iter().for_each(&mut *visit);
            visit_json(&mut tool.parameters, visit);
        }
    }
}

/// Templates show JSON with its escapes undone: texts and keys are visited as they read then.
fn visit_json(json: &mut String, visit: &mut dyn FnMut(&mut String)) {
    match serde_json::from_str::<Value>(json) {
        Ok(mut value) => {
            visit_value(&mut value, visit);
            *json = value.to_string();
        }
        Err(_) => visit(json),
    }
}

fn visit_value(value: &mut Value, visit: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter_mut().for_each(|item| visit_value(item, visit)),
        Value::Object(object) => {
            *object = std::mem::take(object)
                .into_iter()
                .map(|(mut key, mut value)| {
                    visit(&mut key);
                    visit_value(&mut value, visit);
                    (key, value)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// One message of a dialog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    pub role: ChatRole,
    pub content: String,
    /// What the assistant thought before it answered; templates that know no such thing leave it out.
    pub reasoning: Option<String>,
    /// Who speaks; in a tool's message the tool's name.
    pub name: Option<String>,
    /// What the assistant called.
    pub tool_calls: Vec<ToolCall>,
    /// Which call a tool's message answers.
    pub tool_call_id: Option<String>,
}

impl ChatMessage {
    /// A message of text alone.
    pub fn new(role: ChatRole, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), reasoning: None, name: None, tool_calls: Vec::new(), tool_call_id: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatRole {
    System,
    User,
    Assistant,
    /// What a called tool returned.
    Tool,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// A JSON object, as text.
    pub arguments: String,
}

/// What a model is told of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolDefinition {
    pub name: String,
    pub description: String,
    /// The JSON schema of its arguments, as text.
    pub parameters: String,
}

/// How much a reasoning model thinks before it answers. Models that cannot choose do as they do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reasoning {
    /// As the template has it.
    #[default]
    Default,
    Off,
    Low,
    Medium,
    High,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_that_somebody_gave_is_left_out() {
        let call = ToolCall { id: "X1".into(), name: "X2".into(), arguments: r#"{"X3": ["\u00583", {"a": "X4\\\"X"}], "b": 1.5}"#.into() };
        let message = ChatMessage {
            reasoning: Some("X5".into()),
            name: Some("X6".into()),
            tool_calls: vec![call],
            tool_call_id: Some("X7".into()),
            ..ChatMessage::new(ChatRole::Assistant, "X8")
        };
        let tool = ToolDefinition {
            name: "X9".into(),
            description: "X10".into(),
            parameters: r#"{"description": "X11", "\u0058": "not JSON: X"}"#.into(),
        };
        let broken = ToolDefinition { parameters: "{X".into(), ..tool.clone() };
        let mut chat = ChatPrompt { tools: vec![tool, broken], ..vec![message].into() };
        chat.visit_texts(&mut |text| *text = text.replace('X', "y"));
        let shown = format!("{chat:?}");
        assert!(!shown.contains('X') && !shown.contains("u0058"), "{shown}");
        let arguments: Value = serde_json::from_str(&chat.messages[0].tool_calls[0].arguments).unwrap();
        assert_eq!(arguments, serde_json::json!({ "y3": ["y3", { "a": "y4\\\"y" }], "b": 1.5 }));
    }
}
