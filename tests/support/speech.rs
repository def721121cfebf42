//! Recordings: speech by espeak-ng, and files that are no speech.

use std::{fs, path::Path, process::Command};

/// Samples a second of the recordings that are made here.
const RATE: u32 = 16_000;

/// Lets espeak-ng read a text to a WAV file and returns its bytes.
pub fn spoken(text: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("folder");
    let path = directory.path().join("speech.wav");
    say(text, &path);
    fs::read(path).expect("recording")
}

/// As [`spoken`], to a file.
pub fn say(text: &str, path: &Path) {
    // A little slower than its default, and a voice that Whisper follows well.
    let status = Command::new("espeak-ng").args(["-v", "en-us", "-s", "140", "-w"]).arg(path).arg(text).status();
    let status = status.expect("espeak-ng is installed (make setup)");
    assert!(status.success(), "espeak-ng: {status}");
}

/// A WAV file of that many seconds in which nothing is heard.
pub fn silence(seconds: u32) -> Vec<u8> {
    wav(&vec![0; (RATE * seconds) as usize])
}

/// A WAV file of 16 bit samples, one channel.
pub fn wav(samples: &[i16]) -> Vec<u8> {
    let specification = hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, specification).expect("header");
    samples.iter().for_each(|&sample| writer.write_sample(sample).expect("sample"));
    writer.finalize().expect("lengths");
    bytes.into_inner()
}

/// A WAV file with some bytes of its header replaced.
pub fn patched(recording: &[u8], changes: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = recording.to_vec();
    for (at, with) in changes {
        bytes[*at..at + with.len()].copy_from_slice(with);
    }
    bytes
}

/// Lower-case words without punctuation.
pub fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// How many of the words were heard.
pub fn heard(text: &str, expected: &[&str]) -> usize {
    let words = words(text);
    expected.iter().filter(|word| words.iter().any(|heard| heard == *word)).count()
}

/// A recording as ffmpeg makes it of another. `options` end with the container (`-f …`).
pub fn converted(recording: &[u8], options: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("folder");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::write(&from, recording).expect("recording");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-loglevel", "error", "-y", "-i"]).arg(&from).args(options.split_whitespace()).arg(&to);
    let status = ffmpeg.status().expect("ffmpeg is needed to make recordings: run `make setup`");
    assert!(status.success(), "ffmpeg {options}: {status}");
    fs::read(&to).expect("converted recording")
}

/// How much of what was said was heard: 1 less the word errors (put in, left out, replaced) for each word said.
pub fn word_accuracy(said: &str, heard: &str) -> f64 {
    let (said, heard) = (words(said), words(heard));
    let mut distances: Vec<usize> = (0..=heard.len()).collect();
    for (row, word) in said.iter().enumerate() {
        let mut diagonal = distances[0];
        distances[0] = row + 1;
        for (column, other) in heard.iter().enumerate() {
            let replaced = diagonal + usize::from(word != other);
            diagonal = distances[column + 1];
            distances[column + 1] = replaced.min(diagonal + 1).min(distances[column] + 1);
        }
    }
    1.0 - distances[heard.len()] as f64 / said.len() as f64
}
