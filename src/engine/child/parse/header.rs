//! What a model file says about itself, once every count, offset and size in it is known to lie inside the file.
//!
//! The engines map a model and trust it; this is where a truncated, bent or alien file is told apart.

use std::io::{Read, Seek};

use super::{
    fields::{Fields, invalid},
    header_gguf, header_whisper, whisper,
};
use crate::engine::{EngineError, parse::ModelHeader};

/// Reads and checks the header of a GGUF or of a ggml Whisper file.
pub fn inspect(source: impl Read + Seek) -> Result<ModelHeader, EngineError> {
    let mut fields = Fields::new(source)?;
    if fields.length() == 0 {
        return Err(invalid("the file is empty"));
    }
    let magic = fields.u32("the magic number")?;
    if magic.to_le_bytes() == *b"GGUF" {
        header_gguf::inspect(&mut fields)
    } else if magic == whisper::GGML_MAGIC {
        header_whisper::inspect(&mut fields)
    } else {
        Err(invalid("this is neither a GGUF nor a ggml Whisper model"))
    }
}
