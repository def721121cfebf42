//! `/v1/audio/transcriptions`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error as ValueError};

use super::{
    super::{
        ModelApi,
        model::{ApiTranscriptionForm, Granularity, TranscriptFormat, TranscriptObject, VerboseTranscript},
        transcript::{Shown, show},
    },
    ApiProblems,
};
use crate::{
    error::{Error, Result},
    features::{
        accounts::Principal,
        speech::{Form, Listening, SpeechModel, receive_form},
    },
};

/// The form's fields beside the recording. Those with brackets may come several times.
const FIELDS: [&str; 6] = ["model", "language", "response_format", "prompt", "temperature", GRANULARITIES];
const GRANULARITIES: &str = "timestamp_granularities[]";

/// Turn a recording into text. It is not kept.
#[utoipa::path(post, path = "/v1/audio/transcriptions", tag = "openai", security(("key" = ["inference"])),
    request_body(content = ApiTranscriptionForm, content_type = "multipart/form-data"), responses(
    (status = 200, content((TranscriptObject = "application/json"), (VerboseTranscript = "application/json"), (String = "text/plain"))), ApiProblems,
))]
pub async fn create_transcription(State(api): State<Arc<ModelApi>>, principal: Principal, request: Request) -> Result<Response> {
    let speech = api.speech();
    let form = receive_form(speech, &principal, request, &FIELDS).await?;
    let model = form.text("model").ok_or_else(|| Error::invalid("model", "is missing"))?;
    let format = form.text("response_format").map_or(Ok(TranscriptFormat::default()), |name| {
        named(name).ok_or_else(|| Error::invalid("response_format", "must be json, text, srt, vtt or verbose_json"))
    })?;
    let granularities = granularities(&form, format)?;
    let listening = listening(&form, granularities.contains(&Granularity::Word))?;
    let model = api.transcriber(model).await?;
    let Form { recording, place, .. } = form;
    let transcription = speech.transcribe_with(SpeechModel { id: model.id, engine: model.engine }, recording, listening, &None).await?;
    drop(place);
    Ok(match show(transcription, format, &granularities) {
        Shown::Short(transcript) => Json(transcript).into_response(),
        Shown::Verbose(transcript) => Json(transcript).into_response(),
        Shown::Text(media_type, text) => ([(header::CONTENT_TYPE, media_type)], text).into_response(),
    })
}

fn listening(form: &Form, words: bool) -> Result<Listening> {
    let given = |name| form.text(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let temperature = match given("temperature") {
        Some(text) => text.trim().parse().map_err(|_| Error::invalid("temperature", "must be a number from 0 to 1"))?,
        None => 0.0,
    };
    Ok(Listening { language: given("language"), words, prompt: given("prompt"), temperature })
}

fn granularities(form: &Form, format: TranscriptFormat) -> Result<Vec<Granularity>> {
    let wrong = |message| Error::invalid(GRANULARITIES, message);
    let wanted =
        form.texts(GRANULARITIES).map(|name| named(name).ok_or_else(|| wrong("must be segment or word"))).collect::<Result<Vec<_>>>()?;
    if !wanted.is_empty() && format != TranscriptFormat::VerboseJson {
        return Err(wrong("needs the response_format verbose_json"));
    }
    Ok(wanted)
}

/// The value of this name.
fn named<T: DeserializeOwned>(name: &str) -> Option<T> {
    let read: Result<T, ValueError> = T::deserialize(name.into_deserializer());
    read.ok()
}
