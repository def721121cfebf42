//! A part of a file as Symphonia reads it.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
};

use symphonia::core::io::MediaSource;

use super::length_of;
use crate::engine::EngineError;

/// Bytes of a file from `start` on, with a corrected beginning laid over them where there is one.
pub struct Window {
    file: File,
    start: u64,
    length: u64,
    at: u64,
    /// Stands in for as many bytes of the file.
    beginning: Vec<u8>,
    seekable: bool,
}

impl Window {
    /// The whole file; it may be read in any order.
    pub fn whole(file: File) -> Result<Self, EngineError> {
        Ok(Self { seekable: true, ..Self::from(file, 0)? })
    }

    /// What follows `start`, to be read in order: no index can send the reader back and forth.
    pub fn from(file: File, start: u64) -> Result<Self, EngineError> {
        let length = length_of(&file)?.saturating_sub(start);
        Ok(Self { file, start, length, at: 0, beginning: Vec::new(), seekable: false })
    }

    /// The first `length` bytes of a file whose beginning is replaced, to be read in order.
    pub fn corrected(file: File, beginning: Vec<u8>, length: u64) -> Self {
        Self { file, start: 0, length, at: 0, beginning, seekable: false }
    }

    /// The same, read in any order.
    pub fn seekable(self) -> Self {
        Self { seekable: true, ..self }
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let kept = usize::try_from(self.at).ok().and_then(|at| self.beginning.get(at..)).unwrap_or_default();
        let read = if kept.is_empty() {
            self.file.read_at(&mut buffer[..wanted], self.start + self.at)?
        } else {
            let wanted = wanted.min(kept.len());
            buffer[..wanted].copy_from_slice(&kept[..wanted]);
            wanted
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        // Beyond the end nothing is read, and nothing overflows.
        self.at = target.filter(|at| *at <= i64::MAX as u64).ok_or(io::ErrorKind::InvalidInput)?.min(self.length);
        Ok(self.at)
    }
}

impl MediaSource for Window {
    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn byte_len(&self) -> Option<u64> {
        self.seekable.then_some(self.length)
    }
}
