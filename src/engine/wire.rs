//! Frames between the server and an engine child, over one socketpair.
//!
//! A frame is a `u32` length (little endian) and a postcard body of at most [`MAX_FRAME_BYTES`]. Descriptors for a
//! [`ToChild::Request`] travel with the frame's first byte (`SCM_RIGHTS`). Every request ends with exactly one
//! finishing event or [`FromChild::Error`]; the child then sends [`FromChild::Done`]. An error under
//! [`STARTING`] tells why the child could not start.

pub(in crate::engine) mod blocking;
pub(in crate::engine) mod connection;
mod frame;

pub(in crate::engine) use frame::encode;

use serde::{Deserialize, Serialize};

use super::{
    EmbeddingRequest, Embeddings, EngineError, GenerationEvent, GenerationRequest, TranscriptionEvent, TranscriptionRequest,
    confinement::ConfinementReport,
    parse::{ParseOutcome, ParseRequest},
    tools::AnswerStyle,
};

/// The largest frame that either side accepts. Recordings and files travel as descriptors.
pub const MAX_FRAME_BYTES: u32 = 64 * 1024 * 1024;

/// The most that a child may answer to one request, all its frames together; a reading's takes some 100 KiB, and vectors
/// of sixteen texts 100 KiB. A child is not trusted: what it sends is held in the server's memory.
pub const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The most descriptors that travel with one request (the kernel's own limit is 253).
pub const MAX_DESCRIPTORS: usize = 250;

/// The id under which a child reports that it could not start. Requests count from 1.
pub const STARTING: u64 = 0;

/// Which model an engine child holds, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    Llm,
    Embedding,
    Asr,
    Parse,
}

/// From the server to a child.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToChild {
    Request {
        id: u64,
        request: Request,
    },
    /// The asker is gone; stop within two seconds and send `Done`.
    Cancel {
        id: u64,
    },
}

/// The work of one request.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    Generate(GenerationRequest),
    Embed(EmbeddingRequest),
    Transcribe(TranscriptionRequest),
    Parse(ParseRequest),
    /// `oneiros selfcheck sandbox`: try what the sandbox forbids and tell what happened.
    Probe(ProbeRequest),
}

/// From a child to the server.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromChild {
    /// Loading goes on: extends the ready deadline. `fraction` is 0 to 1.
    Loading {
        fraction: f32,
    },
    Ready(ReadyReport),
    Event {
        id: u64,
        event: Event,
    },
    Error {
        id: u64,
        error: EngineError,
    },
    /// Nothing more comes for this request.
    Done {
        id: u64,
    },
}

/// One event of one request.
#[derive(Debug, Serialize, Deserialize)]
pub enum Event {
    Generation(GenerationEvent),
    Embeddings(Embeddings),
    Transcription(TranscriptionEvent),
    Parsed(ParseOutcome),
    Probed(Vec<ProbeResult>),
    /// It works and has nothing to tell yet.
    Working,
}

/// What a child tells once its model is loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadyReport {
    pub confinement: ConfinementReport,
    /// Tokens (llm, embedding); 0 where it has no meaning.
    pub context_length: u32,
    /// Embedding engines: length of a vector; else 0.
    pub dimensions: u32,
    /// Whether the model brings a chat template.
    pub has_chat_template: bool,
    /// How a language model's answers are to be read.
    pub answers: AnswerStyle,
    /// How many requests it works on at the same time.
    pub places: u32,
}

/// What a probe may touch, chosen by the parent so that the same attempts can run unconfined.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// A loopback TCP port that listens.
    pub tcp_port: u16,
    /// A loopback UDP port that is bound.
    pub udp_port: u16,
    /// A bound abstract socket's name.
    pub abstract_socket: String,
    /// The server's state directory.
    pub state_directory: std::path::PathBuf,
    /// Another process whose memory is tried.
    pub victim_pid: u32,
    /// The program that the profile `one-program` permits.
    pub own_program: Option<std::path::PathBuf>,
}

/// One attempt of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// What was tried, in words.
    pub attempt: String,
    /// Whether the profile permits it: then it must succeed.
    pub permitted: bool,
    pub denied: bool,
    /// The error's name (`EPERM`, `EACCES`) or what succeeded.
    pub outcome: String,
}
