//! Extractors whose rejection is an [`Error`], so that a request that cannot be read is answered as a problem that
//! names the field.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::Error;

/// The largest JSON body by default: a dream of 4,000 grapheme clusters fits, escaped letters included.
pub const JSON_LIMIT_BYTES: u64 = 64 * 1024;

/// How much of a body beyond the limit is read and dropped, so that the client gets to see the answer.
const DRAIN_LIMIT_BYTES: u64 = 32 * 1024 * 1024;

/// How long a JSON body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(15);

/// A JSON body of at most `LIMIT_BYTES`.
pub struct JsonBody<T, const LIMIT_BYTES: u64 = JSON_LIMIT_BYTES>(pub T);

impl<T: DeserializeOwned, const LIMIT_BYTES: u64, S: Send + Sync> FromRequest<S> for JsonBody<T, LIMIT_BYTES> {
    type Rejection = Error;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Error> {
        parse(&json_bytes(request, LIMIT_BYTES).await?).map(Self)
    }
}

/// The bytes of a body that says it is JSON.
pub async fn json_bytes(request: Request, limit_bytes: u64) -> Result<Vec<u8>, Error> {
    if !is_json(request.headers()) {
        return Err(Error::UnsupportedMedia("the body must be JSON, with the content type application/json".into()));
    }
    body_bytes(request, limit_bytes).await
}

/// The bytes of a body, whatever it says it is.
pub async fn body_bytes(request: Request, limit_bytes: u64) -> Result<Vec<u8>, Error> {
    tokio::time::timeout(BODY_DEADLINE, read_limited(request.into_body(), limit_bytes)).await.map_err(|_| Error::TooSlow)?
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = media_type(headers);
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// The content type without its parameters, in lower case; empty when there is none.
pub fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

async fn read_limited(body: Body, limit_bytes: u64) -> Result<Vec<u8>, Error> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut seen = 0_u64;
    while let Some(chunk) = stream.next().await {
        let chunk: Bytes = chunk.map_err(|_| Error::Malformed("the body broke off".into()))?;
        seen += chunk.len() as u64;
        if seen <= limit_bytes {
            bytes.extend_from_slice(&chunk);
        } else if seen > DRAIN_LIMIT_BYTES {
            break;
        }
    }
    if seen > limit_bytes { Err(Error::TooLarge { limit_bytes }) } else { Ok(bytes) }
}

/// Reads and drops what a refused request still sends, within the limits of any body: a client reads its answer once it
/// has sent all.
pub async fn let_go(request: Request) {
    // Whatever comes of it, the answer is the refusal.
    let _ = tokio::time::timeout(BODY_DEADLINE, read_limited(request.into_body(), 0)).await;
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(Error::NotText { field: field_that_is_no_text(bytes) });
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| refuse(&error, text))?;
    deserializer.end().map_err(|error| Error::Malformed(format!("the body is not one JSON value: {error}")))?;
    Ok(value)
}

fn refuse(error: &serde_path_to_error::Error<serde_json::Error>, text: &str) -> Error {
    let cause = error.inner();
    // A number where a name should be counts as broken syntax to serde_json, though the document is whole.
    let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if !cause.is_data() && !is_json() {
        return Error::Malformed(format!("the body is not JSON: {cause}"));
    }
    let message = cause.to_string();
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    let path = error.path().to_string();
    // A missing field has no path of its own; its name stands in backticks in the message.
    let field = match path.as_str() {
        "." => message.split('`').nth(1).unwrap_or("body").to_owned(),
        _ => path,
    };
    Error::Invalid { field, message }
}

/// The first field whose value is broken, found by reading the body with its broken bytes replaced.
fn field_that_is_no_text(bytes: &[u8]) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(&String::from_utf8_lossy(bytes)).ok();
    let fields = value.as_ref().and_then(serde_json::Value::as_object);
    let broken = fields
        .and_then(|fields| fields.iter().find(|(_, value)| value.as_str().is_some_and(|text| text.contains(char::REPLACEMENT_CHARACTER))));
    broken.map_or_else(|| "body".to_owned(), |(field, _)| field.clone())
}

/// The query string.
pub struct QueryString<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for QueryString<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let message = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                let field = match message.split_once(": ") {
                    Some((field, _)) if !field.contains(' ') => field.to_owned(),
                    _ => message.split('`').nth(1).unwrap_or("query").to_owned(),
                };
                Err(Error::invalid(field, message))
            }
        }
    }
}

/// The id in a path; one that is no id names nothing.
pub struct PathId(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let id = Path::<Uuid>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| Error::NotFound("resource"))
    }
}

/// The name in a path; one that is no text names nothing.
pub struct PathName(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        name.map(|Path(name)| Self(name)).map_err(|_| Error::NotFound("resource"))
    }
}

/// The id and the name after it in a path; where one is none, they name nothing.
pub struct PathIdName(pub Uuid, pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathIdName {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let both = Path::<(Uuid, String)>::from_request_parts(parts, state).await;
        both.map(|Path((id, name))| Self(id, name)).map_err(|_| Error::NotFound("resource"))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its absence matters")]
        text: String,
    }

    fn field_of(body: &[u8]) -> (u16, String) {
        let error = parse::<Sample>(body).unwrap_err();
        let problem = super::super::problem::Problem::from(&error);
        (problem.status, problem.errors.first().map_or_else(String::new, |error| error.field.clone()))
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(field_of(br#"{"text":"a","colour":1}"#), (422, "colour".into()));
        assert_eq!(field_of(br"{}"), (422, "text".into()));
        assert_eq!(field_of(br#"{"text":5}"#), (422, "text".into()));
        assert_eq!(field_of(b"{\"text\":\"\xff\xfe\"}"), (400, "text".into()));
        assert_eq!(field_of(br#"{"text":"#), (400, String::new()));
        assert_eq!(field_of(br#"{"text":"a"} {}"#), (400, String::new()));
    }
}
