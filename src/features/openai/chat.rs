//! From a dialog's request to what an engine is asked, and its answers in the protocol's words.

use super::{
    Answers, Defaults, Ending, Failure, Fields, Heard, Prompts, Told, Tooling, Writing,
    answers::Whole,
    constraint::{check_stops, constraint},
    dialog::messages,
    logprobs,
    model::{
        AnswerMessage, CallType, ChatChoice, ChatChunk, ChatCompletion, ChatRequest, ChunkChoice, Delta, FinishedBy, WireCall, WireFunction,
    },
    narration::{Line, Narrator},
    sampling::{MOST_TOP_LOGPROBS, stops, within},
    service::{FINGERPRINT, asker, max_tokens, new_id, now},
};
use crate::{
    engine::{Constraint, ToolCall},
    error::{Error, Result},
};

/// Answers to one prompt that may be asked for.
pub const MOST_CHOICES: i64 = 8;
/// Texts that end an answer, as many as the protocol has.
pub const MOST_STOPS: usize = 4;

/// What an engine is asked.
pub fn writing(request: &ChatRequest) -> Result<Writing> {
    if request.store == Some(true) {
        return Err(Error::invalid("store", "cannot be true: this server keeps no answers"));
    }
    let constraint = constraint(request.response_format.as_ref(), request.regex.as_deref(), request.grammar.as_deref())?;
    let stop = stops(request.stop.clone().map(Vec::from).unwrap_or_default(), MOST_STOPS)?;
    check_stops(&constraint, &stop)?;
    let mut sampling = request.sampling();
    sampling.top_logprobs = top_logprobs(request)?;
    let n = request.n.map_or(Ok(1), |n| within("n", n, 1, MOST_CHOICES))?;
    let (newer, older) = (request.max_completion_tokens, request.max_tokens);
    let limit = max_tokens(if newer.is_some() { "max_completion_tokens" } else { "max_tokens" }, newer.or(older))?;
    let tooling = Tooling::new(request.tools.as_deref().unwrap_or_default(), request.tool_choice.as_ref(), request.parallel_tool_calls)?;
    if !tooling.tools.is_empty() && constraint != Constraint::Free {
        return Err(Error::invalid("tools", "cannot be had together with response_format, regex or grammar: leave one of them out"));
    }
    Ok(Writing {
        prompts: Prompts::Dialog { messages: messages(&request.messages)?, tooling, reasoning: request.reasoning_effort.into() },
        n: n as usize,
        constraint,
        stop,
        max_tokens: limit,
        sampling: sampling.resolve(Defaults::OPENAI)?,
        asker: asker(request.user.as_deref().or(request.safety_identifier.as_deref()))?,
        fields: Fields { prompt: "messages", format: "response_format" },
    })
}

fn top_logprobs(request: &ChatRequest) -> Result<Option<u8>> {
    match (request.logprobs.unwrap_or(false), request.top_logprobs) {
        (false, Some(top)) if top != 0 => Err(Error::invalid("top_logprobs", "needs logprobs to be true")),
        (false, _) => Ok(None),
        (true, top) => {
            let top = within("top_logprobs", top.unwrap_or(0), 0, MOST_TOP_LOGPROBS)?;
            Ok(u8::try_from(top).ok())
        }
    }
}

/// The whole answer.
pub async fn completion(mut answers: Answers, request: &ChatRequest) -> Result<ChatCompletion> {
    let wants_logprobs = request.logprobs.unwrap_or(false);
    let whole = answers.whole().await?;
    let choices = whole.into_iter().enumerate().map(|(index, answer)| choice(index, answer, wants_logprobs)).collect();
    Ok(ChatCompletion {
        id: new_id("chatcmpl-"),
        object: "chat.completion",
        created: now(),
        model: answers.model().to_owned(),
        choices,
        usage: answers.usage(),
        system_fingerprint: FINGERPRINT.into(),
    })
}

