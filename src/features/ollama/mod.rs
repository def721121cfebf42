//! Ollama's protocol, over the same models and the same service as [`crate::features::openai`].
//!
//! Owns that protocol's wire types ([`model`]), its options ([`options`]) and its way to tell answers, one JSON object a
//! line ([`narration`]). It is served on a listener of its own, which is off unless the operator names a loopback address.

mod chat;
mod keep_alive;
mod model;
mod narration;
mod options;
pub mod routes;
mod tags;
