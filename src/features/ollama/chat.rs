//! From a request to what an engine is asked.

use serde_json::Value;

use super::{
    model::{Call, ChatRequest, GenerateRequest, Message, refuse_images},
    options::{Settled, format, settle},
};
use crate::{
    engine::{Asker, ChatMessage, ChatRole, Constraint, Prompt, ToolCall},
    error::{Error, Result},
    features::openai::{Fields, ModelCard, Prompts, Role, Tooling, Writing, check_stops},
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
    writing(prompts, "messages", constraint, settle(request.options.clone().unwrap_or_default(), model.context_length)?)
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
        let text = request.system.iter().chain([&request.prompt]).cloned().collect::<Vec<_>>().join("\n\n");
        Prompts::Texts(vec![if request.raw == Some(true) { Prompt::Rendered(text) } else { Prompt::Text(text) }])
    } else {
        let system = request.system.iter().map(|text| ChatMessage::new(ChatRole::System, text));
        let messages = system.chain([ChatMessage::new(ChatRole::User, &request.prompt)]).collect();
        Prompts::Dialog { messages, tooling: Tooling::default(), reasoning: request.think.into() }
    };
    let settled = settle(request.options.clone().unwrap_or_default(), model.context_length)?;
    writing(prompts, "prompt", format(request.format.as_ref())?, settled)
}

fn writing(prompts: Prompts, prompt: &'static str, constraint: Constraint, settled: Settled) -> Result<Writing> {
    let Settled { sampling, stop, max_tokens } = settled;
    check_stops(&constraint, &stop)?;
    let (asker, fields) = (Asker::named("ollama"), Fields { prompt, format: "format" });
    Ok(Writing { prompts, n: 1, constraint, stop, max_tokens, sampling, asker, fields })
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
