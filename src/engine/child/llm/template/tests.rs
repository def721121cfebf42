//! Templates of published models against transformers' own renderings, and what is done for those that can do less.

mod harm;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;
use time::macros::datetime;

use super::*;
use crate::engine::{ChatRole, ToolCall};

/// Templates kept elsewhere, in the same form: some may be used but not passed on.
const MORE_FIXTURES: &str = "ONEIROS_TEMPLATE_FIXTURES";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/templates")
}

fn read_json(name: &str) -> Json {
    serde_json::from_str(&fs::read_to_string(fixtures().join(name)).unwrap()).unwrap()
}

fn template(source: &str) -> Result<Jinja, Error> {
    Jinja::new(source, "<s>", "</s>", || datetime!(2026-01-02 03:04:05 UTC))
}

fn text(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn chat(conversation: &Json, tools: &Json) -> ChatPrompt {
    let message = |given: &Json| ChatMessage {
        role: serde_json::from_value(given["role"].clone()).unwrap(),
        content: text(&given["content"]).unwrap(),
        reasoning: text(&given["reasoning"]),
        name: text(&given["name"]),
        tool_calls: given["tool_calls"].as_array().into_iter().flatten().map(call).collect(),
        tool_call_id: text(&given["tool_call_id"]),
    };
    let tool = |name: &Json| {
        let given = &tools[name.as_str().unwrap()];
        let parameters = given["parameters"].to_string();
        ToolDefinition { name: text(&given["name"]).unwrap(), description: text(&given["description"]).unwrap(), parameters }
    };
    ChatPrompt {
        messages: conversation["messages"].as_array().unwrap().iter().map(message).collect(),
        tools: conversation["tools"].as_array().into_iter().flatten().map(tool).collect(),
        reasoning: serde_json::from_value(conversation.get("reasoning").cloned().unwrap_or("default".into())).unwrap(),
        marks: false,
    }
}

fn call(given: &Json) -> ToolCall {
    ToolCall { id: text(&given["id"]).unwrap(), name: text(&given["name"]).unwrap(), arguments: given["arguments"].to_string() }
}

/// The parts of a file that `render.py` wrote.
fn expected(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap();
    let parts = text.strip_prefix("=== ").unwrap().split("\n=== ").map(|part| part.split_once('\n').unwrap());
    let mut parts: BTreeMap<String, String> = parts.map(|(title, text)| (title.to_owned(), text.to_owned())).collect();
    for last in parts.values_mut().filter(|part| text.ends_with(part.as_str())) {
        *last = last.strip_suffix('\n').unwrap().to_owned();
    }
    parts
}

/// Every difference, as the first line that differs.
fn differences(folder: &Path) -> (usize, Vec<String>) {
    let (conversations, tools) = (read_json("conversations.json"), read_json("tools.json"));
    let mut found = Vec::new();
    let mut compared = 0;
    let mut sources: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "jinja"));
    sources.sort();
    for path in sources {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let expected = expected(&path.with_extension("txt"));
        let template = match template(&fs::read_to_string(&path).unwrap()) {
            Ok(template) => template,
            Err(error) => {
                found.push(format!("{name}: cannot be read: {error:#}"));
                continue;
            }
        };
        for (title, conversation) in conversations.as_object().unwrap() {
            let chat = chat(conversation, &tools);
            let wanted = &expected[title];
            let given = Given { messages: &chat.messages, tools: &chat.tools, reasoning: chat.reasoning };
            let rendered = template.render_once(given, template.habits).map_err(|error| words(&error));
            match rendered {
                _ if wanted.starts_with("refused: ") => {}
                Ok(text) if text == *wanted => compared += 1,
                Ok(text) => {
                    let (ours, theirs) = text.lines().zip(wanted.lines()).find(|(ours, theirs)| ours != theirs).unwrap_or(("?", "?"));
                    found.push(format!("{name}, {title}:\n  ours   {ours}\n  theirs {theirs}"));
                }
                Err(error) => found.push(format!("{name}, {title}: {error}")),
            }
        }
    }
    (compared, found)
}

