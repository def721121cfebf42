//! CTranslate2's Whisper (float16) becomes whisper.cpp's ggml file.
//!
//! The input's format is CTranslate2's model specification, binary version 6
//! (<https://github.com/OpenNMT/CTranslate2/blob/master/python/ctranslate2/specs/model_spec.py>); the output's is that of
//! whisper.cpp's `convert-pt-to-ggml.py`, tensors in that script's order, so that the result has the official file's
//! layout and size.

use std::{
    collections::HashMap,
    io::{BufWriter, Read, Seek, Write},
};

use super::{
    fields::{Counted, Fields, invalid, unwritable},
    mel,
    whisper_plan::{Sizes, Tensor, plan},
    whisper_tokens,
};
use crate::engine::EngineError;

const BINARY_VERSION: u32 = 6;
const MAX_VARIABLES: u32 = 10_000;
const FLOAT16: u8 = 4;
/// `ggml` in whisper.cpp's byte order.
pub const GGML_MAGIC: u32 = 0x6767_6d6c;
/// ggml's number for "mostly 16-bit floats".
const FTYPE_F16: u32 = 1;

/// One variable of the CTranslate2 file: where it lies, not what it holds.
struct Variable {
    shape: Vec<u32>,
    data_type: u8,
    offset: u64,
    bytes: u64,
}

/// Writes the ggml file; returns its size in bytes.
pub fn convert(model: impl Read + Seek, tokenizer: impl Read + Seek, output: impl Write) -> Result<u64, EngineError> {
    let mut fields = Fields::new(model)?;
    let variables = read_directory(&mut fields)?;
    let sizes = Sizes::of(&variables, &mut fields)?;
    let tokens = whisper_tokens::read(tokenizer, sizes.vocabulary)?;
    let mut output = Counted::new(BufWriter::new(output));
    write_header(&sizes, &tokens, &mut output).map_err(unwritable)?;
    for tensor in plan(&sizes) {
        write_tensor(&mut fields, &variables, &tensor, &mut output)?;
    }
    output.flush().map_err(unwritable)?;
    Ok(output.written)
}

fn read_string<R: Read + Seek>(fields: &mut Fields<R>, what: &str) -> Result<String, EngineError> {
    let length = fields.u16(what)?;
    let mut bytes = fields.bytes(length.into(), 1024, what)?;
    if bytes.pop() != Some(0) {
        return Err(invalid(format!("{what} does not end with NUL")));
    }
    String::from_utf8(bytes).map_err(|_| invalid(format!("{what} is not UTF-8")))
}

fn read_directory<R: Read + Seek>(fields: &mut Fields<R>) -> Result<HashMap<String, Variable>, EngineError> {
    let version = fields.u32("the CTranslate2 version")?;
    if version != BINARY_VERSION {
        return Err(invalid(format!("this is not a CTranslate2 model of version {BINARY_VERSION} (version {version} is stated)")));
    }
    let specification = read_string(fields, "the model specification")?;
    if specification != "WhisperSpec" {
        return Err(invalid(format!("a WhisperSpec was expected, not {specification:?}")));
    }
    fields.u32("the revision")?;
    let count = fields.u32_in(1..=MAX_VARIABLES, "the number of variables")?;
    let mut variables = HashMap::new();
    for _ in 0..count {
        let name = read_string(fields, "a variable's name")?;
        let rank = fields.u8(&name)?;
        if rank > 4 {
            return Err(invalid(format!("{name} has {rank} dimensions")));
        }
        let shape = (0..rank).map(|_| fields.u32(&name)).collect::<Result<Vec<_>, _>>()?;
        let data_type = fields.u8(&name)?;
        let bytes = u64::from(fields.u32(&name)?);
        let offset = fields.position();
        fields.skip(bytes, &name)?;
        variables.insert(name, Variable { shape, data_type, offset, bytes });
    }
    // Aliases follow; the only one that Whisper has ties the output projection to the embeddings, as ggml does.
    Ok(variables)
}

fn variable<'a>(variables: &'a HashMap<String, Variable>, name: &str) -> Result<&'a Variable, EngineError> {
    variables.get(name).ok_or_else(|| invalid(format!("the model has no {name}")))
}

impl Sizes {
    fn of<R: Read + Seek>(variables: &HashMap<String, Variable>, fields: &mut Fields<R>) -> Result<Self, EngineError> {
        let dimension = |name: &str, rank: usize, axis: usize, limit: u32| {
            let shape = &variable(variables, name)?.shape;
            match shape.get(axis) {
                Some(&size) if shape.len() == rank && (1..=limit).contains(&size) => Ok(size),
                _ => Err(invalid(format!("{name} has an unexpected shape {shape:?}"))),
            }
        };
        let layers = |side: &str| {
            let present = |layer: &u32| variables.contains_key(&format!("{side}/layer_{layer}/self_attention/linear_0/weight"));
            (0..=64).take_while(present).count() as u32
        };
        let mut sizes = Self {
            vocabulary: dimension("decoder/embeddings/weight", 2, 0, 100_000)?,
            audio_context: dimension("encoder/position_encodings/encodings", 2, 0, 8192)?,
            audio_state: dimension("encoder/position_encodings/encodings", 2, 1, 8192)?,
            audio_heads: 0,
            audio_layers: layers("encoder"),
            text_context: dimension("decoder/position_encodings/encodings", 2, 0, 8192)?,
            text_state: dimension("decoder/position_encodings/encodings", 2, 1, 8192)?,
            text_heads: 0,
            text_layers: layers("decoder"),
            mels: dimension("encoder/conv1/weight", 3, 1, 256)?,
        };
        sizes.audio_heads = heads(variables, fields, "encoder/num_heads", sizes.audio_state)?;
        sizes.text_heads = heads(variables, fields, "decoder/num_heads", sizes.text_state)?;
        if !(1..=64).contains(&sizes.audio_layers) || !(1..=64).contains(&sizes.text_layers) {
            return Err(invalid(format!("{} and {} layers are no Whisper", sizes.audio_layers, sizes.text_layers)));
        }
        Ok(sizes)
    }
}

