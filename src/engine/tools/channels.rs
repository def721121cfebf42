//! Answers in channels, each with a header that says what it is: gpt-oss's harmony and Functionary's recipients.

use super::style::{CHANNEL_MARKS, ToolStyle};

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
