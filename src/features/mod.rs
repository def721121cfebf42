//! What users do, one module each, and [`learned`], the numbers that two of them keep in files. A feature calls another only through
//! its `mod.rs`.

pub mod accounts;
pub mod care;
pub mod dreams;
pub mod events;
mod learned;
pub mod lore;
pub mod models;
pub mod ollama;
pub mod openai;
pub mod speech;
pub mod system;
