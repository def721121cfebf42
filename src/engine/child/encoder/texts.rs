//! Texts become tokens, cut to the model's longest text.

use std::path::Path;

use tokenizers::{Tokenizer, TruncationParams};

use crate::engine::{EngineError, child::vectors::BYTES_PER_TOKEN, parse::encoder_files};

/// One text as the model reads it.
pub(super) struct Piece {
    /// Prefix included; cut by bytes only, which no tokenizer notices.
    pub text: String,
    pub ids: Vec<u32>,
    /// Whether tokens were left out.
    pub truncated: bool,
}

/// The model's tokenizer.
pub(super) struct TextReader {
    tokenizer: Tokenizer,
    context_length: usize,
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

    /// `index` is the text's place in the request, for the error.
    pub(super) fn read(&self, prefix: &str, text: &str, index: usize) -> Result<Piece, EngineError> {
        let text = text.trim();
        let most_bytes = text.floor_char_boundary(self.context_length * BYTES_PER_TOKEN);
        let whole = format!("{prefix}{}", &text[..most_bytes]);
        let encoding = self
            .tokenizer
            .encode(whole.as_str(), true)
            .map_err(|error| EngineError::InvalidRequest(format!("text {index} cannot be cut into tokens: {error}")))?;
        if encoding.is_empty() {
            return Err(EngineError::InvalidRequest(format!("text {index} holds nothing that the model can read")));
        }
        let truncated = most_bytes < text.len() || !encoding.get_overflowing().is_empty();
        Ok(Piece { ids: encoding.get_ids().to_vec(), text: whole, truncated })
    }
}
