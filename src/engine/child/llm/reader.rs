//! The context of one sequence: what the model has read, and reading on from there.

use std::time::Instant;

use llama_cpp_2::{context::LlamaContext, llama_batch::LlamaBatch, token::LlamaToken};

use super::generate::Stop;
use crate::engine::{EngineError, child::Reply};

/// The one sequence there is.
const SEQUENCE: i32 = 0;
/// Tokens of a first batch, before the model's speed is known.
const FIRST_BATCH: usize = 32;
/// How long a batch may take: a request is cancelled between batches, within two seconds.
const BATCH_SECONDS: f64 = 0.8;

/// Reads tokens and remembers which it has read.
pub(super) struct Reader {
    context: LlamaContext<'static>,
    context_length: u32,
    read: Vec<LlamaToken>,
    batch: LlamaBatch<'static>,
    batch_tokens: usize,
}

impl Reader {
    /// The most tokens that are read at once.
    pub(super) const MAX_BATCH: u32 = 256;

    pub(super) fn new(context: LlamaContext<'static>, context_length: u32) -> Self {
        let batch = LlamaBatch::new(Self::MAX_BATCH as usize, 1);
        Self { context, context_length, read: Vec::new(), batch, batch_tokens: FIRST_BATCH }
    }

    pub(super) fn context_length(&self) -> u32 {
        self.context_length
    }

    /// Makes `sequence` what the model has read last; [`Self::logits`] then tells what may follow it.
    ///
    /// Only what differs from the last call is read. `sequence` is not empty.
    pub(super) fn bring_to(&mut self, sequence: &[LlamaToken], reply: &Reply<'_>) -> Result<(), Stop> {
        if sequence.len() > self.context_length as usize {
            let limit = self.context_length;
            return Err(EngineError::InvalidRequest(format!("the answer outgrew the model's context of {limit} tokens")).into());
        }
        let shared = self.read.iter().zip(sequence).take_while(|(read, wanted)| read == wanted).count();
        // The last token is read again if need be: only reading gives the logits after it.
        self.forget_from(shared.min(sequence.len().saturating_sub(1)));
        while self.read.len() < sequence.len() {
            if reply.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let from = self.read.len();
            let to = sequence.len().min(from + self.batch_tokens);
            self.read_batch(&sequence[from..to], to == sequence.len())?;
        }
        Ok(())
    }

    /// Likelihood of each token of the vocabulary to be the next.
    pub(super) fn logits(&self) -> &[f32] {
        self.context.get_logits_ith(-1)
    }

    fn forget_from(&mut self, length: usize) {
        if length >= self.read.len() {
            return;
        }
        let position = u32::try_from(length).unwrap_or(u32::MAX);
        // Recurrent models cannot go back: they begin anew.
        let forgotten = length > 0 && self.context.clear_kv_cache_seq(Some(0), Some(position), None).unwrap_or(false);
        if forgotten {
            self.read.truncate(length);
        } else {
            self.context.clear_kv_cache();
            self.read.clear();
        }
    }

    fn read_batch(&mut self, tokens: &[LlamaToken], is_last: bool) -> Result<(), EngineError> {
        self.batch.clear();
        for (index, token) in tokens.iter().enumerate() {
            let position = i32::try_from(self.read.len() + index).unwrap_or(i32::MAX);
            let wants_logits = is_last && index + 1 == tokens.len();
            self.batch.add(*token, position, &[SEQUENCE], wants_logits).map_err(|error| EngineError::Failed(error.to_string()))?;
        }
        let started = Instant::now();
        if let Err(error) = self.context.decode(&mut self.batch) {
            self.context.clear_kv_cache();
            self.read.clear();
            return Err(EngineError::Failed(format!("llama.cpp could not read the text: {error}")));
        }
        self.read.extend_from_slice(tokens);
        if tokens.len() >= FIRST_BATCH {
            let per_second = tokens.len() as f64 / started.elapsed().as_secs_f64().max(1e-6);
            // Small batches are slow on any machine: the size only doubles.
            self.batch_tokens =
                ((per_second * BATCH_SECONDS) as usize).clamp(FIRST_BATCH / 2, self.batch_tokens * 2).min(Self::MAX_BATCH as usize);
        }
        Ok(())
    }
}
