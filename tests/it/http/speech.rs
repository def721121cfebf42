//! A recording becomes text, or a clear word on why not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::header,
};
use futures_util::{StreamExt, stream};

use super::house::{Answer, House, request};

const PATH: &str = "/api/v1/speech/transcriptions";

async fn send(house: &House, media_type: &str, body: impl Into<Body>) -> Answer {
    house.send(request("POST", PATH).header(header::CONTENT_TYPE, media_type).body(body.into()).unwrap()).await
}

fn form(parts: &[(&str, &str)]) -> String {
    let part =
        |(name, text): &(&str, &str)| format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a\"\r\n\r\n{text}\r\n");
    parts.iter().map(part).collect::<String>() + "--X--\r\n"
}

#[tokio::test]
async fn a_recording_is_heard_from_a_form_and_from_a_body() {
    let house = House::without_database();
    let answer = send(&house, "multipart/form-data; boundary=X", form(&[("language", "ru"), ("file", "RIFF sound")])).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let heard = answer.json();
    assert_eq!((heard["text"].as_str(), heard["language"].as_str()), (Some("I was flying over water."), Some("ru")));
    assert_eq!((heard["duration_ms"].as_u64(), heard["segments"][0]["end_ms"].as_u64()), (Some(1000), Some(1200)));
    assert_eq!(send(&house, "audio/wav", "RIFF sound").await.json()["language"], "en");
}

#[tokio::test]
async fn a_bad_recording_is_refused_in_words() {
    let house = House::without_database();
    for (body, status, words) in [
        ("", 422, "empty"),
        ("silent", 422, "silent"),
        ("broken", 422, "can be read"),
        ("\u{7f}ELF\u{1}", 415, "a program"),
        ("%PDF-1.7", 415, "PDF"),
        ("<html>", 415, "text document"),
    ] {
        let answer = send(&house, "audio/wav", body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text);
        assert!(answer.text.contains(words), "{body}: {}", answer.text);
    }
    assert_eq!(send(&house, "image/png", "RIFF").await.status.as_u16(), 415);
}

#[tokio::test]
async fn a_form_holds_one_file_and_nothing_unknown() {
    let house = House::without_database();
    let field = |answer: Answer| (answer.status.as_u16(), answer.json()["errors"][0]["field"].as_str().unwrap_or_default().to_owned());
    let kind = "multipart/form-data; boundary=X";
    assert_eq!(field(send(&house, kind, form(&[("language", "en")])).await), (422, "file".into()));
    assert_eq!(field(send(&house, kind, form(&[("file", "a"), ("file", "b")])).await), (422, "file".into()));
    assert_eq!(field(send(&house, kind, form(&[("file", "a"), ("colour", "b")])).await), (422, "colour".into()));
    assert_eq!(field(send(&house, kind, form(&[("file", "a"), ("language", "klingon")])).await), (422, "language".into()));
    assert_eq!(field(send(&house, kind, form(&[("file", "a"), ("language", &"e".repeat(99))])).await), (422, "language".into()));
    assert_eq!(send(&house, kind, "--X\r\nbroken").await.status.as_u16(), 400);
}

/// A body that never ends: what it begins with, then letters, and how many bytes of it were taken.
fn endless(beginning: &'static str) -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let letters = stream::repeat(Bytes::from_static(&[b'a'; 65_536])).take(1 << 14);
    let pieces = stream::iter([Bytes::from_static(beginning.as_bytes())]).chain(letters).map(move |piece| {
        counted.fetch_add(piece.len(), Ordering::Relaxed);
        Ok::<_, std::io::Error>(piece)
    });
    (Body::from_stream(pieces), taken)
}

#[tokio::test]
async fn a_form_whose_parts_do_not_begin_or_end_is_not_kept_in_memory() {
    let house = House::without_database();
    for beginning in ["", "--X\r\nContent-Disposition: form-data; name=\"", "--X\r\n"] {
        let (body, taken) = endless(beginning);
        let answer = send(&house, "multipart/form-data; boundary=X", body).await;
        let taken = taken.load(Ordering::Relaxed);
        assert!(answer.status.as_u16() == 400 && taken < 4 << 20, "{beginning:?}: {taken} bytes, {}", answer.text);
    }
}

#[tokio::test]
async fn a_large_recording_goes_through_a_form_whole() {
    let house = House::without_database();
    let whole = form(&[("file", &("RIFF".to_owned() + &"sound".repeat(4 << 20)))]);
    let pieces: Vec<_> = whole.as_bytes().chunks(65_536).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
    let answer = send(&house, "multipart/form-data; boundary=X", Body::from_stream(stream::iter(pieces))).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
}

#[tokio::test]
async fn more_recordings_at_once_than_there_are_places_are_told_to_come_later() {
    let house = Arc::new(House::without_database());
    let waiting: Vec<_> = (0..16)
        .map(|_| {
            let house = Arc::clone(&house);
            let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
            tokio::spawn(async move { send(&house, "audio/wav", body).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let pieces = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(b"RIFF sound"))).take(100);
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let pieces = pieces.inspect(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let answer = send(&house, "audio/wav", Body::from_stream(pieces)).await;
    assert_eq!(sent.load(Ordering::Relaxed), 100, "who is still sending does not read the answer");
    assert_eq!(answer.status.as_u16(), 429, "{}", answer.text);
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    for sender in waiting {
        sender.abort();
        let _ = sender.await;
    }
    assert_eq!(send(&house, "audio/wav", "RIFF sound").await.status.as_u16(), 200);
}
