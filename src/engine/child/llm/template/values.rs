//! Messages and tools as the values that templates know.

use indexmap::IndexMap;
use minijinja::Value;

use super::{habits::Habits, python_json::dumps};
use crate::engine::{ChatMessage, ChatRole, ToolCall, ToolDefinition};

pub(super) fn messages(messages: &[ChatMessage], habits: Habits) -> Value {
    messages.iter().map(|one| message(one, habits)).collect()
}

fn message(message: &ChatMessage, habits: Habits) -> Value {
    let mut map = IndexMap::<Value, Value>::new();
    let mut put = |key: &str, value: Value| map.insert(key.into(), value);
    put("role", role_name(message.role).into());
    put("content", content(message, habits));
    if let Some(reasoning) = &message.reasoning {
        // gpt-oss reads `thinking`, all others the first.
        put("reasoning_content", reasoning.as_str().into());
        put("thinking", reasoning.as_str().into());
    }
    if let Some(name) = &message.name {
        put("name", name.as_str().into());
    }
    if let Some(id) = &message.tool_call_id {
        put("tool_call_id", id.as_str().into());
    }
    if !message.tool_calls.is_empty() {
        put("tool_calls", message.tool_calls.iter().map(|one| call(one, habits)).collect());
    }
    Value::from_object(map)
}

fn content(message: &ChatMessage, habits: Habits) -> Value {
    if habits.no_content_with_calls && !message.tool_calls.is_empty() && message.content.is_empty() {
        return Value::from(());
    }
    if habits.content_in_parts {
        return Value::from(vec![map([("type", "text".into()), ("text", message.content.as_str().into())])]);
    }
    message.content.as_str().into()
}

fn call(call: &ToolCall, habits: Habits) -> Value {
    let mut arguments = json(&call.arguments);
    if habits.arguments_as_text {
        // As the model wrote them, whose cache may still hold them: models write JSON as Python does.
        arguments = dumps(&arguments).map_or_else(|_| call.arguments.as_str().into(), Value::from);
    }
    map([
        ("id", call.id.as_str().into()),
        ("type", "function".into()),
        ("function", map([("name", call.name.as_str().into()), ("arguments", arguments)])),
    ])
}

pub(super) fn tools(tools: &[ToolDefinition]) -> Value {
    if tools.is_empty() {
        return Value::from(());
    }
    tools.iter().map(tool).collect()
}

fn tool(tool: &ToolDefinition) -> Value {
    let function = map([
        ("name", tool.name.as_str().into()),
        ("description", tool.description.as_str().into()),
        ("parameters", json(&tool.parameters)),
    ]);
    map([("type", "function".into()), ("function", function)])
}

fn role_name(role: ChatRole) -> &'static str {
    match role {
        ChatRole::System => "system",
        ChatRole::User => "user",
        ChatRole::Assistant => "assistant",
        ChatRole::Tool => "tool",
    }
}

/// Keys in the order of the text. What is no JSON stays text.
fn json(text: &str) -> Value {
    serde_json::from_str(text).map_or_else(|_| text.into(), |value| value_of(&value))
}

fn value_of(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(value) => (*value).into(),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => number.as_f64().unwrap_or_default().into(),
        },
        serde_json::Value::String(text) => text.as_str().into(),
        serde_json::Value::Array(items) => items.iter().map(value_of).collect(),
        serde_json::Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (Value::from(key.as_str()), value_of(value)));
            Value::from_object(entries.collect::<IndexMap<Value, Value>>())
        }
    }
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::from_object(entries.into_iter().map(|(key, value)| (Value::from(key), value)).collect::<IndexMap<Value, Value>>())
}
