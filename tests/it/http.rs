//! The API as a client sees it: the whole router, a real PostgreSQL, engines that follow a script.

mod bad_dreams;
mod bad_input;
mod care;
mod document;
pub mod engines;
mod failures;
mod guard;
pub mod house;
mod interpret;
mod lore;
mod models;
mod ollama;
mod openai;
mod remarks;
mod server;
mod speech;
mod system;
mod waits;
mod web_app;
