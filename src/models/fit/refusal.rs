//! What would fit where something else was asked for: each remedy is computed, none is guessed.

use std::fmt;

use serde::Serialize;

use super::{CONTEXT_STEP, Facts, Machine, Plan, SHORTEST_CONTEXT, Wish, overfull, settle_layers};
use crate::{engine::CacheType, models::files::human_bytes};

/// Why there is no plan.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FitError {
    /// Products of its numbers exceed every machine's.
    #[error("its header states sizes that no machine could hold: the file is damaged or was made to mislead")]
    Impossible,
    #[error("{0}")]
    Misfit(Box<Misfit>),
}

/// What was asked for does not fit; this would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Misfit {
    pub needed: Plan,
    pub place: Place,
    pub available_bytes: u64,
    /// Each of them alone makes it fit.
    pub remedies: Vec<Remedy>,
}

/// Which memory is too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    Memory,
    Gpu,
}

/// A smaller wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    ContextLength(u32),
    CacheType(CacheType),
    /// The smallest cache, and the longest context that fits with it.
    CacheTypeAndContextLength(CacheType, u32),
    Slots(u16),
    GpuLayers(u32),
}

pub(super) fn explain(facts: &Facts<'_>, machine: &Machine, wish: &Wish, needed: Plan, place: Place) -> Misfit {
    let fits = |wish: &Wish| settle_layers(facts.shape, machine, wish).is_ok_and(|plan| overfull(&plan, machine).is_none());
    let longest = |cache_type: CacheType| {
        let steps = 1..needed.context_length.div_ceil(CONTEXT_STEP);
        let mut lengths = steps.rev().map(|steps| steps * CONTEXT_STEP).take_while(|length| *length >= SHORTEST_CONTEXT);
        lengths.find(|length| fits(&Wish { context_length: Some(*length), cache_type, ..*wish }))
    };
    let smaller = CacheType::ALL.into_iter().skip_while(|cache_type| *cache_type != wish.cache_type).skip(1);
    let mut remedies: Vec<Remedy> = longest(wish.cache_type).map(Remedy::ContextLength).into_iter().collect();
    let cache = smaller.clone().find(|cache_type| fits(&Wish { cache_type: *cache_type, ..*wish }));
    remedies.extend(cache.map(Remedy::CacheType));
    if cache.is_none() {
        let both = smaller.last().and_then(|cache_type| Some(Remedy::CacheTypeAndContextLength(cache_type, longest(cache_type)?)));
        remedies.extend(both);
    }
    remedies.extend((1..wish.slots.unwrap_or(1)).rev().find(|slots| fits(&Wish { slots: Some(*slots), ..*wish })).map(Remedy::Slots));
    if place == Place::Gpu {
        let fewer = (0..needed.gpu_layers).rev().find(|layers| fits(&Wish { gpu_layers: Some(*layers), ..*wish }));
        remedies.extend(fewer.map(Remedy::GpuLayers));
    }
    let available_bytes = match place {
        Place::Memory => machine.available_bytes,
        Place::Gpu => machine.gpu.and_then(|gpu| gpu.available_bytes).unwrap_or(0),
    };
    Misfit { needed, place, available_bytes, remedies }
}

impl fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, place, available_bytes, remedies } = self;
        let (total, what) = match place {
            Place::Memory => (needed.memory.total(), "memory"),
            Place::Gpu => (needed.gpu_memory.total(), "the GPU's memory"),
        };
        let (tokens, available) = (needed.context_length, human_bytes(*available_bytes));
        write!(formatter, "with a context of {tokens} tokens it needs {} of {what}, and {available} are free; ", human_bytes(total))?;
        if remedies.is_empty() {
            return write!(formatter, "no shorter context and no smaller cache makes it fit: take a smaller model");
        }
        let each: Vec<String> = remedies.iter().map(ToString::to_string).collect();
        write!(formatter, "what would fit: {}", each.join(", or "))
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContextLength(tokens) => write!(formatter, "`context_length = {tokens}`"),
            Self::CacheType(kind) => write!(formatter, "`cache_type = \"{}\"`", kind.name()),
            Self::CacheTypeAndContextLength(kind, tokens) => {
                write!(formatter, "`cache_type = \"{}\"` with `context_length = {tokens}`", kind.name())
            }
            Self::Slots(slots) => write!(formatter, "`slots = {slots}`"),
            Self::GpuLayers(layers) => write!(formatter, "`gpu_layers = {layers}`"),
        }
    }
}
