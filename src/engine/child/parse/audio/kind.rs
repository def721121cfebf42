//! What a file is, by its first bytes.

use std::{fs::File, os::unix::fs::FileExt};

use super::{invalid, length_of, unreadable};
use crate::engine::EngineError;

/// The containers that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    Wav,
    Mp3,
    /// Bare AAC frames.
    Adts,
    Flac,
    Ogg,
    /// Matroska too.
    Webm,
    /// MP4, M4A, 3GP, MOV.
    Mp4,
}

/// A container and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub container: Container,
    pub start: u64,
}

const HEAD_BYTES: usize = 256;
/// Taggers put one in front; some put a second.
const MOST_TAGS: usize = 4;
const INSTEAD: &str = "send it as WAV, MP3, FLAC, Ogg, WebM or M4A (AAC)";

/// Looks past ID3v2 tags at what the file holds. What is none of ours is refused by its name.
pub fn find(file: &File) -> Result<Found, EngineError> {
    let length = length_of(file)?;
    let mut start = 0;
    for _ in 0..=MOST_TAGS {
        let head = head(file, start)?;
        if head.is_empty() {
            return Err(invalid(if start == 0 { "the file is empty" } else { "the file holds a tag and no sound" }));
        }
        let Some(tag) = tag_length(&head) else { return found(&head, start) };
        start += tag;
        if start > length {
            return Err(super::cut_short());
        }
    }
    Err(invalid("the file holds nothing but tags"))
}

fn head(file: &File, start: u64) -> Result<Vec<u8>, EngineError> {
    let mut head = vec![0; HEAD_BYTES];
    let mut filled = 0;
    while filled < HEAD_BYTES {
        match file.read_at(&mut head[filled..], start + filled as u64).map_err(unreadable)? {
            0 => break,
            read => filled += read,
        }
    }
    head.truncate(filled);
    Ok(head)
}

/// Bytes of an ID3v2 tag: a header of ten, a length of four times seven bits, perhaps a footer (id3.org, ID3v2.4 §3.1).
fn tag_length(head: &[u8]) -> Option<u64> {
    let [b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] = head else { return None };
    let length = [a, b, c, d].iter().fold(0, |length, byte| length << 7 | u64::from(**byte & 0x7f));
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    Some(10 + length + footer)
}

fn found(head: &[u8], start: u64) -> Result<Found, EngineError> {
    let container = match head {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Container::Wav,
        [b'f', b'L', b'a', b'C', ..] => Container::Flac,
        [b'O', b'g', b'g', b'S', ..] => Container::Ogg,
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Container::Webm,
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Container::Mp4,
        // Eleven or twelve bits of sync, then the layer: none in ADTS.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Container::Adts,
        [0xff, second, ..] if second & 0xe0 == 0xe0 && second & 0x06 != 0 => Container::Mp3,
        // Padding after a tag: the first frame is found further on.
        _ if start > 0 => Container::Mp3,
        _ => return Err(refusal(head)),
    };
    Ok(Found { container, start })
}

fn refusal(head: &[u8]) -> EngineError {
    let (what, is_sound) = looks_like(head);
    invalid(if is_sound {
        format!("this is {what}, which is not taken: {INSTEAD}")
    } else {
        format!("this is no recording: it looks like {what}")
    })
}

/// A guess in words, and whether it is a recording at all.
fn looks_like(head: &[u8]) -> (&'static str, bool) {
    let sound = match head {
        [b'#', b'!', b'A', b'M', b'R', ..] => "an AMR recording",
        [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, ..] => "a Windows Media (WMA) recording",
        [b'F', b'O', b'R', b'M', ..] => "an AIFF recording",
        [b'c', b'a', b'f', b'f', ..] => "a Core Audio (CAF) recording",
        [b'R', b'F', b'6', b'4', ..] | [b'B', b'W', b'6', b'4', ..] => "RF64, the large form of WAV",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => "an AVI video",
        [b'F', b'L', b'V', ..] => "a Flash video",
        [0x0b, 0x77, ..] => "a Dolby Digital (AC-3) recording",
        [b'w', b'v', b'p', b'k', ..] => "a WavPack recording",
        [b'M', b'A', b'C', b' ', ..] => "a Monkey's Audio recording",
        [_, _, _, _, b'm' | b'w' | b'f', b'o' | b'd' | b'i' | b'r', b'o' | b'a' | b'd' | b'e', b'v' | b't' | b'e', ..] => {
            "an old QuickTime movie"
        }
        [0x47, ..] if head.get(188) == Some(&0x47) => "an MPEG transport stream",
        [0, 0, 1, 0xba, ..] => "an MPEG video",
        [b'M', b'T', b'h', b'd', ..] => "MIDI, which holds notes instead of sound",
        _ => return (other(head), false),
    };
    (sound, true)
}

fn other(head: &[u8]) -> &'static str {
    match head {
        [b'R', b'I', b'F', b'F', ..] => "a RIFF file of another kind, such as WebP",
        [0x7f, b'E', b'L', b'F', ..] => "a program",
        [b'P', b'K', 3, 4, ..] => "a zip archive",
        [b'%', b'P', b'D', b'F', ..] => "a PDF document",
        _ if head.iter().all(|byte| (0x20..0x7f).contains(byte) || byte.is_ascii_whitespace()) => "text",
        _ => "something unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(head: &[u8]) -> String {
        found(head, 0).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_taken_is_named() {
        assert!(refused(b"#!AMR\n\x3c").contains("AMR") && refused(b"#!AMR-WB\n").contains("send it as WAV"));
        assert!(refused(&[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11]).contains("WMA"));
        assert!(refused(b"\0\0\0\x08wideand").contains("QuickTime"));
        assert!(refused(b"\x7fELF and so on").contains("a program"));
        assert!(refused(b"hello, this is a letter").contains("text"));
        assert!(refused(b"RIFF\0\0\0\0WEBPVP8 ").contains("WebP"));
    }

    #[test]
    fn mpeg_frames_are_told_apart_by_their_layer() {
        let kind = |bytes: &[u8]| found(bytes, 0).unwrap().container;
        assert_eq!(kind(&[0xff, 0xfb, 0x90, 0]), Container::Mp3);
        assert_eq!(kind(&[0xff, 0xf3, 0x90, 0]), Container::Mp3);
        assert_eq!(kind(&[0xff, 0xf1, 0x50, 0]), Container::Adts);
        assert_eq!(kind(&[0xff, 0xf9, 0x50, 0]), Container::Adts);
    }

    #[test]
    fn a_tag_is_as_long_as_it_says() {
        assert_eq!(tag_length(b"ID3\x04\0\0\0\0\x01\x02rest"), Some(10 + 130));
        assert_eq!(tag_length(b"ID3\x04\0\x10\0\0\0\x05rest"), Some(25));
        assert_eq!(tag_length(b"ID3"), None);
    }
}
