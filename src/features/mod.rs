//! What users do, one module each. A feature calls another only through its `mod.rs`.

pub mod accounts;
pub mod care;
pub mod dreams;
pub mod events;
pub mod lore;
pub mod models;
pub mod ollama;
pub mod openai;
pub mod speech;
pub mod system;
