//! What a slot may hold, as a grammar that llguidance enforces token by token.
//!
//! The tokenizer's tree is built once for a model. Grammars come from requests: their size is bounded before they are
//! parsed, and they are parsed on a thread of their own with room for deep nesting.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use llama_cpp_2::{model::LlamaModel, sampling::LlamaSampler};
use llguidance::{
    Matcher, ParserFactory,
    api::{GrammarWithLexer, TopLevelGrammar},
    regex_to_lark,
};

use super::vocabulary::Marks;
use crate::engine::{Constraint, EngineError, ForcedCall, tools::forced_call};

/// The largest regular expression, grammar or schema, in bytes.
const MAX_GRAMMAR_BYTES: usize = 64 * 1024;
/// The largest passage source, in bytes: a dream of 4,000 characters is 16 KiB in any script.
const MAX_PASSAGE_BYTES: usize = 64 * 1024;
/// The schemas of all tools that a call is forced from, in bytes.
const MAX_CALL_BYTES: usize = 256 * 1024;
const MAX_CHOICES: usize = 4096;
/// Nesting of brackets in a regular expression, grammar or schema.
const MAX_NESTING: usize = 64;
const PARSER_STACK_BYTES: usize = 64 * 1024 * 1024;

/// Compiled constraints that are kept: those of the product's own forms, and those that clients use again.
const KEPT: usize = 48;

/// Compiles constraints for one model.
pub(super) struct Grammars {
    factory: ParserFactory,
    marks: Marks,
    /// Matchers at the start of their slots, the one used last in front.
    kept: Mutex<VecDeque<(Key, Matcher)>>,
}

/// A constraint and its slot's stop strings.
type Key = (Constraint, Vec<String>);

impl Grammars {
    /// Walks the whole vocabulary: a fraction of a second for 262,000 tokens, so once for each model.
    pub(super) fn new(model: &LlamaModel, marks: Marks) -> Result<Self, EngineError> {
        let tokenizer = LlamaSampler::llguidance_tok_env(model);
        let mut factory = ParserFactory::new_simple(&tokenizer)
            .map_err(|error| EngineError::Failed(format!("the model's vocabulary cannot be used for grammars: {error}")))?;
        factory.quiet();
        factory.limits_mut().verbose_errors = false;
        Ok(Self { factory, marks, kept: Mutex::default() })
    }

    /// A matcher at the start of its slot; `None` where anything may be written.
    pub(super) fn compile(&self, constraint: &Constraint, stop: &[String]) -> Result<Option<Matcher>, EngineError> {
        if matches!(constraint, Constraint::Free) {
            return Ok(None);
        }
        if let Some(matcher) = self.known(constraint, stop) {
            return Ok(Some(matcher));
        }
        let matcher = self.compile_anew(grammar(constraint, stop, &self.marks)?)?;
        let mut kept = self.kept();
        kept.push_front(((constraint.clone(), stop.to_vec()), matcher.clone()));
        kept.truncate(KEPT);
        Ok(Some(matcher))
    }

    /// Whether [`Self::compile`] takes no time.
    pub(super) fn is_known(&self, constraint: &Constraint, stop: &[String]) -> bool {
        matches!(constraint, Constraint::Free) || self.kept().iter().any(|((kept, stops), _)| kept == constraint && stops == stop)
    }

