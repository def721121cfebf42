//! Answers while engines write them: one request may bring several at the same time.

use std::{collections::VecDeque, time::Duration};

use futures_util::{
    StreamExt,
    stream::{self, AbortHandle, BoxStream, SelectAll},
};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    ServedGenerator,
    blame::Blame,
    model::Usage,
    reading::{Manner, Reader},
};
use crate::{
    engine::{EngineError, EventStream, FinishReason, GenerationEvent, GenerationUsage, TokenLogprob, ToolCall},
    error::{Error, Result},
};

/// What was cached is told in steps: to the token, it would tell one asker what another one has written.
const CACHED_STEP: u32 = 128;
/// How long an answer's first word is waited for before its stream begins: an error that comes sooner has a status of its own.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// A part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    Text {
        text: String,
        logprobs: Vec<TokenLogprob>,
    },
    /// What the model thinks before it answers.
    Reasoning(String),
    /// A whole call; the answer's calls are numbered from 0.
    Call {
        number: usize,
        call: ToolCall,
    },
    Ended(Ending),
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Stop,
    Length,
    /// Tools are to be called.
    Calls,
}

/// A part of the answer of this number.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    pub index: usize,
    pub told: Told,
}

/// An answer, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole {
    pub text: String,
    pub reasoning: String,
    pub calls: Vec<ToolCall>,
    pub logprobs: Vec<TokenLogprob>,
    pub ending: Ending,
}

/// Answers under way. Dropping them frees the engine.
pub struct Answers {
    events: SelectAll<BoxStream<'static, Event>>,
    choices: Vec<Choice>,
    /// So many answers in a row have the same prompt.
    per_prompt: usize,
    heard: VecDeque<Heard>,
    ended: bool,
    blame: Blame,
    /// Keeps the engine there.
    model: ServedGenerator,
}

/// An event of the answer of this number; `None`: its stream ended.
type Event = (usize, Option<Result<GenerationEvent, EngineError>>);

/// How answers are to be understood.
pub(super) struct Reading {
    /// Without it all of their text is content.
    pub manner: Option<Manner>,
    /// Which field of the request an engine's refusal is about.
    pub blame: Blame,
}

struct Choice {
    reader: Reader,
    ending: Option<Ending>,
    usage: Option<GenerationUsage>,
    /// What can be known of its usage before its engine tells it.
    counted: GenerationUsage,
    /// Ends its stream, which frees the engine.
    stream: AbortHandle,
}

impl Answers {
    pub(super) fn new(
        model: ServedGenerator,
        streams: Vec<EventStream<GenerationEvent>>,
        per_prompt: usize,
        Reading { manner, blame }: Reading,
    ) -> Self {
        let mut choices = Vec::with_capacity(streams.len());
        let mut events = SelectAll::new();
        for (index, stream) in streams.into_iter().enumerate() {
            let (stream, handle) = stream::abortable(ReceiverStream::new(stream));
            choices.push(Choice::new(Reader::new(manner.as_ref()), handle));
            let end = stream::once(std::future::ready((index, None)));
            events.push(stream.map(move |event| (index, Some(event))).chain(end).boxed());
        }
        Self { events, choices, per_prompt, heard: VecDeque::new(), ended: false, blame, model }
    }

    /// The model that writes.
    pub fn model(&self) -> &str {
        &self.model.id
    }

    /// How many answers there are.
    pub fn count(&self) -> usize {
        self.choices.len()
    }

    /// Waits for the first word, but not for ever. What is wrong with a request shows here.
    pub async fn begin(&mut self) -> Result<()> {
        let first = async {
            while self.heard.is_empty() && !self.ended {
                if self.step().await? {
                    break;
                }
            }
            Ok::<_, Error>(())
        };
        tokio::time::timeout(FIRST_WORD, first).await.unwrap_or(Ok(()))
    }

