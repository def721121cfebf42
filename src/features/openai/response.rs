//! `/v1/responses`: from a request to what an engine is asked, and its answer in the protocol's words.

use serde_json::{Value, json};

use super::{
    Answers, Defaults, Ending, Failure, Fields, Heard, Told, Writing,
    constraint::{check_name, json_object, json_schema},
    model::{
        Content, IncompleteDetails, InputMessage, OutputMessage, OutputText, OutputTokensDetails, ResponseInput, ResponseObject,
        ResponseRequest, ResponseStatus, ResponseUsage, Role, TextFormat, TextOptions, Usage,
    },
    narration::{Line, Narrator},
    service::{asker, max_tokens, new_id, now},
};
use crate::{
    engine::{ChatMessage, ChatRole, Constraint},
    error::{Error, Result},
};

/// What an engine is asked.
pub fn writing(request: &ResponseRequest) -> Result<Writing> {
    refuse_what_is_not_there(request)?;
    let constraint = match request.text.as_ref().and_then(|text| text.format.as_ref()) {
        None | Some(TextFormat::Text) => Constraint::Free,
        Some(TextFormat::JsonObject) => json_object(),
        Some(TextFormat::JsonSchema { name, schema, .. }) => {
            check_name("text.format.name", name)?;
            json_schema("text.format.schema", schema)?
        }
    };
    Ok(Writing {
        prompts: messages(request)?.into(),
        n: 1,
        constraint,
        stop: Vec::new(),
        max_tokens: max_tokens("max_output_tokens", request.max_output_tokens)?,
        sampling: request.sampling().resolve(Defaults::OPENAI)?,
        asker: asker(request.user.as_deref().or(request.safety_identifier.as_deref()))?,
        fields: Fields { prompt: "input", format: "text.format" },
    })
}

fn refuse_what_is_not_there(request: &ResponseRequest) -> Result<()> {
    let is_there = |list: Option<usize>| list.is_some_and(|length| length > 0);
    let refuse = |field: &str, message: &str| Err(Error::invalid(field, message));
    if request.store == Some(true) {
        return refuse("store", "cannot be true: this server keeps no answers");
    }
    if request.background == Some(true) {
        return refuse("background", "cannot be true: this server keeps no answers; read a stream instead");
    }
    if is_there(request.tools.as_ref().map(Vec::len)) {
        return refuse("tools", "are not supported here: call them under /v1/chat/completions");
    }
    if is_there(request.include.as_ref().map(Vec::len)) {
        return refuse("include", "is not supported by this server: leave it out");
    }
    Ok(())
}

fn messages(request: &ResponseRequest) -> Result<Vec<ChatMessage>> {
    let message = |role, content: &str| ChatMessage::new(role, content);
    let mut messages: Vec<ChatMessage> = request.instructions.iter().map(|text| message(ChatRole::System, text)).collect();
    match &request.input {
        ResponseInput::Text(text) => messages.push(message(ChatRole::User, text)),
        ResponseInput::Messages(given) if given.is_empty() => return Err(Error::invalid("input", "must hold at least one message")),
        ResponseInput::Messages(given) => {
            for (index, InputMessage { role, content: Content(text), .. }) in given.iter().enumerate() {
                let role = match role {
                    Role::System | Role::Developer => ChatRole::System,
                    Role::User => ChatRole::User,
                    Role::Assistant => ChatRole::Assistant,
                    Role::Tool => return Err(Error::invalid(format!("input[{index}].role"), "cannot be `tool` here")),
                };
                messages.push(message(role, text));
            }
        }
    }
    Ok(messages)
}

/// The whole answer.
pub async fn response(mut answers: Answers, request: ResponseRequest) -> Result<ResponseObject> {
    let whole = answers.whole().await?.pop();
    let (text, ending) = whole.map_or((String::new(), Ending::Stop), |answer| (answer.text, answer.ending));
    let head = Head::new(request, &answers);
    Ok(head.ended(text, ending, answers.usage()))
}

/// What all events of an answer have in common.
struct Head {
    id: String,
    message_id: String,
    created_at: i64,
    model: String,
    request: ResponseRequest,
}

impl Head {
    fn new(request: ResponseRequest, answers: &Answers) -> Self {
        let (id, message_id) = (new_id("resp_"), new_id("msg_"));
        Self { id, message_id, created_at: now(), model: answers.model().to_owned(), request }
    }

    fn object(&self, status: ResponseStatus) -> ResponseObject {
        let request = &self.request;
        ResponseObject {
            id: self.id.clone(),
            object: "response",
            created_at: self.created_at,
            status,
            background: false,
            error: None,
            incomplete_details: None,
            instructions: request.instructions.clone(),
            max_output_tokens: request.max_output_tokens,
            metadata: request.metadata.clone().unwrap_or_default(),
            model: self.model.clone(),
            output: Vec::new(),
            parallel_tool_calls: request.parallel_tool_calls.unwrap_or(true),
            previous_response_id: None,
            store: false,
            temperature: request.temperature.unwrap_or(1.0),
            text: request.text.clone().unwrap_or(TextOptions { format: Some(TextFormat::Text) }),
            tool_choice: "auto",
            tools: Vec::new(),
            top_p: request.top_p.unwrap_or(1.0),
            truncation: "disabled",
            usage: None,
            user: request.user.clone(),
        }
    }

