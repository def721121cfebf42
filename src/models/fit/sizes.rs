//! The bytes of each part.

use serde::Serialize;

use crate::engine::{
    CacheType, KEPT_SEQUENCES,
    parse::{LayerShape, ModelShape},
};

/// What a child takes before it has a model: the program's own tables, its threads and llama.cpp's small things.
const PROGRAM_BYTES: u64 = 48 << 20;
/// Of a number in 32 bits, as everything is computed.
const FLOAT: u64 = 4;

/// What a plan is computed for.
pub(super) struct Size {
    /// Tokens that the cache holds.
    pub cells: u64,
    /// Tokens read in one step.
    pub step: u64,
    /// Sequences that llama.cpp has room for: see [`sequences`].
    pub sequences: u64,
    pub cache_type: CacheType,
    pub gpu_layers: u32,
}

/// The parts of what a model takes, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// The model's tensors.
    pub weights: u64,
    /// Keys and values of the context's tokens.
    pub cache: u64,
    /// What recurrent layers keep of each sequence.
    pub states: u64,
    /// What is kept of requests that are done.
    pub kept: u64,
    /// Where one step is computed.
    pub buffers: u64,
    /// Opinions of the next token, of each sequence.
    pub outputs: u64,
    /// The engine itself.
    pub program: u64,
}

impl Memory {
    pub fn total(&self) -> u64 {
        let Self { weights, cache, states, kept, buffers, outputs, program } = *self;
        [weights, cache, states, kept, buffers, outputs, program].into_iter().fold(0, u64::saturating_add)
    }
}

/// How many sequences an engine's context is made for: one for each conversation, two where a window slides.
pub(in crate::models) fn sequences(shape: &ModelShape, slots: u16) -> u64 {
    let each = u64::from(slots.max(1));
    if shape.sliding_window.is_some() && shape.layers.iter().all(|layer| layer.state_width == 0) { each * 2 } else { each }
}

/// Beside the processor and on the GPU. `None` where a product exceeds 64 bits.
pub(super) fn of(shape: &ModelShape, size: &Size) -> Option<(Memory, Memory)> {
    let (mut memory, mut gpu) = (Memory { program: PROGRAM_BYTES, ..Memory::default() }, Memory::default());
    let offloaded = usize::try_from(size.gpu_layers).ok()?;
    let layers = shape.layers.len();
    let (ends_there, layers_there) = (offloaded > layers, offloaded.min(layers));
    for (index, layer) in shape.layers.iter().enumerate() {
        // llama.cpp offloads the last layers.
        let place = if index >= layers - layers_there { &mut gpu } else { &mut memory };
        place.weights = place.weights.checked_add(layer.weight_bytes)?;
        place.cache = place.cache.checked_add(cache_of(layer, size)?)?;
        let state = layer.state_width.checked_mul(FLOAT)?;
        place.states = place.states.checked_add(state.checked_mul(size.sequences)?)?;
        let kept = (cache_of(layer, size)? / 2).checked_add(state.checked_mul(u64::from(KEPT_SEQUENCES))?)?;
        memory.kept = memory.kept.checked_add(kept)?;
    }
    // The table from tokens is read by row beside the processor; where it serves as the way back, the GPU has a copy.
    memory.weights = memory.weights.checked_add(shape.embedding_bytes)?.checked_add(shape.other_bytes)?;
    let tied = shape.output_bytes == 0;
    let place = if ends_there { &mut gpu } else { &mut memory };
    let way_back = if tied && ends_there { shape.embedding_bytes } else { shape.output_bytes };
    place.weights = place.weights.checked_add(way_back)?;
    memory.outputs = shape.vocabulary.checked_mul(FLOAT)?.checked_mul(size.sequences)?;
    let buffers = buffers(shape, size)?;
    if layers_there < layers || offloaded == 0 {
        memory.buffers = buffers;
    }
    if layers_there > 0 {
        gpu.buffers = buffers;
    }
    Some((memory, gpu))
}

fn cache_of(layer: &LayerShape, size: &Size) -> Option<u64> {
    let (numbers, bytes) = size.cache_type.block();
    let row = |width: u64| width.div_ceil(numbers).checked_mul(bytes);
    row(layer.key_width)?.checked_add(row(layer.value_width)?)?.checked_mul(size.cells)
}

/// llama.cpp lays out one step's graph for the most tokens that a step reads, with an opinion of the next token for each
/// (`llama_context::sched_reserve`, `ggml_gallocr_reserve`). Three things are there at once: the masks of who may look at
/// whom in 16 bits, one for all layers and one for windowed layers; at the end the opinions with some six rows of numbers
/// between layers; or, where layers are wide, both halves of a network and as many rows. Counted from what llama.cpp
/// allocates with flash attention, which it chooses wherever it can.
fn buffers(shape: &ModelShape, size: &Size) -> Option<u64> {
    /// Rows between layers that live beside the widest thing.
    const ROWS: u64 = 6;
    let masks = if shape.sliding_window.is_some() { 2 } else { 1 };
    let masks = size.cells.checked_mul(size.step)?.checked_mul(2 * masks)?;
    let widest = shape.layers.iter().map(|layer| layer.feed_forward_length).max().unwrap_or(0);
    let layer = widest.checked_mul(shape.experts_used)?.checked_mul(2)?;
    let rows = shape.embedding_length.checked_mul(ROWS)?;
    let numbers = layer.max(shape.vocabulary).checked_add(rows)?;
    masks.checked_add(numbers.checked_mul(FLOAT)?.checked_mul(size.step)?)
}