/// A scalar of one or two bytes beside the weights. Every Whisper has heads of 64.
fn heads<R: Read + Seek>(
    variables: &HashMap<String, Variable>,
    fields: &mut Fields<R>,
    name: &str,
    state: u32,
) -> Result<u32, EngineError> {
    let Some(variable) = variables.get(name) else { return Ok(state / 64) };
    fields.seek(variable.offset, name)?;
    let heads = match variable.bytes {
        1 => u32::from(fields.u8(name)?),
        2 => u32::from(fields.u16(name)?),
        bytes => return Err(invalid(format!("{name} has {bytes} bytes"))),
    };
    if heads == 0 || !state.is_multiple_of(heads) {
        return Err(invalid(format!("{heads} heads do not divide a state of {state}")));
    }
    Ok(heads)
}

fn write_header(sizes: &Sizes, tokens: &[Vec<u8>], output: &mut impl Write) -> std::io::Result<()> {
    let numbers = [
        GGML_MAGIC,
        sizes.vocabulary,
        sizes.audio_context,
        sizes.audio_state,
        sizes.audio_heads,
        sizes.audio_layers,
        sizes.text_context,
        sizes.text_state,
        sizes.text_heads,
        sizes.text_layers,
        sizes.mels,
        FTYPE_F16,
        sizes.mels,
        mel::BINS as u32,
    ];
    for number in numbers {
        output.write_all(&number.to_le_bytes())?;
    }
    for weight in mel::filters(sizes.mels as usize) {
        output.write_all(&weight.to_le_bytes())?;
    }
    output.write_all(&(tokens.len() as u32).to_le_bytes())?;
    for token in tokens {
        output.write_all(&(token.len() as u32).to_le_bytes())?;
        output.write_all(token)?;
    }
    Ok(())
}

fn write_tensor<R: Read + Seek>(
    fields: &mut Fields<R>,
    variables: &HashMap<String, Variable>,
    tensor: &Tensor,
    output: &mut impl Write,
) -> Result<(), EngineError> {
    let source = variable(variables, &tensor.variable)?;
    let what = &tensor.variable;
    if source.data_type != FLOAT16 {
        return Err(invalid(format!("{what} has data type {}; only float16 models can be converted", source.data_type)));
    }
    let row_bytes = 2 * tensor.shape[1..].iter().map(|&size| u64::from(size)).product::<u64>();
    let (first, rows) = tensor.rows.unwrap_or((0, tensor.shape[0]));
    let start = u64::from(first) * row_bytes;
    let bytes = u64::from(rows) * row_bytes;
    let elements: u64 = source.shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size.into())).unwrap_or(u64::MAX);
    let whole = tensor.rows.is_some() || bytes == source.bytes;
    if elements.checked_mul(2) != Some(source.bytes) || start + bytes > source.bytes || !whole {
        return Err(invalid(format!("{what} has an unexpected shape {:?} ({} bytes)", source.shape, source.bytes)));
    }
    write_tensor_header(tensor, output).map_err(unwritable)?;
    fields.seek(source.offset + start, what)?;
    if tensor.as_f32 {
        fields.copy(bytes, output, what, |halves, floats| {
            for half in halves.as_chunks::<2>().0 {
                floats.extend_from_slice(&half_to_f32(u16::from_le_bytes(*half)).to_le_bytes());
            }
        })
    } else {
        fields.copy(bytes, output, what, |halves, same| same.extend_from_slice(halves))
    }
}

fn write_tensor_header(tensor: &Tensor, output: &mut impl Write) -> std::io::Result<()> {
    let numbers = [tensor.shape.len() as u32, tensor.name.len() as u32, u32::from(!tensor.as_f32)];
    // ggml states the innermost dimension first.
    for number in numbers.into_iter().chain(tensor.shape.iter().rev().copied()) {
        output.write_all(&number.to_le_bytes())?;
    }
    output.write_all(tensor.name.as_bytes())
}

/// IEEE 754 binary16 to binary32, exactly.
fn half_to_f32(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let exponent = u32::from(half >> 10) & 0x1f;
    let fraction = u32::from(half & 0x3ff);
    match exponent {
        // Subnormal: fraction × 2⁻²⁴ is exact in binary32.
        0 => f32::from_bits(sign | (fraction as f32 / 16_777_216.0).to_bits()),
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}
