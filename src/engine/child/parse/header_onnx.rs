//! The structure of an ONNX model (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>): every message lies inside
//! the one that holds it, every tensor has the bytes that its shape needs, and none of them is in another file.
//!
//! ONNX Runtime would open files that a model names; a model of ours is one file.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Seek},
};

use super::{
    fields::{Fields, invalid},
    protobuf::{Value, next, varint},
};
use crate::engine::EngineError;

const MAX_TENSORS: u64 = 65_536;
const MAX_NODES: u64 = 1 << 20;
const MAX_NAME_BYTES: u64 = 4096;
/// Graphs within attributes of nodes within graphs.
const MAX_DEPTH: u32 = 8;

/// What a model says about itself.
#[derive(Debug, Default)]
pub struct OnnxFacts {
    pub tensors: u64,
    pub nodes: u64,
    /// Type → how many weights.
    pub tensor_types: BTreeMap<String, u64>,
    pub inputs: BTreeSet<String>,
    pub outputs: u64,
    /// Activations are quantized by the range that they have in a batch: a vector then depends on its neighbours.
    pub is_dynamically_quantized: bool,
}

/// Reads the whole structure and skips the weights.
pub fn inspect<R: Read + Seek>(fields: &mut Fields<R>) -> Result<OnnxFacts, EngineError> {
    let mut walk = Walk { facts: OnnxFacts::default() };
    let end = fields.length();
    let mut graphs = 0;
    while let Some((number, value)) = next(fields, end, "the ONNX model")? {
        match (number, value) {
            (7, Value::Bytes(length)) => {
                graphs += 1;
                walk.graph(fields, length, 0)?;
            }
            // ModelProto.functions: their nodes hold tensors too.
            (25, Value::Bytes(length)) => walk.function(fields, length)?,
            (_, Value::Bytes(length)) => fields.skip(length, "the ONNX model")?,
            _ => {}
        }
    }
    if graphs != 1 || walk.facts.nodes == 0 || walk.facts.outputs == 0 {
        return Err(invalid("this is no ONNX model: it has no graph that computes anything"));
    }
    if !walk.facts.inputs.contains("input_ids") {
        return Err(invalid("the ONNX model takes no `input_ids`: it does not read text"));
    }
    Ok(walk.facts)
}

struct Walk {
    facts: OnnxFacts,
}

impl Walk {
    fn graph<R: Read + Seek>(&mut self, fields: &mut Fields<R>, length: u64, depth: u32) -> Result<(), EngineError> {
        if depth > MAX_DEPTH {
            return Err(invalid(format!("the ONNX model's graphs are nested deeper than {MAX_DEPTH}")));
        }
        let end = fields.position() + length;
        while let Some((number, value)) = next(fields, end, "the graph")? {
            match (number, value) {
                (1, Value::Bytes(length)) => self.node(fields, length, depth)?,
                (5, Value::Bytes(length)) => self.tensor(fields, length)?,
                // SparseTensorProto: the values and their places.
                (15, Value::Bytes(length)) => self.tensors_within(fields, length)?,
                (11, Value::Bytes(length)) if depth == 0 => {
                    let name = name_of(fields, length)?;
                    self.facts.inputs.insert(name);
                }
                (12, Value::Bytes(length)) => {
                    self.facts.outputs += u64::from(depth == 0);
                    fields.skip(length, "an output")?;
                }
                (_, Value::Bytes(length)) => fields.skip(length, "the graph")?,
                _ => {}
            }
        }
        Ok(())
    }

    fn function<R: Read + Seek>(&mut self, fields: &mut Fields<R>, length: u64) -> Result<(), EngineError> {
        let end = fields.position() + length;
        while let Some((number, value)) = next(fields, end, "a function")? {
            match (number, value) {
                (7, Value::Bytes(length)) => self.node(fields, length, 0)?,
                (_, Value::Bytes(length)) => fields.skip(length, "a function")?,
                _ => {}
            }
        }
        Ok(())
    }