fn choice(index: usize, answer: Whole, wants_logprobs: bool) -> ChatChoice {
    let Whole { text, reasoning, calls, logprobs, ending } = answer;
    let message = AnswerMessage {
        role: "assistant",
        content: (calls.is_empty() || !text.is_empty()).then_some(text),
        refusal: None,
        reasoning_content: (!reasoning.is_empty()).then_some(reasoning),
        tool_calls: calls.into_iter().map(|call| wire_call(None, call)).collect(),
    };
    ChatChoice { index, message, logprobs: wants_logprobs.then(|| logprobs::for_chat(logprobs)), finish_reason: ending.into() }
}

/// A call as clients know it; in a stream it has a number.
fn wire_call(number: Option<usize>, call: ToolCall) -> WireCall {
    let ToolCall { id, name, arguments } = call;
    let index = number.and_then(|number| u32::try_from(number).ok());
    WireCall { id, r#type: CallType::Function, function: WireFunction { name, arguments }, index }
}

impl From<Ending> for FinishedBy {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Stop => Self::Stop,
            Ending::Length => Self::Length,
            Ending::Calls => Self::ToolCalls,
        }
    }
}

/// Tells a dialog's answers as chunks.
pub struct ChatNarrator {
    id: String,
    created: i64,
    model: String,
    wants_logprobs: bool,
    wants_usage: bool,
}

impl ChatNarrator {
    pub fn new(request: &ChatRequest, answers: &Answers) -> Self {
        Self {
            id: new_id("chatcmpl-"),
            created: now(),
            model: answers.model().to_owned(),
            wants_logprobs: request.logprobs.unwrap_or(false),
            wants_usage: request.wants_usage(),
        }
    }

    fn chunk(&self, choices: Vec<ChunkChoice>) -> ChatChunk {
        ChatChunk {
            id: self.id.clone(),
            object: "chat.completion.chunk",
            created: self.created,
            model: self.model.clone(),
            system_fingerprint: FINGERPRINT.into(),
            choices,
            usage: self.wants_usage.then_some(None),
        }
    }

    fn line(&self, index: usize, delta: Delta, finish_reason: Option<FinishedBy>) -> Line {
        Line::data(&self.chunk(vec![ChunkChoice { index, delta, logprobs: None, finish_reason }]))
    }
}

impl Narrator for ChatNarrator {
    fn begin(&mut self, answers: &Answers) -> Vec<Line> {
        let first = || Delta { role: Some("assistant"), content: Some(String::new()), ..Delta::default() };
        (0..answers.count()).map(|index| self.line(index, first(), None)).collect()
    }

    fn tell(&mut self, Heard { index, told }: Heard) -> Vec<Line> {
        match told {
            Told::Text { text, logprobs } => {
                let logprobs = self.wants_logprobs.then(|| logprobs::for_chat(logprobs));
                let delta = Delta { content: Some(text), ..Delta::default() };
                vec![Line::data(&self.chunk(vec![ChunkChoice { index, delta, logprobs, finish_reason: None }]))]
            }
            Told::Reasoning(text) => vec![self.line(index, Delta { reasoning_content: Some(text), ..Delta::default() }, None)],
            Told::Call { number, call } => {
                let delta = Delta { tool_calls: vec![wire_call(Some(number), call)], ..Delta::default() };
                vec![self.line(index, delta, None)]
            }
            Told::Ended(ending) => vec![self.line(index, Delta::default(), Some(ending.into()))],
        }
    }

    fn end(&mut self, answers: &Answers) -> Vec<Line> {
        let usage = self.wants_usage.then(|| Line::data(&ChatChunk { usage: Some(Some(answers.usage())), ..self.chunk(Vec::new()) }));
        usage.into_iter().chain([done()]).collect()
    }

    fn fail(&mut self, error: &Error) -> Vec<Line> {
        vec![Line::data(&Failure::from(error).body), done()]
    }
}

