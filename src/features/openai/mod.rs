//! The API that existing clients speak: OpenAI's shapes under `/v1`, over the models that run here.
//!
//! Owns the wire types ([`model`]), the way from a request to what an engine is asked ([`chat`], [`sampling`]), and the way
//! back ([`answers`]). Finds engines through [`ServedModels`] alone, so that whoever runs them may load on demand.
//!
//! A field that this server does not have is refused by its name ([`fields`]): a client learns that it asked for something
//! it does not get. Errors are the house's own; [`failure`] is how they look in OpenAI's words.

mod aliases;
mod answers;
mod blame;
mod chat;
mod completion;
mod constraint;
mod dialog;
mod embedding;
mod failure;
mod fields;
mod logprobs;
pub mod model;
mod narration;
mod reading;
mod response;
pub mod routes;
mod sampling;
mod served;
mod service;
mod tokens;
mod tooling;
mod transcript;

pub use aliases::{Aliases, Task};
pub use answers::{Answers, Ending, Heard, Told, Whole};
pub use blame::Fields;
pub use constraint::{check_stops, json_object, json_schema};
pub use embedding::embed;
pub use failure::Failure;
pub use fields::{Advice, Wire, read};
pub use model::{EmbeddingsRequest, Inputs, OneOrMany, Role, Tool, Vector};
pub use narration::{Line, Narrator, narrate};
pub use routes::ApiBody;
pub use sampling::{Defaults, SamplingFields, stops};
pub use served::{ModelCard, ServedEmbedder, ServedGenerator, ServedModels, ServedTranscriber};
pub use service::{ModelApi, Prompts, Writing};
pub use tooling::Tooling;
