//! What of a language model's file decides how much memory it takes.
//!
//! Widths come from the shapes of tensors, whose data are known to lie in the file: a header cannot claim more than it
//! brings. What only the metadata say is told as they say it, however absurd; who computes with it checks for overflow.

use serde::{Deserialize, Serialize};

/// The sizes of a GGUF language model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelShape {
    /// Numbers that stand for one token between layers.
    pub embedding_length: u64,
    /// Tokens that the model knows.
    pub vocabulary: u64,
    /// Query heads.
    pub heads: u64,
    /// Experts that work on one token; 1 where every layer is one network.
    pub experts_used: u64,
    /// Tokens that a windowed layer looks back at.
    pub sliding_window: Option<u64>,
    /// The table from tokens to numbers (`token_embd.weight`).
    pub embedding_bytes: u64,
    /// The way back (`output.weight`); 0 where the same table serves.
    pub output_bytes: u64,
    /// What is in no layer and in neither table.
    pub other_bytes: u64,
    pub layers: Vec<LayerShape>,
}

/// One layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerShape {
    pub weight_bytes: u64,
    /// Numbers that the cache keeps of one token as its key; 0 where nothing is kept.
    pub key_width: u64,
    pub value_width: u64,
    /// Numbers in 32 bits that the layer keeps of one sequence, however long it is (recurrent layers).
    pub state_width: u64,
    /// Width of the network behind the attention, of one expert.
    pub feed_forward_length: u64,
}

/// What llama.cpp takes for the window, in tokens, of models whose files do not tell it (`load_arch_hparams` of each).
pub fn usual_window(architecture: &str) -> Option<u64> {
    match architecture {
        "gemma2" | "exaone4" => Some(4096),
        "llama4" => Some(8192),
        "exaone-moe" => Some(128),
        _ => None,
    }
}

impl ModelShape {
    /// All tensors together.
    pub fn weight_bytes(&self) -> u64 {
        let layers = self.layers.iter().fold(0_u64, |sum, layer| sum.saturating_add(layer.weight_bytes));
        [self.embedding_bytes, self.output_bytes, self.other_bytes].into_iter().fold(layers, u64::saturating_add)
    }
}
