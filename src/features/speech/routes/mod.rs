//! The feature over HTTP.

mod upload;

use std::sync::Arc;

pub use upload::AUDIO_LIMIT_BYTES;

use axum::{
    Json,
    extract::{DefaultBodyLimit, Request, State},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{SpeechService, Transcription};
use crate::error::{
    Result,
    extract::{self, QueryString},
    problem::{BodyProblems, CommonProblems},
};

/// The feature's operations.
pub fn operations() -> OpenApiRouter<Arc<SpeechService>> {
    // The upload counts its own bytes while it writes them away.
    OpenApiRouter::new().routes(routes!(transcribe)).layer(DefaultBodyLimit::disable())
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

/// For a recording that is the body itself.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SpokenLanguage {
    /// Language spoken, ISO 639-1; detected when absent.
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
    params(SpokenLanguage), request_body(content((TranscriptionForm = "multipart/form-data"), (Recording = "audio/wav"))),
    responses((status = 200, body = Transcription), BodyProblems, CommonProblems))]
async fn transcribe(
    State(service): State<Arc<SpeechService>>,
    QueryString(query): QueryString<SpokenLanguage>,
    request: Request,
) -> Result<Json<Transcription>> {
    let _place = match service.admit() {
        Ok(place) => place,
        Err(refusal) => {
            extract::let_go(request).await;
            return Err(refusal);
        }
    };
    let upload = upload::receive(&service, request).await?;
    Ok(Json(service.transcribe(upload.audio, upload.language.or(query.language)).await?))
}
