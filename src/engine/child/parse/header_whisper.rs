//! The header and tensor list of a ggml Whisper file, as whisper.cpp's loader (`whisper_model_load`) reads it.
//!
//! That loader trusts the number of dimensions and the lengths it reads; here each is bounded first.

use std::{
    collections::{BTreeMap, HashSet},
    io::{Read, Seek},
};

use super::{
    fields::{Fields, invalid},
    ggml::tensor_type,
};
use crate::engine::{EngineError, parse::ModelHeader};

const MAX_TOKEN_BYTES: u64 = 1024;
const MAX_TENSOR_NAME_BYTES: u64 = 63;

/// What a Whisper consists of: see `plan` in `whisper.rs`.
const TENSORS_OUTSIDE_LAYERS: u32 = 11;
const TENSORS_OF_ENCODER_LAYER: u32 = 15;
const TENSORS_OF_DECODER_LAYER: u32 = 24;

/// Called when the magic number has been read.
pub fn inspect<R: Read + Seek>(fields: &mut Fields<R>) -> Result<ModelHeader, EngineError> {
    let vocabulary = fields.u32_in(1..=100_000, "the vocabulary")?;
    fields.u32_in(1..=8192, "the audio context")?;
    let audio_state = fields.u32_in(1..=8192, "the audio state")?;
    let audio_heads = fields.u32_in(1..=256, "the audio heads")?;
    let audio_layers = fields.u32_in(1..=64, "the audio layers")?;
    let text_context = fields.u32_in(1..=8192, "the text context")?;
    let text_state = fields.u32_in(1..=8192, "the text state")?;
    let text_heads = fields.u32_in(1..=256, "the text heads")?;
    let text_layers = fields.u32_in(1..=64, "the text layers")?;
    let mels = fields.u32_in(1..=256, "the mel bands")?;
    fields.u32_in(0..=3999, "the weight type")?;
    if text_state != audio_state || !audio_state.is_multiple_of(audio_heads) || !text_state.is_multiple_of(text_heads) {
        return Err(invalid("the model's states and heads do not fit each other"));
    }
    let filters = fields.u32_in(mels..=mels, "the filters' mel bands")?;
    let bins = fields.u32_in(1..=4096, "the filters' bins")?;
    fields.skip(u64::from(filters) * u64::from(bins) * 4, "the mel filters")?;
    let tokens = fields.u32_in(1..=vocabulary, "the number of tokens")?;
    for _ in 0..tokens {
        let length = fields.u32("a token")?.into();
        if length > MAX_TOKEN_BYTES {
            return Err(invalid(format!("a token claims {length} bytes")));
        }
        fields.skip(length, "a token")?;
    }
    let tensor_types = read_tensors(fields)?;
    let tensors = tensor_types.values().sum();
    let expected = TENSORS_OUTSIDE_LAYERS + audio_layers * TENSORS_OF_ENCODER_LAYER + text_layers * TENSORS_OF_DECODER_LAYER;
    if tensors != u64::from(expected) {
        return Err(invalid(format!("the model has {tensors} tensors, a Whisper of its size has {expected}: the file is cut or alien")));
    }
    Ok(ModelHeader {
        format: "ggml-whisper".into(),
        architecture: "whisper".into(),
        name: None,
        context_length: Some(text_context.into()),
        embedding_length: Some(audio_state.into()),
        has_chat_template: false,
        tensors,
        tensor_types,
    })
}

/// Tensors follow each other to the end of the file: a header, then the data.
fn read_tensors<R: Read + Seek>(fields: &mut Fields<R>) -> Result<BTreeMap<String, u64>, EngineError> {
    let mut names = HashSet::new();
    let mut types = BTreeMap::new();
    while fields.remaining() > 0 {
        let rank = fields.u32_in(1..=3, "a tensor's number of dimensions")?;
        let name_length = fields.u32("a tensor's name")?;
        let number = fields.u32("a tensor's type")?;
        let shape = (0..rank).map(|_| fields.u32_in(1..=1 << 24, "a dimension").map(u64::from)).collect::<Result<Vec<_>, _>>()?;
        let name = fields.bytes(name_length.into(), MAX_TENSOR_NAME_BYTES, "a tensor's name")?;
        let name = String::from_utf8(name).map_err(|_| invalid("a tensor's name is not UTF-8"))?;
        let kind = tensor_type(number).ok_or_else(|| invalid(format!("tensor {name} has the unknown type {number}")))?;
        // whisper.cpp counts a tensor's elements in a signed 32-bit integer.
        let countable = shape.iter().try_fold(1_i32, |product, &size| product.checked_mul(i32::try_from(size).ok()?)).is_some();
        let bytes = kind.bytes(&shape).filter(|_| countable);
        fields.skip(bytes.ok_or_else(|| invalid(format!("tensor {name} has an impossible shape {shape:?}")))?, &name)?;
        *types.entry(kind.name.to_owned()).or_default() += 1;
        if !names.insert(name.clone()) {
            return Err(invalid(format!("tensor {name} is there twice")));
        }
    }
    Ok(types)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{
        super::{super::damage::survives_damage, header},
        *,
    };

    fn number(file: &mut Vec<u8>, number: u32) {
        file.extend_from_slice(&number.to_le_bytes());
    }

    fn small(layers: u32) -> Vec<u8> {
        let mut file = Vec::new();
        for value in [0x6767_6d6c, 3, 4, 8, 2, layers, 4, 8, 2, layers, 2, 1, 2, 3] {
            number(&mut file, value);
        }
        file.extend([0; 2 * 3 * 4]);
        number(&mut file, 2);
        for token in ["a", "bc"] {
            number(&mut file, token.len() as u32);
            file.extend_from_slice(token.as_bytes());
        }
        for index in 0..TENSORS_OUTSIDE_LAYERS + layers * (TENSORS_OF_ENCODER_LAYER + TENSORS_OF_DECODER_LAYER) {
            let name = format!("tensor.{index}");
            for value in [2, name.len() as u32, 1, 8, 2] {
                number(&mut file, value);
            }
            file.extend_from_slice(name.as_bytes());
            file.extend([1; 32]);
        }
        file
    }

    #[test]
    fn a_whole_model_tells_what_it_is() {
        let model = header::inspect(Cursor::new(small(1))).unwrap();
        assert_eq!((model.format.as_str(), model.tensor_types["F16"], model.embedding_length), ("ggml-whisper", model.tensors, Some(8)));
    }

    #[test]
    fn every_truncation_is_refused() {
        let file = small(1);
        for length in 0..file.len() {
            assert!(header::inspect(Cursor::new(&file[..length])).is_err(), "{length} of {} bytes were accepted", file.len());
        }
    }

    #[test]
    fn no_flipped_bit_or_wild_number_panics_or_allocates_much() {
        survives_damage(&small(1), 4, |file| header::inspect(Cursor::new(file)));
    }
}
