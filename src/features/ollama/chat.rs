//! From a request to what an engine is asked.

use serde_json::Value;

use super::{
    model::{Call, ChatRequest, GenerateRequest, Message, refuse_images},
    options::{Settled, format, settle},
};
use crate::{
    engine::{Asker, ChatMessage, ChatRole, Constraint, ToolCall},
    error::{Error, Result},
    features::openai::{ModelCard, Prompts, Role, Tooling, Writing, check_stops},
};

/// A dialog to be continued.
pub fn chat(request: &ChatRequest, model: &ModelCard) -> Result<Writing> {
    let tooling = Tooling::new(request.tools.as_deref().unwrap_or_default(), None, None)?;
    let constraint = format(request.format.as_ref())?;
    if !tooling.tools.is_empty() && constraint != Constraint::Free {
        return Err(Error::invalid("tools", "cannot be had together with format: leave one of them out"));
    }
    let messages = request.messages.iter().enumerate().map(message).collect::<Result<Vec<_>>>()?;
    let prompts = Prompts::Dialog { messages, tooling, reasoning: request.think.into() };
    writing(prompts, constraint, settle(request.options.clone().unwrap_or_default(), model.context_length)?)
}

/// A prompt to be answered, or, raw or with a base model, to be continued.
pub fn generate(request: &GenerateRequest, model: &ModelCard) -> Result<Writing> {
    refuse_images("", request.images.as_ref())?;
    let refuse = |field: &str, advice: &str| Err(Error::invalid(field, format!("is not supported by this server: {advice}")));
    if request.suffix.as_ref().is_some_and(|suffix| !suffix.is_empty()) {
        return refuse("suffix", "these models continue a text and cannot fill a gap");
    }
    if request.template.as_ref().is_some_and(|template| !template.is_empty()) {
        return refuse("template", "send the whole prompt with `raw`: true");
    }
    if request.context.as_ref().is_some_and(|context| !context.is_empty()) {
        return refuse("context", "send the whole conversation under /api/chat");
    }
    let prompts = if request.raw == Some(true) || !model.dialog {
        Prompts::Texts(vec![request.system.iter().chain([&request.prompt]).cloned().collect::<Vec<_>>().join("\n\n")])
    } else {
        let system = request.system.iter().map(|text| ChatMessage::new(ChatRole::System, text));
        let messages = system.chain([ChatMessage::new(ChatRole::User, &request.prompt)]).collect();
        Prompts::Dialog { messages, tooling: Tooling::default(), reasoning: request.think.into() }
    };
    let settled = settle(request.options.clone().unwrap_or_default(), model.context_length)?;
    writing(prompts, format(request.format.as_ref())?, settled)
}

fn writing(prompts: Prompts, constraint: Constraint, settled: Settled) -> Result<Writing> {
    let Settled { sampling, stop, max_tokens } = settled;
    check_stops(&constraint, &stop)?;
    Ok(Writing { prompts, n: 1, constraint, stop, max_tokens, sampling, asker: Asker::named("ollama") })
}

fn message((index, message): (usize, &Message)) -> Result<ChatMessage> {
    refuse_images(&format!("messages[{index}]."), message.images.as_ref())?;
    let role = match message.role {
        Role::System | Role::Developer => ChatRole::System,
        Role::User => ChatRole::User,
        Role::Assistant => ChatRole::Assistant,
        Role::Tool => ChatRole::Tool,
    };
    let call = |(number, Call { id, function }): (usize, &Call)| ToolCall {
        id: id.clone().unwrap_or_else(|| format!("call_{index}_{number}")),
        name: function.name.clone(),
        arguments: Value::Object(function.arguments.clone()).to_string(),
    };
    Ok(ChatMessage {
        role,
        content: message.content.clone(),
        reasoning: message.thinking.clone(),
        name: message.tool_name.clone(),
        tool_calls: message.tool_calls.iter().flatten().enumerate().map(call).collect(),
        tool_call_id: message.tool_call_id.clone(),
    })
}
