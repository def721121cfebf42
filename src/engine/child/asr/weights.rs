//! Whisper's weights in 8 bits: half the bytes to read for every word, and products that have a kernel of their own
//! ([`crate::engine::child::kernels`]).
//!
//! The input is a ggml file of whisper.cpp in half precision, as `convert-pt-to-ggml.py` writes it; the output is what
//! whisper.cpp's `quantize` makes of it with Q8_0.

use std::{fs::File, path::Path};

use llama_cpp_sys_2::{GGML_TYPE_F16, GGML_TYPE_F32, GGML_TYPE_Q8_0, ggml_fp16_to_fp32_row, ggml_quantize_chunk};

use crate::engine::{
    EngineError,
    child::parse::{
        fields::{Fields, invalid},
        whisper::GGML_MAGIC,
    },
};

/// ggml's number for "mostly 16-bit floats", and for Q8_0 in the second version of quantization.
const MOSTLY_F16: u32 = 1;
const MOSTLY_Q8_0: u32 = 2007;
/// Numbers of the header before the last, which says how the weights are kept.
const SIZES: u64 = 10;
/// Values of a block of Q8_0, and its bytes.
const BLOCK: usize = 32;
const BLOCK_BYTES: usize = 34;
const LONGEST_NAME: u64 = 256;
const LONGEST_TOKEN: u64 = 1 << 16;

/// The file with matrices in 8 bits. `None`: they are not in half precision, or this is no such file, which whisper.cpp will say.
pub fn in_8_bits(model: &Path) -> Option<Vec<u8>> {
    let mut fields = Fields::new(File::open(model).ok()?).ok()?;
    let mut output = Vec::new();
    copy_head(&mut fields, &mut output).ok().filter(|is_half_precision| *is_half_precision)?;
    while fields.remaining() > 0 {
        copy_tensor(&mut fields, &mut output).ok()?;
    }
    Some(output)
}

type Input = Fields<File>;

fn copy(fields: &mut Input, bytes: u64, output: &mut Vec<u8>, what: &str) -> Result<(), EngineError> {
    output.extend(fields.bytes(bytes, u64::MAX, what)?);
    Ok(())
}

fn copy_number(fields: &mut Input, output: &mut Vec<u8>, what: &str) -> Result<u32, EngineError> {
    let number = fields.u32(what)?;
    output.extend(number.to_le_bytes());
    Ok(number)
}

/// Sizes, filters and tokens; whether the weights are in half precision.
fn copy_head(fields: &mut Input, output: &mut Vec<u8>) -> Result<bool, EngineError> {
    if copy_number(fields, output, "the magic number")? != GGML_MAGIC {
        return Ok(false);
    }
    copy(fields, SIZES * 4, output, "the sizes")?;
    if fields.u32("the kind of weights")? != MOSTLY_F16 {
        return Ok(false);
    }
    output.extend(MOSTLY_Q8_0.to_le_bytes());
    let (filters, bins) = (copy_number(fields, output, "the filters")?, copy_number(fields, output, "the filters")?);
    copy(fields, u64::from(filters) * u64::from(bins) * 4, output, "the filters")?;
    for _ in 0..copy_number(fields, output, "the number of tokens")? {
        let length = u64::from(copy_number(fields, output, "a token")?);
        output.extend(fields.bytes(length, LONGEST_TOKEN, "a token")?);
    }
    Ok(true)
}

fn copy_tensor(fields: &mut Input, output: &mut Vec<u8>) -> Result<(), EngineError> {
    let (rank, name_length, kind) = (fields.u32("a rank")?, fields.u32("a name")?, fields.u32("a type")?);
    let lengths = (0..rank.min(4)).map(|_| fields.u32("a shape")).collect::<Result<Vec<_>, _>>()?;
    let name = fields.bytes(name_length.into(), LONGEST_NAME, "a name")?;
    let count = lengths.iter().try_fold(1_u64, |count, length| count.checked_mul(u64::from(*length)));
    let count = count.ok_or_else(|| invalid("a tensor is too large"))?;
    let bytes = match kind {
        GGML_TYPE_F32 => count.checked_mul(4),
        GGML_TYPE_F16 => count.checked_mul(2),
        _ => None,
    };
    let values = fields.bytes(bytes.ok_or_else(|| invalid("a tensor is of another type"))?, u64::MAX, "a tensor")?;
    // Everything else of half precision is a convolution's, which whisper.cpp keeps so.
    let is_matrix = kind == GGML_TYPE_F16 && rank == 2 && lengths[0].is_multiple_of(BLOCK as u32);
    for number in [rank, name_length, if is_matrix { GGML_TYPE_Q8_0 } else { kind }].into_iter().chain(lengths.iter().copied()) {
        output.extend(number.to_le_bytes());
    }
    output.extend(name);
    if is_matrix {
        quantize(&values, lengths[0] as usize, output);
    } else {
        output.extend(values);
    }
    Ok(())
}

/// Rows of so many values in half precision, as blocks.
fn quantize(halves: &[u8], width: usize, output: &mut Vec<u8>) {
    let mut row = vec![0.0_f32; width];
    let mut blocks = vec![0_u8; width / BLOCK * BLOCK_BYTES];
    for halves in halves.chunks_exact(2 * width) {
        let halves: Vec<u16> = halves.as_chunks::<2>().0.iter().map(|half| u16::from_le_bytes(*half)).collect();
        // SAFETY: row and blocks are as long as a row's values and blocks.
        unsafe {
            ggml_fp16_to_fp32_row(halves.as_ptr(), row.as_mut_ptr(), width as i64);
            ggml_quantize_chunk(GGML_TYPE_Q8_0, row.as_ptr(), blocks.as_mut_ptr().cast(), 0, 1, width as i64, std::ptr::null());
        }
        output.extend_from_slice(&blocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::child::llm::tests::artefact;

    #[test]
    fn matrices_take_little_more_than_half_the_bytes_and_nothing_else_changes() {
        let path = artefact("whisper-base");
        let (whole, model) = (std::fs::read(&path).unwrap(), in_8_bits(&path).unwrap());
        let part = model.len() as f64 / whole.len() as f64;
        assert!(part > 0.53 && part < 0.56, "{part}");
        // Sizes, filters and tokens, but for the kind of weights.
        assert_eq!((&whole[..44], &whole[48..100_000]), (&model[..44], &model[48..100_000]));
    }

    #[test]
    fn what_is_no_such_file_is_left_to_whisper() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bin");
        let whole = std::fs::read(artefact("whisper-base")).unwrap();
        for bytes in [&b"GGUF"[..], &whole[..44], &whole[..2_000_000], &in_8_bits(&artefact("whisper-base")).unwrap()] {
            std::fs::write(&path, bytes).unwrap();
            assert!(in_8_bits(&path).is_none(), "{} bytes", bytes.len());
        }
        assert!(in_8_bits(&folder.path().join("nothing")).is_none());
    }
}
