//! `/v1/audio/transcriptions`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize as _;
use serde::de::{IntoDeserializer, value::Error as ValueError};

use super::{
    super::{
        ModelApi,
        model::{ApiTranscriptionForm, TranscriptFormat, TranscriptObject, VerboseTranscript},
        transcript::{Shown, show},
    },
    ApiProblems,
};
use crate::{
    error::{Error, Result},
    features::speech::{Form, SpeechModel, receive_form},
};

/// The form's fields beside the recording.
const FIELDS: [&str; 3] = ["model", "language", "response_format"];

/// Turn a recording into text. It is not kept.
#[utoipa::path(post, path = "/v1/audio/transcriptions", tag = "openai",
    request_body(content = ApiTranscriptionForm, content_type = "multipart/form-data"), responses(
    (status = 200, content((TranscriptObject = "application/json"), (VerboseTranscript = "application/json"), (String = "text/plain"))), ApiProblems,
))]
pub async fn create_transcription(State(api): State<Arc<ModelApi>>, request: Request) -> Result<Response> {
    let speech = api.speech();
    let form = receive_form(speech, request, &FIELDS).await?;
    let model = form.text("model").ok_or_else(|| Error::invalid("model", "is missing"))?;
    let format = form.text("response_format").map_or(Ok(TranscriptFormat::default()), format_of)?;
    let model = api.transcriber(model).await?;
    let language = form.text("language").filter(|code| !code.is_empty()).map(str::to_owned);
    let Form { recording, place, .. } = form;
    let transcription = speech.transcribe_with(SpeechModel { id: model.id, engine: model.engine }, recording, language, &None).await?;
    drop(place);
    Ok(match show(transcription, format) {
        Shown::Short(transcript) => Json(transcript).into_response(),
        Shown::Verbose(transcript) => Json(transcript).into_response(),
        Shown::Text(media_type, text) => ([(header::CONTENT_TYPE, media_type)], text).into_response(),
    })
}

fn format_of(name: &str) -> Result<TranscriptFormat> {
    let read: Result<TranscriptFormat, ValueError> = TranscriptFormat::deserialize(name.into_deserializer());
    read.map_err(|_| Error::invalid("response_format", "must be json, text, srt, vtt or verbose_json"))
}