#[test]
fn published_templates_are_rendered_as_transformers_renders_them() {
    let (compared, found) = differences(&fixtures());
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    assert!(compared > 100, "only {compared} renderings were compared");
}

#[test]
fn templates_kept_elsewhere_are_rendered_as_well() {
    let Some(folder) = std::env::var_os(MORE_FIXTURES) else { return };
    let (compared, found) = differences(Path::new(&folder));
    assert!(found.is_empty(), "{compared} are alike, {} differ:\n{}", found.len(), found.join("\n"));
}

fn fixture(name: &str) -> Jinja {
    template(&fs::read_to_string(fixtures().join(format!("{name}.jinja"))).unwrap()).unwrap()
}

fn say(role: ChatRole, content: &str) -> ChatMessage {
    ChatMessage::new(role, content)
}

fn weather() -> Vec<ToolDefinition> {
    chat(&read_json("conversations.json")["tools"], &read_json("tools.json")).tools
}

fn render(source: &str, messages: &[ChatMessage]) -> Result<String, String> {
    let template = template(source).map_err(|error| words(&error))?;
    template.render(messages, &[], Reasoning::Default).map_err(|error| words(&error))
}

/// A question, a call by an id that Mistral's templates refuse, and its result without a name.
fn called() -> Vec<ChatMessage> {
    let call = ToolCall { id: "call_1".into(), name: "get_weather".into(), arguments: r#"{"city": "Oslo"}"#.into() };
    let assistant = ChatMessage { tool_calls: vec![call], ..say(ChatRole::Assistant, "") };
    let result = ChatMessage { tool_call_id: Some("call_1".into()), ..say(ChatRole::Tool, "warm") };
    vec![say(ChatRole::System, "Be kind."), say(ChatRole::User, "Weather?"), assistant, result]
}

#[test]
fn every_published_template_takes_a_whole_dialog_with_tools() {
    let mut names: Vec<String> = fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".jinja") && name != "features.jinja");
    for name in names {
        let mut messages = called();
        messages.extend([say(ChatRole::Assistant, "It is warm."), say(ChatRole::User, "Good."), say(ChatRole::User, "And Rome?")]);
        let prompt = fixture(name.trim_end_matches(".jinja"))
            .render(&messages, &weather(), Reasoning::Default)
            .unwrap_or_else(|error| panic!("{name}: {error:#}"));
        for shown in ["Be kind.", "Weather?", "get_weather", "city", "Oslo", "warm", "It is warm.", "And Rome?", "surroundings"] {
            assert!(prompt.contains(shown), "{name} does not show {shown}:\n{prompt}");
        }
    }
}

#[test]
fn the_style_of_calls_is_read_off_the_template() {
    let expected = [
        ("qwen-2.5", ToolStyle::Hermes),
        ("qwen-3", ToolStyle::Hermes),
        ("qwen-3.5", ToolStyle::Hermes),
        ("qwen-3-coder", ToolStyle::Hermes),
        ("glm-4.6", ToolStyle::Hermes),
        ("granite-4.0", ToolStyle::Hermes),
        ("smollm-3", ToolStyle::Hermes),
        ("smollm-2", ToolStyle::Hermes),
        ("phi-3.5", ToolStyle::Hermes),
        ("granite-3.3", ToolStyle::Pipe),
        ("mistral-nemo", ToolStyle::Mistral),
        ("mistral-small-3.2", ToolStyle::MistralArgs),
        ("deepseek-r1-distill-qwen", ToolStyle::DeepSeek),
        ("deepseek-v3.1", ToolStyle::DeepSeekPlain),
        ("functionary-3.2", ToolStyle::Functionary),
        ("kimi-k2", ToolStyle::Kimi),
        ("gemma-4", ToolStyle::Gemma),
        ("gpt-oss", ToolStyle::Harmony),
    ];
    for (name, style) in expected {
        assert_eq!(fixture(name).style, style, "{name}");
    }
}

