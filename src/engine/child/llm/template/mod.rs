//! A model's own chat template: Jinja as Hugging Face's transformers renders it.
//!
//! A template comes with a model and is not trusted: it sees messages and tools, nothing of the machine, and is bounded
//! in steps, time, memory and what it writes ([`environment`], [`guard`]). What it cannot do itself is found out once, when the model is
//! loaded ([`habits`]), and done for it ([`stand_in`]).

mod environment;
mod guard;
mod habits;
mod python_json;
mod python_methods;
mod stand_in;
#[cfg(test)]
mod tests;
mod values;

use llama_cpp_2::{model::LlamaModel, token::LlamaToken, vocab::LlamaVocab};
use minijinja::{Environment, Error, Value, context};
use time::OffsetDateTime;

use self::{environment::Clock, habits::Habits};
use crate::engine::{
    ChatMessage, ChatPrompt, ChatRole, EngineError, Reasoning, ToolDefinition,
    tools::{self, AnswerStyle, OpensReasoning, ToolStyle},
};

/// The longest prompt that a template may write; a context of a million tokens takes about 4 MiB.
const MAX_OUTPUT_BYTES: usize = 8 * 1024 * 1024;

/// A model's templates: one for dialogs, perhaps another for dialogs with tools.
pub(super) struct ChatTemplate {
    plain: Jinja,
    with_tools: Option<Jinja>,
}

/// A parsed template with what it may ask of its surroundings.
struct Jinja {
    environment: Environment<'static>,
    begin: String,
    end: String,
    habits: Habits,
    style: ToolStyle,
}

/// What a template is given.
#[derive(Clone, Copy)]
struct Given<'a> {
    messages: &'a [ChatMessage],
    tools: &'a [ToolDefinition],
    reasoning: Reasoning,
}

impl ChatTemplate {
    /// The model's templates; `None` for a base model.
    pub(super) fn of(model: &LlamaModel) -> Result<Option<Self>, EngineError> {
        let Ok(plain) = model.chat_template(None) else { return Ok(None) };
        let vocabulary = model.vocab();
        let (begin, end) = (token_text(&vocabulary, vocabulary.bos()), token_text(&vocabulary, vocabulary.eos()));
        let read = |source: llama_cpp_2::model::LlamaChatTemplate| {
            let source = source.to_str().map_err(|error| unreadable(&error))?;
            Jinja::new(source, &begin, &end, OffsetDateTime::now_utc).map_err(|error| unreadable(&error))
        };
        let plain = read(plain)?;
        // A file may hold a second one under `tokenizer.chat_template.tool_use`.
        let with_tools = model.chat_template(Some("tool_use")).ok().map(read).transpose()?;
        Ok(Some(Self { plain, with_tools }))
    }

    /// The prompt up to where the assistant begins to write.
    pub(super) fn render(&self, prompt: &ChatPrompt) -> Result<String, EngineError> {
        let template = self.with_tools.as_ref().filter(|_| !prompt.tools.is_empty()).unwrap_or(&self.plain);
        guard::watched(|| template.render(&prompt.messages, &prompt.tools, prompt.reasoning))
            .map_err(|error| EngineError::InvalidRequest(format!("the model's chat template refuses these messages: {}", words(&error))))
    }

    /// How the model's answers are to be read.
    pub(super) fn answer_style(&self) -> AnswerStyle {
        let with_tools = self.with_tools.as_ref().unwrap_or(&self.plain);
        AnswerStyle { tools: with_tools.style, opens_reasoning: self.plain.opens_reasoning() }
    }
}

impl Jinja {
    fn new(source: &str, begin: &str, end: &str, clock: Clock) -> Result<Self, Error> {
        let environment = environment::environment(source, clock)?;
        let style = ToolStyle::of_template(source);
        let mut template = Self { environment, begin: begin.to_owned(), end: end.to_owned(), habits: Habits::default(), style };
        template.habits = guard::watched(|| habits::of(&template));
        if !template.habits.knows_tools && !template.habits.knows_calls && template.style != ToolStyle::Harmony {
            // The way that the stand-in tells of.
            template.style = ToolStyle::Hermes;
        }
        Ok(template)
    }

    /// Renders as the template wants it; where it still refuses, as more and more templates would take it.
    fn render(&self, messages: &[ChatMessage], tools: &[ToolDefinition], reasoning: Reasoning) -> Result<String, Error> {
        let (mut messages, tools) = stand_in::prepare(messages, tools, self.habits, self.style);
        let refusal = match self.render_once(Given { messages: &messages, tools, reasoning }, self.habits) {
            Ok(prompt) => return Ok(prompt),
            Err(error) => error,
        };
        for simplify in stand_in::SIMPLER {
            let simpler = simplify(messages.clone());
            if simpler == messages {
                continue;
            }
            messages = simpler;
            if let Ok(prompt) = self.render_once(Given { messages: &messages, tools, reasoning }, self.habits) {
                return Ok(prompt);
            }
        }
        Err(refusal)
    }

    fn render_once(&self, given: Given<'_>, habits: Habits) -> Result<String, Error> {
        let variables = context! {
            messages => values::messages(given.messages, habits),
            tools => values::tools(given.tools),
            documents => Value::from(()),
            add_generation_prompt => true,
            bos_token => self.begin.as_str(),
            eos_token => self.end.as_str(),
        };
        environment::render(&self.environment, context! { ..switches(given.reasoning), ..variables })
    }

    /// Whether the prompt ends inside the model's reasoning, for each way to ask.
    fn opens_reasoning(&self) -> OpensReasoning {
        let question = [ChatMessage::new(ChatRole::User, "Hello")];
        let opens = |reasoning| self.render(&question, &[], reasoning).is_ok_and(|prompt| tools::opens_reasoning(&prompt));
        OpensReasoning { by_default: opens(Reasoning::Default), off: opens(Reasoning::Off), on: opens(Reasoning::High) }
    }
}

/// What the families that can choose call their switch.
fn switches(reasoning: Reasoning) -> Value {
    let effort = match reasoning {
        Reasoning::Default => return context! {},
        Reasoning::Off | Reasoning::Low => "low",
        Reasoning::Medium => "medium",
        Reasoning::High => "high",
    };
    let thinks = reasoning != Reasoning::Off;
    context! { enable_thinking => thinks, thinking => thinks, reasoning_effort => effort }
}

fn unreadable(error: &dyn std::fmt::Display) -> EngineError {
    EngineError::Failed(format!("the model's chat template cannot be read: {error}"))
}

/// What the template said, without minijinja's words around it.
fn words(error: &Error) -> String {
    error.detail().map_or_else(|| error.to_string(), str::to_owned)
}

fn token_text(vocabulary: &LlamaVocab<'_>, token: LlamaToken) -> String {
    if token.0 < 0 {
        return String::new();
    }
    vocabulary.text(token).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}
