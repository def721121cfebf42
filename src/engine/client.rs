//! The engine traits over the wire: one client for each supervised engine.

use std::{fs::File, os::fd::OwnedFd, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::mpsc;

use super::{
    Asker, Embedder, EmbeddingRequest, Embeddings, EngineError, EventStream, GenerationEvent, GenerationRequest, TextGenerator,
    Transcriber, TranscriptionEvent, TranscriptionRequest, Wait,
    child::asr,
    supervisor::{Command, EngineStatus, Shared, Submission, Told},
    wire::{Event, MAX_DESCRIPTORS, ReadyReport, Request, ToChild, connection},
};

/// Texts that go to an embedding engine as one request: it answers when it has the vectors of all of them.
const TEXTS_AT_ONCE: usize = 64;

/// Events that may wait for a slow asker before the rest waits inside this process.
const EVENTS_WAITING: usize = 64;

/// Asks one supervised engine. Clones ask the same engine.
#[derive(Clone)]
pub struct EngineClient {
    shared: Arc<Shared>,
    /// How long the engine is to stay after what is asked here; as usual if `None`.
    keep_alive: Option<Duration>,
}

impl EngineClient {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, keep_alive: None }
    }

    /// The same engine, which stays for so long after each request that is made here, if it is one that comes and goes.
    pub fn keeping(self, keep_alive: Option<Duration>) -> Self {
        Self { keep_alive, ..self }
    }

    /// The catalogue id of the engine's model.
    pub fn model_id(&self) -> &str {
        self.shared.model_id()
    }

    pub fn status(&self) -> EngineStatus {
        self.shared.status()
    }

    /// Waits until the engine can be asked: its model is loaded if it never was. An error when it has given up, which has it try
    /// again for the next, or was stopped.
    pub async fn ready(&self) -> Result<ReadyReport, EngineError> {
        let ready = self.shared.in_time(self.shared.ready()).await;
        ready.inspect_err(|_| self.wake())
    }

    /// Waits until the model is in memory, where it stays as after a request.
    pub async fn load(&self) -> Result<(), EngineError> {
        let loaded = self.shared.in_time(self.shared.loaded()).await;
        loaded.inspect_err(|_| self.wake())?;
        if let Some(stay) = self.shared.stay(self.keep_alive) {
            self.shared.command(Command::Stay(stay));
        }
        Ok(())
    }

    /// Has the model leave memory once the answers that were begun are ended, if it is one that comes and goes.
    pub async fn leave(&self) {
        self.shared.leave().await;
    }

    /// Has an engine that stays load its model, and one that has given up try again when it is next asked.
    pub fn wake(&self) {
        self.shared.command(Command::Wanted);
    }

    /// What it told when it was last ready.
    pub fn last_report(&self) -> Option<ReadyReport> {
        self.shared.last_report()
    }

    /// Starts one request. The stream ends when the child is done with it; dropping the stream cancels the request.
    pub fn request(&self, request: Request, descriptors: Vec<OwnedFd>, asker: Asker) -> EventStream<Event> {
        self.ask(request, descriptors, asker)
    }

    /// As [`Self::request`], for the one type of event that such a request brings.
    fn ask<T: Heard>(&self, request: Request, descriptors: Vec<OwnedFd>, asker: Asker) -> EventStream<T> {
        self.listen(self.submit(request, descriptors, asker, Room::Own))
    }

    fn listen<T: Heard>(&self, submitted: Result<(u64, Incoming), EngineError>) -> EventStream<T> {
        let (listener, stream) = mpsc::channel(EVENTS_WAITING);
        match submitted {
            Ok((id, events)) => {
                let shared = Arc::clone(&self.shared);
                tokio::spawn(async move {
                    if forward(events, &listener).await.is_err() {
                        shared.command(Command::Cancel { id });
                    }
                });
            }
            Err(error) => {
                // The channel is empty and its receiver is in our hands: there is room.
                let _ = listener.try_send(Err(error));
            }
        }
        stream
    }

    fn submit(&self, request: Request, descriptors: Vec<OwnedFd>, asker: Asker, room: Room) -> Result<(u64, Incoming), EngineError> {
        if descriptors.len() > MAX_DESCRIPTORS {
            return Err(EngineError::InvalidRequest(format!("at most {MAX_DESCRIPTORS} files go into one request")));
        }
        let expected = duration_of_speech(&request);
        // Somebody watches these come; a job asks again by itself.
        let patient = matches!(request, Request::Generate(_) | Request::Transcribe(_)) || self.shared.comes_and_goes();
        let (id, place) = match room {
            Room::Own => self.shared.admit(&asker, patient).map(|(id, place)| (id, Some(place)))?,
            Room::Held => (self.shared.number(patient)?, None),
        };
        let frame = match connection::frame(&ToChild::Request { id, request }) {
            Ok(frame) => frame,
            Err(error) => {
                place.into_iter().for_each(|place| self.shared.give_up(place));
                return Err(EngineError::InvalidRequest(error.to_string()));
            }
        };
        let (events, incoming) = mpsc::unbounded_channel();
        let stay = self.shared.stay(self.keep_alive);
        self.shared.command(Command::Submit(Submission { id, asker, frame, descriptors, expected, events, patient, stay, place }));
        Ok((id, incoming))
    }
}

