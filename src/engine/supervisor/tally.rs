//! What an engine's answers have read, and how much of it was already in its cache.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::GenerationUsage;

/// What each request found is counted in whole steps, as it is told to clients: to the token, the sum before and after would
/// tell one asker what another one has written.
const STEP: u32 = 128;

/// Tokens of the prompts of ended requests, since the server started.
#[derive(Default)]
pub(super) struct Tally {
    prompt: AtomicU64,
    cached: AtomicU64,
}

impl Tally {
    pub(super) fn count(&self, usage: &GenerationUsage) {
        self.prompt.fetch_add(usage.prompt_tokens.into(), Ordering::Relaxed);
        self.cached.fetch_add((usage.cached_tokens.min(usage.prompt_tokens) / STEP * STEP).into(), Ordering::Relaxed);
    }

    pub(super) fn prompt(&self) -> u64 {
        self.prompt.load(Ordering::Relaxed)
    }

    /// Of them, those that need not be read since the cache held them.
    pub(super) fn cached(&self) -> u64 {
        self.cached.load(Ordering::Relaxed)
    }
}
