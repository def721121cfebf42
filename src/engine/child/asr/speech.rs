//! Where somebody speaks.
//!
//! A small network scores every 16 milliseconds. What it takes for speech is widened so that no first or last sound is lost;
//! only that goes to Whisper, which works on silence as long as on speech and makes words up in it.

use std::ops::Range;

use super::SAMPLES_PER_SECOND;

/// Samples that one score is about.
pub const FRAME: usize = 256;
/// A sound is speech from the first score on and until the scores stay below the second. Low: recordings are levelled
/// before they come here, and noise taken for speech costs time where speech taken for noise would cost words.
const BEGINS: f32 = 0.4;
const GOES_ON: f32 = 0.2;
/// Fewer frames that sure of speech are a click.
const LEAST_FRAMES: usize = 5;
/// Half a second.
const FIRST_FRAMES: usize = SAMPLES_PER_SECOND / 2 / FRAME;
/// What is heard before and after: soft consonants, and the pause that tells Whisper where a sentence ends.
const BEFORE: usize = SAMPLES_PER_SECOND * 3 / 10;
const AFTER: usize = SAMPLES_PER_SECOND * 4 / 10;

/// What was found in some samples.
pub struct Speech {
    /// Samples in which somebody speaks, in order, apart from each other.
    pub spans: Vec<Range<usize>>,
    /// How sure the network is that each frame is speech, 0 to 1.
    scores: Vec<f32>,
}

impl Speech {
    pub fn find(samples: &[f32]) -> Self {
        let mut detector = earshot::Detector::default();
        let mut score = |chunk: &[f32]| {
            let mut frame = [0.0; FRAME];
            frame[..chunk.len()].copy_from_slice(chunk);
            detector.predict_f32(&frame)
        };
        // It takes the first noise it meets for speech, whatever it is: it meets the beginning twice.
        samples.chunks(FRAME).take(FIRST_FRAMES).for_each(|chunk| {
            score(chunk);
        });
        let scores: Vec<f32> = samples.chunks(FRAME).map(score).collect();
        let mut spans: Vec<Range<usize>> = Vec::new();
        for frames in bursts(&scores) {
            let span = (frames.start * FRAME).saturating_sub(BEFORE)..(frames.end * FRAME + AFTER).min(samples.len());
            match spans.last_mut() {
                Some(last) if span.start <= last.end => last.end = span.end,
                _ => spans.push(span),
            }
        }
        Self { spans, scores }
    }

    /// The middle of the place in these samples where a cut hurts least, and how sure it is that somebody speaks there.
    pub fn pause(&self, samples: Range<usize>) -> (usize, f32) {
        const PAUSE: usize = 12;
        let frames = samples.start.div_ceil(FRAME)..(samples.end / FRAME).min(self.scores.len());
        let sums = self.scores.get(frames.clone()).unwrap_or_default().windows(PAUSE).map(|scores| scores.iter().sum::<f32>());
        // The last of equals: a window is as full as can be.
        let least = sums.enumerate().min_by(|(first, one), (second, other)| one.total_cmp(other).then(second.cmp(first)));
        least.map_or((samples.end, 1.0), |(index, sum)| ((frames.start + index + PAUSE / 2) * FRAME, sum / PAUSE as f32))
    }
}

/// Runs of frames with speech, without the pauses between.
fn bursts(scores: &[f32]) -> Vec<Range<usize>> {
    let mut bursts: Vec<(Range<usize>, usize)> = Vec::new();
    let mut silent = true;
    for (index, &score) in scores.iter().enumerate() {
        if score < GOES_ON {
            silent = true;
            continue;
        }
        if silent && score < BEGINS {
            continue;
        }
        let sure = usize::from(score >= BEGINS);
        match bursts.last_mut() {
            // A gap of a few frames is within a word.
            Some((burst, voiced)) if !silent || index - burst.end <= LEAST_FRAMES => {
                burst.end = index + 1;
                *voiced += sure;
            }
            _ => bursts.push((index..index + 1, sure)),
        }
        silent = false;
    }
    bursts.into_iter().filter(|(_, voiced)| *voiced >= LEAST_FRAMES).map(|(burst, _)| burst).collect()
}