/// Where a request stands in its engine's queue.
enum Room {
    /// In a place of its own.
    Own,
    /// In one that its asker holds.
    Held,
}

type Incoming = mpsc::UnboundedReceiver<Result<Told, EngineError>>;

/// What one kind of request brings.
trait Heard: Sized + Send + 'static {
    /// `None`: it is the answer to another question.
    fn event(event: Event) -> Option<Self>;

    /// `None`: its asker does not care why it waits.
    fn waiting(_: Wait) -> Option<Self> {
        None
    }
}

impl Heard for Event {
    fn event(event: Event) -> Option<Self> {
        Some(event)
    }
}

impl Heard for GenerationEvent {
    fn event(event: Event) -> Option<Self> {
        match event {
            // Why it waits is not for a child to say.
            Event::Generation(Self::Waiting(_)) => None,
            Event::Generation(event) => Some(event),
            _ => None,
        }
    }

    fn waiting(wait: Wait) -> Option<Self> {
        Some(Self::Waiting(wait))
    }
}

impl Heard for TranscriptionEvent {
    fn event(event: Event) -> Option<Self> {
        match event {
            Event::Transcription(event) => Some(event),
            _ => None,
        }
    }
}

impl Heard for Embeddings {
    fn event(event: Event) -> Option<Self> {
        match event {
            Event::Embeddings(embeddings) => Some(embeddings),
            _ => None,
        }
    }
}

/// The asker dropped its stream.
struct AskerGone;

async fn forward<T: Heard>(mut events: Incoming, asker: &mpsc::Sender<Result<T, EngineError>>) -> Result<(), AskerGone> {
    loop {
        let told = tokio::select! {
            () = asker.closed() => return Err(AskerGone),
            told = events.recv() => told,
        };
        let event = match told {
            None => return Ok(()),
            Some(Ok(Told::Waiting(wait))) => match T::waiting(wait) {
                Some(event) => Ok(event),
                None => continue,
            },
            Some(Ok(Told::Event(Event::Working))) => continue,
            Some(Ok(Told::Event(event))) => T::event(event).ok_or_else(|| EngineError::Failed("it answered another question".into())),
            Some(Err(error)) => Err(error),
        };
        asker.send(event).await.map_err(|_| AskerGone)?;
    }
}

/// A piece of a recording may take as long as it lasts before the engine counts as hung. While it works, the engine tells how
/// far it is, window by window.
fn duration_of_speech(request: &Request) -> Duration {
    match request {
        Request::Transcribe(request) => Duration::from_secs(request.samples / 16_000).min(asr::LONGEST_PIECE),
        _ => Duration::ZERO,
    }
}

impl TextGenerator for EngineClient {
    fn generate(&self, request: GenerationRequest, asker: Asker) -> EventStream<GenerationEvent> {
        self.ask(Request::Generate(request), Vec::new(), asker)
    }
}

impl Transcriber for EngineClient {
    fn transcribe(&self, request: TranscriptionRequest, recording: File, asker: Asker) -> EventStream<TranscriptionEvent> {
        self.ask(Request::Transcribe(request), vec![recording.into()], asker)
    }
}

impl Embedder for EngineClient {
    fn embed(&self, request: EmbeddingRequest, asker: Asker) -> BoxFuture<'_, Result<Embeddings, EngineError>> {
        async move {
            let EmbeddingRequest { texts, role } = request;
            // One place for all parts of a request: nobody takes it between two of them, nor is the engine idle then.
            let _held = self.shared.hold(&asker)?;
            let mut all = Embeddings { vectors: Vec::with_capacity(texts.len()), tokens: 0, truncated: Vec::with_capacity(texts.len()) };
            for texts in texts.chunks(TEXTS_AT_ONCE) {
                let some = self.embed_at_once(EmbeddingRequest { texts: texts.to_vec(), role }, asker.clone()).await;
                let some = some.map_err(|error| error.texts_after(all.vectors.len()))?;
                all.vectors.extend(some.vectors);
                all.truncated.extend(some.truncated);
                all.tokens = all.tokens.saturating_add(some.tokens);
            }
            Ok(all)
        }
        .boxed()
    }
}

impl EngineClient {
    async fn embed_at_once(&self, request: EmbeddingRequest, asker: Asker) -> Result<Embeddings, EngineError> {
        let texts = request.texts.len();
        let mut answer = self.listen::<Embeddings>(self.submit(Request::Embed(request), Vec::new(), asker, Room::Held));
        let made = answer.recv().await.unwrap_or_else(|| Err(EngineError::Failed("it ended without an answer".into())))?;
        match made.vectors.len() == texts && made.truncated.len() == texts {
            true => Ok(made),
            false => Err(EngineError::Failed("it did not return one vector for each text".into())),
        }
    }
}
