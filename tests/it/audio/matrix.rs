//! Format × source program: the same speech, and how many of its words are heard.

use std::time::Instant;

use serde_json::Value;

use super::{BROWSERS, KINDS, SAID, fixture};
use crate::support::{
    api::Api,
    server,
    speech::{converted, spoken, word_accuracy},
};

/// What a format may lose against the WAV file.
const BAR: f64 = 0.9;

struct Row {
    format: String,
    source: &'static str,
    bytes: usize,
    duration: u64,
    seconds: f64,
    accuracy: f64,
}

async fn hear(api: &Api, what: &str, recording: Vec<u8>) -> (Value, f64) {
    let start = Instant::now();
    let answer = api.hear(recording).await;
    assert_eq!(answer.status, 200, "{what}: {}", answer.text());
    (answer.json(), start.elapsed().as_secs_f64())
}

async fn row(api: &Api, name: &str, source: &'static str, recording: Vec<u8>, format: &str) -> Row {
    let bytes = recording.len();
    let (heard, seconds) = hear(api, name, recording).await;
    assert_eq!(heard["source_format"], format, "{name}: {heard}");
    let duration = heard["duration_ms"].as_u64().expect("milliseconds");
    // Eight seconds of speech; recorders begin before it and end after it.
    assert!((8_000..10_500).contains(&duration), "{name}: {duration} ms");
    Row {
        duration,
        format: format!("{name} (`{format}`)"),
        source,
        bytes,
        seconds,
        accuracy: word_accuracy(SAID, heard["text"].as_str().expect("text")),
    }
}

#[tokio::test]
async fn every_format_is_heard_as_well_as_the_wav_file_it_was_made_of() {
    let server = server::shared().await;
    let api = server.api();
    let speech = spoken(SAID);
    let mut rows = vec![row(&api, "WAV, 16 bits, 22.05 kHz", "espeak-ng", speech.clone(), "wav").await];
    for kind in KINDS {
        let row = row(&api, kind.name, "ffmpeg", kind.make(&speech), kind.format).await;
        // What an encoder put in front and behind is dropped again, where the container says how much it is.
        let exact = kind.knows_its_end && ["wav", "mp3", "flac", "ogg"].iter().any(|kept| kind.format.starts_with(kept));
        assert!(!exact || row.duration.abs_diff(rows[0].duration) <= 1, "{}: {} ms", row.format, row.duration);
        rows.push(row);
    }
    for (name, format, source) in BROWSERS {
        rows.push(row(&api, name, source, fixture(name), format).await);
    }
    println!("| format | source | bytes | seconds | word accuracy |\n|---|---|--:|--:|--:|");
    for Row { format, source, bytes, seconds, accuracy, .. } in &rows {
        println!("| {format} | {source} | {bytes} | {seconds:.1} | {accuracy:.2} |");
    }
    let wav = rows[0].accuracy;
    assert!(wav >= 0.9, "the WAV file itself: {wav}");
    for row in &rows {
        assert!(row.accuracy >= BAR * wav, "{} by {}: {} of {wav}", row.format, row.source, row.accuracy);
    }
}

#[tokio::test]
async fn a_whispered_recording_and_a_chain_of_recordings_are_heard() {
    let server = server::shared().await;
    let api = server.api();
    let speech = spoken(SAID);
    // 40 dB less than what espeak-ng says, in 16 bits.
    let (heard, _) = hear(&api, "quiet", converted(&speech, "-af volume=-40dB -c:a pcm_s16le -f wav")).await;
    let accuracy = word_accuracy(SAID, heard["text"].as_str().expect("text"));
    println!("40 dB quieter: word accuracy {accuracy:.2}");
    assert!(accuracy >= 0.85, "{heard}");
    // Ogg files one after the other are one Ogg file (RFC 3533 §4), of another codec, rate and number of channels.
    let mut chain = converted(&speech, "-c:a libopus -b:a 32k -f ogg");
    chain.extend(converted(&speech, "-c:a libvorbis -ar 44100 -ac 2 -f ogg"));
    let (heard, _) = hear(&api, "chain", chain).await;
    let accuracy = word_accuracy(&format!("{SAID} {SAID}"), heard["text"].as_str().expect("text"));
    assert!(accuracy >= 0.85, "{heard}");
}

#[tokio::test]
async fn what_a_recording_is_called_does_not_matter() {
    let server = server::shared().await;
    let recording = converted(&spoken(SAID), "-c:a libmp3lame -b:a 64k -f mp3");
    let heard = server.api().transcribe("dream.wav", &recording).await.ok();
    assert_eq!(heard["source_format"], "mp3");
    for media_type in ["audio/webm;codecs=opus", "video/mp4", "audio/x-nobody-knows", "application/octet-stream"] {
        let heard = server.api().post("/api/v1/speech/transcriptions?language=en", media_type, recording.clone()).await.ok();
        assert_eq!(heard["source_format"], "mp3", "{media_type}");
    }
}
