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
    gguf_shape::ShapeBuilder,
};
use crate::engine::{EngineError, parse::ModelHeader, tools::knows_reasoning};

const MAX_METADATA: u64 = 65_536;
const MAX_TENSORS: u64 = 65_536;
const MAX_KEY_BYTES: u64 = 256;
/// ggml's own limit (`GGML_MAX_NAME`).
const MAX_TENSOR_NAME_BYTES: u64 = 63;
const MAX_DIMENSIONS: u32 = 4;
/// Values of metadata that are kept; longer texts are skipped.
const MAX_KEPT_TEXT_BYTES: u64 = 4096;
const CHAT_TEMPLATE: &str = "tokenizer.chat_template";
const MAX_TEMPLATE_BYTES: u64 = 256 * 1024;
/// Lists of numbers that are kept: one for each layer, at most.
const MAX_KEPT_NUMBERS: u64 = 1024;
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
    let mut shape = ShapeBuilder::default();
    let (tensor_types, data) = read_tensors(fields, tensors, alignment, &mut shape)?;
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
        has_chat_template: metadata.keys.contains(CHAT_TEMPLATE),
        reasons: metadata.texts.get(CHAT_TEMPLATE).is_some_and(|template| knows_reasoning(template)),
        tensors,
        tensor_types,
        shape: shape.finish(&metadata, &architecture).map(Box::new),
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
pub(super) struct Metadata {
    keys: HashSet<String>,
    texts: HashMap<String, String>,
    numbers: HashMap<String, u64>,
    lists: HashMap<String, Vec<u64>>,
}

impl Metadata {
    fn text(&self, key: &str) -> Option<String> {
        self.texts.get(key).cloned()
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.numbers.get(key).copied()
    }

