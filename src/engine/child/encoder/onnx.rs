//! ONNX models through fastembed and ONNX Runtime.
//!
//! Texts of one request go to several sessions of few threads rather than to one of many: threads that need not wait for
//! each other at every operator are faster, by a third and more on a busy machine. A single text has a session of its
//! own that uses every thread.

use std::{
    io::Cursor,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use fastembed::{InitOptionsUserDefined, Pooling, QuantizationMode, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel};

use super::{
    Encoder, Piece,
    config::{self, EncoderConfig},
    units,
};
use crate::engine::{
    EngineError,
    child::parse::{fields::Fields, header_onnx},
    parse::encoder_files,
};

/// Texts that a session computes at once, where they do not change each other.
const AT_ONCE: usize = 4;
/// Sessions beside the one for single texts.
const MOST_SESSIONS: usize = 4;
/// Each session holds its own copy of the weights: a model whose copies would take more gets one session.
const MOST_COPIED_BYTES: usize = 256 * 1024 * 1024;

pub(super) struct OnnxEncoder {
    /// For a request of one text: every thread works on it.
    alone: TextEmbedding,
    /// For several texts: each session takes one unit after the other. Empty for a large model.
    parallel: Vec<TextEmbedding>,
    at_once: usize,
}

impl OnnxEncoder {
    pub(super) fn load(folder: &Path, config: &EncoderConfig, context_length: usize, threads: usize) -> Result<Self, EngineError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| EngineError::Failed(format!("{} could not be read: {error}", path.display())))
        };
        let onnx = read(encoder_files::ONNX)?;
        let facts = header_onnx::inspect(&mut Fields::new(Cursor::new(&onnx))?)?;
        let sessions = if onnx.len() * MOST_SESSIONS.min(threads) > MOST_COPIED_BYTES { 0 } else { MOST_SESSIONS.min(threads) };
        // fastembed wants its limit and its padding from files; the ids of padded places are masked.
        let limits = serde_json::json!({ "model_max_length": context_length, "pad_token": "[PAD]" });
        let padding = serde_json::json!({ "pad_token_id": config.model.pad_token_id });
        let tokenizer_files = TokenizerFiles {
            tokenizer_file: read(encoder_files::TOKENIZER)?,
            config_file: padding.to_string().into_bytes(),
            special_tokens_map_file: b"{}".to_vec(),
            tokenizer_config_file: limits.to_string().into_bytes(),
        };
        let pooling = match config.pooling {
            config::Pooling::Mean => Pooling::Mean,
            config::Pooling::Cls => Pooling::Cls,
        };
        let quantization = if facts.is_dynamically_quantized { QuantizationMode::Dynamic } else { QuantizationMode::None };
        let model = UserDefinedEmbeddingModel::new(onnx, tokenizer_files).with_pooling(pooling).with_quantization(quantization);
        let session = |threads: usize| {
            let options = InitOptionsUserDefined::new().with_max_length(context_length).with_intra_threads(threads);
            // Threads wait for work by spinning: not when there is none.
            let options = options.with_session_config("session.force_spinning_stop", "1");
            TextEmbedding::try_new_from_user_defined(model.clone(), options)
                .map_err(|error| EngineError::Failed(format!("ONNX Runtime could not load the model: {error}")))
        };
        Ok(Self {
            alone: session(threads)?,
            parallel: (0..if sessions > 1 { sessions } else { 0 }).map(|_| session(threads / sessions)).collect::<Result<_, _>>()?,
            // Dynamically quantized models see the range of a whole batch: a text's vector would depend on the others.
            at_once: if facts.is_dynamically_quantized { 1 } else { AT_ONCE },
        })
    }
}

impl Encoder for OnnxEncoder {
    fn encode(&mut self, pieces: &[Piece], cancelled: &AtomicBool) -> Result<Option<Vec<Vec<f32>>>, EngineError> {
        let work = Work { pieces, units: units(pieces, self.at_once), next: AtomicUsize::new(0), cancelled, found: Mutex::default() };
        if pieces.len() == 1 || self.parallel.is_empty() {
            work.run(&mut self.alone)?;
        } else {
            thread::scope(|scope| {
                let workers: Vec<_> = self.parallel.iter_mut().map(|session| scope.spawn(|| work.run(session))).collect();
                workers.into_iter().try_for_each(|worker| {
                    worker.join().unwrap_or_else(|_| Err(EngineError::Failed("a thread of the embedding panicked".into())))
                })
            })?;
        }
        Ok(work.finish())
    }
}

/// The units of one request, which sessions take one after the other.
struct Work<'a> {
    pieces: &'a [Piece],
    units: Vec<Vec<usize>>,
    next: AtomicUsize,
    cancelled: &'a AtomicBool,
    found: Mutex<Vec<(usize, Vec<f32>)>>,
}

impl Work<'_> {
    fn run(&self, session: &mut TextEmbedding) -> Result<(), EngineError> {
        while let Some(unit) = self.units.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            if self.cancelled.load(Ordering::Relaxed) {
                return Ok(());
            }
            let texts: Vec<&str> = unit.iter().map(|index| self.pieces[*index].text.as_str()).collect();
            let vectors =
                session.embed(texts, None).map_err(|error| EngineError::Failed(format!("ONNX Runtime could not embed: {error}")))?;
            self.found.lock().unwrap_or_else(PoisonError::into_inner).extend(unit.iter().copied().zip(vectors));
        }
        Ok(())
    }

    /// The vectors in the order of the pieces; `None` if not all are there, which is so when the asker went away.
    fn finish(self) -> Option<Vec<Vec<f32>>> {
        let mut found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|(index, _)| *index);
        (found.len() == self.pieces.len()).then(|| found.into_iter().map(|(_, vector)| vector).collect())
    }
}
