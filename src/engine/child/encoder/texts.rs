//! Texts become tokens, at most as many as the model's longest text has.

use std::path::Path;

use tokenizers::{Tokenizer, TruncationParams};

use crate::engine::{EngineError, parse::encoder_files};

/// The model's tokenizer.
pub(super) struct TextReader {
    tokenizer: Tokenizer,
    pub(super) context_length: usize,
}

impl TextReader {
    /// Reads `tokenizer.json`. Its own limit and padding, made for training, give way to the model's.
    pub(super) fn open(folder: &Path, context_length: usize) -> Result<Self, EngineError> {
        let broken = |error: &dyn std::fmt::Display| EngineError::Failed(format!("{} cannot be used: {error}", encoder_files::TOKENIZER));
        let mut tokenizer = Tokenizer::from_file(folder.join(encoder_files::TOKENIZER)).map_err(|error| broken(&error))?;
        let truncation = TruncationParams { max_length: context_length, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(|error| broken(&error))?;
        tokenizer.with_padding(None);
        Ok(Self { tokenizer, context_length })
    }

    /// The tokens, and whether there are more than these.
    pub(super) fn tokens(&self, text: &str) -> Result<(Vec<u32>, bool), String> {
        let encoding = self.tokenizer.encode(text, true).map_err(|error| format!("cannot be cut into tokens: {error}"))?;
        Ok((encoding.get_ids().to_vec(), !encoding.get_overflowing().is_empty()))
    }
}
