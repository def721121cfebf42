//! The engine child: the one place with native engine crates and `unsafe`.
//!
//! [`main`] seals the process ([`sandbox`]), loads its model, then serves frames: one thread reads them, this one
//! works. Each engine is a [`Worker`].

pub mod asr;
pub mod llm;
pub mod parse;
pub mod sandbox;

use std::{
    os::fd::OwnedFd,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    EngineError,
    wire::{Event, Request},
};

/// One engine, owned by one thread.
pub trait Worker {
    /// Serves one request: sends its events through `reply`, stops early when `reply` is cancelled.
    ///
    /// `descriptors` are those that came with the request (only `parse` takes any).
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
