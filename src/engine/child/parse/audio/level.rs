//! How loud a recording is, and by how much it is raised.
//!
//! The rule: the loudness is that of the tenth-loudest tenth of a second (root mean square), so that a second of speech
//! counts however long the silence around it is, and one bang does not. A recording quieter than −16 dB of full scale is
//! raised to that, by 30 dB at most: what is next to silence is not blown up into noise. Nothing is lowered.

use super::TARGET_RATE;

/// −16 dB of full scale.
const TARGET: f32 = 0.158;
/// 30 dB.
const MOST_GAIN: f32 = 31.6;
/// Samples of a tenth of a second.
const WINDOW: u32 = TARGET_RATE / 10;
/// How many of the loudest windows are told apart.
const LOUDEST: usize = 10;

/// Listens to samples as they come, in constant memory.
#[derive(Default)]
pub struct Level {
    /// Mean squares of the loudest windows, loudest first.
    loudest: Vec<f32>,
    windows: usize,
    power: f32,
    filled: u32,
}

impl Level {
    pub fn listen(&mut self, sample: f32) {
        self.power += sample * sample;
        self.filled += 1;
        if self.filled == WINDOW {
            self.close_window();
        }
    }

    fn close_window(&mut self) {
        let mean = self.power / self.filled as f32;
        let place = self.loudest.partition_point(|other| *other >= mean);
        if place < LOUDEST {
            self.loudest.truncate(LOUDEST - 1);
            self.loudest.insert(place, mean);
        }
        (self.power, self.filled) = (0.0, 0);
        self.windows += 1;
    }

    /// Root mean square, 0 to 1. In a clip of less than four seconds it is that of the loudest quarter.
    pub fn loudness(&mut self) -> f32 {
        if self.filled > 0 && (self.windows == 0 || self.filled > WINDOW / 2) {
            self.close_window();
        }
        let place = (self.windows / 4).clamp(1, LOUDEST);
        self.loudest.get(place - 1).copied().unwrap_or_default().sqrt()
    }
}

/// What a recording of that loudness is multiplied by; 1 or more.
pub fn gain(loudness: f32) -> f32 {
    if loudness > 0.0 { (TARGET / loudness).clamp(1.0, MOST_GAIN) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loudness(samples: impl IntoIterator<Item = f32>) -> f32 {
        let mut level = Level::default();
        samples.into_iter().for_each(|sample| level.listen(sample));
        level.loudness()
    }

    #[test]
    fn one_second_of_speech_in_an_hour_counts_and_one_bang_does_not() {
        let hour = (0..16_000 * 3600).map(|index| if (80_000..96_000).contains(&index) { 0.1 } else { 0.0001 });
        assert!((loudness(hour) - 0.1).abs() < 1e-3);
        let banged = (0..16_000 * 10).map(|index| if index < 1000 { 1.0 } else { 0.01 });
        assert!((loudness(banged) - 0.01).abs() < 1e-3);
        assert!((loudness([0.5; 300]) - 0.5).abs() < 1e-3 && loudness([]) == 0.0);
    }

    #[test]
    fn what_is_quiet_is_raised_within_bounds_and_what_is_loud_stays() {
        assert!((gain(0.0158) - 10.0).abs() < 0.01);
        assert_eq!((gain(0.3), gain(1e-6), gain(0.0)), (1.0, MOST_GAIN, 1.0));
    }
}