    fn node<R: Read + Seek>(&mut self, fields: &mut Fields<R>, length: u64, depth: u32) -> Result<(), EngineError> {
        self.facts.nodes += 1;
        if self.facts.nodes > MAX_NODES {
            return Err(invalid(format!("the ONNX model has more than {MAX_NODES} nodes")));
        }
        let end = fields.position() + length;
        while let Some((number, value)) = next(fields, end, "a node")? {
            match (number, value) {
                (4, Value::Bytes(length)) => {
                    let operator = text(fields, length, "a node's operator")?;
                    // `DynamicQuantizeLinear`, `DynamicQuantizeMatMul`, `DynamicQuantizeLSTM`.
                    self.facts.is_dynamically_quantized |= operator.starts_with("DynamicQuantize");
                }
                (5, Value::Bytes(length)) => self.attribute(fields, length, depth)?,
                (_, Value::Bytes(length)) => fields.skip(length, "a node")?,
                _ => {}
            }
        }
        Ok(())
    }

    fn attribute<R: Read + Seek>(&mut self, fields: &mut Fields<R>, length: u64, depth: u32) -> Result<(), EngineError> {
        let end = fields.position() + length;
        while let Some((number, value)) = next(fields, end, "an attribute")? {
            match (number, value) {
                (5 | 10, Value::Bytes(length)) => self.tensor(fields, length)?,
                (6 | 11, Value::Bytes(length)) => self.graph(fields, length, depth + 1)?,
                (22 | 23, Value::Bytes(length)) => self.tensors_within(fields, length)?,
                (_, Value::Bytes(length)) => fields.skip(length, "an attribute")?,
                _ => {}
            }
        }
        Ok(())
    }

    fn tensors_within<R: Read + Seek>(&mut self, fields: &mut Fields<R>, length: u64) -> Result<(), EngineError> {
        let end = fields.position() + length;
        while let Some((number, value)) = next(fields, end, "a sparse tensor")? {
            match (number, value) {
                (1 | 2, Value::Bytes(length)) => self.tensor(fields, length)?,
                (_, Value::Bytes(length)) => fields.skip(length, "a sparse tensor")?,
                _ => {}
            }
        }
        Ok(())
    }

    fn tensor<R: Read + Seek>(&mut self, fields: &mut Fields<R>, length: u64) -> Result<(), EngineError> {
        self.facts.tensors += 1;
        if self.facts.tensors > MAX_TENSORS {
            return Err(invalid(format!("the ONNX model has more than {MAX_TENSORS} tensors")));
        }
        let end = fields.position() + length;
        let (mut elements, mut kind, mut raw) = (Some(1_u64), 0, None);
        while let Some((number, value)) = next(fields, end, "a tensor")? {
            match (number, value) {
                (1, Value::Varint(dimension)) => elements = elements.and_then(|product| product.checked_mul(dimension)),
                (1, Value::Bytes(length)) => {
                    let stop = fields.position() + length;
                    while fields.position() < stop {
                        let dimension = varint(fields, "a tensor's shape")?;
                        elements = elements.and_then(|product| product.checked_mul(dimension));
                    }
                }
                (2, Value::Varint(number)) => kind = number,
                (9, Value::Bytes(length)) => {
                    raw = Some(length);
                    fields.skip(length, "a tensor's data")?;
                }
                (13, _) | (14, Value::Varint(1)) => {
                    return Err(invalid("the ONNX model keeps weights in another file; only models of one file are accepted"));
                }
                (_, Value::Bytes(length)) => fields.skip(length, "a tensor")?,
                _ => {}
            }
        }
        let elements = elements.ok_or_else(|| invalid("a tensor has an impossible shape"))?;
        let (name, bits) = data_type(kind).ok_or_else(|| invalid(format!("a tensor has the unknown type {kind}")))?;
        let needed = elements.checked_mul(bits).map(|total| total.div_ceil(8)).ok_or_else(|| invalid("a tensor is too large"))?;
        if bits > 0 && raw.is_some_and(|raw| raw != needed) {
            return Err(invalid(format!("a tensor of {elements} {name} has {} bytes instead of {needed}", raw.unwrap_or(0))));
        }
        *self.facts.tensor_types.entry(name.into()).or_default() += 1;
        Ok(())
    }
}

/// Name and bits of an element (`TensorProto.DataType`); strings are never raw.
fn data_type(number: u64) -> Option<(&'static str, u64)> {
    Some(match number {
        1 => ("F32", 32),
        2 => ("U8", 8),
        3 => ("I8", 8),
        4 => ("U16", 16),
        5 => ("I16", 16),
        6 => ("I32", 32),
        7 => ("I64", 64),
        8 => ("STRING", 0),
        9 => ("BOOL", 8),
        10 => ("F16", 16),
        11 => ("F64", 64),
        12 => ("U32", 32),
        13 => ("U64", 64),
        16 => ("BF16", 16),
        17..=20 => ("F8", 8),
        21 | 22 => ("I4", 4),
        _ => return None,
    })
}

