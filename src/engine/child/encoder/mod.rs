//! Sentence encoders in the formats of Hugging Face: ONNX through fastembed ([`onnx`]), safetensors through candle
//! ([`candle`]). GGUF models are llama.cpp's matter.
//!
//! Owns what both share: the model's folder, its settings ([`config`]) and its tokenizer ([`texts`]).

mod candle;
pub(super) mod config;
mod onnx;
mod runtime;
mod texts;

use std::path::Path;

use self::{
    config::{EncoderConfig, MAX_CONFIG_BYTES},
    texts::TextReader,
};
use super::{
    Batcher, ModelFacts,
    embedding::{Embedder, Piece, TextModel},
};
use crate::engine::{
    EngineError, EngineOptions,
    backend::{Backend, TextPrefixes},
};

pub(super) use runtime::load_system_libraries;

/// A model that turns tokens into vectors.
trait Encoder {
    /// One vector of any length for each piece, in order.
    fn encode(&mut self, pieces: &[&Piece]) -> Result<Vec<Vec<f32>>, EngineError>;
}

/// A tokenizer and the model that it was made for.
struct SentenceEncoder {
    texts: TextReader,
    encoder: Box<dyn Encoder>,
}

/// Loads the model in `folder`. `loading` hears of progress from 0 to 1.
pub(super) fn load(
    folder: &Path,
    backend: &Backend,
    options: &EngineOptions,
    loading: &dyn Fn(f32),
) -> Result<(Box<dyn Batcher>, ModelFacts), EngineError> {
    let config = EncoderConfig::read(|name| read_small(&folder.join(name)))?;
    let context_length = match options.context_length {
        0 => config.context_length,
        wanted => config.context_length.min(wanted as usize).max(3),
    };
    let texts = TextReader::open(folder, context_length)?;
    loading(0.1);
    let threads = usize::from(options.threads.max(1));
    let (encoder, given): (Box<dyn Encoder>, _) = match backend {
        Backend::Onnx { library, prefixes } => {
            runtime::load_onnxruntime(library)?;
            (Box::new(onnx::OnnxEncoder::load(folder, &config, context_length, threads)?), prefixes)
        }
        Backend::Safetensors { prefixes } => (Box::new(candle::CandleEncoder::load(folder, &config, threads)?), prefixes),
        Backend::Ggml => return Err(EngineError::InvalidRequest("a model of one file is not for this back end".into())),
    };
    loading(0.9);
    let prefixes = if *given == TextPrefixes::default() { config.prefixes } else { given.clone() };
    let (embedder, facts) = Embedder::new(Box::new(SentenceEncoder { texts, encoder }), prefixes)?;
    Ok((Box::new(embedder), facts))
}

impl TextModel for SentenceEncoder {
    fn context_length(&self) -> usize {
        self.texts.context_length
    }

    fn tokens(&self, text: &str) -> Result<(Vec<u32>, bool), String> {
        self.texts.tokens(text)
    }

    fn encode(&mut self, pieces: &[&Piece]) -> Result<Vec<Vec<f32>>, EngineError> {
        self.encoder.encode(pieces)
    }
}

/// A small file of the model; `None` when it has none of that name.
fn read_small(path: &Path) -> Result<Option<Vec<u8>>, EngineError> {
    let unreadable = |error: std::io::Error| EngineError::Failed(format!("{} could not be read: {error}", path.display()));
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_CONFIG_BYTES => Err(EngineError::InvalidRequest(format!("{} is too large", path.display()))),
        Ok(_) => std::fs::read(path).map(Some).map_err(unreadable),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}
