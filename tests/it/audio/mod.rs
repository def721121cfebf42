//! Recordings of every kind that browsers, phones and other programs make.

mod events;
mod malice;
mod matrix;

use std::{fs, path::Path};

use crate::support::speech::converted;

/// What is said in every recording here.
const SAID: &str =
    "I was walking along the river in the evening, and my mother was standing on the other side. She was holding a golden key.";

/// A kind of recording and how ffmpeg makes it.
struct Kind {
    name: &'static str,
    /// What the server calls it.
    format: &'static str,
    options: &'static str,
    /// Whether the container tells where it ends.
    knows_its_end: bool,
}

const fn kind(name: &'static str, format: &'static str, options: &'static str, knows_its_end: bool) -> Kind {
    Kind { name, format, options, knows_its_end }
}

/// Made by ffmpeg.
const KINDS: &[Kind] = &[
    kind("WAV, 8 bits", "wav", "-c:a pcm_u8 -f wav", true),
    kind("WAV, 24 bits, 48 kHz, stereo", "wav", "-c:a pcm_s24le -ar 48000 -ac 2 -f wav", true),
    kind("WAV, 32-bit float", "wav", "-c:a pcm_f32le -f wav", true),
    kind("WAV, A-law, 8 kHz", "wav", "-c:a pcm_alaw -ar 8000 -f wav", true),
    kind("WAV, µ-law, 8 kHz", "wav", "-c:a pcm_mulaw -ar 8000 -f wav", true),
    kind("MP3, 64 kbit/s", "mp3", "-c:a libmp3lame -b:a 64k -f mp3", true),
    kind("MP3 without a header", "mp3", "-c:a libmp3lame -b:a 64k -write_xing 0 -id3v2_version 0 -f mp3", false),
    kind("FLAC", "flac", "-c:a flac -f flac", true),
    kind("FLAC, 5.1, 48 kHz", "flac", "-c:a flac -ac 6 -ar 48000 -f flac", true),
    kind("FLAC in Ogg", "ogg-flac", "-c:a flac -f ogg", true),
    kind("Ogg Vorbis", "ogg-vorbis", "-c:a libvorbis -f ogg", true),
    kind("Ogg Opus, 24 kbit/s", "ogg-opus", "-c:a libopus -b:a 24k -f ogg", true),
    kind("Ogg Opus, stereo", "ogg-opus", "-c:a libopus -ac 2 -b:a 48k -f ogg", true),
    kind("WebM Opus", "webm-opus", "-c:a libopus -b:a 32k -f webm", true),
    kind("WebM Opus, live", "webm-opus", "-c:a libopus -b:a 32k -live 1 -f webm", false),
    kind("WebM Vorbis", "webm-vorbis", "-c:a libvorbis -f webm", true),
    kind("M4A, AAC", "m4a-aac", "-c:a aac -b:a 64k -f ipod", true),
    kind("MP4, AAC, fragments", "m4a-aac", "-c:a aac -b:a 64k -movflags frag_keyframe+empty_moov -frag_duration 1000000 -f mp4", false),
    kind("3GP, AAC", "m4a-aac", "-c:a aac -b:a 48k -f 3gp", true),
    kind("MP4, Opus", "m4a-opus", "-c:a libopus -b:a 32k -strict -2 -f mp4", true),
    kind("AAC without a container", "aac", "-c:a aac -b:a 64k -f adts", false),
];

/// Made by browsers; see the folder's README.
const BROWSERS: &[(&str, &str, &str)] = &[
    ("chromium.webm", "webm-opus", "Chromium's MediaRecorder"),
    ("chromium.mp4", "m4a-opus", "Chromium's MediaRecorder"),
    ("firefox.webm", "webm-opus", "Firefox' MediaRecorder"),
    ("firefox.ogg", "ogg-opus", "Firefox' MediaRecorder"),
];

impl Kind {
    fn make(&self, speech: &[u8]) -> Vec<u8> {
        converted(speech, self.options)
    }
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio").join(name)).expect("fixture")
}