/// `ValueInfoProto.name`.
fn name_of<R: Read + Seek>(fields: &mut Fields<R>, length: u64) -> Result<String, EngineError> {
    let end = fields.position() + length;
    let mut name = String::new();
    while let Some((number, value)) = next(fields, end, "an input")? {
        match (number, value) {
            (1, Value::Bytes(length)) => name = text(fields, length, "an input's name")?,
            (_, Value::Bytes(length)) => fields.skip(length, "an input")?,
            _ => {}
        }
    }
    Ok(name)
}

fn text<R: Read + Seek>(fields: &mut Fields<R>, length: u64, what: &str) -> Result<String, EngineError> {
    String::from_utf8(fields.bytes(length, MAX_NAME_BYTES, what)?).map_err(|_| invalid(format!("{what} is not UTF-8")))
}

#[cfg(test)]
pub mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::engine::child::damage::survives_damage;

    fn number(value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut left = value;
        while left > 0x7f {
            bytes.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        bytes.push(left as u8);
        bytes
    }

    fn varint_field(field: u64, value: u64) -> Vec<u8> {
        [number(field << 3), number(value)].concat()
    }

    fn bytes_field(field: u64, bytes: &[u8]) -> Vec<u8> {
        [&number(field << 3 | 2)[..], &number(bytes.len() as u64), bytes].concat()
    }

    fn tensor(more: &[u8]) -> Vec<u8> {
        [&varint_field(1, 2), &varint_field(1, 3), &varint_field(2, 1), &bytes_field(8, b"w"), &bytes_field(9, &[7; 24]), more].concat()
    }

    fn model(operator: &str, weight: &[u8]) -> Vec<u8> {
        let inner = bytes_field(1, &bytes_field(4, b"Identity"));
        let node = [bytes_field(4, operator.as_bytes()), bytes_field(5, &bytes_field(6, &inner))].concat();
        let value = |name: &str| bytes_field(1, name.as_bytes());
        let graph = [bytes_field(1, &node), bytes_field(5, weight), bytes_field(11, &value("input_ids")), bytes_field(12, &value("out"))];
        [varint_field(1, 10), bytes_field(7, &graph.concat())].concat()
    }

    /// A whole model that computes nothing of use.
    pub fn small() -> Vec<u8> {
        model("MatMul", &tensor(&[]))
    }

    fn read(bytes: &[u8]) -> Result<OnnxFacts, EngineError> {
        inspect(&mut Fields::new(Cursor::new(bytes))?)
    }

    #[test]
    fn a_whole_model_tells_what_it_is() {
        let facts = read(&small()).unwrap();
        assert_eq!((facts.tensors, facts.nodes, facts.outputs, facts.tensor_types["F32"]), (1, 2, 1, 1));
        assert!(facts.inputs.contains("input_ids") && !facts.is_dynamically_quantized);
        assert!(read(&model("DynamicQuantizeLinear", &tensor(&[]))).unwrap().is_dynamically_quantized);
    }

    #[test]
    fn weights_in_another_file_are_refused() {
        for elsewhere in [varint_field(14, 1), bytes_field(13, &bytes_field(1, b"location"))] {
            let error = read(&model("MatMul", &tensor(&elsewhere))).unwrap_err().to_string();
            assert!(error.contains("another file"), "{error}");
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let whole = small();
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} of {} bytes were accepted", whole.len());
        }
    }

    #[test]
    fn no_flipped_bit_or_wild_number_panics_or_allocates_much() {
        survives_damage(&small(), 0, |file| read(&file));
    }

    #[test]
    fn graphs_within_graphs_end_somewhere() {
        let mut graph = bytes_field(1, &bytes_field(4, b"Identity"));
        for _ in 0..200 {
            graph = bytes_field(1, &bytes_field(5, &bytes_field(6, &graph)));
        }
        let error = read(&bytes_field(7, &graph)).unwrap_err().to_string();
        assert!(error.contains("nested"), "{error}");
    }
}
