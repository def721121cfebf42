//! WAV's own header: its lengths against what the file really holds.

use std::{fs::File, os::unix::fs::FileExt};

use super::{invalid, length_of, unreadable, window::Window};
use crate::engine::EngineError;

/// Everything before the samples: the header and chunks of notes.
const MAX_HEADER_BYTES: u64 = 1024 * 1024;

/// From here on a length stands for "not known": programs that write to a pipe put the largest number, or nearly, there.
const UNKNOWN_LENGTH: u32 = 0x7fff_f000;

/// Opens a WAV file with its data length set to what the file really holds.
pub fn open(file: File) -> Result<Window, EngineError> {
    let length = length_of(&file)?;
    let mut header = vec![0; usize::try_from(MAX_HEADER_BYTES.min(length)).unwrap_or(0)];
    file.read_exact_at(&mut header, 0).map_err(unreadable)?;
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
    let whole = claimed.min(u64::from(u32::MAX - 1)) / data.frame_bytes * data.frame_bytes;
    let whole_bytes = u32::try_from(whole).map_err(|_| invalid("the WAV file is too large"))?;
    if whole == 0 {
        return Err(invalid("the recording is empty: it holds no sound"));
    }
    header[data.start - 4..].copy_from_slice(&whole_bytes.to_le_bytes());
    // The outer length is of no use to anybody: what it must cover is known.
    let outer = u32::try_from(data.start as u64 + whole).unwrap_or(u32::MAX);
    header[4..8].copy_from_slice(&outer.to_le_bytes());
    Ok(Window::corrected(file, header, data.start as u64 + whole))
}

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
