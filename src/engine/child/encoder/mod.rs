//! Sentence encoders in the formats of Hugging Face: ONNX through fastembed ([`onnx`]), safetensors through candle
//! ([`candle`]). GGUF models are llama.cpp's matter.
//!
//! Owns what both share: the model's folder, its settings ([`config`]), its tokenizer ([`texts`]), and the worker that
//! answers. A text's vector never depends on the texts beside it, beyond rounding.

mod candle;
pub(super) mod config;
mod onnx;
mod runtime;
mod texts;

use std::{
    os::fd::OwnedFd,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use self::{
    config::{EncoderConfig, MAX_CONFIG_BYTES},
    texts::{Piece, TextReader},
};
use super::{ModelFacts, Reply, Worker, vectors};
use crate::engine::{
    EmbeddingRequest, EmbeddingRole, Embeddings, EngineError, EngineOptions,
    backend::{Backend, TextPrefixes},
    wire::{Event, Request},
};

pub(super) use runtime::load_system_libraries;

/// A model that turns tokens into vectors.
trait Encoder {
    /// One vector of any length for each piece, in order. `None` when `cancelled` was set meanwhile.
    fn encode(&mut self, pieces: &[Piece], cancelled: &AtomicBool) -> Result<Option<Vec<Vec<f32>>>, EngineError>;
}

/// The worker of both back ends.
struct SentenceEmbedder {
    texts: TextReader,
    encoder: Box<dyn Encoder>,
    prefixes: TextPrefixes,
}

/// Loads the model in `folder`. `loading` hears of progress from 0 to 1.
pub(super) fn load(
    folder: &Path,
    backend: &Backend,
    options: &EngineOptions,
    loading: &dyn Fn(f32),
) -> Result<(Box<dyn Worker>, ModelFacts), EngineError> {
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
    let mut embedder = SentenceEmbedder { texts, encoder, prefixes };
    // A model that loads and cannot compute is found out here, and its memory is taken before the first asker waits.
    let first = embedder.embed(&["a".into()], EmbeddingRole::Passage, &AtomicBool::new(false))?;
    let dimensions = first.and_then(|first| first.vectors.first().map(Vec::len)).unwrap_or(0);
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Ok((Box::new(embedder), ModelFacts { context_length: number(context_length), dimensions: number(dimensions), ..ModelFacts::default() }))
}

impl Worker for SentenceEmbedder {
    fn serve(&mut self, request: Request, _descriptors: Vec<OwnedFd>, reply: &Reply) -> Result<(), EngineError> {
        let Request::Embed(EmbeddingRequest { texts, role }) = request else {
            return Err(EngineError::InvalidRequest("an embedding model only makes vectors".into()));
        };
        match self.embed(&texts, role, reply.cancel_flag())? {
            Some(embeddings) => reply.send(Event::Embeddings(embeddings)),
            None => Ok(()),
        }
    }
}

impl SentenceEmbedder {
    /// `None` when the asker went away.
    fn embed(&mut self, texts: &[String], role: EmbeddingRole, cancelled: &AtomicBool) -> Result<Option<Embeddings>, EngineError> {
        vectors::check(texts)?;
        let prefix = match role {
            EmbeddingRole::Query => &self.prefixes.query,
            EmbeddingRole::Passage => &self.prefixes.passage,
        };
        let pieces = texts.iter().enumerate().map(|(index, text)| self.texts.read(prefix, text, index)).collect::<Result<Vec<_>, _>>()?;
        if cancelled.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let Some(found) = self.encoder.encode(&pieces, cancelled)? else { return Ok(None) };
        let tokens = pieces.iter().map(|piece| piece.ids.len()).sum::<usize>();
        Ok(Some(Embeddings {
            vectors: found.iter().map(|vector| vectors::normalised(vector)).collect::<Result<_, _>>()?,
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            truncated: pieces.iter().map(|piece| piece.truncated).collect(),
        }))
    }
}

/// Indices of the pieces in units of similar length, the longest first: what is computed together is padded little, and
/// threads that take one unit after the other end at about the same time.
fn units(pieces: &[Piece], at_once: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(pieces[*index].ids.len()));
    order.chunks(at_once.max(1)).map(<[usize]>::to_vec).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_hold_every_text_once_and_begin_with_the_longest() {
        let piece = |length: usize| Piece { text: String::new(), ids: vec![1; length], truncated: false };
        let pieces: Vec<Piece> = [3, 9, 1, 7, 5].into_iter().map(piece).collect();
        assert_eq!(units(&pieces, 2), [vec![1, 3], vec![4, 0], vec![2]]);
        assert_eq!(units(&pieces, 1).len(), 5);
    }
}