    fn message(&self, status: ResponseStatus, content: Vec<OutputText>) -> OutputMessage {
        OutputMessage { id: self.message_id.clone(), r#type: "message", status, role: "assistant", content }
    }

    fn ended(&self, text: String, ending: Ending, usage: Usage) -> ResponseObject {
        let status = status(ending);
        let incomplete = matches!(ending, Ending::Length).then_some(IncompleteDetails { reason: "max_output_tokens" });
        let usage = ResponseUsage {
            input_tokens: usage.prompt_tokens,
            input_tokens_details: usage.prompt_tokens_details,
            output_tokens: usage.completion_tokens,
            output_tokens_details: OutputTokensDetails::default(),
            total_tokens: usage.total_tokens,
        };
        let output = vec![self.message(status, vec![output_text(text)])];
        ResponseObject { output, incomplete_details: incomplete, usage: Some(usage), ..self.object(status) }
    }
}

fn status(ending: Ending) -> ResponseStatus {
    match ending {
        Ending::Length => ResponseStatus::Incomplete,
        Ending::Stop | Ending::Calls => ResponseStatus::Completed,
    }
}

fn output_text(text: String) -> OutputText {
    OutputText { r#type: "output_text", text, annotations: Vec::new(), logprobs: Vec::new() }
}

/// Tells an answer as typed events.
pub struct ResponseNarrator {
    head: Head,
    sequence_number: u64,
    text: String,
    ending: Ending,
}

impl ResponseNarrator {
    pub fn new(request: ResponseRequest, answers: &Answers) -> Self {
        Self { head: Head::new(request, answers), sequence_number: 0, text: String::new(), ending: Ending::Stop }
    }

    fn line(&mut self, kind: &'static str, mut data: Value) -> Line {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("type".into(), kind.into());
            fields.insert("sequence_number".into(), self.sequence_number.into());
        }
        self.sequence_number += 1;
        Line::event(kind, &data)
    }

    /// An event about the one text of the one message.
    fn about_text(&mut self, kind: &'static str, name: &str, value: Value) -> Line {
        let mut data = json!({"item_id": self.head.message_id, "output_index": 0, "content_index": 0});
        data[name] = value;
        if kind.starts_with("response.output_text") {
            data["logprobs"] = json!([]);
        }
        self.line(kind, data)
    }
}

impl Narrator for ResponseNarrator {
    fn begin(&mut self, _: &Answers) -> Vec<Line> {
        let response = json!({"response": self.head.object(ResponseStatus::InProgress)});
        let item = json!({"output_index": 0, "item": self.head.message(ResponseStatus::InProgress, Vec::new())});
        vec![
            self.line("response.created", response.clone()),
            self.line("response.in_progress", response),
            self.line("response.output_item.added", item),
            self.about_text("response.content_part.added", "part", json!(output_text(String::new()))),
        ]
    }

    fn tell(&mut self, Heard { told, .. }: Heard) -> Vec<Line> {
        match told {
            Told::Text { text, .. } => {
                self.text.push_str(&text);
                vec![self.about_text("response.output_text.delta", "delta", text.into())]
            }
            // The one item of this answer is its text.
            Told::Reasoning(_) | Told::Call { .. } => Vec::new(),
            Told::Ended(ending) => {
                self.ending = ending;
                Vec::new()
            }
        }
    }

    fn end(&mut self, answers: &Answers) -> Vec<Line> {
        let (text, ending) = (std::mem::take(&mut self.text), self.ending);
        let message = self.head.message(status(ending), vec![output_text(text.clone())]);
        let last = if ending == Ending::Length { "response.incomplete" } else { "response.completed" };
        vec![
            self.about_text("response.output_text.done", "text", text.clone().into()),
            self.about_text("response.content_part.done", "part", json!(output_text(text.clone()))),
            self.line("response.output_item.done", json!({"output_index": 0, "item": message})),
            self.line(last, json!({"response": self.head.ended(text, ending, answers.usage())})),
        ]
    }

    fn fail(&mut self, error: &Error) -> Vec<Line> {
        let failure = Failure::from(error).body.error;
        vec![self.line("error", json!({"code": failure.code, "message": failure.message, "param": failure.param}))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::openai::{Prompts, read};

    fn asked(mut more: Value) -> Result<Writing> {
        let mut body = json!({"model": "m", "input": "Hello"});
        body.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
        writing(&read(body.to_string().as_bytes())?)
    }

    #[test]
    fn instructions_come_before_the_input() {
        let input = json!([{"role": "user", "content": "a"}, {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
            "content": [{"type": "output_text", "text": "b", "annotations": [], "logprobs": []}]}, {"role": "user", "content": [{"type": "input_text", "text": "c"}]}]);
        let asked = asked(json!({"instructions": "Be brief.", "input": input, "max_output_tokens": 9})).unwrap();
        let Prompts::Dialog { messages, .. } = &asked.prompts else { panic!("no dialog") };
        assert_eq!(messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>(), ["Be brief.", "a", "b", "c"]);
        assert_eq!(asked.max_tokens, Some(9));
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        for (named, more) in [
            ("store", json!({"store": true})),
            ("background", json!({"background": true})),
            ("previous_response_id", json!({"previous_response_id": "resp_1"})),
            ("tools", json!({"tools": [{"type": "web_search"}]})),
            ("input", json!({"input": []})),
            ("input", json!({"input": 5})),
            ("truncation", json!({"truncation": "auto"})),
            ("max_output_tokens", json!({"max_output_tokens": 0})),
        ] {
            let error = asked(more).unwrap_err();
            assert!(matches!(&error, Error::Invalid { field, .. } if field == named), "{named}: {error}");
        }
    }
}