    /// A number that holds for all layers, or this layer's of a list.
    pub(super) fn number_of(&self, key: &str, layer: u64) -> Option<u64> {
        let listed = || self.lists.get(key)?.get(usize::try_from(layer).ok()?).copied();
        self.number(key).or_else(listed)
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
                let most = if key == CHAT_TEMPLATE { MAX_TEMPLATE_BYTES } else { MAX_KEPT_TEXT_BYTES };
                if length > most {
                    fields.skip(length, &key)?;
                } else {
                    let text = String::from_utf8_lossy(&fields.bytes(length, most, &key)?).into_owned();
                    metadata.texts.insert(key.clone(), text);
                }
            }
            ARRAY => {
                if let Some(list) = read_array(fields, &key)? {
                    metadata.lists.insert(key.clone(), list);
                }
            }
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

/// Reads a short list of whole numbers, skips any other.
fn read_array<R: Read + Seek>(fields: &mut Fields<R>, key: &str) -> Result<Option<Vec<u64>>, EngineError> {
    let element_type = fields.u32(key)?;
    let count = fields.u64(key)?;
    if element_type == STRING {
        // Each has a length of eight bytes at least, so a false count ends here and not in a long loop.
        fields.expect_remaining(count.saturating_mul(8), key)?;
        for _ in 0..count {
            let length = fields.u64(key)?;
            fields.skip(length, key)?;
        }
        return Ok(None);
    }
    let bytes = count.checked_mul(scalar_bytes(element_type, key)?).ok_or_else(|| invalid(format!("{key:?} claims {count} elements")))?;
    fields.expect_remaining(bytes, key)?;
    // Signed lists of layers' numbers (INT32, INT64) hold no negative ones; what does counts as none.
    let read: fn(&mut Fields<R>, &str) -> Result<u64, EngineError> = match element_type {
        4 => |fields, key| fields.u32(key).map(u64::from),
        5 => |fields, key| fields.u32(key).map(|number| u64::try_from(number.cast_signed()).unwrap_or(0)),
        10 => |fields, key| fields.u64(key),
        11 => |fields, key| fields.u64(key).map(|number| u64::try_from(number.cast_signed()).unwrap_or(0)),
        _ => return fields.skip(bytes, key).map(|()| None),
    };
    if count > MAX_KEPT_NUMBERS {
        return fields.skip(bytes, key).map(|()| None);
    }
    (0..count).map(|_| read(fields, key)).collect::<Result<_, _>>().map(Some)
}

/// Tensor types with how many of each, and the length of the data section.
fn read_tensors<R: Read + Seek>(
    fields: &mut Fields<R>,
    count: u64,
    alignment: u64,
    whole: &mut ShapeBuilder,
) -> Result<(BTreeMap<String, u64>, u64), EngineError> {
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
        whole.see(&name, &shape, bytes);
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
        header.text("tokenizer.chat_template", "{{ messages }}<think>");
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
        assert_eq!(
            (model.context_length, model.embedding_length, model.has_chat_template, model.reasons),
            (Some(2048), Some(64), true, true)
        );
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

    /// A file of one table and layers with these tensors; the data are not there, but a length is claimed for each.
    fn shaped(build: impl FnOnce(&mut gguf::Header)) -> Box<crate::engine::parse::ModelShape> {
        let mut header = gguf::Header::default();
        header.text("general.architecture", "mixed");
        header.number("mixed.attention.head_count", 8);
        build(&mut header);
        let mut file = Vec::new();
        header.write(&mut file).unwrap();
        file.resize(file.len() + (1 << 20), 0);
        header::inspect(Cursor::new(file)).unwrap().shape.unwrap()
    }

    fn tensor(header: &mut gguf::Header, name: &str, shape: &[u64]) {
        header.tensor(name, shape, gguf::F32, shape.iter().product::<u64>() * 4);
    }

    #[test]
    fn each_layer_tells_what_it_keeps_of_a_token() {
        let shape = shaped(|header| {
            header.integers("mixed.attention.head_count_kv", &[2, 0, 2, -1]);
            header.number("mixed.attention.key_length", 16);
            header.number("mixed.ssm.inner_size", 128);
            header.number("mixed.ssm.state_size", 4);
            header.number("mixed.ssm.conv_kernel", 3);
            header.number("mixed.attention.sliding_window", 512);
            tensor(header, "token_embd.weight", &[64, 100]);
            tensor(header, "blk.0.attn_k.weight", &[64, 32]);
            tensor(header, "blk.0.attn_v.weight", &[64, 48]);
            tensor(header, "blk.0.ffn_up.weight", &[64, 256]);
            tensor(header, "blk.1.ssm_in.weight", &[64, 8]);
            tensor(header, "blk.2.attn_qkv.weight", &[64, 96]);
            tensor(header, "blk.3.attn_qkv.weight", &[64, 96]);
        });
        let kept: Vec<_> = shape.layers.iter().map(|layer| (layer.key_width, layer.value_width, layer.state_width)).collect();
        // Fused: two heads of 16 and, as nothing is said of values, of 64 / 8. A negative number of heads is none.
        assert_eq!(kept, [(32, 48, 0), (0, 0, 2 * 128 + 4 * 128), (32, 16, 0), (0, 0, 0)]);
        assert_eq!((shape.vocabulary, shape.embedding_length, shape.sliding_window), (100, 64, Some(512)));
        assert_eq!((shape.embedding_bytes, shape.output_bytes, shape.layers[0].feed_forward_length), (25_600, 0, 256));
        assert_eq!(shape.layers[0].weight_bytes, (32 + 48 + 256) * 64 * 4);
    }

    #[test]
    fn numbers_without_measure_in_a_header_do_no_harm() {
        let shape = shaped(|header| {
            for key in ["attention.head_count_kv", "attention.key_length", "ssm.inner_size", "ssm.state_size", "ssm.conv_kernel"] {
                header.number(&format!("mixed.{key}"), u32::MAX);
            }
            header.number("mixed.attention.shared_kv_layers", u32::MAX - 1);
            tensor(header, "token_embd.weight", &[64, 100]);
            tensor(header, "blk.0.attn_qkv.weight", &[64, 96]);
            tensor(header, "blk.511.ssm_in.weight", &[64, 8]);
            tensor(header, "blk.18446744073709551616.attn_k.weight", &[64, 8]);
            tensor(header, "blk.512.attn_k.weight", &[64, 8]);
        });
        assert_eq!(shape.layers.len(), 2);
        assert_eq!(shape.other_bytes, 2 * 64 * 8 * 4, "layers that no engine takes are no layers");
    }
}
