//! The engine child: the one place with native engine crates and `unsafe`.
//!
//! [`main`] settles the process (`settle`), seals it ([`sandbox`]), loads its model, then serves frames (`serve`): one
//! thread reads them, the main thread works. Each engine is a [`Worker`].

mod arguments;
pub mod asr;
#[cfg(test)]
mod damage;
mod encoder;
pub mod llm;
pub mod parse;
pub mod privileges;
mod probe;
mod program;
pub mod sandbox;
mod serve;
mod settle;
mod vectors;

use std::{
    cell::Cell,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

pub use arguments::ChildArguments;

use super::{
    EngineError,
    backend::Backend,
    confinement::ConfinementReport,
    wire::{EngineKind, Event, FromChild, ReadyReport, Request, STARTING, blocking},
};

/// One engine, owned by one thread.
pub trait Worker {
    /// Serves one request: sends its events through `reply`, stops early when `reply` is cancelled.
    ///
    /// `descriptors` are those that came with the request (`parse` and `asr` take some).
    fn serve(&mut self, request: Request, descriptors: Vec<OwnedFd>, reply: &Reply<'_>) -> Result<(), EngineError>;
}

/// What a loaded model is, for the ready report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModelFacts {
    /// Tokens; 0 where it has no meaning.
    pub context_length: u32,
    /// Length of an embedding; else 0.
    pub dimensions: u32,
    pub has_chat_template: bool,
}

/// Where a worker's events go.
pub struct Reply<'a> {
    pub(super) send: &'a dyn Fn(Event) -> Result<(), EngineError>,
    pub(super) cancelled: &'a AtomicBool,
}

impl Reply<'_> {
    /// Sends one event. An error means that the server is gone; return it.
    pub fn send(&self, event: Event) -> Result<(), EngineError> {
        (self.send)(event)
    }

    /// Whether the asker is gone. Look at least every 100 ms of work.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// The flag itself, for native callbacks.
    pub fn cancel_flag(&self) -> &AtomicBool {
        self.cancelled
    }
}

/// The whole life of an engine child. Call it before the process has any other thread.
///
/// Why it could not start goes to the server as a frame and to stderr as text.
pub fn main(arguments: &ChildArguments) -> ExitCode {
    let socket = match settle::settle(arguments) {
        Ok(socket) => socket,
        Err(error) => {
            eprintln!("the engine child could not set itself up: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    match start(arguments, &socket) {
        Ok((worker, report)) => {
            if blocking::send(&socket, &FromChild::Ready(report)).is_err() {
                return ExitCode::FAILURE;
            }
            serve::serve(socket, worker)
        }
        Err(error) => {
            eprintln!("{error}");
            // Nobody reads it when the server is gone, and then nobody needs it.
            let _ = blocking::send(&socket, &FromChild::Error { id: STARTING, error });
            ExitCode::FAILURE
        }
    }
}

/// Seals the process, then loads the model.
fn start(arguments: &ChildArguments, socket: &UnixStream) -> Result<(Box<dyn Worker>, ReadyReport), EngineError> {
    if matches!(arguments.backend, Backend::Onnx { .. }) {
        encoder::load_system_libraries();
    }
    let confinement = confine(arguments)?;
    let told = Cell::new(-1.0_f32);
    let loading = |fraction: f32| {
        // Native loaders call back for every tensor; a hundred steps are enough for people.
        if fraction - told.get() >= 0.01 {
            told.set(fraction);
            // A server that is gone is noticed when the first frame is read.
            let _ = blocking::send(socket, &FromChild::Loading { fraction });
        }
    };
    loading(0.0);
    let (worker, facts) = worker(arguments, &loading)?;
    let ModelFacts { context_length, dimensions, has_chat_template } = facts;
    Ok((worker, ReadyReport { confinement, context_length, dimensions, has_chat_template }))
}

/// Seals the process and tells what holds; an engine that cannot be sealed starts only if the operator allowed it.
fn confine(arguments: &ChildArguments) -> Result<ConfinementReport, EngineError> {
    let Some(confinement) = &arguments.confinement else { return Ok(sandbox::unconfined()) };
    match sandbox::seal(confinement) {
        Ok(report) => Ok(report),
        Err(error) if arguments.allow_unsandboxed => {
            eprintln!("running without confinement, as allowed: {error:#}");
            Ok(sandbox::unconfined())
        }
        Err(error) => Err(EngineError::Unavailable(format!("it cannot be confined: {error:#}"))),
    }
}

/// Loads the model and builds the engine that serves it. `loading` is told how far it is, 0 to 1.
fn worker(arguments: &ChildArguments, loading: &dyn Fn(f32)) -> Result<(Box<dyn Worker>, ModelFacts), EngineError> {
    let model = || arguments.model.as_deref().ok_or_else(|| EngineError::InvalidRequest("this engine needs a model file".into()));
    match arguments.kind {
        EngineKind::Embedding if arguments.backend != Backend::Ggml => {
            encoder::load(model()?, &arguments.backend, &arguments.options, loading)
        }
        EngineKind::Llm => llm::load_generator(model()?, &arguments.options, loading),
        EngineKind::Embedding => llm::load_embedder(model()?, &arguments.options, loading),
        EngineKind::Asr => asr::load(model()?, &arguments.options, loading),
        EngineKind::Parse => Ok((Box::new(parse::ParseWorker), ModelFacts::default())),
    }
}
