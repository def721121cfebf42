//! WAV files, as untrusted bytes, to mono samples at 16 kHz.
//!
//! Memory is bounded by the length that the caller allows: samples stream through mixing and resampling. A header's own
//! lengths are compared with what the file really holds: one that was cut short is refused, not half heard.

use std::{
    fs::File,
    io::{BufReader, Chain, Cursor, Read, Seek, SeekFrom, Take},
    panic::{AssertUnwindSafe, catch_unwind},
};

use hound::{SampleFormat, WavReader, WavSpec};
use rubato::{Fft, FixedSync, Indexing, Resampler, audioadapter_buffers::direct::SequentialSlice};

use crate::engine::{EngineError, parse::Audio};

const TARGET_RATE: u32 = 16_000;
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
const MAX_CHANNELS: u16 = 8;
/// Everything before the samples: the header and chunks of notes.
const MAX_HEADER_BYTES: u64 = 1024 * 1024;
/// Frames that are resampled at once.
const CHUNK_FRAMES: usize = 4096;

type Source = Chain<Cursor<Vec<u8>>, Take<BufReader<File>>>;

/// Decodes a WAV file of at most `max_milliseconds`.
pub fn decode(file: File, max_milliseconds: u64) -> Result<Audio, EngineError> {
    // The decoder is safe code, so whatever a crafted file makes it do ends as a panic at worst.
    catch_unwind(AssertUnwindSafe(|| decode_wav(file, max_milliseconds))).unwrap_or_else(|_| Err(invalid("the WAV file cannot be read")))
}

fn invalid(reason: impl Into<String>) -> EngineError {
    EngineError::InvalidRequest(reason.into())
}

fn decode_wav(file: File, max_milliseconds: u64) -> Result<Audio, EngineError> {
    let mut wav = open(file)?;
    let spec = wav.spec();
    check(&spec)?;
    let frames = u64::from(wav.duration());
    if frames == 0 {
        return Err(invalid("the audio is empty"));
    }
    let milliseconds = frames * 1000 / u64::from(spec.sample_rate);
    if milliseconds > max_milliseconds {
        let (seconds, limit) = (milliseconds.div_ceil(1000), max_milliseconds / 1000);
        return Err(invalid(format!("the audio is {seconds} seconds long; at most {limit} seconds are taken")));
    }
    let samples = match spec.sample_format {
        SampleFormat::Float => resample(&spec, mono(&mut wav, spec.channels, |sample: f32| sample))?,
        SampleFormat::Int => {
            let full_scale = 2.0_f32.powi(i32::from(spec.bits_per_sample) - 1);
            resample(&spec, mono(&mut wav, spec.channels, move |sample: i32| sample as f32 / full_scale))?
        }
    };
    if samples.is_empty() {
        return Err(invalid("the audio is empty"));
    }
    let power = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64;
    Ok(Audio {
        duration_milliseconds: samples.len() as u64 * 1000 / u64::from(TARGET_RATE),
        loudness: power.sqrt() as f32,
        source_format: describe(&spec),
        samples,
    })
}

/// Opens a WAV file with its data length set to what the file really holds.
fn open(mut file: File) -> Result<WavReader<Source>, EngineError> {
    let unreadable = |error: std::io::Error| EngineError::Failed(format!("the audio cannot be read: {error}"));
    let length = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut header = Vec::new();
    file.by_ref().take(MAX_HEADER_BYTES.min(length)).read_to_end(&mut header).map_err(unreadable)?;
    if header.is_empty() {
        return Err(invalid("the file is empty"));
    }
    if header.len() < 12 || &header[..4] != b"RIFF" || &header[8..12] != b"WAVE" {
        return Err(invalid(format!("this is not a WAV file: it looks like {}", looks_like(&header))));
    }
    let data = data_chunk(&header).ok_or_else(|| invalid("the WAV file has no samples, or its header is cut short"))?;
    header.truncate(data.start);
    let present = length.saturating_sub(data.start as u64);
    // A recorder that could not go back to its header leaves 0 or the largest number there.
    let unknown = data.length == 0 || data.length >= UNKNOWN_LENGTH;
    let claimed = if unknown { present } else { u64::from(data.length) };
    if claimed > present {
        let percent = present * 100 / claimed;
        return Err(invalid(format!("the WAV file is cut short: {percent} % of the samples that its header promises are there")));
    }
    let whole = claimed.min(u64::from(u32::MAX)) / data.frame_bytes * data.frame_bytes;
    let whole_bytes = u32::try_from(whole).map_err(|_| invalid("the WAV file is too large"))?;
    header[data.start - 4..].copy_from_slice(&whole_bytes.to_le_bytes());
    file.seek(SeekFrom::Start(data.start as u64)).map_err(unreadable)?;
    let source = Cursor::new(header).chain(BufReader::new(file).take(whole));
    WavReader::new(source).map_err(|error| invalid(format!("the WAV file cannot be read: {error}")))
}

/// From here on a length stands for "not known": programs that write to a pipe put the largest number, or nearly, there.
const UNKNOWN_LENGTH: u32 = 0x7fff_f000;

struct DataChunk {
    /// Where the samples begin.
    start: usize,
    /// What the header says.
    length: u32,
    /// One sample of each channel, in bytes; at least 1.
    frame_bytes: u64,
}

