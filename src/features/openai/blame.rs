//! What an engine refuses, told by the field that it comes from.

use super::failure::is_too_long;
use crate::{
    engine::Constraint,
    error::{Error, Result},
};

/// The fields of one request that an engine may find fault with.
#[derive(Debug, Clone, Copy)]
pub struct Fields {
    /// What is to be continued.
    pub prompt: &'static str,
    /// The wanted format.
    pub format: &'static str,
}

/// Whom to blame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blame {
    prompt: &'static str,
    constraint: &'static str,
}

impl Blame {
    pub(super) fn new(fields: Fields, constraint: &Constraint) -> Self {
        let constraint = match constraint {
            Constraint::ToolCall(_) => "tools",
            Constraint::Regex(_) => "regex",
            Constraint::Grammar(_) => "grammar",
            _ => fields.format,
        };
        Self { prompt: fields.prompt, constraint }
    }

    /// The error, told of a field where it is one's fault.
    pub(super) fn on<T>(self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| {
            let Error::Malformed(message) = error else { return error };
            if let Some(reason) = message.strip_prefix("the constraint of a slot ") {
                return Error::invalid(self.constraint, reason);
            }
            match message.strip_prefix("logit_bias ") {
                Some(reason) => Error::invalid("logit_bias", reason),
                None if is_too_long(&message) => Error::invalid(self.prompt, message),
                None => Error::Malformed(message),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::EngineError, features::openai::Failure};

    #[test]
    fn a_refusal_names_the_field_of_its_own_operation() {
        let told = |constraint: &Constraint, message: &str| {
            let blame = Blame::new(Fields { prompt: "input", format: "text.format" }, constraint);
            let error = blame.on::<()>(Err(EngineError::InvalidRequest(message.into()).into())).unwrap_err();
            let detail = Failure::from(&error).body.error;
            (detail.param.unwrap_or_default(), detail.code.unwrap_or_default())
        };
        let pair = |field: &str, code: &str| (field.to_owned(), code.to_owned());
        let broken = "the constraint of a slot cannot be used: it never ends";
        assert_eq!(told(&Constraint::JsonSchema("{}".into()), broken), pair("text.format", ""));
        assert_eq!(told(&Constraint::Regex("a".into()), broken), pair("regex", ""));
        assert_eq!(told(&Constraint::Grammar("start: \"a\"".into()), broken), pair("grammar", ""));
        let long = "the prompt of 9000 tokens is too long for the model's context of 2048 tokens: shorten it";
        assert_eq!(told(&Constraint::Free, long), pair("input", "context_length_exceeded"));
        assert_eq!(told(&Constraint::Free, "logit_bias has no such token"), pair("logit_bias", ""));
    }
}
