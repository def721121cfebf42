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
}

impl EngineClient {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The catalogue id of the engine's model.
    pub fn model_id(&self) -> &str {
        self.shared.model_id()
    }

    pub fn status(&self) -> EngineStatus {
        self.shared.status()
    }

    /// Waits until the engine can be asked. An error when it has given up or was stopped.
    pub async fn ready(&self) -> Result<ReadyReport, EngineError> {
        self.shared.ready().await
    }

    /// Has an engine load its model that rests.
    pub fn wake(&self) {
        self.shared.command(Command::Wanted);
    }

    /// What it told when it was last ready.
    pub fn last_report(&self) -> Option<ReadyReport> {
        self.shared.last_report()
    }

    /// How long the engine stays in memory without a request from now on, if it is one that comes and goes.
    pub fn stay_for(&self, keep_alive: Duration) {
        self.shared.stay_for(keep_alive);
    }

    /// Starts one request. The stream ends when the child is done with it; dropping the stream cancels the request.
    pub fn request(&self, request: Request, descriptors: Vec<OwnedFd>, asker: Asker) -> EventStream<Event> {
        self.ask(request, descriptors, asker)
    }

    /// As [`Self::request`], for the one type of event that such a request brings.
    fn ask<T: Heard>(&self, request: Request, descriptors: Vec<OwnedFd>, asker: Asker) -> EventStream<T> {
        let (listener, stream) = mpsc::channel(EVENTS_WAITING);
        match self.submit(request, descriptors, asker) {
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

    fn submit(&self, request: Request, descriptors: Vec<OwnedFd>, asker: Asker) -> Result<(u64, Incoming), EngineError> {
        if descriptors.len() > MAX_DESCRIPTORS {
            return Err(EngineError::InvalidRequest(format!("at most {MAX_DESCRIPTORS} files go into one request")));
        }
        let expected = duration_of_speech(&request);
        // Somebody watches these come; a job asks again by itself.
        let patient = matches!(request, Request::Generate(_) | Request::Transcribe(_)) || self.shared.comes_and_goes();
        let (id, place) = self.shared.admit(&asker, patient)?;
        let frame = connection::frame(&ToChild::Request { id, request });
        let frame = frame.map_err(|error| EngineError::InvalidRequest(error.to_string()))?;
        let (events, incoming) = mpsc::unbounded_channel();
        self.shared.command(Command::Submit(Submission { id, asker, frame, descriptors, expected, events, patient, place }));
        Ok((id, incoming))
    }
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
            let mut all = Embeddings { vectors: Vec::with_capacity(texts.len()), tokens: 0, truncated: Vec::with_capacity(texts.len()) };
            for texts in texts.chunks(TEXTS_AT_ONCE) {
                let some = self.embed_at_once(EmbeddingRequest { texts: texts.to_vec(), role }, asker.clone()).await?;
                if some.vectors.len() != texts.len() || some.truncated.len() != texts.len() {
                    return Err(EngineError::Failed("it did not return one vector for each text".into()));
                }
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
        let mut answer = self.ask::<Embeddings>(Request::Embed(request), Vec::new(), asker);
        answer.recv().await.unwrap_or_else(|| Err(EngineError::Failed("it ended without an answer".into())))
    }
}
