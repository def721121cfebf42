//! Answers as Ollama tells them: one JSON object a line, the last one with figures.

use std::time::Instant;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::model::{AnswerMessage, Call, CalledFunction, Figures, Piece};
use crate::{
    engine::{GenerationUsage, ToolCall},
    error::{Error, Result},
    features::openai::{Answers, Ending, Heard, Line, Narrator, Told, Whole},
};

/// Which of the two forms an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `/api/chat`.
    Message,
    /// `/api/generate`.
    Response,
}

/// Tells one answer.
pub struct OllamaNarrator {
    model: String,
    form: Form,
    began: Instant,
    ending: Ending,
}

impl OllamaNarrator {
    /// `model` is the name that the client asked for.
    pub fn new(model: &str, form: Form, began: Instant) -> Self {
        Self { model: model.into(), form, began, ending: Ending::Stop }
    }

    /// The whole answer.
    pub async fn whole(mut self, mut answers: Answers) -> Result<Piece> {
        let Whole { text, reasoning, calls, ending, .. } =
            answers.whole().await?.pop().ok_or_else(|| Error::Internal(anyhow::anyhow!("an answer is lost")))?;
        self.ending = ending;
        let figures = self.figures(&answers.timings());
        let thinking = (!reasoning.is_empty()).then_some(reasoning);
        Ok(Piece { done: true, figures: Some(figures), ..self.piece(text, thinking, calls) })
    }

    /// An answer to nothing: the model is there.
    pub fn nothing(self, done_reason: &'static str) -> Piece {
        let figures = Figures { done_reason, ..self.figures(&GenerationUsage::default()) };
        Piece { done: true, figures: Some(figures), ..self.piece(String::new(), None, Vec::new()) }
    }

    fn piece(&self, text: String, thinking: Option<String>, calls: Vec<ToolCall>) -> Piece {
        let (model, created_at) = (self.model.clone(), timestamp(OffsetDateTime::now_utc()));
        let empty = Piece { model, created_at, message: None, response: None, thinking: None, done: false, figures: None };
        match self.form {
            Form::Response => Piece { response: Some(text), thinking, ..empty },
            Form::Message => {
                let tool_calls = calls.into_iter().map(wire_call).collect();
                Piece { message: Some(AnswerMessage { role: "assistant", content: text, thinking, tool_calls }), ..empty }
            }
        }
    }

    fn figures(&self, usage: &GenerationUsage) -> Figures {
        let done_reason = if self.ending == Ending::Length { "length" } else { "stop" };
        Figures {
            done_reason,
            total_duration: nanoseconds(self.began),
            load_duration: 0,
            prompt_eval_count: usage.prompt_tokens,
            prompt_eval_duration: usage.prompt_milliseconds * 1_000_000,
            eval_count: usage.generated_tokens,
            eval_duration: usage.generation_milliseconds * 1_000_000,
        }
    }
}

fn wire_call(call: ToolCall) -> Call {
    let arguments = serde_json::from_str(&call.arguments).unwrap_or_default();
    Call { id: Some(call.id), function: CalledFunction { name: call.name, arguments } }
}

/// As the protocol counts time.
pub fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// As the protocol writes times.
pub fn timestamp(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

impl Narrator for OllamaNarrator {
    fn begin(&mut self, _: &Answers) -> Vec<Line> {
        Vec::new()
    }

    fn tell(&mut self, heard: Heard) -> Vec<Line> {
        match heard.told {
            Told::Text { text, .. } => vec![Line::data(&self.piece(text, None, Vec::new()))],
            Told::Reasoning(text) => vec![Line::data(&self.piece(String::new(), Some(text), Vec::new()))],
            Told::Call { call, .. } => vec![Line::data(&self.piece(String::new(), None, vec![call]))],
            Told::Ended(ending) => {
                self.ending = ending;
                Vec::new()
            }
        }
    }

    fn end(&mut self, answers: &Answers) -> Vec<Line> {
        let figures = Some(self.figures(&answers.timings()));
        vec![Line::data(&Piece { done: true, figures, ..self.piece(String::new(), None, Vec::new()) })]
    }

    fn fail(&mut self, error: &Error) -> Vec<Line> {
        let failure = crate::features::openai::Failure::from(error);
        vec![Line::data(&serde_json::json!({"error": failure.body.error.message}))]
    }
}
