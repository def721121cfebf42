//! What an MP4 holds, before the demultiplexer sees it: kinds of sound that it would pass over in silence are named.

use std::{fs::File, os::unix::fs::FileExt};

use super::{invalid, length_of, unreadable};
use crate::engine::EngineError;

/// Boxes that are looked at in all; a recording has some thirty, a live one two for each second.
const MOST_BOXES: usize = 100_000;
/// Boxes around the one that describes the sound: `moov`, `trak`, `mdia`, `minf`, `stbl`, `stsd`.
const PATH: [&[u8; 4]; 6] = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"];
/// `stsd` begins with a version and a count.
const DESCRIPTION_HEADER: u64 = 8;

/// Refuses what is encrypted, is sound that the demultiplexer does not know, or has no index.
pub fn check(file: &File) -> Result<(), EngineError> {
    let length = length_of(file)?;
    let mut walk = Walk { file, left: MOST_BOXES, entries: Vec::new(), has_index: false };
    walk.look(0, length, 0)?;
    if !walk.has_index {
        return Err(invalid("the MP4 recording has no index: it is cut short, or its recorder was stopped before it ended the file"));
    }
    let refused = walk.entries.iter().find_map(name_of_refused);
    match refused {
        Some(what) if !walk.entries.iter().any(is_taken) => {
            Err(invalid(format!("the sound is {what}, which is not taken: send it as M4A (AAC), MP3 or WAV")))
        }
        _ => Ok(()),
    }
}

struct Walk<'a> {
    file: &'a File,
    left: usize,
    /// Kinds of what the tracks hold.
    entries: Vec<[u8; 4]>,
    has_index: bool,
}

impl Walk<'_> {
    /// Looks at the boxes from `at` to `end`, and into those on the path.
    fn look(&mut self, mut at: u64, end: u64, depth: usize) -> Result<(), EngineError> {
        while at + 8 <= end {
            self.left = self.left.checked_sub(1).ok_or_else(|| invalid("the MP4 recording has too many parts; it is damaged"))?;
            let mut head = [0; 16];
            let known = usize::try_from((end - at).min(16)).unwrap_or(16);
            self.file.read_exact_at(&mut head[..known], at).map_err(unreadable)?;
            let [a, b, c, d, kind @ .., _, _, _, _, _, _, _, _] = head;
            let large = u64::from_be_bytes([head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15]]);
            let (header, size) = match u32::from_be_bytes([a, b, c, d]) {
                0 => (8, end - at),
                1 => (16, large),
                size => (8, u64::from(size)),
            };
            let next = at.saturating_add(size);
            if size < header {
                return Err(invalid("the MP4 recording is damaged: a part of it has no size"));
            }
            if depth == PATH.len() {
                self.entries.push(kind);
            } else if kind == *PATH[depth] {
                self.has_index |= depth == 0;
                let inside = if depth + 1 == PATH.len() { DESCRIPTION_HEADER } else { 0 };
                self.look(at + header + inside, next.min(end), depth + 1)?;
            }
            at = next;
        }
        Ok(())
    }
}

fn is_taken(entry: &[u8; 4]) -> bool {
    matches!(entry, b"mp4a" | b"Opus" | b"fLaC" | b".mp3")
}

fn name_of_refused(entry: &[u8; 4]) -> Option<&'static str> {
    Some(match entry {
        b"enca" | b"drms" => "encrypted",
        b"samr" | b"sawb" | b"sawp" => "AMR, as phones once recorded it",
        b"alac" => "Apple Lossless (ALAC)",
        b"ac-3" | b"ec-3" | b"ac-4" => "Dolby Digital (AC-3)",
        b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" => "DTS",
        b"lpcm" | b"sowt" | b"twos" | b"raw " | b"in24" | b"in32" | b"fl32" | b"fl64" | b"ulaw" | b"alaw" => "uncompressed inside an MP4",
        _ => return None,
    })
}
