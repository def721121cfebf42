//! What is done for a template that cannot do it itself: dialogs in a simpler form with the same meaning.

use std::{borrow::Cow, fmt::Write};

use super::habits::Habits;
use crate::engine::{
    ChatMessage, ChatRole, ToolDefinition,
    tools::{ToolStyle, short_id},
};

type Simplify = fn(Vec<ChatMessage>) -> Vec<ChatMessage>;

/// Tried in this order, each upon the one before, until the template takes the dialog.
pub(super) const SIMPLER: [Simplify; 5] = [short_ids, later_instructions_by_user, merge_neighbours, without_reasoning, merge_system];

/// The dialog without what the template is known to miss.
pub(super) fn prepare<'a>(
    messages: &[ChatMessage],
    tools: &'a [ToolDefinition],
    habits: Habits,
    style: ToolStyle,
) -> (Vec<ChatMessage>, &'a [ToolDefinition]) {
    let mut messages = named_results(messages);
    let mut known_tools = tools;
    if !tools.is_empty() && !habits.knows_tools {
        describe_tools(&mut messages, tools, style);
        known_tools = &[];
    }
    if !habits.knows_calls {
        messages = calls_in_words(messages);
    }
    if !habits.knows_system {
        messages = merge_system(messages);
    }
    (messages, known_tools)
}

/// A result that does not say which tool it is from gets the name from the call that it answers.
fn named_results(messages: &[ChatMessage]) -> Vec<ChatMessage> {
    let name_of = |id: &Option<String>| {
        let calls = messages.iter().flat_map(|message| &message.tool_calls);
        id.as_ref().and_then(|id| calls.into_iter().rfind(|call| call.id == *id)).map(|call| call.name.clone())
    };
    let named = |message: &ChatMessage| {
        let mut message = message.clone();
        if message.role == ChatRole::Tool && message.name.is_none() {
            message.name = name_of(&message.tool_call_id);
        }
        message
    };
    messages.iter().map(named).collect()
}

/// Tells of the tools, and how to call them, in the system message.
fn describe_tools(messages: &mut Vec<ChatMessage>, tools: &[ToolDefinition], style: ToolStyle) {
    let mut text = String::from("You may call these tools. Each line is one, its parameters as a JSON schema:\n");
    for tool in tools {
        let parameters: serde_json::Value = serde_json::from_str(&tool.parameters).unwrap_or_default();
        let line = serde_json::json!({ "name": tool.name, "description": tool.description, "parameters": parameters });
        let _ = writeln!(text, "{line}");
    }
    let example = style.example("the tool's name", "{its arguments}");
    let _ = write!(
        text,
        "\nTo call a tool, answer with this and nothing else, once for each call:\n{example}\n\
        The result comes in the next message. Call no tool where none is needed."
    );
    match messages.first_mut() {
        Some(system) if system.role == ChatRole::System => {
            let _ = write!(system.content, "\n\n{text}");
        }
        _ => messages.insert(0, ChatMessage::new(ChatRole::System, text)),
    }
}

/// Calls and results as text of the assistant and the user, in Hermes' form, which [`describe_tools`] asks for then.
fn calls_in_words(messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
    let in_words = |message: ChatMessage| match message.role {
        ChatRole::Tool => ChatMessage::new(ChatRole::User, format!("<tool_response>\n{}\n</tool_response>", message.content)),
        _ if message.tool_calls.is_empty() => message,
        _ => {
            let mut content = message.content;
            for call in &message.tool_calls {
                let arguments: Cow<'_, str> = if call.arguments.trim().is_empty() { "{}".into() } else { call.arguments.as_str().into() };
                let name = serde_json::Value::from(call.name.as_str());
                let gap = if content.is_empty() { "" } else { "\n" };
                let _ = write!(content, "{gap}<tool_call>\n{{\"name\": {name}, \"arguments\": {arguments}}}\n</tool_call>");
            }
            ChatMessage { content, tool_calls: Vec::new(), ..message }
        }
    };
    merge_neighbours(messages.into_iter().map(in_words).collect())
}

/// Some templates take no ids but those of nine letters and digits.
fn short_ids(mut messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
    for message in &mut messages {
        for call in &mut message.tool_calls {
            call.id = short_id(&call.id);
        }
        if let Some(id) = &mut message.tool_call_id {
            *id = short_id(id);
        }
    }
    messages
}

/// Instructions in the middle of a dialog are given by the user.
fn later_instructions_by_user(mut messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
    for message in messages.iter_mut().skip(1).filter(|message| message.role == ChatRole::System) {
        message.role = ChatRole::User;
    }
    messages
}

/// For templates that want user and assistant in turns.
fn merge_neighbours(messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
    let mut merged: Vec<ChatMessage> = Vec::with_capacity(messages.len());
    for message in messages {
        match merged.last_mut() {
            Some(last) if last.role == message.role && message.role != ChatRole::Tool && last.tool_calls.is_empty() => {
                let gap = if last.content.is_empty() || message.content.is_empty() { "" } else { "\n\n" };
                let _ = write!(last.content, "{gap}{}", message.content);
                last.tool_calls = message.tool_calls;
            }
            _ => merged.push(message),
        }
    }
    merged
}

fn without_reasoning(mut messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
    for message in &mut messages {
        message.reasoning = None;
    }
    messages
}

/// The system's text goes before the first user message.
fn merge_system(messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
    let [system, rest @ ..] = messages.as_slice() else { return messages };
    if system.role != ChatRole::System {
        return messages;
    }
    let mut rest = rest.to_vec();
    match rest.iter_mut().find(|message| message.role == ChatRole::User) {
        Some(question) => question.content = format!("{}\n\n{}", system.content, question.content),
        None => rest.insert(0, ChatMessage::new(ChatRole::User, system.content.clone())),
    }
    rest
}
