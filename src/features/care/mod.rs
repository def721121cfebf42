//! Care: whether somebody awake says that they may need help, and the words that are then said.
//!
//! Before any model reads a dream, its text is looked at sentence by sentence ([`text`]). [`frames`] tells what is dreamed from what
//! is waking life; [`rules`] are regular expressions of each language (`assets/care/rules.*.toml`); what was learned of words
//! ([`wording`]) and of the embedding model's vectors ([`classifier`]) from `assets/care/examples.*.toml` finds what no rule says, and
//! takes back what a rule says by mistake.
//! The answer is a topic or nothing: no score leaves the module, nothing is kept, and nobody is told. What is said then was written
//! by people ([`message`]), with [`resources`] from a file that the operator edits.

mod check;
mod classifier;
mod examples;
mod files;
mod fit;
mod frames;
mod learning;
mod message;
mod model;
mod patterns;
mod reading;
mod resources;
pub mod routes;
mod rules;
#[cfg(test)]
mod tests;
mod text;
mod wording;

use serde::{Deserialize, Serialize};

pub use check::{CareCheck, CareEmbedder, Evidence};
pub use message::languages;
pub use model::{CareMessage, CarePage, CareResource};
pub use resources::Resources;

/// What somebody may need help with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CareTopic {
    SelfHarm,
    HarmToOthers,
    Abuse,
}

impl CareTopic {
    const ALL: [Self; 3] = [Self::SelfHarm, Self::HarmToOthers, Self::Abuse];
}
