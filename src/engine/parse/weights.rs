//! Other weights for the same model: what a requantization is asked, and what a comparison with the original tells.

use serde::{Deserialize, Serialize};

/// The numbers in which a model's weights can be kept. llama.cpp mixes some: its usual mixture is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub enum WeightType {
    /// Blocks of 32 weights in 18 bytes.
    #[serde(rename = "q4_0")]
    Q4_0,
    /// Blocks of 32 weights in 34 bytes.
    #[serde(rename = "q8_0")]
    Q8_0,
    /// Blocks of 256 weights in 144 bytes, some tensors in more (`Q4_K_M`).
    #[serde(rename = "q4_k")]
    Q4K,
}

impl WeightType {
    pub const ALL: [Self; 3] = [Self::Q4_0, Self::Q8_0, Self::Q4K];

    /// As it is written on the command line and in a variant's id.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q4_0 => "q4_0",
            Self::Q8_0 => "q8_0",
            Self::Q4K => "q4_k",
        }
    }

    /// ggml's name of the tensor type that most weights have then.
    pub fn tensor_type(self) -> &'static str {
        match self {
            Self::Q4_0 => "Q4_0",
            Self::Q8_0 => "Q8_0",
            Self::Q4K => "Q4_K",
        }
    }
}

/// How the speed of two models is measured: in turns, so that what else the machine does hits both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    pub threads: u16,
    pub rounds: u16,
    /// Tokens read in each round.
    pub prompt_tokens: u32,
    /// Tokens written in each round.
    pub generated_tokens: u32,
}

/// Two models side by side; the first is the original.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub original: Speed,
    pub candidate: Speed,
    pub loss: Loss,
}

/// Tokens a second, each round's in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    pub prompt: Vec<f64>,
    pub generation: Vec<f64>,
}

/// How far the candidate's opinion of each next token is from the original's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// Places of the text that were compared.
    pub tokens: u32,
    /// Kullback–Leibler divergence of the candidate's distribution from the original's, in nats; mean over the places.
    pub mean_divergence: f64,
    pub largest_divergence: f64,
    /// Share of the places at which both hold the same token for the likeliest.
    pub top_agreement: f64,
    pub original_perplexity: f64,
    pub candidate_perplexity: f64,
}
