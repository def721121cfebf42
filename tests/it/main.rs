//! The integration tests: one target, so that the executable is linked once.

mod engine_host;
