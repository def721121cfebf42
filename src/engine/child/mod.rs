//! The engine child: the one place with native engine crates and `unsafe`.
//!
//! [`main`] settles the process (`settle`), seals it ([`sandbox`]), loads its model, then serves frames (`serve`): one
//! thread reads them, the main thread works. Each engine is a [`Worker`] or a [`Batcher`].

mod arguments;
pub mod asr;
#[cfg(test)]
mod damage;
mod embedding;
mod encoder;
mod kernels;
pub mod llm;
pub mod parse;
pub mod privileges;
mod probe;
mod program;
pub mod sandbox;
mod serve;
mod settle;
#[cfg(test)]
mod testing;

use std::{
    cell::Cell,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub use arguments::ChildArguments;

use super::{
    EngineError,
    backend::Backend,
    confinement::ConfinementReport,
    tools::AnswerStyle,
    wire::{EngineKind, Event, FromChild, ReadyReport, Request, STARTING, blocking},
};

/// An engine and how it takes requests on. One thread owns it.
pub enum Engine {
    OneByOne(Box<dyn Worker>),
    Together(Box<dyn Batcher>),
}

/// An engine that serves one request after the other.
pub trait Worker {
    /// Serves one request: sends its events through `reply`, stops early when `reply` is cancelled.
    ///
    /// `descriptors` are those that came with the request (`parse` and `asr` take some).
    fn serve(&mut self, request: Request, descriptors: Vec<OwnedFd>, reply: &Reply) -> Result<(), EngineError>;
}

/// An engine that serves requests together, a step of the work at a time.
pub trait Batcher {
    /// How many requests it works on at the same time.
    fn places(&self) -> u32;

    /// Whether there is anything to do.
    fn is_busy(&self) -> bool;

    /// Takes a request on. What is wrong with it goes to `reply`, and dropping `reply` ends the request.
    fn begin(&mut self, request: Request, descriptors: Vec<OwnedFd>, reply: Reply);

    /// Works on all requests for a quarter of a second or so, and drops those that are cancelled.
    fn step(&mut self);
}

/// What a loaded model is, for the ready report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModelFacts {
    /// Tokens; 0 where it has no meaning.
    pub context_length: u32,
    /// Length of an embedding; else 0.
    pub dimensions: u32,
    pub has_chat_template: bool,
    /// How a language model's answers are to be read.
    pub answers: AnswerStyle,
}

/// Takes what engines say to the server.
trait Post: Send + Sync {
    /// An error means that the server is gone.
    fn send(&self, message: &FromChild) -> io::Result<()>;

    /// Nothing more comes for this request.
    fn end(&self, id: u64);
}

/// Where the events of one request go. Dropping it ends the request.
pub struct Reply {
    id: u64,
    post: Arc<dyn Post>,
    cancelled: Arc<AtomicBool>,
}

impl Reply {
    fn new(id: u64, post: Arc<dyn Post>, cancelled: Arc<AtomicBool>) -> Self {
        Self { id, post, cancelled }
    }

    /// Sends one event. An error means that the server is gone; return it.
    pub fn send(&self, event: Event) -> Result<(), EngineError> {
        let sent = self.post.send(&FromChild::Event { id: self.id, event });
        sent.map_err(|error| EngineError::Unavailable(format!("the server is gone: {error}")))
    }

    /// Tells that there is no answer, or no more of it, and why.
    pub fn fail(self, error: EngineError) {
        // A server that is gone is noticed by the thread that reads.
        let _ = self.post.send(&FromChild::Error { id: self.id, error });
    }

    /// Whether the asker is gone. Look at least every 100 ms of work.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// The flag, for work on other threads.
    fn cancel_handle(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// The flag itself, for native callbacks.
    pub fn cancel_flag(&self) -> &AtomicBool {
        &self.cancelled
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.post.end(self.id);
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
        Ok((engine, report)) => {
            if blocking::send(&socket, &FromChild::Ready(report)).is_err() {
                return ExitCode::FAILURE;
            }
            serve::serve(socket, engine)
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
fn start(arguments: &ChildArguments, socket: &UnixStream) -> Result<(Engine, ReadyReport), EngineError> {
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
    let (engine, facts) = engine(arguments, &loading)?;
    let ModelFacts { context_length, dimensions, has_chat_template, answers } = facts;
    let places = match &engine {
        Engine::OneByOne(_) => 1,
        Engine::Together(batcher) => batcher.places(),
    };
    Ok((engine, ReadyReport { confinement, context_length, dimensions, has_chat_template, answers, places }))
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
fn engine(arguments: &ChildArguments, loading: &dyn Fn(f32)) -> Result<(Engine, ModelFacts), EngineError> {
    let model = || arguments.model.as_deref().ok_or_else(|| EngineError::InvalidRequest("this engine needs a model file".into()));
    let one_by_one = |(worker, facts)| (Engine::OneByOne(worker), facts);
    let together = |(batcher, facts)| (Engine::Together(batcher), facts);
    match arguments.kind {
        EngineKind::Embedding if arguments.backend != Backend::Ggml => {
            encoder::load(model()?, &arguments.backend, &arguments.options, loading).map(together)
        }
        EngineKind::Llm => llm::load_generator(model()?, &arguments.options, loading).map(together),
        EngineKind::Embedding => llm::load_embedder(model()?, &arguments.options, loading).map(together),
        EngineKind::Asr => asr::load(model()?, &arguments.options, loading).map(one_by_one),
        EngineKind::Parse => Ok((Engine::OneByOne(Box::new(parse::ParseWorker)), ModelFacts::default())),
    }
}
