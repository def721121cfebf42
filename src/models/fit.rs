//! Fit before load: how much memory a language model takes with the context asked for, and what would fit instead.
//!
//! Pure arithmetic over a header's [`ModelShape`]; what llama.cpp really allocates is compared with it by the engine's own
//! tests (`engine/child/llm/memory_tests.rs`). Nothing is loaded and nothing measured here.

mod refusal;
mod sizes;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use refusal::{FitError, Misfit, Place, Remedy};
pub use sizes::Memory;

use crate::engine::{CacheType, MAX_STEP_TOKENS, parse::ModelShape};

/// Tokens of a context that nobody asked for: the longest dream, its prompt and its reading fit twice.
pub const DEFAULT_CONTEXT_LENGTH: u32 = 8192;
/// Conversations at once that nobody asked for.
const USUAL_SLOTS: [u16; 4] = [8, 4, 2, 1];
/// llama.cpp pads a context to a multiple of this.
const CONTEXT_STEP: u32 = 256;
/// The shortest context that is offered.
const SHORTEST_CONTEXT: u32 = 512;

/// What is known of a model before it is loaded.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    pub shape: &'a ModelShape,
    /// Tokens that it was trained for, if its header says.
    pub trained_context_length: Option<u32>,
}

/// What there is to hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Memory that is free or can be made free.
    pub available_bytes: u64,
    pub gpu: Option<GpuMemory>,
}

/// A GPU that this executable can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GpuMemory {
    /// `None` where its driver does not tell: then everything is taken to fit.
    pub available_bytes: Option<u64>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// [`DEFAULT_CONTEXT_LENGTH`] when absent.
    pub context_length: Option<u32>,
    /// Sequences that share the context; the most of [`USUAL_SLOTS`] that fit when absent.
    pub slots: Option<u16>,
    pub cache_type: CacheType,
    /// As many as fit when absent.
    pub gpu_layers: Option<u32>,
}

impl Default for Wish {
    fn default() -> Self {
        Self { context_length: None, slots: None, cache_type: CacheType::F16, gpu_layers: None }
    }
}

/// How the model is to be loaded, and what that takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Tokens; never more than the model was trained for.
    pub context_length: u32,
    pub slots: u16,
    pub cache_type: CacheType,
    /// Layers on the GPU, counted from the last; one more than there are stands for the way back to tokens.
    pub gpu_layers: u32,
    /// Beside the processor.
    pub memory: Memory,
    pub gpu_memory: Memory,
}

/// Settles what is left open, and computes the bytes. An error says what would fit.
pub fn plan(facts: &Facts<'_>, machine: &Machine, wish: &Wish) -> Result<Plan, FitError> {
    let asked = wish.context_length.unwrap_or(DEFAULT_CONTEXT_LENGTH).max(1);
    let context_length = facts.trained_context_length.filter(|trained| *trained > 0).map_or(asked, |trained| asked.min(trained));
    let mut misfit = None;
    for slots in wish.slots.map_or(USUAL_SLOTS.to_vec(), |slots| vec![slots]) {
        let settled = Wish { context_length: Some(context_length), slots: Some(slots), ..*wish };
        let plan = settle_layers(facts.shape, machine, &settled)?;
        let Some(place) = overfull(&plan, machine) else { return Ok(plan) };
        misfit = Some((settled, plan, place));
    }
    let (settled, plan, place) = misfit.ok_or(FitError::Impossible)?;
    Err(FitError::Misfit(Box::new(refusal::explain(facts, machine, &settled, plan, place))))
}

/// As many layers on the GPU as were asked for, or as fit on it.
fn settle_layers(shape: &ModelShape, machine: &Machine, wish: &Wish) -> Result<Plan, FitError> {
    let all = u32::try_from(shape.layers.len()).unwrap_or(u32::MAX).saturating_add(1);
    let Some(gpu) = machine.gpu else { return compute(shape, wish, 0) };
    if let Some(layers) = wish.gpu_layers {
        return compute(shape, wish, layers.min(all));
    }
    for layers in (1..=all).rev() {
        let plan = compute(shape, wish, layers)?;
        if gpu.available_bytes.is_none_or(|available| plan.gpu_memory.total() <= available) {
            return Ok(plan);
        }
    }
    compute(shape, wish, 0)
}

fn compute(shape: &ModelShape, wish: &Wish, gpu_layers: u32) -> Result<Plan, FitError> {
    let context_length = wish.context_length.unwrap_or(DEFAULT_CONTEXT_LENGTH);
    let slots = wish.slots.unwrap_or(USUAL_SLOTS[0]);
    let size = sizes::Size {
        cells: u64::from(context_length).next_multiple_of(CONTEXT_STEP.into()),
        step: u64::from(MAX_STEP_TOKENS.min(context_length)),
        sequences: sizes::sequences(shape, slots),
        cache_type: wish.cache_type,
        gpu_layers,
    };
    let (memory, gpu_memory) = sizes::of(shape, &size).ok_or(FitError::Impossible)?;
    Ok(Plan { context_length, slots, cache_type: wish.cache_type, gpu_layers, memory, gpu_memory })
}

/// Where it does not fit.
fn overfull(plan: &Plan, machine: &Machine) -> Option<Place> {
    let gpu = machine.gpu.and_then(|gpu| gpu.available_bytes);
    if gpu.is_some_and(|available| plan.gpu_memory.total() > available) {
        return Some(Place::Gpu);
    }
    (plan.memory.total() > machine.available_bytes).then_some(Place::Memory)
}
