//! A recording on its way in: written to a file piece by piece, never held whole in memory.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{
        FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
};
use futures_util::{Stream, StreamExt, stream};
use tokio::io::AsyncWriteExt;

use super::super::service::{SpeechService, disk_error};
use crate::{
    engine::Place,
    error::{
        Error, Result,
        extract::{let_go, media_type},
    },
    features::accounts::Principal,
};

/// The largest recording.
pub const AUDIO_LIMIT_BYTES: u64 = 256 * 1024 * 1024;
/// How long no byte may come before an upload is given up.
const STALL: Duration = Duration::from_secs(30);
/// The longest text of a form.
const MOST_FIELD_BYTES: usize = 16 * 1024;
/// Texts of a form.
const MOST_FIELDS: usize = 16;
/// How long a whole upload may take.
const DEADLINE: Duration = Duration::from_secs(10 * 60);
/// How many bytes of a form may wait in its reader, which keeps all that comes before a boundary or a field's end is
/// found.
const MOST_UNREAD_BYTES: usize = 2 * 1024 * 1024;

/// What came in.
pub struct Upload {
    pub recording: File,
    pub language: Option<String>,
}

/// Receives a recording as a form (`file`, `language`) or as the body itself (`audio/*`, `video/*`).
pub async fn receive(service: &SpeechService, request: Request) -> Result<Upload> {
    tokio::time::timeout(DEADLINE, receive_in_time(service, request)).await.map_err(|_| Error::TooSlow)?
}

async fn receive_in_time(service: &SpeechService, request: Request) -> Result<Upload> {
    let kind = media_type(request.headers());
    let mut upload = match kind.as_str() {
        "multipart/form-data" => receive_own_form(service, request).await?,
        "application/octet-stream" | "application/ogg" => receive_body(service, request.into_body()).await?,
        kind if kind.starts_with("audio/") || kind.starts_with("video/") => receive_body(service, request.into_body()).await?,
        _ => {
            return Err(Error::UnsupportedMedia(
                "send the recording as multipart/form-data with a field `file`, or as the body itself with its media type, such as audio/webm".into(),
            ));
        }
    };
    upload.recording.seek(SeekFrom::Start(0)).map_err(disk_error)?;
    refuse_other_kinds(&mut upload.recording)?;
    Ok(upload)
}

async fn receive_body(service: &SpeechService, body: Body) -> Result<Upload> {
    let recording = write(service, body.into_data_stream()).await?;
    Ok(Upload { recording, language: None })
}

/// A recording that came in a form, with the form's other fields.
pub struct Form {
    pub recording: File,
    /// Held until the recording has been heard.
    pub place: Place,
    texts: Vec<(&'static str, String)>,
}

impl Form {
    /// What a field holds, if it was sent.
    pub fn text<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.texts(name).next()
    }

    /// What fields of this name hold.
    pub fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.texts.iter().filter(move |(field, _)| *field == name).map(|(_, text)| text.as_str())
    }
}

