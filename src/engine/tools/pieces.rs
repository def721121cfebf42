//! What a reader tells, and what it looks for at the ends of a text.

use crate::engine::ToolCall;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Content(String),
    Reasoning(String),
    /// A whole call; its arguments are a JSON object.
    Call(ToolCall),
}

/// Pieces in order; neighbours of one kind are one.
#[derive(Default)]
pub(super) struct Told(pub Vec<Piece>);

impl Told {
    pub fn add(&mut self, piece: Piece) {
        match (self.0.last_mut(), piece) {
            (_, Piece::Content(text) | Piece::Reasoning(text)) if text.is_empty() => {}
            (Some(Piece::Content(last)), Piece::Content(text)) | (Some(Piece::Reasoning(last)), Piece::Reasoning(text)) => {
                last.push_str(&text);
            }
            (_, piece) => self.0.push(piece),
        }
    }
}

/// Length of the longest end of the text that could be the beginning of a mark.
pub(super) fn possible_mark(text: &str, marks: &[&str]) -> usize {
    let longest = |mark: &str| {
        let beginnings = mark.char_indices().map(|(at, _)| at).filter(|at| *at > 0);
        beginnings.filter(|at| text.ends_with(&mark[..*at])).max().unwrap_or(0)
    };
    marks.iter().map(|mark| longest(mark)).max().unwrap_or(0)
}

/// Whether a text begins with JSON, perhaps in a fence; `None` where more text decides.
pub(super) fn begins_json(text: &str) -> Option<bool> {
    let text = text.trim_start();
    if let Some(fenced) = text.strip_prefix("```json") {
        let inner = fenced.trim_start();
        return if inner.is_empty() { None } else { Some(inner.starts_with(['{', '['])) };
    }
    if text.starts_with(['{', '[']) {
        return Some(true);
    }
    if "```json".starts_with(text) { None } else { Some(false) }
}
