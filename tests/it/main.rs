//! Integration tests, one binary for all.

#[path = "../support/mod.rs"]
mod support;

mod database;
mod http;
