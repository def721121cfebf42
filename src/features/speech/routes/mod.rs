//! The feature over HTTP.

mod events;
mod upload;

use std::sync::Arc;

use axum::{
    Json,
    extract::{DefaultBodyLimit, Request, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use events::SpeechWaitingEvent;
pub use upload::{AUDIO_LIMIT_BYTES, Form, receive_form};

use super::{SpeechService, Transcription};
use crate::error::{
    Result,
    extract::{self, QueryString},
    problem::{BodyProblems, CommonProblems},
};
use crate::features::accounts::Principal;

/// The feature's operations.
pub fn operations() -> OpenApiRouter<Arc<SpeechService>> {
    // The upload counts its own bytes while it writes them away.
    OpenApiRouter::new().routes(routes!(transcribe)).layer(DefaultBodyLimit::disable())
}

/// A recording to be heard.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the API document; the form itself is read as a stream")]
struct TranscriptionForm {
    /// A recording of at most 256 MiB and 60 minutes, or what the operator set: WAV, MP3, FLAC, Ogg (Vorbis, Opus), WebM,
    /// M4A (AAC), AAC. It is taken for what it holds, whatever it is called.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
    /// ISO 639-1; detected when absent.
    language: Option<String>,
}

/// For a recording that is the body itself.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SpokenLanguage {
    /// Language spoken, ISO 639-1; detected when absent.
    language: Option<String>,
}

/// The bytes of a recording.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes the body in the API document; the body itself is read as a stream")]
struct Recording(Vec<u8>);

/// Turn a recording into text.
///
/// The recording is a field of a form, or the body itself with any `audio/…` or `video/…` type: what it is, its bytes tell.
/// It is not kept. With `Accept: text/event-stream` the answer is a stream of events: `waiting` (while others are heard
/// first), `segment` (each piece of text as it is heard), then `transcription` (the whole) or `error` (a problem), and
/// `done`. A client that goes away stops the work.
#[utoipa::path(post, path = "/api/v1/speech/transcriptions", tag = "speech", security(("key" = ["inference"])),
    params(SpokenLanguage), request_body(content((TranscriptionForm = "multipart/form-data"), (Recording = "audio/*"))),
    responses(
        (status = 200, content((Transcription = "application/json"), (String = "text/event-stream"))),
        BodyProblems, CommonProblems,
    ))]
async fn transcribe(
    State(service): State<Arc<SpeechService>>,
    principal: Principal,
    QueryString(query): QueryString<SpokenLanguage>,
    request: Request,
) -> Result<Response> {
    let place = match service.admit(&principal) {
        Ok(place) => place,
        Err(refusal) => {
            extract::let_go(request).await;
            return Err(refusal);
        }
    };
    let as_events = events::wanted(request.headers());
    let upload = upload::receive(&service, request).await?;
    let language = upload.language.or(query.language);
    if as_events {
        return Ok(events::answer(service, upload.recording, language, place));
    }
    let transcription = service.transcribe(upload.recording, language, &None).await?;
    drop(place);
    Ok(Json(transcription).into_response())
}
