//! Content, reasoning and calls of one answer, read while its text comes in.

use super::{Told, service::new_id};
use crate::engine::{
    Reasoning, TokenLogprob, ToolCall, ToolDefinition,
    tools::{AnswerStyle, Piece, ToolReader, ToolStyle},
};

/// How the answers to a request are to be read.
#[derive(Debug, Clone)]
pub struct Manner {
    pub style: AnswerStyle,
    pub reasoning: Reasoning,
    pub tools: Vec<ToolDefinition>,
    /// Nothing after the first call.
    pub one_call: bool,
}

/// Reads one answer.
pub struct Reader {
    /// `None`: what comes is content.
    marks: Option<ToolReader>,
    /// Nothing but reasoning at the beginning is marked: what comes after the first words is content.
    plain: bool,
    one_call: bool,
    calls: usize,
    /// Of tokens whose text is not told yet.
    logprobs: Vec<TokenLogprob>,
}

impl Reader {
    /// Without a manner all is content.
    pub fn new(manner: Option<&Manner>) -> Self {
        let marks = manner.map(|manner| {
            let begins_in_reasoning = manner.style.begins_in_reasoning(manner.reasoning);
            ToolReader::new(manner.style.tools, begins_in_reasoning, &manner.tools, &new_id(""))
        });
        let plain = manner.is_some_and(|manner| manner.tools.is_empty() && manner.style.tools == ToolStyle::Hermes);
        Self { marks, plain, one_call: manner.is_some_and(|manner| manner.one_call), calls: 0, logprobs: Vec::new() }
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// Takes more text.
    pub fn push(&mut self, text: String, logprobs: Vec<TokenLogprob>) -> Vec<Told> {
        self.logprobs.extend(logprobs);
        let Some(marks) = &mut self.marks else { return vec![self.text(text)] };
        let mut pieces = marks.push(&text);
        if self.plain && pieces.iter().any(|piece| matches!(piece, Piece::Content(_))) {
            pieces.extend(self.marks.take().map(ToolReader::finish).unwrap_or_default());
        }
        self.told(pieces)
    }

    /// The answer has ended.
    pub fn finish(&mut self) -> Vec<Told> {
        let pieces = self.marks.take().map(ToolReader::finish).unwrap_or_default();
        self.told(pieces)
    }

    fn told(&mut self, pieces: Vec<Piece>) -> Vec<Told> {
        let mut told = Vec::new();
        for piece in pieces {
            if self.one_call && self.calls > 0 {
                break;
            }
            match piece {
                Piece::Content(text) if text.is_empty() => {}
                Piece::Content(text) => told.push(self.text(text)),
                Piece::Reasoning(text) if text.is_empty() => {}
                Piece::Reasoning(text) => told.push(Told::Reasoning(text)),
                Piece::Call(call) => told.push(self.call(call)),
            }
        }
        told
    }

    fn text(&mut self, text: String) -> Told {
        Told::Text { text, logprobs: std::mem::take(&mut self.logprobs) }
    }

    fn call(&mut self, call: ToolCall) -> Told {
        self.calls += 1;
        Told::Call { number: self.calls - 1, call }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(manner: Option<&Manner>, pieces: &[&str]) -> Vec<Told> {
        let mut reader = Reader::new(manner);
        let mut told: Vec<Told> = pieces.iter().flat_map(|piece| reader.push((*piece).to_owned(), Vec::new())).collect();
        told.extend(reader.finish());
        told
    }

    fn text(text: &str) -> Told {
        Told::Text { text: text.into(), logprobs: Vec::new() }
    }

    fn manner(tools: &[&str]) -> Manner {
        let tools = tools.iter().map(|name| ToolDefinition { name: (*name).into(), description: String::new(), parameters: "{}".into() });
        Manner { style: AnswerStyle::default(), reasoning: Reasoning::Default, tools: tools.collect(), one_call: false }
    }

    #[test]
    fn without_tools_each_piece_is_told_as_it_comes() {
        let pieces = ["I", " flew", "\n", "\n", "far <", "think>", " away "];
        assert_eq!(read(Some(&manner(&[])), &pieces), pieces.map(text));
        assert_eq!(read(None, &pieces), pieces.map(text));
    }

    #[test]
    fn reasoning_and_calls_are_told_apart_from_content() {
        let told = read(Some(&manner(&[])), &["<think>", "hm", "</think>", "Yes", "\n"]);
        assert_eq!(told, [Told::Reasoning("hm".into()), text("Yes"), text("\n")]);
        let calls = [
            "<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>",
        ];
        let called = |told: Vec<Told>| told.into_iter().filter(|told| matches!(told, Told::Call { .. })).count();
        assert_eq!(called(read(Some(&manner(&["time"])), &calls)), 2);
        assert_eq!(called(read(Some(&Manner { one_call: true, ..manner(&["time"]) }), &calls)), 1);
    }
}
