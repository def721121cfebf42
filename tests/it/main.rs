//! The integration tests: one target, so that the executable is linked once.

#[path = "../support/mod.rs"]
mod support;

mod architecture;
mod database;
mod engine_host;
