//! Test support: asks engines in this process what a server would ask them over the wire.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Batcher, Post, Reply, Worker};
use crate::engine::{
    EngineError,
    wire::{Event, FromChild, Request},
};

/// Why a request failed, if it did, and the events of its answer.
pub type Answered = (Result<(), EngineError>, Vec<Event>);

/// Sees each event and asks to cancel by returning false.
type Watch = Box<dyn FnMut(&Event) -> bool + Send>;

/// Somebody who has asked something.
pub struct Asker {
    heard: Mutex<Heard>,
    cancelled: Arc<AtomicBool>,
}

struct Heard {
    events: Vec<Event>,
    error: Option<EngineError>,
    ended: bool,
    watch: Watch,
}

impl Post for Asker {
    fn send(&self, message: &FromChild) -> io::Result<()> {
        let mut heard = self.heard.lock().unwrap();
        assert!(!heard.ended, "{message:?} comes after the end");
        // The wire is the only way to copy an event.
        let message: FromChild = postcard::from_bytes(&postcard::to_stdvec(message).unwrap()).unwrap();
        match message {
            FromChild::Event { event, .. } => {
                if !(heard.watch)(&event) {
                    self.cancelled.store(true, Ordering::Relaxed);
                }
                heard.events.push(event);
            }
            FromChild::Error { error, .. } => heard.error = Some(error),
            other => panic!("{other:?} is not for an asker"),
        }
        Ok(())
    }

    fn end(&self, _: u64) {
        self.heard.lock().unwrap().ended = true;
    }
}

impl Asker {
    pub fn new(watch: impl FnMut(&Event) -> bool + Send + 'static) -> Arc<Self> {
        let heard = Heard { events: Vec::new(), error: None, ended: false, watch: Box::new(watch) };
        Arc::new(Self { heard: Mutex::new(heard), cancelled: Arc::default() })
    }

    pub fn reply(self: &Arc<Self>) -> Reply {
        Reply::new(1, Arc::clone(self) as Arc<dyn Post>, Arc::clone(&self.cancelled))
    }

    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub fn has_ended(&self) -> bool {
        self.heard.lock().unwrap().ended
    }

    /// What has come until now.
    pub fn answered(&self) -> Answered {
        let mut heard = self.heard.lock().unwrap();
        (heard.error.take().map_or(Ok(()), Err), std::mem::take(&mut heard.events))
    }
}

/// Has one request served.
pub fn serve(
    worker: &mut dyn Worker,
    request: Request,
    descriptors: Vec<OwnedFd>,
    watch: impl FnMut(&Event) -> bool + Send + 'static,
) -> Answered {
    let asker = Asker::new(watch);
    let reply = asker.reply();
    let result = worker.serve(request, descriptors, &reply);
    drop(reply);
    let (_, events) = asker.answered();
    (result, events)
}

/// Hands a request over.
pub fn begin(batcher: &mut dyn Batcher, request: Request, watch: impl FnMut(&Event) -> bool + Send + 'static) -> Arc<Asker> {
    let asker = Asker::new(watch);
    batcher.begin(request, Vec::new(), asker.reply());
    asker
}

/// Works until there is nothing left to do.
pub fn finish(batcher: &mut dyn Batcher) {
    while batcher.is_busy() {
        batcher.step();
    }
}
