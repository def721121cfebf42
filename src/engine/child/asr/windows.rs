//! What Whisper hears at once: at most 19 seconds of speech with the long pauses left out.
//!
//! Windows are cut where somebody pauses, so that each is heard once and none waits for the one before it; whisper.cpp's
//! own go on where the last sentence ended and hear its rest twice.

use std::ops::Range;

use super::{SAMPLES_PER_SECOND, speech::Speech};

/// Whisper can hear 30 seconds. The encoder's time grows faster than what it hears: windows of 20 seconds and their margin
/// take the least for each second. A little less, and they are the 1,024 positions that it hears at once
/// ([`super::hearing::positions`]).
const LONGEST: usize = SAMPLES_PER_SECOND * 192 / 10;
/// From here on a window is full enough to end before speech that would have to be cut.
const FULL_ENOUGH: usize = SAMPLES_PER_SECOND * 12;
/// A score below this is a pause good enough to cut in.
const PAUSE_SCORE: f32 = 0.3;

/// Where speech lies in a piece of a recording, the pauses left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    parts: Vec<Range<usize>>,
}

/// The speech of a piece, window by window.
pub fn windows(speech: &Speech) -> Vec<Window> {
    let mut windows = Vec::new();
    let mut at = 0;
    while let Some(window) = next(speech, at) {
        at = window.end();
        windows.push(window);
    }
    windows
}

fn next(speech: &Speech, at: usize) -> Option<Window> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut filled = 0;
    for span in speech.spans.iter().filter(|span| span.end > at) {
        let start = span.start.max(at);
        let room = LONGEST - filled;
        if span.end - start <= room {
            filled += span.end - start;
            parts.push(start..span.end);
            continue;
        }
        let (cut, score) = speech.pause(start + room * 2 / 3..start + room);
        if cut > start && (filled < FULL_ENOUGH || score < PAUSE_SCORE) {
            parts.push(start..cut);
        }
        break;
    }
    (!parts.is_empty()).then_some(Window { parts })
}

impl Window {
    /// How many samples it has.
    pub fn len(&self) -> usize {
        self.parts.iter().map(ExactSizeIterator::len).sum()
    }

    /// Its samples, of those of the piece.
    pub fn samples(&self, piece: &[f32]) -> Vec<f32> {
        self.parts.iter().filter_map(|part| piece.get(part.clone())).flatten().copied().collect()
    }

    /// What comes in it from this sample on.
    pub fn rest(&self, mut sample: usize) -> Self {
        let mut parts = Vec::new();
        for part in &self.parts {
            let start = part.start + sample.min(part.len());
            sample = sample.saturating_sub(part.len());
            if start < part.end {
                parts.push(start..part.end);
            }
        }
        Self { parts }
    }

    /// Where in the piece a sound lies that begins at this sample of the window.
    pub fn start_of(&self, sample: usize) -> usize {
        self.place(sample, |sample, length| sample < length)
    }

    /// Where in the piece a sound lies that ends at this sample of the window.
    pub fn end_of(&self, sample: usize) -> usize {
        self.place(sample, |sample, length| sample <= length)
    }

    /// The last sample's place in the piece.
    pub fn end(&self) -> usize {
        self.parts.last().map_or(0, |part| part.end)
    }

    fn place(&self, mut sample: usize, within: impl Fn(usize, usize) -> bool) -> usize {
        for part in &self.parts {
            if within(sample, part.len()) {
                return part.start + sample;
            }
            sample -= part.len();
        }
        self.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_lie_where_they_were_spoken() {
        let window = Window { parts: vec![100..200, 1000..1050] };
        assert_eq!((window.start_of(0), window.start_of(99), window.start_of(100)), (100, 199, 1000));
        assert_eq!((window.end_of(100), window.end_of(101), window.end_of(150)), (200, 1001, 1050));
        assert_eq!((window.start_of(500), window.end(), window.len()), (1050, 1050, 150), "past the end is the end");
        assert_eq!(window.rest(40).parts, vec![140..200, 1000..1050]);
        assert_eq!(window.rest(100).parts, vec![1000..1050]);
        assert!(window.rest(150).parts.is_empty());
    }

    #[test]
    fn nothing_is_heard_where_nobody_speaks() {
        assert!(windows(&Speech::find(&vec![0.0; SAMPLES_PER_SECOND * 60])).is_empty());
    }
}
