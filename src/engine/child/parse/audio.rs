//! Recordings of any common kind, as untrusted bytes, to mono samples of 16 bits at 16 kHz.
//!
//! A file is taken for what its first bytes say ([`kind`]), never for what it is called. Samples stream from packet to
//! packet through decoder, mixing and resampling into the output ([`tape`]): no more than one packet is held at the
//! source's own rate. What a header promises is compared with what the file holds: a recording that was cut short is
//! refused, not half heard.
//!
//! | kind | its end |
//! |---|---|
//! | WAV, FLAC with a length, Ogg, MP4 | known: a file that ends before is refused as cut short |
//! | MP3 with a Xing header, WebM with a duration | known: as above, where more than a second and 2 % are missing |
//! | MP3 and AAC without a header, live WebM, live fragmented MP4, FLAC without a length | unknown: heard to the end of what is there |

mod codec;
mod kind;
mod level;
mod mp4;
mod resample;
mod stream;
mod tape;
mod wav;
mod window;

use std::{
    fs::File,
    io::{Seek, SeekFrom},
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::engine::{EngineError, parse::Audio};
use kind::Container;
use stream::Stream;
use tape::Tape;
use window::Window;

/// Samples a second of what comes out.
pub(in crate::engine::child) const TARGET_RATE: u32 = 16_000;

const PANICKED: &str = "the recording is damaged: it cannot be read";

/// Decodes a recording of at most `max_milliseconds` into `output`, which ends up with 16-bit samples, little endian.
pub fn decode(recording: File, output: File, max_milliseconds: u64) -> Result<Audio, EngineError> {
    // Container and codecs but Opus are safe code, so whatever a crafted file makes them do ends as a panic at worst.
    catch_unwind(AssertUnwindSafe(|| decode_whole(recording, output, max_milliseconds))).unwrap_or_else(|_| Err(invalid(PANICKED)))
}

fn decode_whole(recording: File, output: File, max_milliseconds: u64) -> Result<Audio, EngineError> {
    let found = kind::find(&recording)?;
    let window = match found.container {
        Container::Wav => wav::open(recording)?,
        Container::Mp4 => {
            mp4::check(&recording)?;
            Window::whole(recording)?
        }
        _ => Window::from(recording, found.start)?,
    };
    let mut tape = Tape::new(output, max_milliseconds);
    let source_format = Stream::open(window, found.container, max_milliseconds)?.play(&mut tape)?;
    let recorded = tape.finish()?;
    if recorded.samples == 0 {
        return Err(invalid("the recording is empty: it holds no sound"));
    }
    Ok(Audio {
        samples: recorded.samples,
        duration_milliseconds: recorded.samples * 1000 / u64::from(TARGET_RATE),
        loudness: recorded.loudness,
        gain: recorded.gain,
        source_format,
    })
}

fn invalid(reason: impl Into<String>) -> EngineError {
    EngineError::InvalidRequest(reason.into())
}

/// Bytes of a file. By seeking: asking for its metadata takes a system call that is barred here.
fn length_of(mut file: &File) -> Result<u64, EngineError> {
    file.seek(SeekFrom::End(0)).map_err(unreadable)
}

fn unreadable(error: std::io::Error) -> EngineError {
    EngineError::Failed(format!("the recording cannot be read: {error}"))
}

fn cut_short() -> EngineError {
    invalid("the recording is cut short: its end is missing; send the whole file")
}

fn too_long(max_milliseconds: u64) -> EngineError {
    let limit = max_milliseconds / 1000;
    let limit = if limit.is_multiple_of(60) && limit > 0 { format!("{} minutes", limit / 60) } else { format!("{limit} seconds") };
    invalid(format!("the recording is too long: at most {limit} are taken; cut it into parts"))
}

#[cfg(test)]
mod tests;
