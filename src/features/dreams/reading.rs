//! One dream, one model, at most two tries: from a prompt to a reading that may be shown.

use std::time::Instant;

use tokio::sync::mpsc;

use super::{
    Dream, FailureReason, Interpretation, InterpretationFailure, Lens, SimilarDream, Source, TokenCounts, WaitingEvent,
    draft::{Draft, Standard, is_prose},
    form::{Form, read_symbol_line},
    language, passages,
    prompt::Material,
    prompts::Prompts,
    reader::Reader,
};
use crate::engine::{Asker, EngineError, GenerationEvent, GenerationRequest, GenerationUsage, Prompt, Sampling};

/// What is told while a dream is read, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadingEvent {
    Dream(Dream),
    Similar(Vec<SimilarDream>),
    Waiting(WaitingEvent),
    /// More text of one field. `attempt` starts at 1; a higher one starts every field anew.
    Delta {
        field: String,
        text: String,
        attempt: u8,
    },
}

/// Where a reading's events go. A listener that is gone or does not listen never holds the engine up.
#[derive(Clone, Default)]
pub struct EventSink(Option<mpsc::Sender<ReadingEvent>>);

impl EventSink {
    /// Nobody listens.
    pub fn none() -> Self {
        Self(None)
    }

    /// A sink and its events. A whole reading fits in the channel, so sending never waits.
    pub fn channel() -> (Self, mpsc::Receiver<ReadingEvent>) {
        let (sender, receiver) = mpsc::channel(4096);
        (Self(Some(sender)), receiver)
    }

    /// Whether anybody hears what is sent.
    pub fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    pub fn send(&self, event: ReadingEvent) {
        if let Some(sender) = &self.0 {
            // Full or closed: the listener is gone, which its own task notices.
            let _ = sender.try_send(event);
        }
    }
}

/// One reading to be made.
pub struct Task<'a> {
    pub dream: &'a Dream,
    /// The dream's language, ISO 639-1.
    pub dream_language: &'a str,
    pub lens: Lens,
    pub reader: &'a Reader,
    pub asker: Asker,
    /// The language of the answer.
    pub language: String,
    pub started: Instant,
}

const ATTEMPTS: u8 = 2;

/// Reads a dream: a second try, tighter and with another seed, when the first may not be shown. Dropping the future
/// cancels the engine's work.
pub async fn read(
    prompts: &Prompts,
    task: &Task<'_>,
    sink: &EventSink,
) -> Result<Result<Interpretation, InterpretationFailure>, EngineError> {
    let wording = prompts.wording(&task.language);
    let lens = wording.lens(task.lens);
    let dream_words = &prompts.wording(task.dream_language).vocabulary;
    let candidates = passages::candidates(&task.dream.text, task.dream_language, dream_words);
    if candidates.iter().all(Vec::is_empty) {
        let detail = "The text holds no words that a reading could rest on.".into();
        return Ok(Err(InterpretationFailure { reason: FailureReason::Ungrounded, detail }));
    }
    let form = Form::new(wording, lens, &task.language, &candidates);
    let material = Material {
        wording,
        lens,
        language: &task.language,
        text: &task.dream.text,
        instruct: task.reader.instruct,
        context_length: task.reader.context_length,
    };
    let (prompt, shortened) = material.prompt();
    let standard = Standard { form: &form, wording, dream: &task.dream.text, language: &task.language };
    let mut tokens = TokenCounts::default();
    let mut last = None;
    for attempt in 1..=ATTEMPTS {
        let (draft, usage) = fill(task, &prompt, &standard, attempt, sink).await?;
        // What an engine tells is not to be trusted with an overflow.
        tokens.prompt = tokens.prompt.saturating_add(usage.prompt_tokens);
        tokens.generated = tokens.generated.saturating_add(usage.generated_tokens);
        match draft.judge(&standard) {
            Ok(reading) => {
                let mut notices = notices(task);
                if shortened {
                    notices.push(wording.shortened.clone());
                }
                return Ok(Ok(Interpretation {
                    title: reading.title,
                    summary: reading.summary,
                    interpretation: reading.interpretation,
                    symbols: reading.symbols,
                    emotions: reading.emotions,
                    mood: reading.mood,
                    archetypes: reading.archetypes,
                    advice: reading.advice,
                    questions: reading.questions,
                    confidence: reading.confidence,
                    sources: vec![Source { kind: "dream".into(), reference: task.dream.id.to_string() }, lens.source.clone()],
                    lens: task.lens,
                    language: task.language.clone(),
                    model: task.reader.id.clone(),
                    prompt_version: prompts.version().to_owned(),
                    tokens,
                    latency_ms: u64::try_from(task.started.elapsed().as_millis()).unwrap_or(u64::MAX),
                    cached: false,
                    grounding: reading.grounding,
                    notices,
                }));
            }
            Err(failure) => {
                tracing::info!(dream = %task.dream.id, model = task.reader.id, attempt, reason = ?failure.reason, "a reading was refused");
                last = Some(failure);
            }
        }
    }
    Ok(Err(last.expect("there is at least one attempt, and each that does not return leaves its failure")))
}

