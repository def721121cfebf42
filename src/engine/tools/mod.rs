//! Calls of tools in what a model writes: how each family marks them, reading them from a stream, forcing one.
//!
//! Pure text work. The engine chooses the [`ToolStyle`] from the model's chat template and tells it in its
//! [`AnswerStyle`]; whoever shows the answer feeds a [`ToolReader`] with it.

mod channels;
mod forced;
mod json;
mod lane;
mod notation;
mod pieces;
mod reader;
mod style;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use forced::{MAX_TOOLS, forced_call};
pub use pieces::Piece;
pub use reader::ToolReader;
pub use style::{ToolStyle, knows_reasoning, opens_reasoning};

use super::Reasoning;

/// How a model's answers are to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerStyle {
    pub tools: ToolStyle,
    pub opens_reasoning: OpensReasoning,
}

impl AnswerStyle {
    /// Whether an answer begins inside the model's reasoning, since the prompt has opened it.
    pub fn begins_in_reasoning(&self, reasoning: Reasoning) -> bool {
        match reasoning {
            Reasoning::Default => self.opens_reasoning.by_default,
            Reasoning::Off => self.opens_reasoning.off,
            Reasoning::Low | Reasoning::Medium | Reasoning::High => self.opens_reasoning.on,
        }
    }
}

/// For each way to ask for reasoning: does the prompt open it?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpensReasoning {
    pub by_default: bool,
    pub off: bool,
    pub on: bool,
}

/// Whether a tool can be called so: 1 to 64 letters, digits, `_`, `-` or `.`.
pub fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// The id of a call in nine letters and digits, which is what Mistral's templates take; such an id stays as it is.
pub fn short_id(id: &str) -> String {
    const LENGTH: usize = 9;
    if id.len() == LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    // FNV-1a: the same id has the same short form in every process.
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut short = String::with_capacity(LENGTH);
    for _ in 0..LENGTH {
        short.push(char::from_digit((hash % 36) as u32, 36).unwrap_or('0'));
        hash /= 36;
    }
    short
}
