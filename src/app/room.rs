//! The machine's memory: each engine that stays takes its part before it is started, or is told what would fit; those that
//! come and go share the rest.

use anyhow::anyhow;
use clap::ValueEnum as _;

use super::engines::FOR_GPU;
use crate::{
    config::LlmConfig,
    engine::{CacheType, EngineOptions, parse::ModelHeader, pool::Footprint},
    features::system::Hardware,
    models::{
        CatalogEntry,
        fit::{self, DEFAULT_CONTEXT_LENGTH, Facts, FitError, GpuMemory, Machine, Plan, Wish},
    },
};

/// As many layers as any model has.
pub const ALL_LAYERS: u32 = 999;

/// What an engine beside a language model takes on top of its model's file, at most: buffers, libraries, its inputs.
const BESIDE_THE_FILE: u64 = 256 << 20;

/// What is left of the machine's memory.
#[derive(Clone)]
pub struct Room {
    left: Machine,
}

impl Room {
    pub fn of_this_machine(hardware: &Hardware) -> Self {
        let gpu_bytes = hardware.gpus.iter().filter_map(|gpu| gpu.memory_bytes).max();
        let gpu = FOR_GPU.then_some(GpuMemory { available_bytes: gpu_bytes });
        Self { left: Machine { available_bytes: hardware.memory_available_bytes, gpu } }
    }

    /// Before anything has its part.
    pub fn machine(&self) -> Machine {
        self.left
    }

    /// All that is left.
    pub fn size(&self) -> Footprint {
        let gpu_memory = self.left.gpu.map_or(0, |gpu| gpu.available_bytes.unwrap_or(u64::MAX));
        Footprint { memory: self.left.available_bytes, gpu_memory }
    }

    /// Gives a part away.
    pub fn take(&mut self, part: Footprint) {
        let left = self.size().minus(part);
        self.left.available_bytes = left.memory;
        if let Some(GpuMemory { available_bytes: Some(bytes) }) = &mut self.left.gpu {
            *bytes = left.gpu_memory;
        }
    }

    /// The part of a model whose files have so many bytes and whose memory is not computed.
    pub fn by_file(bytes: u64) -> Footprint {
        let memory = bytes.saturating_add(BESIDE_THE_FILE);
        Footprint { memory, gpu_memory: if FOR_GPU { memory } else { 0 } }
    }

    /// A language model's part. The error names what would fit.
    pub fn place(&self, entry: &CatalogEntry, header: Option<&ModelHeader>, bytes: u64, wish: &LlmConfig) -> anyhow::Result<Placement> {
        let wish = wish_of(entry, wish);
        let Some(plan) = planned(header, &self.left, &wish).transpose().map_err(|error| anyhow!("{} is not loaded: {error}", entry.id))?
        else {
            // An embedding model in the place of a language model has no cache to plan.
            let (context_length, slots, cache_type) = (wish.context_length.unwrap_or(0), wish.slots.unwrap_or(0), wish.cache_type);
            let gpu_layers = if FOR_GPU { ALL_LAYERS } else { 0 };
            let options = EngineOptions { threads: 0, context_length, gpu_layers, slots, cache_type };
            return Ok(Placement { options, size: Self::by_file(bytes) });
        };
        let size = Footprint { memory: plan.memory.total(), gpu_memory: plan.gpu_memory.total() };
        let Plan { context_length, slots, cache_type, gpu_layers, .. } = plan;
        Ok(Placement { options: EngineOptions { threads: 0, context_length, gpu_layers, slots, cache_type }, size })
    }
}

/// How an engine is to run, and what it takes.
#[derive(Debug, Clone, Copy)]
pub struct Placement {
    pub options: EngineOptions,
    pub size: Footprint,
}

/// What the settings ask for; what they leave open is what suits the model.
pub fn wish_of(entry: &CatalogEntry, wish: &LlmConfig) -> Wish {
    let usual = entry.context_length.map_or(DEFAULT_CONTEXT_LENGTH, |trained| trained.min(DEFAULT_CONTEXT_LENGTH));
    Wish {
        context_length: Some(wish.context_length.unwrap_or(usual)),
        slots: wish.slots,
        // Checked when the settings were read.
        cache_type: CacheType::from_str(&wish.cache_type, false).unwrap_or_default(),
        gpu_layers: wish.gpu_layers,
    }
}

/// `None` for a header that tells no shape.
pub fn planned(header: Option<&ModelHeader>, machine: &Machine, wish: &Wish) -> Option<Result<Plan, FitError>> {
    let header = header?;
    let trained_context_length = header.context_length.map(|trained| u32::try_from(trained).unwrap_or(u32::MAX));
    let facts = Facts { shape: header.shape.as_deref()?, trained_context_length };
    Some(fit::plan(&facts, machine, wish))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::parse::{LayerShape, ModelShape};

    fn hardware(available_mib: u64) -> Hardware {
        let bytes = available_mib << 20;
        Hardware { cpu: String::new(), cores: 2, memory_bytes: bytes, memory_available_bytes: bytes, gpus: Vec::new() }
    }

    fn header() -> ModelHeader {
        let layer = LayerShape { weight_bytes: 4 << 20, key_width: 192, value_width: 192, state_width: 0, feed_forward_length: 1536 };
        let shape =
            ModelShape { embedding_length: 576, vocabulary: 49_152, layers: vec![layer; 30], experts_used: 1, ..ModelShape::default() };
        ModelHeader {
            format: "gguf".into(),
            architecture: "llama".into(),
            name: None,
            context_length: Some(8192),
            embedding_length: Some(576),
            has_chat_template: true,
            reasons: false,
            tensors: 272,
            tensor_types: std::collections::BTreeMap::new(),
            shape: Some(Box::new(shape)),
        }
    }

    fn wish() -> LlmConfig {
        LlmConfig { context_length: None, slots: None, cache_type: "f16".into(), gpu_layers: None }
    }

    fn entry() -> CatalogEntry {
        crate::models::Catalog::load(std::path::Path::new("/nonexistent")).unwrap().entry("smollm2-135m-instruct").unwrap().clone()
    }

    #[test]
    fn engines_that_do_not_fit_beside_each_other_are_refused_with_what_would_fit() {
        let mut room = Room::of_this_machine(&hardware(900));
        let Placement { options, size } = room.place(&entry(), Some(&header()), 0, &wish()).unwrap();
        room.take(size);
        assert_eq!((options.context_length, options.slots, options.cache_type), (8192, 8, CacheType::F16));
        let refused = room.place(&entry(), Some(&header()), 0, &wish()).unwrap_err().to_string();
        assert!(refused.starts_with("smollm2-135m-instruct is not loaded: ") && refused.contains("`context_length = "), "{refused}");
    }

    #[test]
    fn the_settings_decide_what_an_engine_gets() {
        let wish = LlmConfig { context_length: Some(1024), slots: Some(2), cache_type: "q8_0".into(), gpu_layers: None };
        let options = Room::of_this_machine(&hardware(700)).place(&entry(), Some(&header()), 0, &wish).unwrap().options;
        assert_eq!((options.context_length, options.slots, options.cache_type), (1024, 2, CacheType::Q8_0));
    }
}
