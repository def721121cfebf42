//! What must always hold: one target, so that the executable is linked once. Most of it judges the real executable from
//! outside, on real models and a real PostgreSQL.

#![expect(clippy::disallowed_methods, reason = "tests start programs and speak to servers of their own")]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod architecture;
mod audio;
mod bad_audio;
mod bad_input;
mod bench;
mod bench_appliance;
mod clients;
mod command_line;
mod damaged_models;
mod database;
mod docs;
mod encoders;
mod encoders_serving;
mod engine_host;
mod engine_host_models;
mod faults;
mod http;
mod models_fit;
mod models_optimize;
mod network;
mod on_demand;
mod openai;
mod openai_load;
mod pull;
mod pull_over_http;
mod serve;
mod service;
mod settings;
mod start_up;
mod stopping;
mod unit;
mod waiting;
