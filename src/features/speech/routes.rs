//! The feature over HTTP.

use std::sync::Arc;

use axum::{
    Json,
    extract::{DefaultBodyLimit, Request, State},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{SpeechService, Transcription, upload};
use crate::error::{
    Result,
    problem::{BodyProblems, CommonProblems},
};

/// The feature's operations.
pub fn router(service: Arc<SpeechService>) -> OpenApiRouter {
    // The upload counts its own bytes while it writes them away.
    OpenApiRouter::new().routes(routes!(transcribe)).layer(DefaultBodyLimit::disable()).with_state(service)
}

/// A recording to be heard.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the API document; the form itself is read as a stream")]
struct TranscriptionForm {
    /// A WAV file of at most 256 MiB and 30 minutes.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
    /// ISO 639-1; detected when absent.
    language: Option<String>,
}

/// The bytes of a WAV file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes the body in the API document; the body itself is read as a stream")]
struct Recording(Vec<u8>);

/// Turn a recording into text.
///
/// The recording is a field of a form, or the body itself with the content type `audio/wav`. It is not kept.
#[utoipa::path(post, path = "/api/v1/speech/transcriptions", tag = "speech",
    request_body(content((TranscriptionForm = "multipart/form-data"), (Recording = "audio/wav"))),
    responses((status = 200, body = Transcription), BodyProblems, CommonProblems))]
async fn transcribe(State(service): State<Arc<SpeechService>>, request: Request) -> Result<Json<Transcription>> {
    let upload = upload::receive(&service, request).await?;
    Ok(Json(service.transcribe(upload.audio, upload.language).await?))
}