    /// The next part; `None` once all answers have ended. Nothing follows an error.
    pub async fn next(&mut self) -> Option<Result<Heard>> {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Some(Ok(heard));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.step().await {
                self.ended = true;
                self.events.clear();
                return Some(Err(error));
            }
        }
    }

    /// All answers, whole.
    pub async fn whole(&mut self) -> Result<Vec<Whole>> {
        let empty =
            || Whole { text: String::new(), reasoning: String::new(), calls: Vec::new(), logprobs: Vec::new(), ending: Ending::Stop };
        let mut answers: Vec<Whole> = self.choices.iter().map(|_| empty()).collect();
        while let Some(heard) = self.next().await {
            let Heard { index, told } = heard?;
            match told {
                Told::Text { text, logprobs } => {
                    answers[index].text.push_str(&text);
                    answers[index].logprobs.extend(logprobs);
                }
                Told::Reasoning(text) => answers[index].reasoning.push_str(&text),
                Told::Call { call, .. } => answers[index].calls.push(call),
                Told::Ended(ending) => answers[index].ending = ending,
            }
        }
        Ok(answers)
    }

    /// What was read and written so far. A prompt of several answers counts once.
    pub fn usage(&self) -> Usage {
        let known = |index: usize| self.choices[index].usage.clone().unwrap_or_default();
        let prompts: Vec<Vec<GenerationUsage>> = (0..self.choices.len())
            .step_by(self.per_prompt.max(1))
            .map(|first| (first..first + self.per_prompt).map(known).collect())
            .collect();
        let sum = |count: fn(&GenerationUsage) -> u32, of: fn(u32, u32) -> u32| {
            prompts.iter().map(|usages| usages.iter().map(count).reduce(of).unwrap_or(0)).fold(0_u32, u32::saturating_add)
        };
        let prompt_tokens = sum(|usage| usage.prompt_tokens, u32::max);
        let completion_tokens = sum(|usage| usage.generated_tokens, u32::saturating_add);
        let mut usage =
            Usage { prompt_tokens, completion_tokens, total_tokens: prompt_tokens.saturating_add(completion_tokens), ..Usage::default() };
        usage.prompt_tokens_details.cached_tokens = sum(|usage| usage.cached_tokens / CACHED_STEP * CACHED_STEP, u32::min);
        usage
    }

    /// How long the first answer's prompt and text took.
    pub fn timings(&self) -> GenerationUsage {
        self.choices.first().and_then(|choice| choice.usage.clone()).unwrap_or_default()
    }

    /// Takes one event; `true` where an engine has begun to work.
    async fn step(&mut self) -> Result<bool> {
        let Some((index, event)) = self.events.next().await else {
            self.ended = true;
            return Ok(false);
        };
        let Some(event) = event else {
            return match self.choices[index].usage {
                Some(_) => Ok(false),
                None => Err(EngineError::Died("it ended its answer early".into()).into()),
            };
        };
        self.take(index, self.blame.on(event.map_err(Error::from))?)
    }

    fn take(&mut self, index: usize, event: GenerationEvent) -> Result<bool> {
        let choice = &mut self.choices[index];
        let told = match event {
            GenerationEvent::Waiting(_) => return Ok(false),
            GenerationEvent::Reading { read, of } => {
                choice.counted.prompt_tokens = of;
                // Where all of it is read the first word is near, and with it what is wrong with the request.
                return Ok(read < of);
            }
            GenerationEvent::Delta { text, logprobs, .. } => choice.push(&text, logprobs),
            GenerationEvent::SlotFinished { reason, .. } => {
                choice.ending = Some(match reason {
                    FinishReason::Complete => Ending::Stop,
                    FinishReason::Length => Ending::Length,
                });
                choice.reader.finish()
            }
            GenerationEvent::Finished(usage) => {
                choice.usage = Some(usage);
                let ending = choice.ending.unwrap_or(Ending::Stop);
                let calls = ending == Ending::Stop && choice.reader.calls() > 0;
                vec![Told::Ended(if calls { Ending::Calls } else { ending })]
            }
        };
        self.heard.extend(told.into_iter().map(|told| Heard { index, told }));
        Ok(true)
    }
}

impl Choice {
    fn new(reader: Reader, stream: AbortHandle) -> Self {
        Self { reader, ending: None, usage: None, counted: GenerationUsage::default(), stream }
    }

    /// Takes more text. Once nothing more can be part of the answer, it ends, whatever the model would still write.
    fn push(&mut self, text: &str, logprobs: Vec<TokenLogprob>) -> Vec<Told> {
        // A token each, but for characters of several.
        self.counted.generated_tokens += u32::try_from(logprobs.len()).unwrap_or(u32::MAX).max(1);
        let mut told = self.reader.push(text, logprobs);
        if self.reader.is_done() && self.usage.is_none() {
            self.stream.abort();
            self.usage = Some(self.counted.clone());
            told.push(Told::Ended(Ending::Calls));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::*;
    use crate::{
        engine::{Constraint, Reasoning, ToolDefinition, fakes::FakeGenerator},
        features::openai::Fields,
    };

    fn answers(stream: EventStream<GenerationEvent>, one_call: bool) -> Answers {
        let model = ServedGenerator { id: "a".into(), answers: Default::default(), engine: Arc::new(FakeGenerator::default()) };
        let tools = vec![ToolDefinition { name: "time".into(), description: String::new(), parameters: "{}".into() }];
        let manner = Some(Manner { style: model.answers, reasoning: Reasoning::Default, tools, one_call });
        let blame = Blame::new(Fields { prompt: "messages", format: "response_format" }, &Constraint::JsonSchema("{}".into()));
        Answers::new(model, vec![stream], 1, super::Reading { manner, blame })
    }

    #[tokio::test]
    async fn an_answer_of_one_call_at_most_ends_with_it_and_frees_the_engine() {
        let (engine, stream) = mpsc::channel(64);
        let mut answers = answers(stream, true);
        engine.send(Ok(GenerationEvent::Reading { read: 30, of: 30 })).await.unwrap();
        for text in ["<tool_call>", "{\"name\": \"time\"}", "</tool_call>", "<tool_call>", "{\"name\": \"time\"}", "</tool_call>"] {
            engine.send(Ok(GenerationEvent::Delta { slot: "text".into(), text: text.into(), logprobs: Vec::new() })).await.unwrap();
        }
        answers.begin().await.unwrap();
        let whole = answers.whole().await.unwrap().remove(0);
        assert_eq!((whole.calls.len(), whole.ending, whole.text.as_str()), (1, Ending::Calls, ""));
        assert!(engine.is_closed(), "the engine goes on although nobody listens");
        let usage = answers.usage();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (30, 3, 33));
    }

    #[tokio::test]
    async fn a_refusal_names_its_field_also_after_the_beginning() {
        let (engine, stream) = mpsc::channel(8);
        let mut answers = answers(stream, false);
        engine.send(Ok(GenerationEvent::Reading { read: 1, of: 30 })).await.unwrap();
        answers.begin().await.unwrap();
        let refusal = EngineError::InvalidRequest("the constraint of a slot cannot be used: it never ends".into());
        engine.send(Err(refusal)).await.unwrap();
        let error = answers.next().await.unwrap().unwrap_err();
        assert!(matches!(&error, Error::Invalid { field, .. } if field == "response_format"), "{error:?}");
        assert!(answers.next().await.is_none(), "nothing follows an error");
    }
}
