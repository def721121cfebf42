//! ONNX models through fastembed and ONNX Runtime.
//!
//! A lane is a session: several of few threads, and one that uses every thread.

use std::{io::Cursor, path::Path};

use fastembed::{InitOptionsUserDefined, Pooling, QuantizationMode, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel};

use super::{
    Encoder,
    config::{self, EncoderConfig},
};
use crate::engine::{
    EngineError,
    child::{
        embedding::{
            Piece,
            lanes::{Lanes, UnitSize, lanes_for},
        },
        parse::{fields::Fields, header_onnx},
    },
    parse::encoder_files,
};

/// Texts that a session computes at once, where they do not change each other.
const AT_ONCE: usize = 4;
/// Each session holds its own copy of the weights: a model whose copies would take more gets one session.
const MOST_COPIED_BYTES: usize = 256 * 1024 * 1024;

pub(super) struct OnnxEncoder(Lanes<TextEmbedding>);

impl OnnxEncoder {
    pub(super) fn load(folder: &Path, config: &EncoderConfig, context_length: usize, threads: usize) -> Result<Self, EngineError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| EngineError::Failed(format!("{} could not be read: {error}", path.display())))
        };
        let onnx = read(encoder_files::ONNX)?;
        let facts = header_onnx::inspect(&mut Fields::new(Cursor::new(&onnx))?)?;
        let sessions = Some(lanes_for(threads)).filter(|sessions| onnx.len() * sessions <= MOST_COPIED_BYTES).unwrap_or(0);
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
        // Dynamically quantized models see the range of a whole batch: a text's vector would depend on the others.
        let texts = if facts.is_dynamically_quantized { 1 } else { AT_ONCE };
        let parallel = (0..sessions).map(|_| session(threads / sessions)).collect::<Result<_, _>>()?;
        Ok(Self(Lanes::new(session(threads)?, parallel, UnitSize { texts, tokens: usize::MAX }, usize::MAX)))
    }
}

impl Encoder for OnnxEncoder {
    fn encode(&mut self, pieces: &[&Piece]) -> Result<Vec<Vec<f32>>, EngineError> {
        self.0.encode(pieces, |session, unit| {
            let texts: Vec<&str> = unit.iter().map(|piece| piece.text.as_str()).collect();
            session.embed(texts, None).map_err(|error| EngineError::Failed(format!("ONNX Runtime could not embed: {error}")))
        })
    }
}
