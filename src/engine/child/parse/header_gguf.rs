//! The header of a GGUF file, versions 2 and 3 (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>).
//!
//! As strict as llama.cpp's own reader (`gguf.cpp`) and stricter: its sizes are trusted when the file is mapped.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{Read, Seek},
};

use super::{
    fields::{Fields, invalid},
    ggml::tensor_type,
};
use crate::engine::{EngineError, parse::ModelHeader};

const MAX_METADATA: u64 = 65_536;
const MAX_TENSORS: u64 = 65_536;
const MAX_KEY_BYTES: u64 = 256;
/// ggml's own limit (`GGML_MAX_NAME`).
const MAX_TENSOR_NAME_BYTES: u64 = 63;
const MAX_DIMENSIONS: u32 = 4;
/// Values of metadata that are kept; longer texts are skipped.
const MAX_KEPT_TEXT_BYTES: u64 = 4096;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// Called when the magic number has been read.
pub fn inspect<R: Read + Seek>(fields: &mut Fields<R>) -> Result<ModelHeader, EngineError> {
    let version = fields.u32("the GGUF version")?;
    if !(2..=3).contains(&version) {
        return Err(invalid(format!("GGUF version {version} is not known; 2 and 3 are")));
    }
    let tensors = bounded(fields.u64("the number of tensors")?, MAX_TENSORS, "tensors")?;
    let count = bounded(fields.u64("the number of metadata entries")?, MAX_METADATA, "metadata entries")?;
    let metadata = read_metadata(fields, count)?;
    let alignment = metadata.number("general.alignment").unwrap_or(32);
    if !alignment.is_power_of_two() || alignment > 1 << 20 {
        return Err(invalid(format!("the alignment {alignment} is not a power of two")));
    }
    let (tensor_types, data) = read_tensors(fields, tensors, alignment)?;
    let start = fields.position().next_multiple_of(alignment);
    if start.checked_add(data).is_none_or(|end| end > fields.length()) {
        return Err(invalid(format!(
            "the file is truncated: its tensors need {data} bytes from offset {start}, it ends at {}",
            fields.length()
        )));
    }
    let architecture = metadata.text("general.architecture").ok_or_else(|| invalid("the model does not state its architecture"))?;
    Ok(ModelHeader {
        format: "gguf".into(),
        name: metadata.text("general.name"),
        context_length: metadata.number(&format!("{architecture}.context_length")),
        embedding_length: metadata.number(&format!("{architecture}.embedding_length")),
        has_chat_template: metadata.keys.contains("tokenizer.chat_template"),
        tensors,
        tensor_types,
        architecture,
    })
}

fn bounded(count: u64, limit: u64, what: &str) -> Result<u64, EngineError> {
    if count > limit {
        return Err(invalid(format!("{count} {what} are claimed; at most {limit} are accepted")));
    }
    Ok(count)
}

#[derive(Default)]
struct Metadata {
    keys: HashSet<String>,
    texts: HashMap<String, String>,
    numbers: HashMap<String, u64>,
}

impl Metadata {
    fn text(&self, key: &str) -> Option<String> {
        self.texts.get(key).cloned()
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.numbers.get(key).copied()
    }
}

fn read_metadata<R: Read + Seek>(fields: &mut Fields<R>, count: u64) -> Result<Metadata, EngineError> {
    let mut metadata = Metadata::default();
    for _ in 0..count {
        let key = read_string(fields, MAX_KEY_BYTES, "a metadata key")?;
        let value_type = fields.u32(&key)?;
        match value_type {
            STRING => {
                let length = fields.u64(&key)?;
                if length > MAX_KEPT_TEXT_BYTES {
                    fields.skip(length, &key)?;
                } else {
                    let text = String::from_utf8_lossy(&fields.bytes(length, MAX_KEPT_TEXT_BYTES, &key)?).into_owned();
                    metadata.texts.insert(key.clone(), text);
                }
            }
            ARRAY => skip_array(fields, &key)?,
            // UINT32 and UINT64: the numbers that this program looks at.
            4 => drop(metadata.numbers.insert(key.clone(), fields.u32(&key)?.into())),
            10 => drop(metadata.numbers.insert(key.clone(), fields.u64(&key)?)),
            other => fields.skip(scalar_bytes(other, &key)?, &key)?,
        }
        if !metadata.keys.insert(key.clone()) {
            return Err(invalid(format!("the metadata key {key:?} is there twice")));
        }
    }
    if metadata.keys.contains("general.alignment") && metadata.number("general.alignment").is_none() {
        return Err(invalid("the alignment is not a number"));
    }
    Ok(metadata)
}

fn read_string<R: Read + Seek>(fields: &mut Fields<R>, limit: u64, what: &str) -> Result<String, EngineError> {
    let length = fields.u64(what)?;
    let bytes = fields.bytes(length, limit, what)?;
    if bytes.is_empty() || bytes.contains(&0) {
        return Err(invalid(format!("{what} is empty or holds NUL")));
    }
    String::from_utf8(bytes).map_err(|_| invalid(format!("{what} is not UTF-8")))
}

