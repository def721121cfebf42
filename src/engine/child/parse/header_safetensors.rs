//! The header of a safetensors file (<https://github.com/huggingface/safetensors#format>): its tensors fill the file
//! without a gap, and each has the bytes that its shape needs.

use std::{
    collections::BTreeMap,
    io::{Read, Seek},
};

use serde::Deserialize;

use super::fields::{Fields, invalid};
use crate::engine::EngineError;

/// The reference implementation's limit is 100 MB; an encoder's header has some 20 KiB.
const MAX_HEADER_BYTES: u64 = 16 * 1024 * 1024;
const MAX_TENSORS: usize = 65_536;

/// What a model says about itself.
#[derive(Debug)]
pub struct SafetensorsFacts {
    /// Name → shape.
    pub tensors: BTreeMap<String, Vec<u64>>,
    /// Type → how many tensors.
    pub tensor_types: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__", default)]
    _metadata: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// Reads and checks the header.
pub fn inspect<R: Read + Seek>(fields: &mut Fields<R>) -> Result<SafetensorsFacts, EngineError> {
    let length = fields.u64("the header's length")?;
    let text = fields.bytes(length, MAX_HEADER_BYTES, "the safetensors header")?;
    let header: Header = serde_json::from_slice(&text).map_err(|error| invalid(format!("the safetensors header is broken: {error}")))?;
    if header.tensors.is_empty() || header.tensors.len() > MAX_TENSORS {
        return Err(invalid(format!("the model has {} tensors; 1 to {MAX_TENSORS} are accepted", header.tensors.len())));
    }
    let mut facts = SafetensorsFacts { tensors: BTreeMap::new(), tensor_types: BTreeMap::new() };
    let mut places = Vec::with_capacity(header.tensors.len());
    for (name, tensor) in header.tensors {
        places.push((checked_place(&name, &tensor)?, name.clone()));
        *facts.tensor_types.entry(tensor.dtype).or_default() += 1;
        facts.tensors.insert(name, tensor.shape);
    }
    places.sort();
    let mut end = 0;
    for ((begin, stop), name) in places {
        if begin != end {
            return Err(invalid(format!("tensor {name} is at offset {begin}, {end} was expected")));
        }
        end = stop;
    }
    if end != fields.remaining() {
        return Err(invalid(format!("the tensors need {end} bytes after the header, the file holds {}", fields.remaining())));
    }
    Ok(facts)
}

fn checked_place(name: &str, tensor: &Tensor) -> Result<(u64, u64), EngineError> {
    let bytes = element_bytes(&tensor.dtype).ok_or_else(|| invalid(format!("tensor {name} has the unknown type {:?}", tensor.dtype)))?;
    let needed = tensor.shape.iter().try_fold(bytes, |product, dimension| product.checked_mul(*dimension));
    let (begin, end) = tensor.data_offsets;
    if needed.is_none_or(|needed| end.checked_sub(begin) != Some(needed)) {
        return Err(invalid(format!("tensor {name} of shape {:?} cannot lie from {begin} to {end}", tensor.shape)));
    }
    Ok((begin, end))
}

fn element_bytes(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F64" | "I64" | "U64" => 8,
        "F32" | "I32" | "U32" => 4,
        "F16" | "BF16" | "I16" | "U16" => 2,
        "I8" | "U8" | "BOOL" => 1,
        _ => return None,
    })
}

#[cfg(test)]
pub mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::engine::child::damage::survives_damage;

    /// A file with that header and as many bytes of data.
    pub fn file(header: &str, data: usize) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![1; data]].concat()
    }

    const HEADER: &str = r#"{"__metadata__": {"format": "pt"}, "b": {"dtype": "F16", "shape": [2], "data_offsets": [24, 28]},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}"#;

    fn read(bytes: &[u8]) -> Result<SafetensorsFacts, EngineError> {
        inspect(&mut Fields::new(Cursor::new(bytes))?)
    }

    #[test]
    fn a_whole_model_tells_what_it_is() {
        let facts = read(&file(HEADER, 28)).unwrap();
        assert_eq!((facts.tensors["a"].as_slice(), facts.tensor_types["F16"]), (&[2, 3][..], 1));
    }

    #[test]
    fn truncations_gaps_overlaps_and_lies_are_refused() {
        let whole = file(HEADER, 28);
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} of {} bytes were accepted", whole.len());
        }
        assert!(read(&file(HEADER, 29)).is_err(), "bytes that belong to nothing");
        for (from, to) in [
            ("[24, 28]", "[20, 24]"),
            ("[24, 28]", "[25, 29]"),
            ("[24, 28]", "[28, 24]"),
            ("[2, 3]", "[3, 3]"),
            ("[2, 3]", "[18446744073709551615, 2]"),
            ("F16", "F15"),
            ("\"b\"", "\"a\""),
        ] {
            assert!(read(&file(&HEADER.replace(from, to), 28)).is_err(), "{to}");
        }
        assert!(read(&[&[0xff; 8][..], b"{}"].concat()).is_err());
    }

    #[test]
    fn no_flipped_bit_or_wild_number_panics_or_allocates_much() {
        survives_damage(&file(HEADER, 28), 8, |file| read(&file));
    }
}
