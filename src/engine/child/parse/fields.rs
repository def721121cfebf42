//! Fields of untrusted binary files: every read is bounded by the file, every error says what was being read.

use std::io::{BufReader, Read, Seek, SeekFrom, Write};

use crate::engine::EngineError;

/// How much of a file is copied at a time.
const COPY_BYTES: usize = 256 * 1024;

/// The bytes are not what they claim to be; the text says which part.
pub fn invalid(message: impl Into<String>) -> EngineError {
    EngineError::InvalidRequest(message.into())
}

/// The output could not be written (a full disk, usually).
pub fn unwritable(error: std::io::Error) -> EngineError {
    EngineError::Failed(format!("the output could not be written: {error}"))
}

/// A cursor over a file of known length. Little endian throughout.
pub struct Fields<R> {
    source: BufReader<R>,
    position: u64,
    length: u64,
}

impl<R: Read + Seek> Fields<R> {
    /// Starts at the first byte.
    pub fn new(source: R) -> Result<Self, EngineError> {
        let mut source = BufReader::with_capacity(COPY_BYTES, source);
        let length = source.seek(SeekFrom::End(0)).map_err(|error| unreadable("its length", &error))?;
        source.seek(SeekFrom::Start(0)).map_err(|error| unreadable("its start", &error))?;
        Ok(Self { source, position: 0, length })
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn remaining(&self) -> u64 {
        self.length.saturating_sub(self.position)
    }

    /// Refuses a claim of more bytes than the file still holds.
    pub fn expect_remaining(&self, bytes: u64, what: &str) -> Result<(), EngineError> {
        if bytes > self.remaining() {
            return Err(invalid(format!("{what} needs {bytes} bytes at offset {}, but the file ends at {}", self.position, self.length)));
        }
        Ok(())
    }

    pub fn seek(&mut self, position: u64, what: &str) -> Result<(), EngineError> {
        if position > self.length {
            return Err(invalid(format!("{what} is at offset {position}, past the end of the file at {}", self.length)));
        }
        self.source.seek(SeekFrom::Start(position)).map_err(|error| unreadable(what, &error))?;
        self.position = position;
        Ok(())
    }

    pub fn skip(&mut self, bytes: u64, what: &str) -> Result<(), EngineError> {
        self.expect_remaining(bytes, what)?;
        let offset = i64::try_from(bytes).map_err(|_| invalid(format!("{what} is too long")))?;
        self.source.seek_relative(offset).map_err(|error| unreadable(what, &error))?;
        self.position += bytes;
        Ok(())
    }

    /// Reads `bytes` bytes, at most `limit` of them: nothing is allocated for a claim beyond it or beyond the file.
    pub fn bytes(&mut self, bytes: u64, limit: u64, what: &str) -> Result<Vec<u8>, EngineError> {
        if bytes > limit {
            return Err(invalid(format!("{what} claims {bytes} bytes; at most {limit} are accepted")));
        }
        self.expect_remaining(bytes, what)?;
        let size = usize::try_from(bytes).map_err(|_| invalid(format!("{what} is too long")))?;
        let mut buffer = vec![0; size];
        self.fill(&mut buffer, what)?;
        Ok(buffer)
    }

    fn fill(&mut self, buffer: &mut [u8], what: &str) -> Result<(), EngineError> {
        self.expect_remaining(buffer.len() as u64, what)?;
        self.source.read_exact(buffer).map_err(|error| unreadable(what, &error))?;
        self.position += buffer.len() as u64;
        Ok(())
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], EngineError> {
        let mut buffer = [0; N];
        self.fill(&mut buffer, what)?;
        Ok(buffer)
    }

    pub fn u8(&mut self, what: &str) -> Result<u8, EngineError> {
        Ok(self.array::<1>(what)?[0])
    }

    pub fn u16(&mut self, what: &str) -> Result<u16, EngineError> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    pub fn u32(&mut self, what: &str) -> Result<u32, EngineError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub fn u64(&mut self, what: &str) -> Result<u64, EngineError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    pub fn f32(&mut self, what: &str) -> Result<f32, EngineError> {
        Ok(f32::from_le_bytes(self.array(what)?))
    }

    /// A `u32` that must lie in `range`.
    pub fn u32_in(&mut self, range: std::ops::RangeInclusive<u32>, what: &str) -> Result<u32, EngineError> {
        let value = self.u32(what)?;
        if !range.contains(&value) {
            return Err(invalid(format!("{what} is {value}; {} to {} are accepted", range.start(), range.end())));
        }
        Ok(value)
    }

    /// Copies `bytes` bytes to `output` through `change`, which sees an even number of bytes at a time.
    pub fn copy(
        &mut self,
        bytes: u64,
        output: &mut impl Write,
        what: &str,
        mut change: impl FnMut(&[u8], &mut Vec<u8>),
    ) -> Result<(), EngineError> {
        self.expect_remaining(bytes, what)?;
        let mut left = bytes;
        let mut buffer = vec![0; COPY_BYTES];
        let mut changed = Vec::new();
        while left > 0 {
            let size = usize::try_from(left).map_or(COPY_BYTES, |left| left.min(COPY_BYTES));
            self.fill(&mut buffer[..size], what)?;
            changed.clear();
            change(&buffer[..size], &mut changed);
            output.write_all(&changed).map_err(unwritable)?;
            left -= size as u64;
        }
        Ok(())
    }
}

fn unreadable(what: &str, error: &std::io::Error) -> EngineError {
    EngineError::Failed(format!("{what} could not be read: {error}"))
}

/// Counts what goes through, so that an outcome can say how much was written.
pub struct Counted<W> {
    output: W,
    pub written: u64,
}

impl<W: Write> Counted<W> {
    pub fn new(output: W) -> Self {
        Self { output, written: 0 }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let size = self.output.write(buffer)?;
        self.written += size as u64;
        Ok(size)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.output.flush()
    }
}
