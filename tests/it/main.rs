//! What must always hold: one target, so that the executable is linked once. Most of it judges the real executable from
//! outside, on real models and a real PostgreSQL.

#[path = "../support/mod.rs"]
mod support;

mod architecture;
mod database;
mod engine_host;
mod http;
