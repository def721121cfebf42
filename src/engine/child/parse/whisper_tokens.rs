//! Whisper's byte-level vocabulary, read from a Hugging Face `tokenizer.json`.

use std::{
    collections::{HashMap, HashSet},
    io::{Read, Seek},
};

use serde::Deserialize;

use super::fields::{Fields, invalid};
use crate::engine::EngineError;

const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct Tokenizer {
    model: Model,
    added_tokens: Vec<AddedToken>,
}

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, u32>,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
}

/// The raw bytes of each token in order of its number. Added (special) tokens are left out: whisper.cpp names them itself.
pub fn read(source: impl Read + Seek, vocabulary: u32) -> Result<Vec<Vec<u8>>, EngineError> {
    let mut fields = Fields::new(source)?;
    let text = fields.bytes(fields.length(), MAX_FILE_BYTES, "tokenizer.json")?;
    let tokenizer: Tokenizer =
        serde_json::from_slice(&text).map_err(|error| invalid(format!("tokenizer.json cannot be understood: {error}")))?;
    let added: HashSet<u32> = tokenizer.added_tokens.iter().map(|token| token.id).collect();
    let mut tokens: Vec<(u32, String)> =
        tokenizer.model.vocab.into_iter().map(|(text, id)| (id, text)).filter(|(id, _)| !added.contains(id)).collect();
    tokens.sort_unstable();
    if tokens.len() as u64 > u64::from(vocabulary) {
        return Err(invalid(format!("tokenizer.json has {} tokens, the model only {vocabulary}", tokens.len())));
    }
    let bytes = byte_alphabet();
    let mut decoded = Vec::with_capacity(tokens.len());
    for (expected, (id, text)) in tokens.into_iter().enumerate() {
        if id as usize != expected {
            return Err(invalid(format!("tokenizer.json has no token number {expected}")));
        }
        let raw: Option<Vec<u8>> = text.chars().map(|letter| bytes.get(&letter).copied()).collect();
        decoded.push(raw.ok_or_else(|| invalid(format!("token {id} of tokenizer.json is not byte-level")))?);
    }
    Ok(decoded)
}

/// GPT-2's alphabet: printable bytes stand for themselves, the others for characters from U+0100 on
/// (<https://github.com/openai/gpt-2/blob/master/src/encoder.py>, `bytes_to_unicode`).
fn byte_alphabet() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut next = 0x100;
    (0..=u8::MAX)
        .map(|byte| {
            if printable(byte) {
                return (char::from(byte), byte);
            }
            let letter = char::from_u32(next).expect("U+0100 and the 68 characters after it exist");
            next += 1;
            (letter, byte)
        })
        .collect()
}
