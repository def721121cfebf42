//! A dialog's messages, checked.

use super::{
    model::{Content, RequestMessage, Role},
    tooling::earlier_call,
};
use crate::{
    engine::{ChatMessage, ChatRole},
    error::{Error, Result},
};

/// More fit into no context.
const MOST_MESSAGES: usize = 4096;

/// The dialog as engines take it.
pub fn messages(messages: &[RequestMessage]) -> Result<Vec<ChatMessage>> {
    if messages.is_empty() {
        return Err(Error::invalid("messages", "must hold at least one message"));
    }
    if messages.len() > MOST_MESSAGES {
        return Err(Error::invalid("messages", format!("holds {} messages: at most {MOST_MESSAGES} can be read", messages.len())));
    }
    let mut messages = messages.iter().enumerate().map(|(index, message)| engine_message(index, message)).collect::<Result<Vec<_>>>()?;
    name_answers(&mut messages);
    Ok(messages)
}

fn engine_message(index: usize, message: &RequestMessage) -> Result<ChatMessage> {
    let field = |name: &str| format!("messages[{index}].{name}");
    let role = match message.role {
        Role::System | Role::Developer => ChatRole::System,
        Role::User => ChatRole::User,
        Role::Assistant => ChatRole::Assistant,
        Role::Tool => ChatRole::Tool,
    };
    let calls = message.tool_calls.iter().flatten().enumerate();
    let tool_calls: Vec<_> =
        calls.map(|(number, call)| earlier_call(&field(&format!("tool_calls[{number}]")), call)).collect::<Result<_>>()?;
    if !tool_calls.is_empty() && role != ChatRole::Assistant {
        return Err(Error::invalid(field("tool_calls"), "only an assistant calls tools"));
    }
    if role == ChatRole::Tool && message.tool_call_id.is_none() {
        return Err(Error::invalid(field("tool_call_id"), "is missing: it names the call that this message answers"));
    }
    let content = message.content.as_ref().map(|Content(text)| text.clone()).or_else(|| message.refusal.clone());
    let content = match content {
        Some(content) => content,
        None if !tool_calls.is_empty() => String::new(),
        None => return Err(Error::invalid(field("content"), "is missing")),
    };
    Ok(ChatMessage {
        role,
        content,
        reasoning: message.reasoning_content.clone().or_else(|| message.reasoning.clone()),
        name: message.name.clone(),
        tool_calls,
        tool_call_id: message.tool_call_id.clone(),
    })
}

/// Names a tool's answers after the calls that they answer.
fn name_answers(messages: &mut [ChatMessage]) {
    for index in 0..messages.len() {
        let (earlier, rest) = messages.split_at_mut(index);
        let Some(answer) = rest.first_mut().filter(|message| message.role == ChatRole::Tool && message.name.is_none()) else { continue };
        let mut calls = earlier.iter().rev().flat_map(|message| &message.tool_calls);
        answer.name = calls.find(|call| Some(&call.id) == answer.tool_call_id.as_ref()).map(|call| call.name.clone());
    }
}
