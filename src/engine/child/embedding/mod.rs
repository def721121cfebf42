//! Embedding requests of several askers, computed together; the same for all back ends.
//!
//! A step computes one batch: texts of all requests in fair turns ([`turns`]), as many as its time allows. Texts are cut
//! into tokens when their turn comes, so that a request of many texts holds nobody up. The model computes a batch in
//! units of similar length ([`lanes`]); a text's vector never depends on the texts beside it, beyond rounding.

pub(super) mod lanes;
#[cfg(test)]
pub(super) mod tests;
mod turns;
mod vectors;

use std::{os::fd::OwnedFd, time::Instant};

use self::turns::{Asked, Picked, Turns};
use super::{Batcher, ModelFacts, Reply, llm::Pace};
use crate::engine::{
    EmbeddingRequest, EmbeddingRole, EngineError,
    backend::TextPrefixes,
    wire::{Event, Request},
};

/// Requests that are worked on at the same time.
const PLACES: u32 = 16;
/// Tokens of a batch, however fast the model is. One text may have more.
const MOST_TOKENS: usize = 8192;
/// More bytes than any token has: longer texts are cut before the tokenizer sees them.
const BYTES_PER_TOKEN: usize = 64;

/// One text as the model reads it.
pub(super) struct Piece {
    /// Prefix included; cut by bytes only, which no tokenizer notices.
    pub text: String,
    pub ids: Vec<u32>,
    /// Whether tokens were left out.
    pub truncated: bool,
}

/// A model that turns texts into vectors.
pub(super) trait TextModel {
    /// Tokens of the longest text, marks of beginning and end included.
    fn context_length(&self) -> usize;

    /// Cuts a text into at most so many tokens, and tells whether there are more. The error says why it cannot.
    fn tokens(&self, text: &str) -> Result<(Vec<u32>, bool), String>;

    /// One vector of any length for each piece, in order.
    fn encode(&mut self, pieces: &[&Piece]) -> Result<Vec<Vec<f32>>, EngineError>;
}

/// A model and those who ask it.
pub(super) struct Embedder {
    reader: Reader,
    turns: Turns,
    pace: Pace,
}

/// A model and what it wants before a text.
struct Reader {
    model: Box<dyn TextModel>,
    prefixes: TextPrefixes,
}

impl Embedder {
    /// Tries the model: one that loads and cannot compute is found out here, and its memory is taken before anyone waits.
    pub(super) fn new(model: Box<dyn TextModel>, prefixes: TextPrefixes) -> Result<(Self, ModelFacts), EngineError> {
        let mut embedder = Self { reader: Reader { model, prefixes }, turns: Turns::default(), pace: Pace::new(MOST_TOKENS) };
        let first = embedder.reader.read(EmbeddingRole::Passage, "a", 0)?;
        let vectors = embedder.reader.model.encode(&[&first])?;
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let dimensions = vectors.first().map_or(0, Vec::len);
        let context_length = number(embedder.reader.model.context_length());
        Ok((embedder, ModelFacts { context_length, dimensions: number(dimensions), ..ModelFacts::default() }))
    }

    /// What came of each text of a batch. Where it fails, each text is tried by itself: one must not fail the others.
    fn compute(&mut self, batch: &[Picked]) -> Vec<Result<Vec<f32>, EngineError>> {
        let pieces: Vec<&Piece> = batch.iter().map(|picked| &picked.piece).collect();
        let model = &mut self.reader.model;
        match model.encode(&pieces) {
            Ok(found) => found.iter().map(|vector| vectors::normalised(vector)).collect(),
            Err(error) if pieces.len() == 1 => vec![Err(error)],
            Err(_) => pieces.iter().map(|piece| vectors::normalised(&model.encode(&[piece])?.concat())).collect(),
        }
    }
}

impl Reader {
    /// `index` is the text's place in its request, for the error.
    fn read(&self, role: EmbeddingRole, text: &str, index: usize) -> Result<Piece, EngineError> {
        let prefix = match role {
            EmbeddingRole::Query => &self.prefixes.query,
            EmbeddingRole::Passage => &self.prefixes.passage,
        };
        let text = text.trim();
        let most_bytes = text.floor_char_boundary(self.model.context_length() * BYTES_PER_TOKEN);
        let whole = format!("{prefix}{}", &text[..most_bytes]);
        let wrong = |reason: String| EngineError::InvalidText { index, reason };
        let (ids, more) = self.model.tokens(&whole).map_err(wrong)?;
        if ids.is_empty() {
            return Err(wrong("holds nothing that the model can read".into()));
        }
        Ok(Piece { truncated: more || most_bytes < text.len(), text: whole, ids })
    }
}

impl Batcher for Embedder {
    fn places(&self) -> u32 {
        PLACES
    }

    fn is_busy(&self) -> bool {
        !self.turns.is_empty()
    }

    fn begin(&mut self, request: Request, _descriptors: Vec<OwnedFd>, reply: Reply) {
        let asked = match request {
            Request::Embed(EmbeddingRequest { texts, role }) => vectors::check(&texts).map(|()| (texts, role)),
            _ => Err(EngineError::InvalidRequest("an embedding model only makes vectors".into())),
        };
        match asked {
            Ok((texts, role)) => self.turns.join(Asked::new(reply, texts, role)),
            Err(error) => reply.fail(error),
        }
    }

    fn step(&mut self) {
        self.turns.drop_cancelled();
        let most = self.pace.portion(usize::MAX, 0);
        let reader = &self.reader;
        let batch = self.turns.pick(most, |role, text, index| reader.read(role, text, index));
        if !batch.is_empty() {
            let started = Instant::now();
            let found = self.compute(&batch);
            let tokens = batch.iter().map(|picked| picked.piece.ids.len()).sum();
            self.pace.took(tokens, 0, started.elapsed().as_secs_f64());
            self.turns.give(batch, found);
        }
        // One word is enough: the server wants to know that the process has not hung.
        if let Some(waiting) = self.turns.answer_finished() {
            // A server that is gone is noticed by the thread that reads.
            let _ = waiting.send(Event::Working);
        }
    }
}