fn scalar_bytes(value_type: u32, key: &str) -> Result<u64, EngineError> {
    match value_type {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        other => Err(invalid(format!("the metadata entry {key:?} has the unknown type {other}"))),
    }
}

fn skip_array<R: Read + Seek>(fields: &mut Fields<R>, key: &str) -> Result<(), EngineError> {
    let element_type = fields.u32(key)?;
    let count = fields.u64(key)?;
    if element_type == STRING {
        // Each has a length of eight bytes at least, so a false count ends here and not in a long loop.
        fields.expect_remaining(count.saturating_mul(8), key)?;
        for _ in 0..count {
            let length = fields.u64(key)?;
            fields.skip(length, key)?;
        }
        return Ok(());
    }
    let bytes = count.checked_mul(scalar_bytes(element_type, key)?).ok_or_else(|| invalid(format!("{key:?} claims {count} elements")))?;
    fields.skip(bytes, key)
}

/// Tensor types with how many of each, and the length of the data section.
fn read_tensors<R: Read + Seek>(fields: &mut Fields<R>, count: u64, alignment: u64) -> Result<(BTreeMap<String, u64>, u64), EngineError> {
    let mut names = HashSet::new();
    let mut types = BTreeMap::new();
    let mut expected_offset = 0_u64;
    let mut end = 0;
    for _ in 0..count {
        let name = read_string(fields, MAX_TENSOR_NAME_BYTES, "a tensor's name")?;
        let rank = fields.u32(&name)?;
        if rank > MAX_DIMENSIONS {
            return Err(invalid(format!("tensor {name} has {rank} dimensions")));
        }
        let shape = (0..rank).map(|_| fields.u64(&name)).collect::<Result<Vec<_>, _>>()?;
        let number = fields.u32(&name)?;
        let offset = fields.u64(&name)?;
        let kind = tensor_type(number).ok_or_else(|| invalid(format!("tensor {name} has the unknown type {number}")))?;
        let bytes = kind.bytes(&shape).ok_or_else(|| invalid(format!("tensor {name} has an impossible shape {shape:?}")))?;
        // As in llama.cpp, data follow each other in order: so none can overlap.
        if offset != expected_offset {
            return Err(invalid(format!("tensor {name} is at offset {offset}, {expected_offset} was expected")));
        }
        end = offset.checked_add(bytes).ok_or_else(|| invalid(format!("tensor {name} is too large")))?;
        expected_offset = end.checked_next_multiple_of(alignment).ok_or_else(|| invalid(format!("tensor {name} is too large")))?;
        *types.entry(kind.name.to_owned()).or_default() += 1;
        if !names.insert(name.clone()) {
            return Err(invalid(format!("tensor {name} is there twice")));
        }
    }
    if count == 0 {
        return Err(invalid("the model has no tensors"));
    }
    Ok((types, end))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::{super::damage::survives_damage, gguf, header};

    fn small() -> Vec<u8> {
        let mut header = gguf::Header::default();
        header.text("general.architecture", "llama");
        header.text("general.name", "tiny");
        header.number("llama.context_length", 2048);
        header.number("llama.embedding_length", 64);
        header.texts("tokenizer.ggml.tokens", &[b"a".to_vec(), b"bc".to_vec()]);
        header.floats("tokenizer.ggml.scores", &[0.5, 1.5]);
        header.text("tokenizer.chat_template", "{{ messages }}");
        header.tensor("token_embd.weight", &[64, 2], gguf::Q4_0, 72);
        header.tensor("output_norm.weight", &[64], gguf::F32, 256);
        let mut file = Vec::new();
        header.write(&mut file).unwrap();
        file.extend(std::iter::repeat_n(1, 72 + 24 + 256));
        file
    }

    #[test]
    fn a_whole_model_tells_what_it_is() {
        let model = header::inspect(Cursor::new(small())).unwrap();
        assert_eq!((model.format.as_str(), model.architecture.as_str(), model.name.as_deref()), ("gguf", "llama", Some("tiny")));
        assert_eq!((model.context_length, model.embedding_length, model.has_chat_template), (Some(2048), Some(64), true));
        assert_eq!((model.tensors, model.tensor_types["Q4_0"], model.tensor_types["F32"]), (2, 1, 1));
    }

    #[test]
    fn every_truncation_is_refused() {
        let file = small();
        for length in 0..file.len() {
            assert!(header::inspect(Cursor::new(&file[..length])).is_err(), "{length} of {} bytes were accepted", file.len());
        }
    }

    #[test]
    fn no_flipped_bit_or_wild_number_panics_or_allocates_much() {
        survives_damage(&small(), 4, |file| header::inspect(Cursor::new(file)));
    }

    #[test]
    fn an_alien_file_is_refused() {
        let error = header::inspect(Cursor::new(b"PK\x03\x04 a zip".to_vec())).unwrap_err();
        assert!(error.to_string().contains("neither a GGUF nor"), "{error}");
    }
}
