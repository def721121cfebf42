//! What stands between a style's marks, read as calls.

use serde_json::{Map, Value};

use super::{
    is_name,
    json::{ReadCall, calls, object_text},
};
use crate::engine::ToolDefinition;

/// The calls in the text behind the mark `open`; `None` where it is no call, or one of what cannot be a tool's name.
pub(super) fn read(open: &str, body: &str, tools: &[ToolDefinition]) -> Option<Vec<ReadCall>> {
    parsed(open, body.trim(), tools).filter(|calls| calls.iter().all(|call| is_name(&call.name)))
}

fn parsed(open: &str, trimmed: &str, tools: &[ToolDefinition]) -> Option<Vec<ReadCall>> {
    match open {
        "<function=" => function_tag(trimmed).map(one),
        "[TOOL_CALLS]" if !trimmed.starts_with('[') => mistral(trimmed).map(one),
        "<｜tool▁call▁begin｜>" => deepseek(trimmed).map(one),
        "<|tool_call_begin|>" => kimi(trimmed).map(one),
        "<|tool_call>" => gemma(trimmed).map(one),
        "<tool_call>" if trimmed.starts_with("<function=") => functions(trimmed, tools),
        "<tool_call>" if !trimmed.starts_with(['{', '[']) => arg_keys(trimmed, tools).map(one),
        // Command R's way to say that it answers by itself.
        _ => calls(trimmed).map(|calls| calls.into_iter().filter(|call| !is_direct_answer(&call.name)).collect()),
    }
}

fn one(call: ReadCall) -> Vec<ReadCall> {
    vec![call]
}

fn is_direct_answer(name: &str) -> bool {
    matches!(name, "directly_answer" | "directly-answer")
}

fn named(name: &str, arguments: &str) -> Option<ReadCall> {
    Some(ReadCall { id: None, name: name.trim().to_owned(), arguments: object_text(arguments)? })
}

/// `name>{…}`
fn function_tag(body: &str) -> Option<ReadCall> {
    let (name, arguments) = body.split_once('>')?;
    named(name, arguments)
}

/// `name[ARGS]{…}` or `name[CALL_ID]id[ARGS]{…}`
fn mistral(body: &str) -> Option<ReadCall> {
    let (head, arguments) = body.split_once("[ARGS]")?;
    let (name, id) = head.split_once("[CALL_ID]").map_or((head, None), |(name, id)| (name, Some(id.trim().to_owned())));
    Some(ReadCall { id, ..named(name, arguments)? })
}

/// ``function<｜tool▁sep｜>name\n```json\n{…}\n``` ``, or without kind and fence.
fn deepseek(body: &str) -> Option<ReadCall> {
    let (head, rest) = body.split_once("<｜tool▁sep｜>")?;
    let Some((name, fenced)) = rest.split_once("```json") else { return named(head, rest) };
    named(name, fenced.trim().strip_suffix("```")?)
}

/// `functions.name:0<|tool_call_argument_begin|>{…}`: all before the mark is the call's id too.
fn kimi(body: &str) -> Option<ReadCall> {
    let (id, arguments) = body.split_once("<|tool_call_argument_begin|>")?;
    let id = id.trim();
    let name = id.strip_prefix("functions.").unwrap_or(id);
    let name = name.rsplit_once(':').map_or(name, |(name, _)| name);
    Some(ReadCall { id: Some(id.to_owned()), ..named(name, arguments)? })
}

/// `<function=name><parameter=key>value</parameter>…</function>`, once or more.
fn functions(body: &str, tools: &[ToolDefinition]) -> Option<Vec<ReadCall>> {
    let mut rest = body;
    let mut calls = Vec::new();
    while let Some(behind) = rest.trim_start().strip_prefix("<function=") {
        let (name, behind) = behind.split_once('>')?;
        let (inner, behind) = behind.split_once("</function>").unwrap_or((behind, ""));
        calls.push(tagged(name, inner, tools, ["<parameter=", ">", "</parameter>"])?);
        rest = behind;
    }
    (rest.trim().is_empty() && !calls.is_empty()).then_some(calls)
}

/// `name<arg_key>key</arg_key><arg_value>value</arg_value>…`
fn arg_keys(body: &str, tools: &[ToolDefinition]) -> Option<ReadCall> {
    let (name, inner) = body.split_at(body.find("<arg_key>").unwrap_or(body.len()));
    let middle = if inner.contains("</arg_key>\n<arg_value>") { "</arg_key>\n<arg_value>" } else { "</arg_key><arg_value>" };
    tagged(name, inner, tools, ["<arg_key>", middle, "</arg_value>"])
}

