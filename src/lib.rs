//! Oneiros: dreams are interpreted, heard and found again by models that run on this machine and cannot reach a network.
//!
//! # The map
//!
//! | module | owns |
//! |---|---|
//! | [`cli`] | the roles of the executable: server, engine child, one-shot commands |
//! | [`app`] | the server's shared state and its ordered start and stop |
//! | [`http`] | router assembly, limits, problem details, server-sent events, sockets |
//! | [`features`] | what users do, one module each: accounts, care, dreams, events, lore, speech, models, system, and the protocols of OpenAI and Ollama |
//! | [`engine`] | inference behind small traits; engines are confined child processes |
//! | [`models`] | the catalogue, the artefact store, pulling, importing, converting |
//! | [`jobs`] | durable work in PostgreSQL |
//! | [`db`] | the private PostgreSQL cluster or the operator's own, pool and migrations |
//! | [`egress`] | the one door outward |
//! | [`config`] | settings: raw, then validated, then immutable |
//! | [`error`] | error kinds and where each is used |
//!
//! # What may depend on what
//!
//! `main → cli → app → http → features → {engine, models, jobs, db} → egress → config, error`, never upward.
//! `axum` lives in `http/` and `features/*/routes.rs`; `sqlx` in `db/`, `jobs/` and `features/*/store.rs`; native
//! engine crates and `unsafe` in `engine/child/` alone. `tests/it/architecture.rs` keeps these rules.

pub mod app;
pub mod cli;
pub mod config;
pub mod db;
pub mod egress;
pub mod engine;
pub mod error;
pub mod features;
pub mod http;
pub mod jobs;
pub mod models;
