//! Calls written as JSON, and where a JSON value ends in a stream.

use serde_json::{Map, Value};

/// A call before it has an id of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadCall {
    pub id: Option<String>,
    pub name: String,
    pub arguments: String,
}

/// The calls of one JSON text: an object or a list of them. `None` if it is anything else.
pub(super) fn calls(text: &str) -> Option<Vec<ReadCall>> {
    let value: Value = serde_json::from_str(text.trim()).ok()?;
    let calls = match value {
        Value::Array(items) => items.iter().map(call).collect::<Option<Vec<_>>>()?,
        value => vec![call(&value)?],
    };
    (!calls.is_empty()).then_some(calls)
}

fn call(value: &Value) -> Option<ReadCall> {
    let object = value.as_object()?;
    if let Some(function) = object.get("function").filter(|function| function.is_object()) {
        return call(function).map(|read| ReadCall { id: text(object, &["id"]), ..read });
    }
    let name = text(object, &["name", "tool_name", "function"]).filter(|name| !name.is_empty())?;
    let given = ["arguments", "parameters", "args"].iter().find_map(|key| object.get(*key));
    let arguments = match given {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(Value::Object(arguments)) => Value::Object(arguments.clone()).to_string(),
        Some(Value::String(arguments)) => object_text(arguments)?,
        Some(_) => return None,
    };
    Some(ReadCall { id: text(object, &["id"]), name, arguments })
}

/// The text as it is, if it is a JSON object; nothing at all stands for an empty one.
pub(super) fn object_text(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return Some("{}".to_owned());
    }
    serde_json::from_str::<Map<String, Value>>(text).ok().map(|_| text.to_owned())
}

fn text(object: &Map<String, Value>, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| object.get(*key)?.as_str()).map(str::to_owned)
}

/// Follows a JSON value through a growing text.
#[derive(Debug, Default, Clone)]
pub(super) struct Scan {
    /// Bytes looked at.
    at: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Looks at `text` up to `end`, which must begin as it did before; `Some` is where the value ends, if it does.
    pub fn value_end(&mut self, text: &str, end: usize) -> Option<usize> {
        for (at, byte) in text.bytes().enumerate().take(end).skip(self.at) {
            self.at = at + 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// Where `mark` is first found outside the strings of `text`, whose beginning is JSON; anywhere in other text.
pub(super) fn find_outside_strings(text: &str, mark: &str) -> Option<usize> {
    let is_json = text.trim_start().starts_with(['{', '[']);
    let mut scan = Scan::default();
    text.match_indices(mark).map(|(at, _)| at).find(|at| {
        if !is_json {
            return true;
        }
        while scan.at < *at && scan.value_end(text, *at).is_some() {}
        !scan.in_string
    })
}
