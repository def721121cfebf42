//! What a template can do and how it wants to be spoken to, found out by trying it.

use super::{Given, Jinja};
use crate::engine::{ChatMessage, ChatRole, Reasoning, ToolCall, ToolDefinition};

/// Words that no template writes by itself.
const NAME: &str = "needle_name";
const KEY: &str = "needle_key";
const WORD: &str = "needle_word";
const RESULT: &str = "needle_result";

/// How a template takes messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Habits {
    /// A content is a list of parts, not a text.
    pub content_in_parts: bool,
    pub knows_system: bool,
    pub knows_tools: bool,
    /// Shows calls of tools and their results.
    pub knows_calls: bool,
    /// A call's arguments are JSON text, not an object.
    pub arguments_as_text: bool,
    /// A message that calls tools has no content, not an empty one.
    pub no_content_with_calls: bool,
}

pub(super) fn of(template: &Jinja) -> Habits {
    let mut habits = Habits::default();
    let question = ChatMessage::new(ChatRole::User, WORD);
    let shows = |messages: &[ChatMessage], tools: &[ToolDefinition], habits, words: &[&str]| {
        let given = Given { messages, tools, reasoning: Reasoning::Default };
        template.render_once(given, habits).is_ok_and(|prompt| words.iter().all(|word| prompt.contains(word)))
    };
    let in_parts = Habits { content_in_parts: true, ..habits };
    if !shows(std::slice::from_ref(&question), &[], habits, &[WORD]) && shows(std::slice::from_ref(&question), &[], in_parts, &[WORD]) {
        habits = in_parts;
    }
    let system = [ChatMessage::new(ChatRole::System, NAME), question.clone()];
    habits.knows_system = shows(&system, &[], habits, &[NAME, WORD]);
    habits.knows_tools = shows(std::slice::from_ref(&question), &[tool()], habits, &[NAME, KEY]);
    calls(template, habits, &question)
}

/// The first way of giving a call and its result that the template shows whole.
fn calls(template: &Jinja, habits: Habits, question: &ChatMessage) -> Habits {
    let messages = called(question);
    for (arguments_as_text, no_content_with_calls) in [(false, false), (false, true), (true, false), (true, true)] {
        let tried = Habits { arguments_as_text, no_content_with_calls, knows_calls: true, ..habits };
        let given = Given { messages: &messages, tools: &[tool()], reasoning: Reasoning::Default };
        if template.render_once(given, tried).is_ok_and(|prompt| shows_call(&prompt)) {
            return tried;
        }
    }
    habits
}

fn shows_call(prompt: &str) -> bool {
    // Python's own notation, and JSON inside JSON: an object that should have been a text, and the other way round.
    let misread = prompt.contains("'needle_key'") || prompt.contains("\\\"needle_key\\\"");
    !misread && [NAME, WORD, RESULT].iter().all(|word| prompt.contains(word)) && prompt.matches(KEY).count() >= 1
}

fn called(question: &ChatMessage) -> [ChatMessage; 3] {
    // Mistral's templates take ids of nine letters and digits only.
    let id = "needle001".to_owned();
    let arguments = serde_json::json!({ KEY: WORD }).to_string();
    let call = ToolCall { id: id.clone(), name: NAME.to_owned(), arguments };
    let assistant = ChatMessage { tool_calls: vec![call], ..ChatMessage::new(ChatRole::Assistant, "") };
    let result = ChatMessage { name: Some(NAME.to_owned()), tool_call_id: Some(id), ..ChatMessage::new(ChatRole::Tool, RESULT) };
    [ChatMessage::new(ChatRole::User, question.content.replace(WORD, "Hello")), assistant, result]
}

fn tool() -> ToolDefinition {
    let properties = serde_json::json!({ KEY: { "type": "string", "description": "A text" } });
    let parameters = serde_json::json!({ "type": "object", "properties": properties, "required": [KEY] });
    ToolDefinition { name: NAME.to_owned(), description: "A tool".to_owned(), parameters: parameters.to_string() }
}
