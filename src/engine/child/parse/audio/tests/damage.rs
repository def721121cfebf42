//! Recordings of every kind with flipped bits, overwritten lengths, holes and cuts.

use std::{path::Path, time::Duration, time::Instant};

use super::*;

/// How many damaged ones are made of each kind; `ONEIROS_MUTATIONS` asks for more.
const ROUNDS: u64 = 40;
/// The longest that one may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What ffmpeg makes, besides the browsers' recordings.
const MADE: [&str; 6] = [
    "-c:a libmp3lame -f mp3",
    "-c:a flac -f flac",
    "-c:a libvorbis -f ogg",
    "-c:a aac -f ipod",
    "-c:a aac -f adts",
    "-c:a libvorbis -f webm",
];

fn every_kind() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio");
    let read = |name: &str| (name.to_owned(), std::fs::read(folder.join(name)).unwrap());
    let mut samples: Vec<_> = ["chromium.webm", "chromium.mp4", "firefox.webm", "firefox.ogg"].map(read).into();
    samples.push(("wav".into(), tone(spec(2, 22_050, 16, SampleFormat::Int))));
    samples.extend(MADE.map(|options| (options.to_owned(), encoded(options))));
    samples
}

/// Two seconds of a tone as ffmpeg encodes it.
#[expect(clippy::disallowed_methods, reason = "ffmpeg makes recordings")]
fn encoded(options: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone");
    let mut ffmpeg = std::process::Command::new("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-f", "lavfi", "-i", "sine=f=440:r=22050:d=2"]).args(options.split_whitespace()).arg(&path);
    assert!(ffmpeg.status().expect("ffmpeg is needed: run `make setup`").success(), "{options}");
    std::fs::read(path).unwrap()
}

#[test]
fn damage_of_any_kind_ends_as_an_answer_and_soon() {
    let rounds = std::env::var("ONEIROS_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    for (kind, good) in every_kind() {
        assert!(heard(&good).is_ok(), "{kind}");
        let (mut as_it_is, mut refused, mut panics, mut slowest) = (0, 0, 0, Duration::ZERO);
        for round in 0..rounds {
            let start = Instant::now();
            match heard(&damaged(&good, round)) {
                Ok(_) => as_it_is += 1,
                Err(EngineError::InvalidRequest(reason)) => {
                    refused += 1;
                    panics += u32::from(reason == PANICKED);
                }
                Err(error) => panic!("{kind}, round {round}: {error}"),
            }
            slowest = slowest.max(start.elapsed());
            assert!(start.elapsed() < PATIENCE, "{kind}, round {round}: {:?}", start.elapsed());
        }
        println!("{kind}: {as_it_is} heard, {refused} refused ({panics} of them panics), slowest {slowest:?}");
    }
}

/// The same damage for the same round on every machine.
fn damaged(good: &[u8], round: u64) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let mut state = round.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    for _ in 0..=next(6) {
        // Headers are where damage does most: half of it goes there.
        let reach = if next(2) == 0 { bytes.len().min(600) } else { bytes.len() };
        let at = next(reach);
        match next(5) {
            0 => bytes[at] ^= 1 << next(8),
            1 => bytes[at] = [0, 0xff, 0x7f, 0x80][next(4)],
            2 => {
                let end = (at + 4).min(bytes.len());
                bytes[at..end].fill([0, 0xff][next(2)]);
            }
            3 => drop(bytes.drain(at..(at + 1 + next(200)).min(bytes.len()))),
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}
