//! From a wanted format to what an answer may hold.

use serde_json::Value;

use super::model::ResponseFormat;
use crate::{
    engine::Constraint,
    error::{Error, Result},
};

/// The largest schema, pattern or grammar, in bytes: what engines take.
const MOST_BYTES: usize = 64 * 1024;

/// Any JSON object.
pub fn json_object() -> Constraint {
    Constraint::JsonSchema(r#"{"type":"object"}"#.into())
}

/// What the answer is bounded by; `field` names the schema's place in the request.
pub fn json_schema(field: &str, schema: &Value) -> Result<Constraint> {
    if !schema.is_object() {
        return Err(Error::invalid(field, "must be a JSON schema: an object"));
    }
    let text = schema.to_string();
    if text.len() > MOST_BYTES {
        return Err(Error::invalid(field, format!("must be of at most {MOST_BYTES} bytes")));
    }
    Ok(Constraint::JsonSchema(text))
}

/// One of a format, a pattern and a grammar, or nothing.
pub fn constraint(format: Option<&ResponseFormat>, regex: Option<&str>, grammar: Option<&str>) -> Result<Constraint> {
    let format = match format {
        None | Some(ResponseFormat::Text) => Constraint::Free,
        Some(ResponseFormat::JsonObject) => json_object(),
        Some(ResponseFormat::JsonSchema { json_schema: wanted }) => {
            check_name("response_format.json_schema.name", &wanted.name)?;
            match &wanted.schema {
                Some(schema) => json_schema("response_format.json_schema.schema", schema)?,
                None => json_object(),
            }
        }
    };
    match (format, regex, grammar) {
        (format, None, None) => Ok(format),
        (Constraint::Free, Some(regex), None) => Ok(Constraint::Regex(sized("regex", regex)?)),
        (Constraint::Free, None, Some(grammar)) if is_gbnf(grammar) => {
            let advice = "is GBNF, as llama.cpp has it: here it is llguidance's notation, which is much like Lark's, for example start: \"yes\" | \"no\"";
            Err(Error::invalid("grammar", advice))
        }
        (Constraint::Free, None, Some(grammar)) => Ok(Constraint::Grammar(sized("grammar", grammar)?)),
        (Constraint::Free, Some(_), Some(_)) => Err(Error::invalid("grammar", "cannot be had together with regex: leave one of them out")),
        (_, regex, _) => {
            let field = if regex.is_some() { "regex" } else { "grammar" };
            Err(Error::invalid(field, "cannot be had together with response_format: leave one of them out"))
        }
    }
}

/// Whether a line begins as GBNF's rules do, `NAME ::=`. Within quotes, patterns and comments the mark says nothing.
fn is_gbnf(grammar: &str) -> bool {
    grammar.lines().filter_map(|line| line.trim_start().split_once("::=")).any(|(name, _)| {
        let name = name.trim_end();
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    })
}

fn sized(field: &str, source: &str) -> Result<String> {
    if source.is_empty() || source.len() > MOST_BYTES {
        return Err(Error::invalid(field, format!("must be of 1 to {MOST_BYTES} bytes")));
    }
    Ok(source.to_owned())
}

/// What ends by itself is not ended earlier by a text.
pub fn check_stops(constraint: &Constraint, stop: &[String]) -> Result<()> {
    match constraint {
        Constraint::JsonSchema(_) if !stop.is_empty() => {
            Err(Error::invalid("stop", "cannot be had together with a JSON format, which ends by itself: leave it out"))
        }
        Constraint::Grammar(_) if !stop.is_empty() => {
            Err(Error::invalid("stop", "cannot be had together with a grammar, which says by itself where it ends: leave it out"))
        }
        _ => Ok(()),
    }
}

/// OpenAI's rule for names of schemas and tools.
pub fn check_name(field: &str, name: &str) -> Result<()> {
    let fits = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if fits { Ok(()) } else { Err(Error::invalid(field, "must be 1 to 64 letters, digits, '_' or '-'")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gbnf_is_known_by_its_rules_and_not_by_what_a_grammar_quotes() {
        for gbnf in ["root ::= \"yes\"", "# An answer.\n  root::=a-b\na-b ::= \"::=\"", "root ::=\n  [\"]"] {
            assert!(is_gbnf(gbnf), "{gbnf}");
        }
        for lark in ["start: \"a ::= b\"", "start: NAME\n  | \"::=\"\nNAME: /x ::= y/", "// as in NAME ::=\nstart: \"a\"", "::="] {
            assert!(!is_gbnf(lark), "{lark}");
        }
    }
}
