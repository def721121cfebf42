//! Engines that follow a script, so that a test can say what a model did.

use std::{
    fs::File,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::BoxFuture;
use oneiros::{
    engine::{
        Asker, Constraint, Embedder, EmbeddingRequest, Embeddings, EngineError, EventStream, FinishReason, FormPart, GenerationEvent,
        GenerationRequest, GenerationUsage, TextGenerator, Transcriber, TranscriptSegment, TranscriptionEvent, TranscriptionRequest,
        parse::Audio,
    },
    features::speech::AudioDecoder,
};
use tokio::sync::{Notify, mpsc};

/// What the language model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Reads,
    /// Says one thing over and over.
    Loops,
    /// Dies while it writes the summary.
    Dies,
    /// Writes the title, then nothing until it is cancelled.
    Hangs,
    /// Loops at first, then reads.
    LoopsOnce,
    /// Reads, then begins an answer to a question and writes no more until it is cancelled.
    HangsAsked,
    /// Reads, and ends every field of running text with this, whatever the form allows.
    Adds(&'static str),
}

/// A language model that fills any form.
pub struct ScriptedWriter {
    pub behaviour: Behaviour,
    pub asked: AtomicUsize,
    pub requests: Mutex<Vec<GenerationRequest>>,
    pub cancelled: Arc<Notify>,
}

impl ScriptedWriter {
    pub fn new(behaviour: Behaviour) -> Arc<Self> {
        Arc::new(Self { behaviour, asked: AtomicUsize::new(0), requests: Mutex::default(), cancelled: Arc::default() })
    }
}

fn english(slot: &str) -> &'static str {
    match slot {
        "title" => " The Bridge and the Lantern",
        "summary" => " cross a dark river while a loved one waits.",
        "symbols.0.meaning" => " a step from one part of life to another.",
        "symbols.1.meaning" => " the warmth of family, seen from far away.",
        "symbols.2.meaning" => " strength that carries you when the ground gives way.",
        "interpretation" => " a change that feels unsafe, and a wish for guidance. The light on the far side suggests that help is near.",
        "advice" => " speak with somebody who has made such a crossing before.",
        "answer" => " a border that you have to cross, and the courage to do so.",
        "questions.0" => " waits for you on the other side?",
        _ => " did the cold water feel?",
    }
}

fn russian(slot: &str) -> &'static str {
    match slot {
        "title" => " Мост и фонарь",
        "summary" => " человек стоит на старом мосту, а внизу бежит река.",
        "symbols.0.meaning" => " переход от одной части жизни к другой.",
        "symbols.1.meaning" => " тепло семьи, которое видно издалека.",
        "symbols.2.meaning" => " силу, которая поддерживает в трудную минуту.",
        "interpretation" => " тревогу перед переменой и желание получить поддержку. Свет на другом берегу говорит, что помощь рядом.",
        "advice" => " поговорить с тем, кто уже прошёл такой путь.",
        "answer" => " границу, которую предстоит перейти, и решимость это сделать.",
        "questions.0" => " ждёт вас на другом берегу?",
        _ => " вы чувствовали себя у воды?",
    }
}

fn fill(constraint: &Constraint, slot: &str, in_russian: bool, looping: bool) -> String {
    match constraint {
        Constraint::OneOf(choices) => choices[0].clone(),
        _ if looping && slot == "interpretation" => {
            " the river is wide. the river is wide. the river is wide. the river is wide. the river is wide.".into()
        }
        _ if in_russian => russian(slot).into(),
        _ => english(slot).into(),
    }
}