/// Walks the chunks of a RIFF header to the one that holds the samples.
fn data_chunk(header: &[u8]) -> Option<DataChunk> {
    let mut at = 12;
    let mut frame_bytes = 1;
    loop {
        let id = header.get(at..at + 4)?;
        let length = u32::from_le_bytes(header.get(at + 4..at + 8)?.try_into().ok()?);
        let start = at + 8;
        match id {
            b"data" => return Some(DataChunk { start, length, frame_bytes }),
            b"fmt " => {
                let block = header.get(start + 12..start + 14)?;
                frame_bytes = u64::from(u16::from_le_bytes(block.try_into().ok()?)).max(1);
            }
            _ => {}
        }
        // Chunks begin at even offsets.
        at = start.checked_add(length as usize)?.checked_next_multiple_of(2)?;
    }
}

fn check(spec: &WavSpec) -> Result<(), EngineError> {
    if !(1..=MAX_CHANNELS).contains(&spec.channels) {
        return Err(invalid(format!("the audio has {} channels; 1 to {MAX_CHANNELS} are taken", spec.channels)));
    }
    if !RATES.contains(&spec.sample_rate) {
        let (rate, lowest, highest) = (spec.sample_rate, RATES.start(), RATES.end());
        return Err(invalid(format!("the audio has {rate} samples a second; {lowest} to {highest} are taken")));
    }
    Ok(())
}

fn describe(spec: &WavSpec) -> String {
    let kind = match spec.sample_format {
        SampleFormat::Int => "integer",
        SampleFormat::Float => "float",
    };
    format!("WAV, {}-bit {kind}, {} channel(s), {} Hz", spec.bits_per_sample, spec.channels, spec.sample_rate)
}

/// Frames as the mean of their channels, −1 to 1. Ends at the first sample that cannot be read.
fn mono<'wav, S: hound::Sample + 'wav>(
    wav: &'wav mut WavReader<Source>,
    channels: u16,
    scale: impl Fn(S) -> f32 + 'wav,
) -> impl Iterator<Item = Result<f32, EngineError>> + 'wav {
    let mut samples = wav.samples::<S>();
    std::iter::from_fn(move || {
        let mut sum = 0.0;
        for _ in 0..channels {
            match samples.next()? {
                Ok(sample) => {
                    let value = scale(sample);
                    sum += if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 };
                }
                Err(hound::Error::IoError(_)) => return None,
                Err(error) => return Some(Err(invalid(format!("the WAV file cannot be read: {error}")))),
            }
        }
        Some(Ok(sum / f32::from(channels)))
    })
}

fn resample(spec: &WavSpec, mut frames: impl Iterator<Item = Result<f32, EngineError>>) -> Result<Vec<f32>, EngineError> {
    if spec.sample_rate == TARGET_RATE {
        return frames.collect();
    }
    let failed = |error: &dyn std::fmt::Display| EngineError::Failed(format!("the audio could not be resampled: {error}"));
    let (from, to) = (spec.sample_rate as usize, TARGET_RATE as usize);
    let mut resampler = Fft::<f32>::new(from, to, CHUNK_FRAMES, 1, FixedSync::Input).map_err(|error| failed(&error))?;
    let mut input = vec![0.0; resampler.input_frames_max()];
    let mut output = vec![0.0; resampler.output_frames_max()];
    let mut delay = resampler.output_delay();
    let (mut read, mut samples) = (0, Vec::new());
    loop {
        let wanted = resampler.input_frames_next();
        let mut filled = 0;
        for frame in frames.by_ref().take(wanted) {
            input[filled] = frame?;
            filled += 1;
        }
        input[filled..wanted].fill(0.0);
        read += filled;
        let source = SequentialSlice::new(&input, 1, wanted).map_err(|error| failed(&error))?;
        let frames_out = output.len();
        let mut target = SequentialSlice::new_mut(&mut output, 1, frames_out).map_err(|error| failed(&error))?;
        let (_, made) = resampler.process_into_buffer(&source, &mut target, Some(&Indexing::new())).map_err(|error| failed(&error))?;
        let late = delay.min(made);
        delay -= late;
        samples.extend_from_slice(&output[late..made]);
        // After the last frame silence follows until the delayed end is out.
        let complete = read * to / from;
        if filled < wanted && samples.len() >= complete {
            samples.truncate(complete);
            return Ok(samples);
        }
    }
}

/// A guess from the first bytes, in words.
fn looks_like(head: &[u8]) -> &'static str {
    match head {
        [b'O', b'g', b'g', b'S', ..] => "Ogg (Opus or Vorbis)",
        [b'f', b'L', b'a', b'C', ..] => "FLAC",
        [b'I', b'D', b'3', ..] | [0xff, 0xe0..=0xff, ..] => "MP3 or AAC",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "MP4 or M4A",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "WebM or Matroska",
        [b'F', b'O', b'R', b'M', ..] => "AIFF",
        [b'R', b'F', b'6', b'4', ..] => "RF64, the large form of WAV",
        [b'R', b'I', b'F', b'F', ..] => "another RIFF file, such as AVI or WebP",
        [0x7f, b'E', b'L', b'F', ..] => "a program",
        [b'P', b'K', 3, 4, ..] => "a zip archive",
        [b'%', b'P', b'D', b'F', ..] => "a PDF document",
        _ if head.iter().take(256).all(|byte| (0x20..0x7f).contains(byte) || byte.is_ascii_whitespace()) => "text",
        _ => "something unknown",
    }
}

#[cfg(test)]
mod tests;
