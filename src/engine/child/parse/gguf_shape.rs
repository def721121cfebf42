//! The shape of a GGUF language model, gathered tensor by tensor.
//!
//! Tensor names are llama.cpp's (`llama-arch.cpp`); which layer keeps what in the cache follows its `llama-kv-cache.cpp`
//! and `llama-memory-recurrent.cpp`.

use std::collections::BTreeMap;

use super::header_gguf::Metadata;
use crate::engine::parse::{LayerShape, ModelShape, usual_window};

/// llama.cpp's own limit (`LLAMA_MAX_LAYERS`).
const MAX_LAYERS: u64 = 512;

/// What tensors told so far.
#[derive(Default)]
pub(super) struct ShapeBuilder {
    shape: ModelShape,
    layers: BTreeMap<u64, Parts>,
}

/// What the tensors of one layer told.
#[derive(Default)]
struct Parts {
    weight_bytes: u64,
    key: Option<u64>,
    value: Option<u64>,
    /// Query, key and value in one matrix.
    fused: bool,
    /// Multi-head latent attention: one compressed key for all heads.
    latent: bool,
    recurrent: bool,
    feed_forward_length: u64,
}

impl ShapeBuilder {
    /// Takes in one tensor; `dimensions` has the innermost first.
    pub(super) fn see(&mut self, name: &str, dimensions: &[u64], bytes: u64) {
        let rows = dimensions.get(1).copied().unwrap_or(1);
        let Some((layer, part)) = layer_and_part(name) else {
            match name {
                "token_embd.weight" => {
                    self.shape.embedding_length = dimensions.first().copied().unwrap_or(0);
                    self.shape.vocabulary = rows;
                    self.shape.embedding_bytes = bytes;
                }
                "output.weight" => self.shape.output_bytes = bytes,
                _ => self.shape.other_bytes = self.shape.other_bytes.saturating_add(bytes),
            }
            return;
        };
        let parts = self.layers.entry(layer).or_default();
        parts.weight_bytes = parts.weight_bytes.saturating_add(bytes);
        match part {
            "attn_k.weight" => parts.key = Some(rows),
            "attn_v.weight" => parts.value = Some(rows),
            "attn_qkv.weight" => parts.fused = true,
            "attn_kv_a_mqa.weight" => parts.latent = true,
            "ffn_up.weight" | "ffn_up_exps.weight" | "ffn_gate_up_exps.weight" => {
                parts.feed_forward_length = parts.feed_forward_length.max(rows);
            }
            other if ["ssm_", "shortconv.", "time_mix_"].iter().any(|start| other.starts_with(start)) => parts.recurrent = true,
            _ => {}
        }
    }

    /// The whole; `None` for what is no language model.
    pub(super) fn finish(self, metadata: &Metadata, architecture: &str) -> Option<ModelShape> {
        let Self { mut shape, layers } = self;
        if shape.vocabulary == 0 || layers.is_empty() {
            return None;
        }
        let numbers = Numbers { metadata, architecture };
        let heads = numbers.one("attention.head_count").unwrap_or(1).max(1);
        // The last layers may look into the cache of those before them (Gemma 3n, Gemma 4).
        let first_sharing = (layers.len() as u64).saturating_sub(numbers.one("attention.shared_kv_layers").unwrap_or(0));
        let layer = |(index, parts): (u64, Parts)| {
            let (key_width, value_width) = if index < first_sharing { numbers.cache_widths(index, &parts, &shape) } else { (0, 0) };
            LayerShape {
                weight_bytes: parts.weight_bytes,
                key_width,
                value_width,
                state_width: if parts.recurrent { numbers.state_width(&shape) } else { 0 },
                feed_forward_length: parts.feed_forward_length,
            }
        };
        let layers = layers.into_iter().map(layer).collect();
        shape.layers = layers;
        shape.heads = heads;
        shape.experts_used = numbers.one("expert_used_count").unwrap_or(1).max(1);
        let window = numbers.one("attention.sliding_window").or_else(|| usual_window(architecture));
        shape.sliding_window = window.filter(|window| *window > 0);
        Some(shape)
    }
}

/// The architecture's numbers.
struct Numbers<'a> {
    metadata: &'a Metadata,
    architecture: &'a str,
}

impl Numbers<'_> {
    fn one(&self, key: &str) -> Option<u64> {
        self.of_layer(key, 0)
    }

    /// A number that is the same for all layers, or one of a list.
    fn of_layer(&self, key: &str, layer: u64) -> Option<u64> {
        self.metadata.number_of(&format!("{}.{key}", self.architecture), layer)
    }

    fn cache_widths(&self, layer: u64, parts: &Parts, shape: &ModelShape) -> (u64, u64) {
        if parts.latent {
            let (key, value) = (self.one("attention.key_length").unwrap_or(0), self.one("attention.value_length").unwrap_or(0));
            if self.one("attention.key_length_mla").is_some() {
                return (key, 0);
            }
            let heads = self.of_layer("attention.head_count_kv", layer).or(self.one("attention.head_count")).unwrap_or(1);
            return (heads.saturating_mul(key), heads.saturating_mul(value));
        }
        if let Some(key) = parts.key {
            // Without a matrix of their own, values are the keys once more.
            return (key, parts.value.unwrap_or(key));
        }
        if !parts.fused || parts.recurrent {
            return (0, 0);
        }
        let heads = self.of_layer("attention.head_count", layer).unwrap_or(1).max(1);
        let kept = self.of_layer("attention.head_count_kv", layer).unwrap_or(heads);
        let width = |key: &str| kept.saturating_mul(self.one(key).unwrap_or(shape.embedding_length / heads));
        (width("attention.key_length"), width("attention.value_length"))
    }

    /// `llama_hparams::n_embd_r` and `n_embd_s` together.
    fn state_width(&self, shape: &ModelShape) -> u64 {
        let number = |key: &str| self.one(key).unwrap_or(0);
        let width = shape.embedding_length;
        if let Some(head) = self.one("wkv.head_size") {
            let shifts = self.one("token_shift_count").unwrap_or(2);
            return shifts.saturating_mul(width).saturating_add(width.saturating_mul(head));
        }
        if let Some(cached) = self.one("shortconv.l_cache") {
            return width.saturating_mul(cached.saturating_sub(1));
        }
        let (inner, state, groups) = (number("ssm.inner_size"), number("ssm.state_size"), number("ssm.group_count"));
        let convolved = inner.saturating_add(groups.saturating_mul(2).saturating_mul(state));
        number("ssm.conv_kernel").saturating_sub(1).saturating_mul(convolved).saturating_add(state.saturating_mul(inner))
    }
}

/// `blk.7.attn_k.weight` is the part `attn_k.weight` of layer 7.
fn layer_and_part(name: &str) -> Option<(u64, &str)> {
    let (number, part) = name.strip_prefix("blk.")?.split_once('.')?;
    let layer = number.parse::<u64>().ok().filter(|layer| *layer < MAX_LAYERS)?;
    Some((layer, part))
}
