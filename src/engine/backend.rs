//! Which of the native libraries runs a model, and what that one needs beside the model.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The back end of an engine child. Chosen by the format of the model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// One file: llama.cpp for text and vectors, whisper.cpp for speech. What a child without a model has, too.
    #[default]
    Ggml,
    /// A folder with `model.onnx`, through ONNX Runtime, whose shared library is at `library`.
    Onnx { library: PathBuf, prefixes: TextPrefixes },
    /// A folder with `model.safetensors`, through candle.
    Safetensors { prefixes: TextPrefixes },
}

/// What an embedding model wants to read before a text, by its role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextPrefixes {
    pub query: String,
    pub passage: String,
}

impl Backend {
    /// Files that the child reads beside the model itself.
    pub fn libraries(&self) -> Vec<PathBuf> {
        match self {
            Self::Onnx { library, .. } => vec![library.clone()],
            Self::Ggml | Self::Safetensors { .. } => Vec::new(),
        }
    }

    /// As people see it; whisper.cpp is meant too.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ggml => "ggml",
            Self::Onnx { .. } => "ONNX Runtime",
            Self::Safetensors { .. } => "candle",
        }
    }
}
