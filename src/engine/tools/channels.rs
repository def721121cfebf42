//! Answers in channels, each with a header that says what it is: gpt-oss's harmony and Functionary's recipients.

use super::{
    is_name,
    json::{ReadCall, Scan, find_outside_strings, object_text},
    pieces::{Piece, Told, possible_mark},
    reader::{Mode, ToolReader},
    style::{CHANNEL_MARKS, ToolStyle},
};

/// What the text behind a header is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Channel {
    Content,
    Reasoning,
    /// Arguments for this tool.
    Call(String),
}

/// How a style writes its channels.
pub(super) struct Channels {
    /// What a header may begin with; empty where the prompt has begun it.
    pub opens: &'static [&'static str],
    /// Ends the header.
    pub header_end: &'static str,
    /// End a channel's text.
    pub text_ends: &'static [&'static str],
}

pub(super) fn of(style: ToolStyle) -> Option<Channels> {
    match style {
        ToolStyle::Harmony => Some(Channels { opens: &["<|start|>", "<|channel|>"], header_end: "<|message|>", text_ends: CHANNEL_MARKS }),
        ToolStyle::Functionary => Some(Channels { opens: &[], header_end: "\n", text_ends: &[">>>"] }),
        _ => None,
    }
}

/// What a header announces.
pub(super) fn announced(style: ToolStyle, header: &str) -> Channel {
    if style == ToolStyle::Functionary {
        return match header.trim().trim_start_matches(">>>") {
            "all" | "" => Channel::Content,
            name => Channel::Call(name.to_owned()),
        };
    }
    let word_end = |text: &str| text.find(|letter: char| letter.is_whitespace() || letter == '<').unwrap_or(text.len());
    let behind = |mark: &str| header.split_once(mark).map(|(_, behind)| &behind[..word_end(behind)]);
    if let Some(recipient) = behind("to=") {
        return Channel::Call(recipient.strip_prefix("functions.").unwrap_or(recipient).to_owned());
    }
    match behind("<|channel|>") {
        Some("analysis") => Channel::Reasoning,
        _ => Channel::Content,
    }
}

impl ToolReader {
    pub(super) fn read_channels(&mut self, told: &mut Told, channels: &Channels, last: bool) -> bool {
        match self.mode.clone() {
            Mode::Between => {
                let text = self.held.trim_start();
                if channels.opens.iter().any(|open| text.starts_with(open)) {
                    self.mode = Mode::Header;
                } else if !last && channels.opens.iter().any(|open| open.starts_with(text)) {
                    return false;
                } else {
                    self.mode = Mode::Channel(Channel::Content);
                }
                !self.held.is_empty()
            }
            Mode::Header => {
                let Some(end) = self.held.find(channels.header_end) else {
                    // A header that never ends says nothing, but for words that are none.
                    let is_text = last && channels.opens.is_empty() && !self.held.is_empty();
                    if is_text {
                        self.mode = Mode::Channel(Channel::Content);
                    }
                    return is_text;
                };
                let announced = announced(self.style, &self.held[..end]);
                // Words where a name should be are part of the answer, unless marks say that they are none.
                let is_header = !channels.opens.is_empty() || !matches!(&announced, Channel::Call(name) if !is_name(name));
                if is_header {
                    self.held.drain(..end + channels.header_end.len());
                }
                self.mode = Mode::Channel(if is_header { announced } else { Channel::Content });
                self.scan = Scan::default();
                self.content.mark();
                self.reasoning.mark();
                true
            }
            Mode::Channel(channel) => self.read_channel(told, channels, &channel, last),
            _ => false,
        }
    }

    fn read_channel(&mut self, told: &mut Told, channels: &Channels, channel: &Channel, last: bool) -> bool {
        let ends = channels.text_ends;
        let is_call = matches!(channel, Channel::Call(_));
        let find = |mark: &&'static str| if is_call { find_outside_strings(&self.held, mark) } else { self.held.find(mark) };
        let found = ends.iter().filter_map(|mark| find(mark).map(|at| (at, *mark))).min_by_key(|(at, _)| *at);
        let end = match found {
            Some((at, _)) => at,
            None if last => self.held.len(),
            None if is_call => return false,
            None => self.held.len() - possible_mark(&self.held, ends),
        };
        if end == 0 && found.is_none() {
            return false;
        }
        let text: String = self.held.drain(..end).collect();
        match channel {
            Channel::Content => told.add(Piece::Content(self.content.push(&text))),
            Channel::Reasoning => told.add(Piece::Reasoning(self.reasoning.push(&text))),
            Channel::Call(name) => match object_text(&text).filter(|_| !self.tools.is_empty() && is_name(name)) {
                Some(arguments) => self.tell_calls(told, vec![ReadCall { id: None, name: name.clone(), arguments }]),
                None => told.add(Piece::Content(self.content.push(&text))),
            },
        }
        let Some((_, mark)) = found else { return false };
        if mark == ">>>" || channels.opens.contains(&mark) {
            self.mode = Mode::Header;
        } else {
            self.mode = Mode::Between;
        }
        if self.mode == Mode::Header && !channels.opens.is_empty() {
            return true;
        }
        self.held.drain(..mark.len());
        true
    }
}
