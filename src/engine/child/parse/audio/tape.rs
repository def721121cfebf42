//! Where decoded frames go: mixed to mono, brought to 16 kHz, written as 16 bits, levelled at the end.

use std::{
    fs::File,
    io::{BufWriter, Write},
    os::unix::fs::FileExt,
};

use super::{
    TARGET_RATE, invalid,
    level::{self, Level},
    resample::Rate,
    too_long,
};
use crate::engine::EngineError;

const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
const MOST_CHANNELS: usize = 8;
/// A recording made of pieces has a few rates; one that changes all the time is made to waste time.
const MOST_CHANGES: u32 = 64;
const BLOCK_BYTES: usize = 64 * 1024;

/// What was recorded.
pub struct Recorded {
    pub samples: u64,
    pub loudness: f32,
    pub gain: f32,
}

/// Takes interleaved frames of any rate and number of channels.
pub struct Tape {
    rate: Option<Rate>,
    changes: u32,
    mono: Vec<f32>,
    reel: Reel,
}

/// The output itself.
struct Reel {
    output: BufWriter<File>,
    level: Level,
    samples: u64,
    most_samples: u64,
    max_milliseconds: u64,
}

impl Tape {
    /// Writes at most `max_milliseconds` into an empty file.
    pub fn new(output: File, max_milliseconds: u64) -> Self {
        let reel = Reel {
            output: BufWriter::with_capacity(BLOCK_BYTES, output),
            level: Level::default(),
            samples: 0,
            most_samples: max_milliseconds.saturating_mul(u64::from(TARGET_RATE) / 1000),
            max_milliseconds,
        };
        Self { rate: None, changes: 0, mono: Vec::new(), reel }
    }

    /// How much is on it by now.
    pub fn milliseconds(&self) -> u64 {
        self.reel.samples * 1000 / u64::from(TARGET_RATE)
    }

    /// Takes frames of one packet. Channels are mixed to their mean; a value that is no number is silence.
    pub fn record(&mut self, interleaved: &[f32], channels: usize, rate: u32) -> Result<(), EngineError> {
        self.turn_to(channels, rate)?;
        let clean = |sample: &f32| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        self.mono.clear();
        self.mono.extend(interleaved.chunks_exact(channels).map(|frame| frame.iter().map(clean).sum::<f32>() / channels as f32));
        let (reel, mono) = (&mut self.reel, &self.mono);
        match &mut self.rate {
            Some(rate) => rate.push(mono, &mut |samples| reel.write(samples)),
            None => Ok(()),
        }
    }

    fn turn_to(&mut self, channels: usize, rate: u32) -> Result<(), EngineError> {
        if !(1..=MOST_CHANNELS).contains(&channels) {
            return Err(invalid(format!("the recording has {channels} channels; 1 to {MOST_CHANNELS} are taken")));
        }
        if self.rate.as_ref().is_some_and(|current| current.from() == rate) {
            return Ok(());
        }
        if !RATES.contains(&rate) {
            let (lowest, highest) = (RATES.start(), RATES.end());
            return Err(invalid(format!("the recording has {rate} samples a second; {lowest} to {highest} are taken")));
        }
        self.changes += 1;
        if self.changes > MOST_CHANGES {
            return Err(invalid("the recording changes its samples a second again and again; it is damaged"));
        }
        self.run_out()?;
        self.rate = Some(Rate::new(rate)?);
        Ok(())
    }

    fn run_out(&mut self) -> Result<(), EngineError> {
        let reel = &mut self.reel;
        self.rate.take().map_or(Ok(()), |mut rate| rate.finish(&mut |samples| reel.write(samples)))
    }

    /// Ends the recording and levels it.
    pub fn finish(mut self) -> Result<Recorded, EngineError> {
        self.run_out()?;
        let Reel { output, mut level, samples, .. } = self.reel;
        let output = output.into_inner().map_err(|error| unwritable(&error.into_error()))?;
        let loudness = level.loudness();
        let gain = level::gain(loudness);
        if gain > 1.0 {
            raise(&output, samples * 2, gain).map_err(|error| unwritable(&error))?;
        }
        Ok(Recorded { samples, loudness, gain })
    }
}

impl Reel {
    fn write(&mut self, samples: &[f32]) -> Result<(), EngineError> {
        self.samples += samples.len() as u64;
        if self.samples > self.most_samples {
            return Err(too_long(self.max_milliseconds));
        }
        for sample in samples {
            self.level.listen(*sample);
            self.output.write_all(&sixteen_bits(*sample).to_le_bytes()).map_err(|error| unwritable(&error))?;
        }
        Ok(())
    }
}

/// Full scale is 32,768, as in files that come with 16 bits: those stay as they are.
fn sixteen_bits(sample: f32) -> i16 {
    // A float that is beyond becomes the nearest number.
    (sample * 32_768.0).round() as i16
}

/// Multiplies every sample of the file, block by block.
fn raise(output: &File, bytes: u64, gain: f32) -> std::io::Result<()> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut at = 0;
    while at < bytes {
        let length = usize::try_from(bytes - at).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
        let block = &mut block[..length];
        output.read_exact_at(block, at)?;
        for sample in block.chunks_exact_mut(2) {
            let raised = f32::from(i16::from_le_bytes([sample[0], sample[1]])) * gain;
            sample.copy_from_slice(&(raised.round() as i16).to_le_bytes());
        }
        output.write_all_at(block, at)?;
        at += length as u64;
    }
    Ok(())
}

fn unwritable(error: &std::io::Error) -> EngineError {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return EngineError::StorageFull;
    }
    EngineError::Failed(format!("the decoded recording cannot be written: {error}"))
}