/// Arguments between tags: what comes before a key, between key and value, after the value.
fn tagged(name: &str, inner: &str, tools: &[ToolDefinition], [open, middle, close]: [&str; 3]) -> Option<ReadCall> {
    let name = name.trim();
    let schema: Value = tools.iter().find(|tool| tool.name == name).and_then(|tool| serde_json::from_str(&tool.parameters).ok())?;
    let mut arguments = Map::new();
    let mut rest = inner.trim();
    while let Some(behind) = rest.strip_prefix(open) {
        let (key, behind) = behind.split_once(middle)?;
        // A value that lacks its end runs to the next key.
        let (value, behind) = behind.split_once(close).or_else(|| behind.find(open).map(|at| behind.split_at(at)))?;
        arguments.insert(key.trim().to_owned(), typed(value, &schema["properties"][key.trim()]));
        rest = behind.trim_start();
    }
    rest.is_empty().then(|| ReadCall { id: None, name: name.to_owned(), arguments: Value::Object(arguments).to_string() })
}

/// A value without quotes: JSON where the schema asks for something else than a text.
fn typed(value: &str, schema: &Value) -> Value {
    let value = value.strip_prefix('\n').unwrap_or(value);
    let value = value.strip_suffix('\n').unwrap_or(value);
    let is_text = match &schema["type"] {
        Value::String(kind) => kind == "string",
        Value::Array(kinds) => {
            kinds.iter().any(|kind| kind == "string") && serde_json::from_str::<Value>(value).map_or(true, |read| !read.is_null())
        }
        _ => schema["enum"].as_array().is_some_and(|choices| choices.iter().any(|choice| choice == value)),
    };
    let read = if is_text { None } else { serde_json::from_str(value).ok() };
    // Some write booleans as Python does.
    read.unwrap_or_else(|| match (is_text, value) {
        (false, "True") => true.into(),
        (false, "False") => false.into(),
        (false, "None") => Value::Null,
        _ => value.into(),
    })
}

const GEMMA_QUOTE: &str = "<|\"|>";
const MAX_DEPTH: usize = 64;

/// `call:name{key:<|"|>text<|"|>,key:7}`
fn gemma(body: &str) -> Option<ReadCall> {
    let body = body.strip_prefix("call:")?;
    let at = body.find('{')?;
    let (name, mut rest) = body.split_at(at);
    let value = gemma_value(&mut rest, 0)?;
    let arguments = value.as_object().filter(|_| rest.trim().is_empty())?;
    named(name, &Value::Object(arguments.clone()).to_string())
}

fn gemma_value(rest: &mut &str, depth: usize) -> Option<Value> {
    *rest = rest.trim_start();
    if depth > MAX_DEPTH {
        return None;
    }
    if let Some(text) = rest.strip_prefix(GEMMA_QUOTE) {
        let (text, behind) = text.split_once(GEMMA_QUOTE)?;
        *rest = behind;
        return Some(text.into());
    }
    match rest.chars().next()? {
        '{' => {
            let mut object = Map::new();
            gemma_items(rest, '}', |rest| {
                let (key, behind) = rest.split_once(':')?;
                *rest = behind;
                let key = key.trim().trim_start_matches(GEMMA_QUOTE).trim_end_matches(GEMMA_QUOTE).trim_matches('"');
                object.insert(key.to_owned(), gemma_value(rest, depth + 1)?);
                Some(())
            })?;
            Some(object.into())
        }
        '[' => {
            let mut list = Vec::new();
            gemma_items(rest, ']', |rest| gemma_value(rest, depth + 1).map(|item| list.push(item)))?;
            Some(list.into())
        }
        // Numbers, words and texts in JSON's own quotes.
        _ => {
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            let value = values.next()?.ok()?;
            *rest = &rest[values.byte_offset()..];
            Some(value)
        }
    }
}

/// Items with commas between them, up to the bracket that closes; the one that opens is there.
fn gemma_items<'a>(rest: &mut &'a str, close: char, mut item: impl FnMut(&mut &'a str) -> Option<()>) -> Option<()> {
    *rest = rest.get(1..)?.trim_start();
    if let Some(behind) = rest.strip_prefix(close) {
        *rest = behind;
        return Some(());
    }
    loop {
        item(rest)?;
        *rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(behind) => *rest = behind,
            None => {
                *rest = rest.strip_prefix(close)?;
                return Some(());
            }
        }
    }
}
