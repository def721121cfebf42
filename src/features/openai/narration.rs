//! Answers told while they are written, in the words of one protocol.

use std::collections::VecDeque;

use futures_util::{Stream, stream};
use serde::Serialize;

use super::{Answers, Heard};
use crate::error::Error;

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub event: Option<&'static str>,
    /// JSON, or the protocol's own last word.
    pub data: String,
}

impl Line {
    pub fn data(data: &impl Serialize) -> Self {
        Self { event: None, data: json(data) }
    }

    pub fn event(event: &'static str, data: &impl Serialize) -> Self {
        Self { event: Some(event), data: json(data) }
    }
}

fn json(data: &impl Serialize) -> String {
    serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned())
}

/// Puts answers into the words of a protocol.
pub trait Narrator: Send + 'static {
    fn begin(&mut self, answers: &Answers) -> Vec<Line>;

    fn tell(&mut self, heard: Heard) -> Vec<Line>;

    /// All answers have ended.
    fn end(&mut self, answers: &Answers) -> Vec<Line>;

    /// An engine failed in mid-answer; nothing follows.
    fn fail(&mut self, error: &Error) -> Vec<Line>;
}

struct Telling<N> {
    answers: Answers,
    narrator: N,
    lines: VecDeque<Line>,
    ended: bool,
}

/// All that is told. Dropping the stream frees the engine.
pub fn narrate<N: Narrator>(answers: Answers, mut narrator: N) -> impl Stream<Item = Line> + Send {
    let lines = narrator.begin(&answers).into();
    stream::unfold(Telling { answers, narrator, lines, ended: false }, |mut telling| async move {
        loop {
            if let Some(line) = telling.lines.pop_front() {
                return Some((line, telling));
            }
            if telling.ended {
                return None;
            }
            let lines = match telling.answers.next().await {
                Some(Ok(heard)) => telling.narrator.tell(heard),
                Some(Err(error)) => {
                    telling.ended = true;
                    telling.narrator.fail(&error)
                }
                None => {
                    telling.ended = true;
                    telling.narrator.end(&telling.answers)
                }
            };
            telling.lines.extend(lines);
        }
    })
}
