//! Writing GGUF version 3 (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>).

use std::io::Write;

/// Tensor data begin at multiples of this.
pub const ALIGNMENT: u64 = 32;

pub const F32: u32 = 0;
pub const Q4_0: u32 = 2;

/// Numbers of GGUF's value types.
mod value {
    pub const UINT8: u32 = 0;
    pub const UINT32: u32 = 4;
    pub const INT32: u32 = 5;
    pub const FLOAT32: u32 = 6;
    pub const BOOL: u32 = 7;
    pub const STRING: u32 = 8;
    pub const ARRAY: u32 = 9;
}

/// Collects what precedes the tensor data. Offsets follow from the order in which tensors are added.
#[derive(Default)]
pub struct Header {
    metadata: Vec<u8>,
    metadata_count: u64,
    tensors: Vec<u8>,
    tensor_count: u64,
    data_bytes: u64,
}

impl Header {
    fn key(&mut self, key: &str, value_type: u32) {
        string(&mut self.metadata, key.as_bytes());
        self.metadata.extend_from_slice(&value_type.to_le_bytes());
        self.metadata_count += 1;
    }

    fn array(&mut self, key: &str, element_type: u32, count: usize) {
        self.key(key, value::ARRAY);
        self.metadata.extend_from_slice(&element_type.to_le_bytes());
        self.metadata.extend_from_slice(&(count as u64).to_le_bytes());
    }

    pub fn text(&mut self, key: &str, text: &str) {
        self.key(key, value::STRING);
        string(&mut self.metadata, text.as_bytes());
    }

    pub fn number(&mut self, key: &str, number: u32) {
        self.key(key, value::UINT32);
        self.metadata.extend_from_slice(&number.to_le_bytes());
    }

    pub fn float(&mut self, key: &str, number: f32) {
        self.key(key, value::FLOAT32);
        self.metadata.extend_from_slice(&number.to_le_bytes());
    }

    pub fn flag(&mut self, key: &str, flag: bool) {
        self.key(key, value::BOOL);
        self.metadata.push(flag.into());
    }

    pub fn texts(&mut self, key: &str, texts: &[Vec<u8>]) {
        self.array(key, value::STRING, texts.len());
        for text in texts {
            string(&mut self.metadata, text);
        }
    }

    pub fn floats(&mut self, key: &str, numbers: &[f32]) {
        self.array(key, value::FLOAT32, numbers.len());
        self.metadata.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }

    pub fn integers(&mut self, key: &str, numbers: &[i32]) {
        self.array(key, value::INT32, numbers.len());
        self.metadata.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }

    pub fn bytes(&mut self, key: &str, bytes: &[u8]) {
        self.array(key, value::UINT8, bytes.len());
        self.metadata.extend_from_slice(bytes);
    }

    /// Adds a tensor; `shape` has the innermost dimension first. Its data must be written in the same order, each
    /// followed by [`padding`].
    pub fn tensor(&mut self, name: &str, shape: &[u64], tensor_type: u32, bytes: u64) {
        string(&mut self.tensors, name.as_bytes());
        self.tensors.extend_from_slice(&(shape.len() as u32).to_le_bytes());
        self.tensors.extend(shape.iter().flat_map(|size| size.to_le_bytes()));
        self.tensors.extend_from_slice(&tensor_type.to_le_bytes());
        self.tensors.extend_from_slice(&self.data_bytes.to_le_bytes());
        self.tensor_count += 1;
        self.data_bytes += bytes + padding(bytes).len() as u64;
    }

    /// Writes all that precedes the first tensor's data.
    pub fn write(&self, output: &mut impl Write) -> std::io::Result<()> {
        output.write_all(b"GGUF")?;
        output.write_all(&3_u32.to_le_bytes())?;
        output.write_all(&self.tensor_count.to_le_bytes())?;
        output.write_all(&self.metadata_count.to_le_bytes())?;
        output.write_all(&self.metadata)?;
        output.write_all(&self.tensors)?;
        output.write_all(padding(24 + self.metadata.len() as u64 + self.tensors.len() as u64))
    }
}

fn string(target: &mut Vec<u8>, text: &[u8]) {
    target.extend_from_slice(&(text.len() as u64).to_le_bytes());
    target.extend_from_slice(text);
}

/// The zeros that bring `bytes` to a multiple of [`ALIGNMENT`].
pub fn padding(bytes: u64) -> &'static [u8] {
    const ZEROS: [u8; ALIGNMENT as usize] = [0; ALIGNMENT as usize];
    &ZEROS[..(bytes.next_multiple_of(ALIGNMENT) - bytes) as usize]
}