    fn known(&self, constraint: &Constraint, stop: &[String]) -> Option<Matcher> {
        let mut kept = self.kept();
        let place = kept.iter().position(|((kept, stops), _)| kept == constraint && stops == stop)?;
        let entry = kept.remove(place)?;
        let matcher = entry.1.clone();
        kept.push_front(entry);
        Some(matcher)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(Key, Matcher)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compile_anew(&self, grammar: TopLevelGrammar) -> Result<Matcher, EngineError> {
        let parsed = thread::scope(|scope| {
            let parser = thread::Builder::new()
                .stack_size(PARSER_STACK_BYTES)
                .spawn_scoped(scope, || Matcher::new(self.factory.create_parser(grammar)));
            parser.map(|parser| parser.join())
        });
        match parsed {
            Ok(Ok(mut matcher)) => match matcher.get_error() {
                Some(error) => Err(invalid(&error)),
                None if matcher.compute_mask().is_ok_and(|mask| mask.num_set() > 0) => Ok(matcher),
                None => Err(invalid(&matcher.get_error().unwrap_or_else(|| "nothing can satisfy it".into()))),
            },
            Ok(Err(_)) => Err(invalid("its parser gave up")),
            Err(error) => Err(EngineError::Failed(format!("no thread for the grammar's parser: {error}"))),
        }
    }
}

fn invalid(reason: &str) -> EngineError {
    let reason: String = reason.lines().next().unwrap_or_default().chars().take(300).collect();
    EngineError::InvalidRequest(format!("the constraint of a slot cannot be used: {reason}"))
}

fn grammar(constraint: &Constraint, stop: &[String], marks: &Marks) -> Result<TopLevelGrammar, EngineError> {
    let whole = match constraint {
        Constraint::Free => "WHOLE: /(?s:.*)/\n".into(),
        Constraint::JsonSchema(schema) => return json_grammar(schema, stop),
        Constraint::ToolCall(call) => return call_grammar(call, stop, marks),
        Constraint::Grammar(source) => return own_grammar(source, stop),
        Constraint::Regex(expression) => format!("WHOLE: {}\n", regex(expression)?),
        Constraint::OneOf(choices) => format!("WHOLE: {}\n", one_of(choices)?),
        Constraint::PassageOf(text) => passage_of(text)?,
    };
    Ok(TopLevelGrammar::from_lark(whole + &with_stop(stop)))
}

/// The slot is one lexeme: `WHOLE` without any stop string in it, then perhaps a stop string.
///
/// One lexeme, since a stop string may share a token with the last characters before it.
fn with_stop(stop: &[String]) -> String {
    if stop.is_empty() {
        return "start: SLOT\nSLOT: WHOLE\n".into();
    }
    let stops = stop.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(" | ");
    format!("start: SLOT\nSLOT: BODY ({stops})?\nBODY: WHOLE & ~(ANY ({stops}) ANY)\nANY: /(?s:.*)/\n")
}

fn regex(expression: &str) -> Result<String, EngineError> {
    check_source("a regular expression", expression)?;
    if expression.is_empty() {
        return Err(invalid("the regular expression is empty"));
    }
    Ok(format!("/{}/", regex_to_lark(expression, "")))
}

fn one_of(choices: &[String]) -> Result<String, EngineError> {
    let bytes: usize = choices.iter().map(String::len).sum();
    if choices.is_empty() || choices.iter().any(String::is_empty) {
        return Err(invalid("a choice is empty"));
    }
    if choices.len() > MAX_CHOICES || bytes > MAX_GRAMMAR_BYTES {
        return Err(invalid("there are too many choices"));
    }
    Ok(format!("({})", choices.iter().map(|choice| quoted(choice)).collect::<Vec<_>>().join(" | ")))
}

/// Runs of whole words of `text`, with what stands between them, that begin and end with a word.
///
/// llguidance's own `substring_words` would split "don't" and let a passage begin with a space.
fn passage_of(text: &str) -> Result<String, EngineError> {
    if text.len() > MAX_PASSAGE_BYTES {
        return Err(invalid(&format!("the text to quote from is longer than {MAX_PASSAGE_BYTES} bytes")));
    }
    let chunks = words_and_gaps(text);
    let words = || chunks.iter().filter(|chunk| chunk.starts_with(char::is_alphanumeric));
    let first: BTreeSet<char> = words().filter_map(|word| word.chars().next()).collect();
    let last: BTreeSet<char> = words().filter_map(|word| word.chars().next_back()).collect();
    if first.is_empty() {
        return Err(invalid("the text to quote from holds no word"));
    }
    let chunks = serde_json::json!({ "substring_chunks": chunks });
    Ok(format!("WHOLE: PASSAGE & /{}((?s:.*){})?/\nPASSAGE: %regex {chunks}\n", class(&first), class(&last)))
}

/// Cuts a text into words and the gaps between them. A word runs from its first to its last letter or digit between
/// spaces, so apostrophes and hyphens stay inside; other punctuation belongs to the gaps.
fn words_and_gaps(text: &str) -> Vec<&str> {
    let mut chunks = Vec::new();
    for piece in text.split_inclusive(char::is_whitespace) {
        let start = piece.find(char::is_alphanumeric);
        let end = piece.char_indices().rev().find(|(_, letter)| letter.is_alphanumeric()).map(|(at, letter)| at + letter.len_utf8());
        match (start, end) {
            (Some(start), Some(end)) => chunks.extend([&piece[..start], &piece[start..end], &piece[end..]]),
            _ => chunks.push(piece),
        }
    }
    chunks.retain(|chunk| !chunk.is_empty());
    chunks
}

/// A character class. Letters and digits only, so nothing in it needs escaping.
fn class(characters: &BTreeSet<char>) -> String {
    format!("[{}]", characters.iter().collect::<String>())
}

fn json_grammar(schema: &str, stop: &[String]) -> Result<TopLevelGrammar, EngineError> {
    check_source("a JSON schema", schema)?;
    if !stop.is_empty() {
        return Err(invalid("a JSON value ends by itself: leave its stop strings out"));
    }
    let mut schema: serde_json::Value =
        serde_json::from_str(schema).map_err(|error| invalid(&format!("the schema is not JSON: {error}")))?;
    if let Some(object) = schema.as_object_mut() {
        // A small model left free to indent does nothing else.
        object.entry("x-guidance").or_insert_with(|| serde_json::json!({ "whitespace_flexible": false }));
    }
    Ok(TopLevelGrammar::from_grammar(GrammarWithLexer::from_json_schema(schema)))
}

fn own_grammar(source: &str, stop: &[String]) -> Result<TopLevelGrammar, EngineError> {
    check_source("a grammar", source)?;
    if !stop.is_empty() {
        return Err(invalid("a grammar says by itself where it ends: leave its stop strings out"));
    }
    Ok(TopLevelGrammar::from_lark(source.to_owned()))
}

fn call_grammar(call: &ForcedCall, stop: &[String], marks: &Marks) -> Result<TopLevelGrammar, EngineError> {
    if !stop.is_empty() {
        return Err(invalid("a call ends by itself: leave its stop strings out"));
    }
    for tool in &call.tools {
        check_source("the schema of a tool's parameters", &tool.parameters)?;
    }
    let lark = forced_call(marks.style, call, &|mark| marks.token(mark)).map_err(|reason| invalid(&reason))?;
    if lark.len() > MAX_CALL_BYTES {
        return Err(invalid(&format!("the tools' schemas are longer than {MAX_CALL_BYTES} bytes together")));
    }
    Ok(TopLevelGrammar::from_lark(lark))
}

/// Refuses what is large or deep before any parser sees it.
fn check_source(what: &str, source: &str) -> Result<(), EngineError> {
    if source.len() > MAX_GRAMMAR_BYTES {
        return Err(invalid(&format!("{what} is longer than {MAX_GRAMMAR_BYTES} bytes")));
    }
    let mut depth = 0_usize;
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err(invalid(&format!("{what} is nested deeper than {MAX_NESTING}")));
        }
    }
    Ok(())
}

/// A Lark string literal; JSON's escapes are Lark's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_its_apostrophe_and_loses_its_comma() {
        assert_eq!(words_and_gaps("I don't, «well» 3-D"), ["I", " ", "don't", ", ", "«", "well", "» ", "3-D"]);
        assert_eq!(words_and_gaps("… —"), ["… ", "—"]);
    }

    #[test]
    fn deep_or_large_sources_are_refused_before_they_are_parsed() {
        let deep = "(".repeat(60_000);
        let large = "a".repeat(100_000);
        for constraint in [
            Constraint::Regex(deep.clone()),
            Constraint::JsonSchema(deep.clone()),
            Constraint::Grammar(deep),
            Constraint::Regex(large.clone()),
            Constraint::Grammar(large),
        ] {
            let error = grammar(&constraint, &[], &Marks::default()).err().unwrap();
            assert!(matches!(error, EngineError::InvalidRequest(_)), "{error}");
        }
    }
}
