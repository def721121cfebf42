//! Content, reasoning and calls of one answer, read while its text comes in.

use super::{
    Told,
    service::new_id,
    tokens::{Tokens, by_token},
};
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
    tokens: Tokens,
}

impl Reader {
    /// Without a manner all is content.
    pub fn new(manner: Option<&Manner>) -> Self {
        let marks = manner.map(|manner| {
            let begins_in_reasoning = manner.style.begins_in_reasoning(manner.reasoning);
            ToolReader::new(manner.style.tools, begins_in_reasoning, &manner.tools, &new_id(""))
        });
        let plain = manner.is_some_and(|manner| manner.tools.is_empty() && manner.style.tools == ToolStyle::Hermes);
        Self { marks, plain, one_call: manner.is_some_and(|manner| manner.one_call), calls: 0, tokens: Tokens::default() }
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// Nothing that follows is part of the answer.
    pub fn is_done(&self) -> bool {
        self.one_call && self.calls > 0
    }

    /// Takes more text and, where they were asked for, the tokens that it is made of.
    pub fn push(&mut self, text: &str, logprobs: Vec<TokenLogprob>) -> Vec<Told> {
        if logprobs.is_empty() || self.marks.is_none() {
            return self.read(text, logprobs);
        }
        // One by one, so that each is known to be content or not.
        by_token(text, logprobs).into_iter().flat_map(|(text, tokens)| self.read(text, tokens)).collect()
    }

    fn read(&mut self, text: &str, logprobs: Vec<TokenLogprob>) -> Vec<Told> {
        self.tokens.push(text, logprobs);
        let Some(marks) = &mut self.marks else {
            return vec![Told::Text { text: text.to_owned(), logprobs: self.tokens.take_all() }];
        };
        let mut pieces = marks.push(text);
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
        let undecided = self.marks.as_ref().map_or(0, ToolReader::undecided);
        let last = pieces.iter().rposition(|piece| matches!(piece, Piece::Content(_)));
        let mut told = Vec::new();
        for (at, piece) in pieces.into_iter().enumerate() {
            if self.is_done() {
                break;
            }
            match piece {
                Piece::Content(text) if text.is_empty() => {}
                Piece::Content(text) => {
                    let logprobs = if Some(at) == last { self.tokens.take(text.len(), undecided) } else { Vec::new() };
                    told.push(Told::Text { text, logprobs });
                }
                Piece::Reasoning(text) if text.is_empty() => {}
                Piece::Reasoning(text) => told.push(Told::Reasoning(text)),
                Piece::Call(call) => told.push(self.call(call)),
            }
        }
        self.tokens.keep(undecided);
        told
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
        let mut told: Vec<Told> = pieces.iter().flat_map(|piece| reader.push(piece, Vec::new())).collect();
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

    #[test]
    fn only_the_tokens_of_content_are_told_as_its_own() {
        let mut reader = Reader::new(Some(&manner(&["time"])));
        let token = |text: &str| TokenLogprob { bytes: text.as_bytes().to_vec(), logprob: -0.5, top: Vec::new() };
        let pieces = [
            "<",
            "think",
            ">\n",
            "hm",
            " <b",
            "</",
            "think",
            ">",
            "\n\n",
            "Y",
            "es",
            " \n",
            "we <",
            "b>",
            ".",
            "<tool_call>\n{\"name\": ",
            "\"time\"}",
            "\n</tool_call>",
        ];
        // Now one token a piece, now two.
        let cut = pieces.chunks(1).take(5).chain(pieces[5..].chunks(2));
        let mut told: Vec<Told> = Vec::new();
        for tokens in cut {
            told.extend(reader.push(&tokens.concat(), tokens.iter().map(|text| token(text)).collect()));
        }
        assert!(reader.calls() == 1 && told.iter().any(|told| matches!(told, Told::Reasoning(_))), "{told:?}");
        let (mut texts, mut tokens) = (String::new(), Vec::new());
        for told in told.into_iter().chain(reader.finish()) {
            if let Told::Text { text, logprobs } = told {
                texts.push_str(&text);
                tokens.extend(logprobs.into_iter().map(|token| String::from_utf8(token.bytes).unwrap()));
            }
        }
        assert_eq!((texts.as_str(), tokens), ("Yes \nwe <b>.", ["Y", "es", " \n", "we <", "b>", "."].map(String::from).to_vec()));
    }

    #[test]
    fn an_answer_of_one_call_is_done_with_it() {
        let mut reader = Reader::new(Some(&Manner { one_call: true, ..manner(&["time"]) }));
        reader.push("<tool_call>\n{\"name\": \"time\"}\n", Vec::new());
        assert!(!reader.is_done());
        reader.push("</tool_call>\n", Vec::new());
        assert!(reader.is_done());
    }
}