#[test]
fn it_is_known_whether_an_answer_begins_in_reasoning() {
    let flags = |name: &str| {
        let OpensReasoning { by_default, off, on } = fixture(name).opens_reasoning();
        (by_default, off, on)
    };
    assert_eq!(flags("qwen-3.5"), (true, false, true));
    assert_eq!(flags("qwen-3"), (false, false, false), "it opens its reasoning by itself");
    assert_eq!(flags("deepseek-v3.1"), (false, false, true));
    assert_eq!(flags("qwen-2.5"), (false, false, false));
}

#[test]
fn a_template_without_system_role_gets_its_text_with_the_first_question() {
    let refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}{{ messages[0].content }}";
    let messages = [say(ChatRole::System, "Be kind."), say(ChatRole::User, "Hello")];
    assert_eq!(render(refuses, &messages).unwrap(), "Be kind.\n\nHello");
    let forgets = "{% for message in messages if message.role == 'user' %}{{ message.content }}{% endfor %}";
    assert_eq!(render(forgets, &messages).unwrap(), "Be kind.\n\nHello");
}

#[test]
fn a_template_that_wants_turns_gets_neighbours_as_one() {
    let source = "{% for message in messages %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}\
        {{ raise_exception('roles must alternate') }}{% endif %}[{{ message.content }}]{% endfor %}";
    let messages = [say(ChatRole::User, "One"), say(ChatRole::User, "Two"), say(ChatRole::Assistant, "Three"), say(ChatRole::User, "Four")];
    assert_eq!(render(source, &messages).unwrap(), "[One\n\nTwo][Three][Four]");
    let error = render(source, &[say(ChatRole::Assistant, "One")]).unwrap_err();
    assert_eq!(error, "roles must alternate", "what cannot be helped is told in the template's words");
}

#[test]
fn a_template_that_takes_parts_gets_parts() {
    let source = "{% for message in messages %}{% for part in message.content %}{{ part.text }}{% endfor %}{% endfor %}";
    assert_eq!(render(source, &[say(ChatRole::User, "Hello")]).unwrap(), "Hello");
}

#[test]
fn a_template_without_tools_has_them_described_and_called_in_words() {
    let prompt = fixture("smollm-2").render(&called(), &weather(), Reasoning::Default).unwrap();
    let description = prompt.split("<|im_end|>").next().unwrap();
    for told in ["Be kind.", r#"{"name":"get_weather","description":"Tells"#, "<tool_call>"] {
        assert!(description.contains(told), "{description}");
    }
    let call = "<|im_start|>assistant\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";
    assert!(prompt.contains(call), "{prompt}");
    assert!(prompt.contains("<|im_start|>user\n<tool_response>\nwarm\n</tool_response>"), "{prompt}");
}

#[test]
fn a_second_template_serves_dialogs_with_tools() {
    let (plain, tools) = (template("plain {{ messages[0].content }}").unwrap(), fixture("mistral-nemo"));
    let both = ChatTemplate { plain, with_tools: Some(tools) };
    let mut prompt = ChatPrompt::from(vec![say(ChatRole::User, "Hello")]);
    assert_eq!(both.render(&prompt).unwrap(), "plain Hello");
    prompt.tools = weather();
    assert!(both.render(&prompt).unwrap().contains("[AVAILABLE_TOOLS]"));
    assert_eq!(both.answer_style().tools, ToolStyle::Mistral);
}

#[test]
fn broken_json_in_a_dialog_is_shown_as_it_is() {
    let mut messages = called();
    messages[2].tool_calls[0].arguments = "{\"city\": ".into();
    let tool = ToolDefinition { name: "get_weather".into(), description: String::new(), parameters: "not JSON".into() };
    for name in ["qwen-2.5", "mistral-nemo", "smollm-2", "gpt-oss"] {
        // A template may refuse it, with words; it must do one of both.
        if let Err(error) = fixture(name).render(&messages, std::slice::from_ref(&tool), Reasoning::Default) {
            assert!(!words(&error).is_empty(), "{name}");
        }
    }
}
