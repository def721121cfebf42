//! Test support: engines that answer by rule, for tests of what lies above the engine traits.
//!
//! They stand in for a model where its words do not matter (HTTP shapes, stores, streams). Nothing that a user runs
//! uses them; the engines themselves are tested with real models.

use std::{fs::File, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::mpsc;

use super::{
    Asker, Constraint, Embedder, EmbeddingRequest, Embeddings, EngineError, EventStream, FinishReason, FormPart, GenerationEvent,
    GenerationRequest, GenerationUsage, TextGenerator, Transcriber, TranscriptSegment, TranscriptionEvent, TranscriptionRequest,
};

/// Fills every slot with the shortest honest text: the first choice, the first words of a passage, or what it was given.
#[derive(Debug, Clone, Default)]
pub struct FakeGenerator {
    /// Slot name → text, for slots that must read like something.
    pub texts: Vec<(String, String)>,
    /// Waits so long before each slot.
    pub pause: Duration,
    /// Fails with this instead of the first slot.
    pub failure: Option<EngineError>,
}

impl FakeGenerator {
    fn fill(&self, name: &str, constraint: &Constraint) -> String {
        if let Some((_, text)) = self.texts.iter().find(|(slot, _)| slot == name) {
            return text.clone();
        }
        match constraint {
            Constraint::OneOf(choices) => choices.first().cloned().unwrap_or_default(),
            Constraint::PassageOf(text) => text.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
            Constraint::Free | Constraint::Regex(_) | Constraint::Grammar(_) | Constraint::JsonSchema(_) => format!("the {name}"),
            Constraint::ToolCall(call) => call.tools.first().map_or_else(String::new, |tool| {
                format!("<tool_call>\n{{\"name\": \"{}\", \"arguments\": {{}}}}\n</tool_call>", tool.name)
            }),
        }
    }

    async fn write(self, request: GenerationRequest, events: mpsc::Sender<Result<GenerationEvent, EngineError>>) {
        let mut usage = GenerationUsage { prompt_tokens: 1, ..GenerationUsage::default() };
        for part in &request.form {
            let FormPart::Slot(slot) = part else { continue };
            tokio::time::sleep(self.pause).await;
            let sent = match &self.failure {
                Some(error) => {
                    // An asker that is gone needs no answer.
                    let _ = events.send(Err(error.clone())).await;
                    return;
                }
                None => {
                    let text = self.fill(&slot.name, &slot.constraint);
                    usage.generated_tokens += 1;
                    let finished =
                        GenerationEvent::SlotFinished { slot: slot.name.clone(), text: text.clone(), reason: FinishReason::Complete };
                    events.send(Ok(GenerationEvent::Delta { slot: slot.name.clone(), text, logprobs: Vec::new() })).await.is_ok()
                        && events.send(Ok(finished)).await.is_ok()
                }
            };
            if !sent {
                return;
            }
        }
        let _ = events.send(Ok(GenerationEvent::Finished(usage))).await;
    }
}

impl TextGenerator for FakeGenerator {
    fn generate(&self, request: GenerationRequest, _: Asker) -> EventStream<GenerationEvent> {
        let (events, stream) = mpsc::channel(16);
        tokio::spawn(self.clone().write(request, events));
        stream
    }
}

/// Counts each text's letters: equal texts have equal vectors, like texts like ones.
#[derive(Debug, Clone)]
pub struct FakeEmbedder {
    /// Length of a vector; at least 1.
    pub dimensions: usize,
}

impl Embedder for FakeEmbedder {
    fn embed(&self, request: EmbeddingRequest, _: Asker) -> BoxFuture<'_, Result<Embeddings, EngineError>> {
        let vectors: Vec<_> = request.texts.iter().map(|text| letters(text, self.dimensions)).collect();
        let truncated = vec![false; vectors.len()];
        let tokens = request.texts.iter().map(|text| u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX)).sum();
        async move { Ok(Embeddings { vectors, tokens, truncated }) }.boxed()
    }
}

fn letters(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimensions.max(1)];
    // Never the zero vector, which has no direction.
    vector[0] = 1.0;
    for character in text.chars() {
        let place = character as usize % vector.len();
        vector[place] += 1.0;
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter().map(|value| value / length).collect()
}

/// Hears the same words in every sound.
#[derive(Debug, Clone)]
pub struct FakeTranscriber {
    pub text: String,
    /// ISO 639-1, when the request names none.
    pub language: String,
}

impl Transcriber for FakeTranscriber {
    fn transcribe(&self, request: TranscriptionRequest, _: File, _: Asker) -> EventStream<TranscriptionEvent> {
        let (events, stream) = mpsc::channel(2);
        let duration_milliseconds = request.samples / 16;
        let segment = TranscriptSegment {
            start_milliseconds: 0,
            end_milliseconds: duration_milliseconds,
            text: self.text.clone(),
            ..TranscriptSegment::default()
        };
        let language = request.language.unwrap_or_else(|| self.language.clone());
        for event in [TranscriptionEvent::Segment(segment), TranscriptionEvent::Finished { language, duration_milliseconds }] {
            // The channel has room for both.
            let _ = events.try_send(Ok(event));
        }
        stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EmbeddingRole;

    #[tokio::test]
    async fn like_texts_have_like_vectors_of_length_one() {
        let texts = ["I was flying", "I was flying high", "42"].map(str::to_owned).to_vec();
        let answer = FakeEmbedder { dimensions: 64 }
            .embed(EmbeddingRequest { texts, role: EmbeddingRole::Query }, Asker::named("a test"))
            .await
            .unwrap();
        let cosine = |a: usize, b: usize| answer.vectors[a].iter().zip(&answer.vectors[b]).map(|(a, b)| a * b).sum::<f32>();
        assert!((cosine(0, 0) - 1.0).abs() < 1e-5);
        assert!(cosine(0, 1) > cosine(0, 2));
    }
}