/// The protocol's last word.
pub fn done() -> Line {
    Line { event: None, data: "[DONE]".into() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{engine::ChatRole, features::openai::read};

    fn asked(mut more: Value) -> Result<Writing> {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}]});
        body.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
        writing(&read(body.to_string().as_bytes())?)
    }

    fn refused(more: Value) -> String {
        match asked(more).unwrap_err() {
            Error::Invalid { field, .. } => field,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_request_becomes_what_an_engine_is_asked() {
        let asked = asked(json!({
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "there"}]},
                {"role": "assistant", "content": "Hi."},
                {"role": "user", "content": "Go on."},
            ],
            "max_tokens": 5, "stop": "\n", "n": 2, "seed": 7, "temperature": 0, "top_k": -1, "logprobs": true, "top_logprobs": 3,
            "logit_bias": {"5": -100}, "user": "ann", "stream_options": {"include_usage": true}, "metadata": {"a": "b"},
        }))
        .unwrap();
        let Prompts::Dialog { messages, .. } = &asked.prompts else { panic!("no dialog") };
        assert_eq!(
            messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>(),
            ["Be brief.", "Hello\nthere", "Hi.", "Go on."]
        );
        assert_eq!(messages[0].role, ChatRole::System);
        assert_eq!((asked.max_tokens, asked.n, asked.stop), (Some(5), 2, vec!["\n".to_owned()]));
        assert_eq!((asked.sampling.seed, asked.sampling.top_logprobs), (7, Some(3)));
        assert_eq!(asked.sampling.logit_bias, [(5, -100.0)]);
        assert_ne!(asked.asker, asker(None).unwrap());
    }

    #[test]
    fn a_wanted_format_bounds_the_answer() {
        let schema = json!({"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": {"type": "integer"}}});
        let asked_with = |more| asked(more).unwrap().constraint;
        assert_eq!(asked_with(json!({"response_format": schema})), Constraint::JsonSchema(r#"{"type":"integer"}"#.into()));
        assert_eq!(asked_with(json!({"response_format": {"type": "text"}})), Constraint::Free);
        assert_eq!(asked_with(json!({"regex": "a+"})), Constraint::Regex("a+".into()));
        assert_eq!(refused(json!({"response_format": schema, "stop": ["x"]})), "stop");
        assert_eq!(refused(json!({"response_format": schema, "regex": "a"})), "regex");
    }

    #[test]
    fn calls_and_their_answers_are_handed_on() {
        let call = json!({"id": "call_1", "type": "function", "index": 0, "function": {"name": "time", "arguments": "{\"zone\": 1}"}});
        let asked = asked(json!({
            "messages": [{"role": "user", "content": "When?"}, {"role": "assistant", "content": null, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "call_1", "content": "noon"}],
            "tools": [{"type": "function", "function": {"name": "time", "strict": true}}], "tool_choice": "auto",
        }))
        .unwrap();
        let Prompts::Dialog { messages, tooling, .. } = &asked.prompts else { panic!("no dialog") };
        assert_eq!((messages[1].tool_calls[0].name.as_str(), messages[2].name.as_deref()), ("time", Some("time")));
        assert_eq!((tooling.tools.len(), messages[2].role), (1, ChatRole::Tool));
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        for (field, more) in [
            ("messages", json!({"messages": []})),
            ("messages[0].content", json!({"messages": [{"role": "user"}]})),
            ("max_tokens", json!({"max_tokens": 0})),
            ("max_completion_tokens", json!({"max_completion_tokens": -1})),
            ("n", json!({"n": 9})),
            ("top_logprobs", json!({"top_logprobs": 3})),
            ("top_logprobs", json!({"logprobs": true, "top_logprobs": 21})),
            ("stop", json!({"stop": ["a", "b", "c", "d", "e"]})),
            ("tools", json!({"tools": [{"type": "function", "function": {"name": "a"}}], "response_format": {"type": "json_object"}})),
            ("tool_choice", json!({"tool_choice": "required"})),
            ("messages[0].tool_call_id", json!({"messages": [{"role": "tool", "content": "5"}]})),
            ("store", json!({"store": true})),
            ("prediction", json!({"prediction": {}})),
            ("functions", json!({"functions": []})),
            (
                "response_format.json_schema.schema",
                json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": 5}}}),
            ),
            (
                "response_format.json_schema.name",
                json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x y", "schema": {}}}}),
            ),
        ] {
            assert_eq!(refused(more), field);
        }
        let picture = json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]});
        assert!(refused(picture).starts_with("messages[0].content[0]"));
        assert_eq!(asked(json!({"max_tokens": 1_000_000_000_000_i64})).unwrap().max_tokens, Some(u32::MAX));
    }
}