fn notices(task: &Task<'_>) -> Vec<String> {
    if task.language == task.dream_language {
        return Vec::new();
    }
    let (dream, answer) = (language::name(task.dream_language), language::name(&task.language));
    vec![format!("No model here writes {dream}, the language of this dream, so the reading is in {answer}.")]
}

fn sampling(task: &Task<'_>, attempt: u8) -> Sampling {
    // The low bits of a version 7 id are random: as good a seed as any, and the same for the same dream.
    let seed = u32::try_from(task.dream.id.as_u128() & u128::from(u32::MAX)).unwrap_or_default().wrapping_add(u32::from(attempt));
    // Cooler than usual: tiny models drift above 0.6, copy the examples at 0, and loop without a penalty.
    let temperature = if attempt == 1 { 0.45 } else { 0.35 };
    Sampling { seed, temperature, min_p: 0.1, ..Sampling::default() }
}

/// One pass of the model over the form.
async fn fill(
    task: &Task<'_>,
    prompt: &Prompt,
    standard: &Standard<'_>,
    attempt: u8,
    sink: &EventSink,
) -> Result<(Draft, GenerationUsage), EngineError> {
    let request = GenerationRequest { prompt: prompt.clone(), form: standard.form.parts.clone(), sampling: sampling(task, attempt) };
    let mut events = task.reader.engine.generate(request, task.asker.clone());
    let mut draft = Draft::default();
    let mut begun: Option<String> = None;
    let delta = |field: String, text: String| sink.send(ReadingEvent::Delta { field, text, attempt });
    while let Some(event) = events.recv().await {
        match event? {
            GenerationEvent::Waiting(wait) => sink.send(ReadingEvent::Waiting(wait.into())),
            GenerationEvent::Delta { slot, text, .. } if is_prose(&slot) => {
                let goes_on = begun.as_deref() == Some(slot.as_str());
                let text = match (goes_on, standard.form.openings.get(&slot)) {
                    (true, _) => text,
                    (false, Some(opening)) => format!("{opening} {}", text.trim_start()),
                    (false, None) => text.trim_start().to_owned(),
                };
                begun = Some(slot.clone());
                delta(slot, text);
            }
            GenerationEvent::Delta { .. } | GenerationEvent::Reading { .. } => {}
            GenerationEvent::SlotFinished { slot, text, .. } => {
                let kept = draft.put(standard.form, slot.clone(), &text);
                if slot == "mood" {
                    if let Some(mood) = draft.mood(standard.wording) {
                        let name = serde_json::to_value(mood).ok().and_then(|name| name.as_str().map(str::to_owned));
                        delta(slot, name.unwrap_or_default());
                    }
                } else if let Some((name, quote)) = read_symbol_line(&kept) {
                    delta(format!("{slot}.name"), name.to_owned());
                    delta(format!("{slot}.quote"), quote.to_owned());
                } else if !is_prose(&slot) {
                    delta(slot, kept);
                }
            }
            GenerationEvent::Finished(usage) => return Ok((draft, usage)),
        }
    }
    Err(EngineError::Died("it ended its answer early".into()))
}
