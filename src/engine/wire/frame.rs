//! Frames as bytes: a `u32` length, little endian, then a postcard body.

use std::io;

use serde::{Serialize, de::DeserializeOwned};

use super::MAX_FRAME_BYTES;

/// Bytes of the length in front of a body.
pub(super) const HEADER_BYTES: usize = 4;

/// How many bytes of a body are asked for at once: a peer that announces much and sends little costs little.
pub(super) const CHUNK_BYTES: usize = 1024 * 1024;

/// The whole frame of one message.
pub(in crate::engine) fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut frame = postcard::to_extend(message, vec![0; HEADER_BYTES]).map_err(io::Error::other)?;
    let length = u32::try_from(frame.len() - HEADER_BYTES).ok().filter(|length| *length <= MAX_FRAME_BYTES);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the message is larger than a frame may be"))?;
    frame[..HEADER_BYTES].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// The length of the body that follows a header, if it is at most `most_bytes`.
pub(super) fn body_length(header: [u8; HEADER_BYTES], most_bytes: usize) -> io::Result<usize> {
    let length = u32::from_le_bytes(header) as usize;
    if length > most_bytes {
        return Err(malformed(format!("a frame announces {length} bytes; at most {most_bytes} are taken")));
    }
    Ok(length)
}

/// The message in a body; a body that holds more than one message is malformed.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(malformed(format!("a frame holds {} bytes too many", rest.len()))),
        Err(error) => Err(malformed(format!("a frame cannot be read: {error}"))),
    }
}

pub(super) fn malformed(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}
