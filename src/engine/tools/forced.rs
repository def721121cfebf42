//! A grammar for one call that has to be made.

use std::fmt::Write;

use super::{ToolStyle, is_name};
use crate::engine::{ForcedCall, ToolDefinition};

/// The most tools that a call can be forced from.
pub const MAX_TOOLS: usize = 128;

/// The call in the style's own form, as Lark for llguidance. `token_of` tells which marks are single tokens of the model.
///
/// # Errors
/// In words, where a tool's name cannot be written or its parameters are no JSON schema of an object.
pub fn forced_call(style: ToolStyle, call: &ForcedCall, token_of: &dyn Fn(&str) -> Option<u32>) -> Result<String, String> {
    if call.tools.is_empty() || call.tools.len() > MAX_TOOLS {
        return Err(format!("a call is forced from 1 to {MAX_TOOLS} tools"));
    }
    // In these the arguments are no JSON; their readers take the common form too.
    let style = if style == ToolStyle::Gemma { ToolStyle::Hermes } else { style };
    let [before, between, after] = style.parts().forced;
    let literal = |text: &str| sequence(style, text, token_of);
    let begin = if call.closes_reasoning { literal("\n</think>\n\n") } else { String::new() };
    let mut grammar = String::new();
    let _ = writeln!(grammar, "start: {begin} {} call {}", literal(before), literal(after));
    let calls: Vec<String> = (0..call.tools.len()).map(|at| format!("call_{at}")).collect();
    let _ = writeln!(grammar, "call: {}", calls.join(" | "));
    for (at, tool) in call.tools.iter().enumerate() {
        let (name, schema) = (checked_name(&tool.name)?, parameters(tool)?);
        let _ = writeln!(grammar, "call_{at}: {} {} %json {schema}", quoted(name), literal(between));
    }
    Ok(grammar)
}

/// Text as a sequence of literals and single tokens.
fn sequence(style: ToolStyle, text: &str, token_of: &dyn Fn(&str) -> Option<u32>) -> String {
    let marks: Vec<(&str, u32)> = style.marks().into_iter().filter_map(|mark| token_of(mark).map(|token| (mark, token))).collect();
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let found = marks.iter().filter_map(|(mark, token)| rest.find(mark).map(|at| (at, *mark, *token))).min_by_key(|(at, ..)| *at);
        let (plain, token, behind) = match found {
            Some((at, mark, token)) => (&rest[..at], Some(token), &rest[at + mark.len()..]),
            None => (rest, None, ""),
        };
        if !plain.is_empty() {
            parts.push(quoted(plain));
        }
        parts.extend(token.map(|token| format!("<[{token}]>")));
        rest = behind;
    }
    parts.join(" ")
}

fn checked_name(name: &str) -> Result<&str, String> {
    if is_name(name) { Ok(name) } else { Err(format!("a tool's name is 1 to 64 letters, digits, '_', '-' or '.': {name:?}")) }
}

fn parameters(tool: &ToolDefinition) -> Result<serde_json::Value, String> {
    let mut schema: serde_json::Value = serde_json::from_str(if tool.parameters.trim().is_empty() { "{}" } else { &tool.parameters })
        .map_err(|error| format!("the parameters of the tool {} are not JSON: {error}", tool.name))?;
    let object = schema.as_object_mut().ok_or_else(|| format!("the parameters of the tool {} are no JSON schema", tool.name))?;
    object.entry("type").or_insert_with(|| "object".into());
    // A small model left free to indent does nothing else.
    object.entry("x-guidance").or_insert_with(|| serde_json::json!({ "whitespace_flexible": false }));
    Ok(schema)
}

/// A Lark string literal; JSON's escapes are Lark's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
