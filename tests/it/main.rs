//! The integration tests: one target, so that the executable is linked once.

mod engine_host;
mod engine_host_models;