impl TextGenerator for ScriptedWriter {
    fn generate(&self, request: GenerationRequest, _: Asker) -> EventStream<GenerationEvent> {
        let attempt = self.asked.fetch_add(1, Ordering::SeqCst);
        self.requests.lock().unwrap().push(request.clone());
        let (sender, receiver) = mpsc::channel(8);
        let (behaviour, cancelled) = (self.behaviour, self.cancelled.clone());
        let looping = behaviour == Behaviour::Loops || (behaviour == Behaviour::LoopsOnce && attempt == 0);
        let in_russian =
            request.form.iter().any(|part| matches!(part, FormPart::Literal(text) if text.contains("Название") || text.contains("Ответ")));
        tokio::spawn(async move {
            for part in request.form {
                let FormPart::Slot(slot) = part else { continue };
                let mut text = fill(&slot.constraint, &slot.name, in_russian, looping);
                if let (Behaviour::Adds(more), Constraint::Regex(_)) = (behaviour, &slot.constraint) {
                    text.push_str(more);
                }
                let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
                for piece in [&text[..half], &text[half..]] {
                    let delta = GenerationEvent::Delta { slot: slot.name.clone(), text: piece.to_owned(), logprobs: Vec::new() };
                    if sender.send(Ok(delta)).await.is_err() {
                        cancelled.notify_one();
                        return;
                    }
                }
                if matches!(slot.name.as_str(), "summary" | "text") && behaviour == Behaviour::Dies {
                    let _ = sender.send(Err(EngineError::Died("killed by signal 9".into()))).await;
                    return;
                }
                let finished = GenerationEvent::SlotFinished { slot: slot.name.clone(), text, reason: FinishReason::Complete };
                let _ = sender.send(Ok(finished)).await;
                let hangs = match slot.name.as_str() {
                    "title" | "text" => behaviour == Behaviour::Hangs,
                    "answer" => behaviour == Behaviour::HangsAsked,
                    _ => false,
                };
                if hangs {
                    sender.closed().await;
                    cancelled.notify_one();
                    return;
                }
            }
            let usage = GenerationUsage { prompt_tokens: 100, generated_tokens: 200, ..GenerationUsage::default() };
            let _ = sender.send(Ok(GenerationEvent::Finished(usage))).await;
        });
        receiver
    }
}

/// An embedder whose vectors tell texts apart by their letters.
pub struct LetterEmbedder;

impl LetterEmbedder {
    pub const DIMENSIONS: usize = 384;
}

impl Embedder for LetterEmbedder {
    fn embed(&self, request: EmbeddingRequest, _: Asker) -> BoxFuture<'_, Result<Embeddings, EngineError>> {
        let vector = |text: &String| {
            let mut vector = vec![0.01_f32; Self::DIMENSIONS];
            text.to_lowercase().chars().for_each(|letter| vector[u32::from(letter) as usize % Self::DIMENSIONS] += 1.0);
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            vector.iter().map(|value| value / length).collect()
        };
        let vectors: Vec<Vec<f32>> = request.texts.iter().map(vector).collect();
        let truncated = vec![false; vectors.len()];
        Box::pin(async move { Ok(Embeddings { vectors, tokens: 1, truncated }) })
    }
}

/// A decoder that takes the file's text as its word: `silent`, `broken …`, else one second of sound.
pub struct WordDecoder;

impl AudioDecoder for WordDecoder {
    fn decode(&self, mut audio: File, _output: File, _max_milliseconds: u64) -> BoxFuture<'_, Result<Audio, EngineError>> {
        Box::pin(async move {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut audio, &mut text).map_err(|error| EngineError::InvalidRequest(error.to_string()))?;
            if text.starts_with("broken") {
                return Err(EngineError::InvalidRequest("the file is not a recording that can be read".into()));
            }
            let loudness = if text == "silent" { 0.0 } else { 0.2 };
            Ok(Audio { samples: 16_000, duration_milliseconds: 1000, loudness, gain: 1.0, source_format: "wav".into() })
        })
    }
}

/// A transcriber that always hears the same.
pub struct Listener(pub &'static str);

impl Transcriber for Listener {
    fn transcribe(&self, request: TranscriptionRequest, _: File, _: Asker) -> EventStream<TranscriptionEvent> {
        let (sender, receiver) = mpsc::channel(4);
        // As engines tell it.
        let text = self.0.trim().to_owned();
        let segment = TranscriptSegment { end_milliseconds: 1200, text, no_speech_probability: 0.01, ..TranscriptSegment::default() };
        let language = request.language.unwrap_or_else(|| "en".into());
        sender.try_send(Ok(TranscriptionEvent::Segment(segment))).unwrap();
        sender.try_send(Ok(TranscriptionEvent::Finished { language, duration_milliseconds: 1000 })).unwrap();
        receiver
    }
}