/// Receives a form with a recording as `file` and short texts of these names, each at most once unless it ends with `[]`.
pub async fn receive_form(service: &SpeechService, principal: &Principal, request: Request, fields: &[&'static str]) -> Result<Form> {
    let place = match service.admit(principal) {
        Ok(place) => place,
        Err(refusal) => {
            let_go(request).await;
            return Err(refusal);
        }
    };
    if media_type(request.headers()) != "multipart/form-data" {
        return Err(Error::UnsupportedMedia("send the recording as multipart/form-data with a field `file`".into()));
    }
    let received = tokio::time::timeout(DEADLINE, receive_fields(service, request, fields)).await.map_err(|_| Error::TooSlow)?;
    let (mut recording, texts) = received?;
    recording.seek(SeekFrom::Start(0)).map_err(disk_error)?;
    refuse_other_kinds(&mut recording)?;
    Ok(Form { recording, place, texts })
}

async fn receive_own_form(service: &SpeechService, request: Request) -> Result<Upload> {
    let (recording, texts) = receive_fields(service, request, &["language"]).await?;
    Ok(Upload { recording, language: texts.into_iter().map(|(_, text)| text).find(|code| !code.trim().is_empty()) })
}

async fn receive_fields(service: &SpeechService, request: Request, fields: &[&'static str]) -> Result<(File, Vec<(&'static str, String)>)> {
    let unread = Unread::default();
    let mut form =
        Multipart::from_request(unread.limit(request), &()).await.map_err(|rejection| Error::Malformed(rejection.body_text()))?;
    let (mut recording, mut texts): (_, Vec<(&'static str, String)>) = (None, Vec::new());
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let known = fields.iter().find(|known| **known == name);
        match (name.as_str(), known) {
            ("file", _) if recording.is_none() => {
                recording = Some(write(service, field.inspect(|chunk| unread.taken(chunk))).await?);
            }
            (_, Some(known))
                if texts.len() < MOST_FIELDS && (known.ends_with("[]") || texts.iter().all(|(earlier, _)| earlier != known)) =>
            {
                texts.push((*known, short_text(field, known).await?))
            }
            ("file", _) | (_, Some(_)) => return Err(Error::invalid(name, "is given twice")),
            _ => return Err(Error::invalid(name.chars().take(64).collect::<String>(), "is not a field of this form")),
        }
    }
    Ok((recording.ok_or_else(|| Error::invalid("file", "is missing"))?, texts))
}

async fn short_text(mut field: Field<'_>, name: &str) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST_FIELD_BYTES {
            return Err(Error::invalid(name, "is too long"));
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::NotText { field: name.to_owned() })
}

#[expect(clippy::needless_pass_by_value, reason = "goes into map_err")]
fn broken(error: MultipartError) -> Error {
    Error::Malformed(format!("the form cannot be read: {}", error.body_text()))
}

/// Counts the bytes of a form that its reader holds.
#[derive(Clone, Default)]
struct Unread(Arc<AtomicUsize>);

impl Unread {
    /// The same request, whose body breaks off when too much of it waits.
    fn limit(&self, request: Request) -> Request {
        let unread = self.clone();
        request.map(|body| {
            let mut pieces = body.into_data_stream();
            let mut pause = false;
            Body::from_stream(stream::poll_fn(move |context| {
                // The form's reader takes all that is ready; between two pieces it is the turn of who reads the form.
                if std::mem::take(&mut pause) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let piece = ready!(pieces.poll_next_unpin(context));
                pause = true;
                Poll::Ready(piece.map(|piece| piece.and_then(|piece| unread.came(piece))))
            }))
        })
    }

    fn came(&self, piece: Bytes) -> Result<Bytes, axum::Error> {
        let waiting = self.0.fetch_add(piece.len(), Ordering::Relaxed).saturating_add(piece.len());
        if waiting > MOST_UNREAD_BYTES { Err(axum::Error::new("a part of it does not end")) } else { Ok(piece) }
    }

    fn taken<E>(&self, chunk: &Result<Bytes, E>) {
        if let Ok(chunk) = chunk {
            self.0.fetch_sub(chunk.len(), Ordering::Relaxed);
        }
    }
}

async fn write<E>(service: &SpeechService, mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin) -> Result<File> {
    let mut file = tokio::fs::File::from_std(service.buffer()?);
    let mut bytes = 0_u64;
    loop {
        let next = tokio::time::timeout(STALL, chunks.next()).await.map_err(|_| Error::TooSlow)?;
        let Some(chunk) = next else { break };
        let chunk = chunk.map_err(|_| Error::Malformed("the upload broke off".into()))?;
        bytes += chunk.len() as u64;
        if bytes > AUDIO_LIMIT_BYTES {
            return Err(Error::FieldTooLarge { field: "file", limit_bytes: AUDIO_LIMIT_BYTES });
        }
        file.write_all(&chunk).await.map_err(disk_error)?;
    }
    file.flush().await.map_err(disk_error)?;
    if bytes == 0 {
        return Err(Error::invalid("file", "is empty"));
    }
    Ok(file.into_std().await)
}

/// Refuses by their first bytes files that are plainly something else, whatever they are called. What looks like audio
/// is judged by the decoder.
fn refuse_other_kinds(recording: &mut File) -> Result<()> {
    const OTHERS: [(&[u8], &str); 9] = [
        (b"\x7fELF", "a program"),
        (b"MZ", "a program"),
        (b"\x89PNG", "a picture"),
        (b"\xff\xd8\xff", "a picture"),
        (b"GIF8", "a picture"),
        (b"%PDF", "a PDF document"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"<", "a text document"),
    ];
    let mut head = Vec::new();
    recording.by_ref().take(16).read_to_end(&mut head).map_err(disk_error)?;
    recording.seek(SeekFrom::Start(0)).map_err(disk_error)?;
    match OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        Some((_, what)) => Err(Error::UnsupportedMedia(format!("file: this is {what}, not a recording"))),
        None => Ok(()),
    }
}
