//! Reads content, reasoning and calls out of an answer while it is written.

use super::{
    channels::{self, Channel},
    json::{ReadCall, Scan, calls, find_outside_strings},
    lane::Lane,
    notation,
    pieces::{Piece, Told, begins_json, possible_mark},
    short_id,
    style::{End, Marks, REASONING, ToolStyle},
};
use crate::engine::{ToolCall, ToolDefinition};

/// Takes an answer apart. Where the text is cut into pieces makes no difference, and no part of a mark is ever content;
/// what looks like a call and is none is content.
#[derive(Debug)]
pub struct ToolReader {
    pub(super) style: ToolStyle,
    pub(super) tools: Vec<ToolDefinition>,
    /// Makes the ids of this answer's calls differ from those of all others.
    seed: String,
    calls: usize,
    pub(super) mode: Mode,
    /// A call without marks was read: perhaps another follows behind a semicolon.
    after_bare: bool,
    /// Text not yet decided on.
    pub(super) held: String,
    pub(super) scan: Scan,
    pub(super) content: Lane,
    pub(super) reasoning: Lane,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    Content,
    /// Until this mark.
    Reasoning(&'static str),
    /// Behind this mark.
    Call(&'static str, End),
    /// JSON, perhaps in a fence, without marks of a style.
    BareJson,
    /// Before a channel's header.
    Between,
    Header,
    Channel(Channel),
}

impl ToolReader {
    /// A reader at the start of an answer. `seed` is the answer's own id. Without tools nothing is read as a call.
    pub fn new(style: ToolStyle, begins_in_reasoning: bool, tools: &[ToolDefinition], seed: &str) -> Self {
        let mode = match style {
            ToolStyle::Harmony => Mode::Between,
            ToolStyle::Functionary if !tools.is_empty() => Mode::Header,
            _ if begins_in_reasoning => Mode::Reasoning(Self::reasoning_end(style)),
            _ => Mode::Content,
        };
        let reasoning = Lane::after_mark();
        let (tools, seed) = (tools.to_vec(), seed.to_owned());
        let (held, scan, content) = (String::new(), Scan::default(), Lane::default());
        Self { style, tools, seed, calls: 0, mode, after_bare: false, held, scan, content, reasoning }
    }

    /// What closes reasoning that the prompt has opened.
    fn reasoning_end(style: ToolStyle) -> &'static str {
        match style {
            ToolStyle::Mistral | ToolStyle::MistralArgs => "[/THINK]",
            ToolStyle::CommandAction => "<|END_THINKING|>",
            ToolStyle::Gemma => "<channel|>",
            _ => "</think>",
        }
    }

    /// Takes more text of the answer.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        self.held.push_str(text);
        let mut told = Told::default();
        while self.step(&mut told, false) {}
        told.0
    }

    /// Bytes at the end of what was pushed that may still become content, or not.
    pub fn undecided(&self) -> usize {
        self.held.len() + self.content.held()
    }

    /// The answer has ended.
    pub fn finish(mut self) -> Vec<Piece> {
        let mut told = Told::default();
        while self.step(&mut told, true) {}
        let rest = self.content.finish();
        if self.calls == 0 || !self.content.after_mark {
            told.add(Piece::Content(rest));
        }
        told.0
    }

    /// Decides on some of the held text; `false` where more is needed, or nothing is left.
    fn step(&mut self, told: &mut Told, last: bool) -> bool {
        match self.mode.clone() {
            Mode::Content => self.read_content(told, last),
            Mode::Reasoning(close) => self.read_reasoning(told, close, last),
            Mode::Call(open, end) => self.read_call(told, open, end, last),
            Mode::BareJson => self.read_bare(told, last),
            Mode::Between | Mode::Header | Mode::Channel(_) => match channels::of(self.style) {
                Some(channels) => self.read_channels(told, &channels, last),
                None => false,
            },
        }
    }

    fn read_content(&mut self, told: &mut Told, last: bool) -> bool {
        let parts = self.style.parts();
        if self.after_bare && !self.content.spoken {
            let separators = self.held.len() - self.held.trim_start_matches([';', '\n', ' ']).len();
            self.held.drain(..separators);
        }
        if !self.content.spoken && parts.bare_json && !self.tools.is_empty() {
            match begins_json(&self.held) {
                Some(true) => {
                    self.mode = Mode::BareJson;
                    return true;
                }
                None if !last => return false,
                _ => {}
            }
        }
        let marks = self.content_marks(parts);
        let found = marks.iter().filter_map(|mark| self.held.find(mark).map(|at| (at, *mark))).min_by_key(|(at, _)| *at);
        let Some((at, mark)) = found else {
            let end = self.held.len() - if last { 0 } else { possible_mark(&self.held, &marks) };
            let text: String = self.held.drain(..end).collect();
            told.add(Piece::Content(self.content.push(&text)));
            return false;
        };
        let text: String = self.held.drain(..at).collect();
        told.add(Piece::Content(self.content.push(&text)));
        self.held.drain(..mark.len());
        self.content.mark();
        self.scan = Scan::default();
        if let Some((open, end)) = parts.calls.iter().find(|(open, _)| *open == mark) {
            self.mode = Mode::Call(open, *end);
        } else if let Some((_, close)) = REASONING.iter().find(|(open, _)| *open == mark) {
            // Only the first words of an answer can be reasoning; later the mark is spoken of.
            if self.content.spoken {
                self.content.after_mark = false;
                told.add(Piece::Content(self.content.push(mark)));
            } else {
                self.mode = Mode::Reasoning(close);
            }
        }
        true
    }

