//! Mono frames of one rate to 16 kHz, as they come.

use rubato::{Fft, FixedSync, Indexing, Resampler, audioadapter_buffers::direct::SequentialSlice};

use super::TARGET_RATE;
use crate::engine::EngineError;

/// Frames that are resampled at once.
const CHUNK_FRAMES: usize = 4096;

/// One run of frames at one rate. Its output is as long as its input, to the sample.
pub struct Rate {
    from: u32,
    inner: Option<Inner>,
}

struct Inner {
    resampler: Fft<f32>,
    input: Vec<f32>,
    filled: usize,
    output: Vec<f32>,
    /// Samples that the filter puts in front, still to be dropped.
    delay: usize,
    read: u64,
    written: u64,
}

impl Rate {
    pub fn new(from: u32) -> Result<Self, EngineError> {
        if from == TARGET_RATE {
            return Ok(Self { from, inner: None });
        }
        let resampler =
            Fft::<f32>::new(from as usize, TARGET_RATE as usize, CHUNK_FRAMES, 1, FixedSync::Input).map_err(|error| failed(&error))?;
        let inner = Inner {
            input: vec![0.0; resampler.input_frames_max()],
            filled: 0,
            output: vec![0.0; resampler.output_frames_max()],
            delay: resampler.output_delay(),
            read: 0,
            written: 0,
            resampler,
        };
        Ok(Self { from, inner: Some(inner) })
    }

    pub fn from(&self) -> u32 {
        self.from
    }

    /// Takes frames; what they become goes to `out`.
    pub fn push(&mut self, mut frames: &[f32], out: &mut impl FnMut(&[f32]) -> Result<(), EngineError>) -> Result<(), EngineError> {
        let Some(inner) = &mut self.inner else { return out(frames) };
        inner.read += frames.len() as u64;
        while !frames.is_empty() {
            let wanted = inner.resampler.input_frames_next();
            let taken = frames.len().min(wanted - inner.filled);
            inner.input[inner.filled..inner.filled + taken].copy_from_slice(&frames[..taken]);
            inner.filled += taken;
            frames = &frames[taken..];
            if inner.filled == wanted {
                inner.turn(u64::MAX, out)?;
            }
        }
        Ok(())
    }

    /// Brings out what is still inside.
    pub fn finish(&mut self, out: &mut impl FnMut(&[f32]) -> Result<(), EngineError>) -> Result<(), EngineError> {
        let Some(inner) = &mut self.inner else { return Ok(()) };
        let complete = inner.read * u64::from(TARGET_RATE) / u64::from(self.from);
        while inner.written < complete {
            let wanted = inner.resampler.input_frames_next();
            inner.input[inner.filled..wanted].fill(0.0);
            inner.turn(complete, out)?;
        }
        Ok(())
    }
}

impl Inner {
    /// Resamples the filled input; no more than `most` samples come out in all.
    fn turn(&mut self, most: u64, out: &mut impl FnMut(&[f32]) -> Result<(), EngineError>) -> Result<(), EngineError> {
        let wanted = self.resampler.input_frames_next();
        let source = SequentialSlice::new(&self.input, 1, wanted).map_err(|error| failed(&error))?;
        let frames_out = self.output.len();
        let mut target = SequentialSlice::new_mut(&mut self.output, 1, frames_out).map_err(|error| failed(&error))?;
        let turned = self.resampler.process_into_buffer(&source, &mut target, Some(&Indexing::new()));
        let (_, made) = turned.map_err(|error| failed(&error))?;
        self.filled = 0;
        let late = self.delay.min(made);
        self.delay -= late;
        let left = usize::try_from(most.saturating_sub(self.written)).unwrap_or(usize::MAX);
        let end = made.min(late.saturating_add(left));
        self.written += (end - late) as u64;
        out(&self.output[late..end])
    }
}

fn failed(error: &dyn std::fmt::Display) -> EngineError {
    EngineError::Failed(format!("the recording could not be resampled: {error}"))
}
