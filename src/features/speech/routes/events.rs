//! A transcription as a stream of events.

use std::{convert::Infallible, fs::File, sync::Arc, time::Duration};

use axum::{
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

use super::super::{SpeechEvent, SpeechService, Transcription};
use crate::{
    engine::Place,
    error::{Error, Result, problem::Problem},
};

/// A comment is sent on an idle stream this often, so that neither side takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events that may wait for a slow reader before the work waits too.
const EVENTS_WAITING: usize = 16;

/// Other recordings are heard first.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpeechWaitingEvent {
    /// `queue`.
    r#for: &'static str,
    /// How many are before this one.
    place: u32,
}

/// Whether the client asked for events.
pub fn wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/event-stream"))
}

/// Hears a recording and tells how it goes.
pub fn answer(service: Arc<SpeechService>, recording: File, language: Option<String>, place: Place) -> Response {
    let events = hear(service, recording, language, place);
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// The work is a task of its own that ends when nobody listens any more, so that engine and decoder are free within
/// moments.
fn hear(
    service: Arc<SpeechService>,
    recording: File,
    language: Option<String>,
    place: Place,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let (sink, progress) = mpsc::channel(EVENTS_WAITING);
    let (last, mut answer) = mpsc::channel(1);
    tokio::spawn(async move {
        let progress = Some(sink);
        tokio::select! {
            () = last.closed() => tracing::debug!("the listener is gone: the transcription stops"),
            result = service.transcribe(recording, language, &progress) => {
                // As above: a listener that is gone needs no answer.
                let _ = last.send(result).await;
            }
        }
        drop((progress, place));
    });
    let ending = stream::once(async move {
        let result = answer.recv().await;
        let result = result.unwrap_or_else(|| Err(Error::Internal(anyhow::anyhow!("a transcription ended without an answer"))));
        stream::iter(last_events(result))
    });
    ReceiverStream::new(progress).map(|event| progress_event(&event)).chain(ending.flatten()).map(Ok)
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let json = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    Event::default().event(name).data(json)
}

fn progress_event(progress: &SpeechEvent) -> Event {
    match progress {
        SpeechEvent::Waiting { place } => event("waiting", &SpeechWaitingEvent { r#for: "queue", place: *place }),
        SpeechEvent::Segment(segment) => event("segment", segment),
    }
}

/// The transcript or the problem, then `done`.
fn last_events(result: Result<Transcription>) -> Vec<Event> {
    let outcome = match result {
        Ok(transcription) => event("transcription", &transcription),
        Err(error) => event("error", &Problem::from(&error)),
    };
    vec![outcome, event("done", &serde_json::json!({}))]
}