    fn content_marks(&self, parts: &Marks) -> Vec<&'static str> {
        let mut marks: Vec<&'static str> = REASONING.iter().map(|(open, _)| *open).collect();
        if !self.tools.is_empty() {
            marks.extend(parts.calls.iter().map(|(open, _)| *open));
        }
        marks.extend(parts.dropped);
        marks
    }

    fn read_reasoning(&mut self, told: &mut Told, close: &'static str, last: bool) -> bool {
        let found = self.held.find(close);
        let end = found.unwrap_or_else(|| self.held.len() - if last { 0 } else { possible_mark(&self.held, &[close]) });
        let text: String = self.held.drain(..end).collect();
        told.add(Piece::Reasoning(self.reasoning.push(&text)));
        if found.is_none() {
            return false;
        }
        self.held.drain(..close.len());
        self.reasoning.mark();
        self.content.mark();
        self.mode = Mode::Content;
        true
    }

    fn read_call(&mut self, told: &mut Told, open: &'static str, end: End, last: bool) -> bool {
        let (body_end, close) = match self.call_end(end) {
            Ok(Some(ends)) => ends,
            Ok(None) if !last => return false,
            // Models forget the last mark.
            Ok(None) => (self.held.len(), ""),
            Err(()) => (0, ""),
        };
        self.mode = Mode::Content;
        let body: String = self.held.drain(..body_end).collect();
        self.held.drain(..close.len());
        match notation::read(open, &body, &self.tools) {
            Some(calls) => self.tell_calls(told, calls),
            None => {
                self.content.after_mark = false;
                told.add(Piece::Content(self.content.push(&format!("{open}{body}{close}"))));
            }
        }
        true
    }

    /// Where the text of a call ends and the mark behind it; an error where it cannot be a call.
    fn call_end(&mut self, end: End) -> Result<Option<(usize, &'static str)>, ()> {
        match end {
            End::Mark(close) => Ok(find_outside_strings(&self.held, close).map(|at| (at, close))),
            End::Json { after } => {
                let begin = match self.held.find(|letter: char| !letter.is_whitespace()) {
                    None => return Ok(None),
                    Some(at) if self.held[at..].starts_with(['{', '[']) => at,
                    Some(_) if after.is_empty() => return Err(()),
                    Some(at) => match self.held.find(after) {
                        Some(mark) => mark + after.len(),
                        // A name is short and of one line.
                        None if self.held[at..].contains('\n') || self.held.len() > 256 => return Err(()),
                        None => return Ok(None),
                    },
                };
                match self.held[begin..].trim_start().chars().next() {
                    Some('{' | '[') => {}
                    Some(_) => return Err(()),
                    None => return Ok(None),
                }
                let text = &self.held[begin..];
                Ok(self.scan.value_end(text, text.len()).map(|at| (begin + at, "")))
            }
        }
    }

    /// JSON that a model writes without marks is a call only if it names a tool that there is.
    fn read_bare(&mut self, told: &mut Told, last: bool) -> bool {
        let begin = self.held.find(['{', '[']).unwrap_or(self.held.len());
        let text = &self.held[begin..];
        let end = self.scan.value_end(text, text.len()).map(|at| begin + at);
        if end.is_none() && !last {
            return false;
        }
        self.scan = Scan::default();
        let end = end.unwrap_or(self.held.len());
        let read = calls(&self.held[begin..end]).filter(|calls| calls.iter().all(|call| self.is_known(&call.name)));
        let Some(calls) = read else {
            self.mode = Mode::Content;
            let text: String = self.held.drain(..end).collect();
            told.add(Piece::Content(self.content.push(&text)));
            // Even if it was white space alone, nothing bare follows.
            self.content.spoken = true;
            return true;
        };
        let is_fenced = self.held[..begin].contains("```");
        if is_fenced && !last && self.held[end..].trim_start().len() < 3 {
            return false;
        }
        self.held.drain(..end);
        if is_fenced {
            let rest = self.held.trim_start();
            self.held = rest.strip_prefix("```").unwrap_or(rest).to_owned();
        }
        self.after_bare = true;
        self.content.mark();
        self.mode = Mode::Content;
        self.tell_calls(told, calls);
        true
    }

    fn is_known(&self, name: &str) -> bool {
        self.tools.iter().any(|tool| tool.name == name)
    }

    pub(super) fn tell_calls(&mut self, told: &mut Told, calls: Vec<ReadCall>) {
        for call in calls {
            self.calls += 1;
            let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| short_id(&format!("{} {}", self.seed, self.calls)));
            told.0.push(Piece::Call(ToolCall { id, name: call.name, arguments: call.arguments }));
        }
    }
}
