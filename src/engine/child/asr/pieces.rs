//! A long recording in pieces that are cut where nobody speaks, so that memory does not grow with its length.
//!
//! An hour's samples would take 230 MB, a piece's take 21 MB.

use std::{fs::File, os::unix::fs::FileExt, time::Duration};

use super::{SAMPLES_PER_SECOND, loudness};
use crate::engine::EngineError;

/// The longest piece, and how much of its end is searched for a quiet place to cut.
const PIECE_SECONDS: usize = 5 * 60;
const SEARCHED_SECONDS: usize = 30;
/// What is looked for there: so much of a pause.
const PAUSE: usize = SAMPLES_PER_SECOND * 3 / 10;

/// The longest that a piece lasts.
pub const LONGEST_PIECE: Duration = Duration::from_secs((PIECE_SECONDS + SEARCHED_SECONDS) as u64);

/// Reads one piece after the other.
pub struct Pieces {
    file: File,
    samples: u64,
    at: u64,
}

/// Samples of one piece, −1 to 1, and where it begins.
pub struct Piece {
    pub start: u64,
    pub samples: Vec<f32>,
}

impl Pieces {
    /// `file` holds so many samples of 16 bits, little endian.
    pub fn new(file: File, samples: u64) -> Self {
        Self { file, samples, at: 0 }
    }

    /// `None` after the last.
    pub fn next(&mut self) -> Result<Option<Piece>, EngineError> {
        let left = usize::try_from(self.samples - self.at).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(None);
        }
        let (piece, searched) = (PIECE_SECONDS * SAMPLES_PER_SECOND, SEARCHED_SECONDS * SAMPLES_PER_SECOND);
        let start = self.at;
        let mut samples = self.read(left.min(piece + searched))?;
        // What would be left after the cut is worth a piece of its own, or there is no cut.
        if left > piece + searched {
            samples.truncate(piece);
            let cut = piece - searched + quietest(&samples[piece - searched..]);
            samples.truncate(cut);
        }
        self.at += samples.len() as u64;
        Ok(Some(Piece { start, samples }))
    }

    fn read(&self, samples: usize) -> Result<Vec<f32>, EngineError> {
        let mut bytes = vec![0; samples * 2];
        let read = self.file.read_exact_at(&mut bytes, self.at * 2);
        read.map_err(|error| EngineError::Failed(format!("the decoded recording cannot be read: {error}")))?;
        Ok(bytes.chunks_exact(2).map(|sample| f32::from(i16::from_le_bytes([sample[0], sample[1]])) / 32_768.0).collect())
    }
}

/// The middle of the quietest pause.
fn quietest(samples: &[f32]) -> usize {
    let step = PAUSE / 4;
    let windows = samples.windows(PAUSE).step_by(step).map(loudness).enumerate();
    let quietest = windows.min_by(|(_, one), (_, other)| one.total_cmp(other));
    quietest.map_or(samples.len() / 2, |(index, _)| index * step + PAUSE / 2)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn pieces_are_cut_in_the_pause_and_lose_nothing() {
        let second = SAMPLES_PER_SECOND;
        // Twelve minutes of a tone with a pause at 4 min 45 s.
        let pause = 285 * second..285 * second + second / 2;
        let sample = |index: usize| if pause.contains(&index) { 0_i16 } else { ((index % 40) * 300) as i16 };
        let total = 720 * second;
        let bytes: Vec<u8> = (0..total).flat_map(|index| sample(index).to_le_bytes()).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let mut pieces = Pieces::new(file, total as u64);
        let first = pieces.next().unwrap().unwrap();
        assert!(pause.contains(&first.samples.len()), "{}", first.samples.len());
        let mut at = first.samples.len() as u64;
        while let Some(piece) = pieces.next().unwrap() {
            assert_eq!(piece.start, at);
            assert!(piece.samples.len() <= (PIECE_SECONDS + SEARCHED_SECONDS) * second);
            assert_eq!(piece.samples[0], f32::from(sample(at as usize)) / 32_768.0);
            at += piece.samples.len() as u64;
        }
        assert_eq!(at, total as u64);
    }

    #[test]
    fn a_file_that_holds_less_than_was_said_is_an_error() {
        assert!(Pieces::new(tempfile::tempfile().unwrap(), 100).next().is_err());
    }
}
