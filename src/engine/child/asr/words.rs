//! Tokens become words with times.

use std::ops::Range;

use super::{SAMPLES_PER_SECOND, loudness};

/// A token of a segment. Times are samples of the window that it was heard in.
#[derive(Debug)]
pub struct Token {
    /// Often a part of a word, sometimes a part of a character.
    pub bytes: Vec<u8>,
    pub start: usize,
    pub end: usize,
    pub probability: f32,
}

/// A word with the punctuation that belongs to it; times as in [`Token`].
#[derive(Debug)]
pub struct Word {
    pub start: usize,
    pub end: usize,
    pub text: String,
    pub probability: f32,
}

/// Languages that set no spaces: there each character or token that holds whole characters is a word.
const WITHOUT_SPACES: [&str; 7] = ["zh", "ja", "yue", "th", "lo", "my", "km"];

/// How finely a word's sound is looked at.
const STEP: usize = SAMPLES_PER_SECOND / 100;
/// What is softer than this part of a word's loudest sound is the pause around it.
const AUDIBLE: f32 = 0.1;
/// Steps of silence that are no part of a word, as the closing of the lips is.
const SHORTEST_PAUSE: usize = 12;

/// The words of a segment. Their times ascend and stay within its own.
pub fn words(tokens: &[Token], language: &str, segment: Range<usize>, samples: &[f32]) -> Vec<Word> {
    let spaced = !WITHOUT_SPACES.contains(&language);
    let mut words: Vec<Parts> = Vec::new();
    let mut unit = Parts::default();
    for token in tokens {
        unit.add(token);
        // A character's bytes may be spread over tokens.
        let Ok(text) = std::str::from_utf8(&unit.bytes) else { continue };
        let begins = if spaced { text.starts_with(' ') } else { text.chars().any(char::is_alphanumeric) };
        let unit = std::mem::take(&mut unit);
        match words.last_mut() {
            Some(word) if !begins => word.append(unit),
            _ => words.push(unit),
        }
    }
    match words.last_mut() {
        Some(word) => word.append(unit),
        None => words.push(unit),
    }
    let mut earliest = segment.start;
    words.into_iter().filter_map(|word| word.finish(&mut earliest, segment.end)).map(|word| word.without_pauses(samples)).collect()
}

impl Word {
    /// whisper.cpp lets a word begin where the one before it ended, or a little before: the pauses at both ends are taken off,
    /// and what is beyond them, the neighbours' sound.
    fn without_pauses(self, samples: &[f32]) -> Self {
        let Some(sound) = samples.get(self.start..self.end) else { return self };
        let steps: Vec<f32> = sound.chunks(STEP).map(loudness).collect();
        let least = steps.iter().copied().fold(0.0, f32::max) * AUDIBLE;
        let Some(loudest) = sounds(&steps, least).into_iter().max_by(|one, other| energy(&steps, one).total_cmp(&energy(&steps, other)))
        else {
            return self;
        };
        let (start, end) = (self.start + loudest.start * STEP, (self.start + loudest.end * STEP).min(self.end));
        Self { start, end: end.max(start), ..self }
    }
}

/// The steps that are no softer than that, without the pauses between them.
fn sounds(steps: &[f32], least: f32) -> Vec<Range<usize>> {
    let mut sounds: Vec<Range<usize>> = Vec::new();
    for (at, _) in steps.iter().enumerate().filter(|(_, loudness)| **loudness >= least) {
        match sounds.last_mut() {
            Some(sound) if at - sound.end <= SHORTEST_PAUSE => sound.end = at + 1,
            _ => sounds.push(at..at + 1),
        }
    }
    sounds
}

fn energy(steps: &[f32], sound: &Range<usize>) -> f32 {
    steps[sound.clone()].iter().map(|loudness| loudness * loudness).sum()
}

/// A word as far as it is read.
#[derive(Default)]
struct Parts {
    bytes: Vec<u8>,
    start: Option<usize>,
    end: usize,
    probabilities: Vec<f32>,
}

impl Parts {
    fn add(&mut self, token: &Token) {
        self.bytes.extend_from_slice(&token.bytes);
        self.start.get_or_insert(token.start);
        self.end = self.end.max(token.end);
        self.probabilities.push(token.probability);
    }

    fn append(&mut self, other: Self) {
        self.bytes.extend(other.bytes);
        self.start = self.start.or(other.start);
        self.end = self.end.max(other.end);
        self.probabilities.extend(other.probabilities);
    }

    /// Nothing for what holds no letter or digit. `earliest` is where the word before it ended.
    fn finish(self, earliest: &mut usize, latest: usize) -> Option<Word> {
        let text = String::from_utf8_lossy(&self.bytes).trim().to_owned();
        if !text.contains(char::is_alphanumeric) {
            return None;
        }
        let start = self.start?.clamp(*earliest, latest.max(*earliest));
        let end = self.end.clamp(start, latest.max(start));
        *earliest = end;
        let probability = self.probabilities.iter().sum::<f32>() / self.probabilities.len() as f32;
        Some(Word { start, end, text, probability })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &[u8], start: usize, end: usize) -> Token {
        Token { bytes: text.to_vec(), start, end, probability: 0.5 }
    }

    #[test]
    fn parts_of_words_and_of_characters_are_joined() {
        let river = "река".as_bytes();
        let tokens = [token(b" wal", 90, 200), token(b"king", 200, 350), token(b",", 350, 360), token(b" ", 360, 360)];
        let tokens: Vec<Token> = tokens.into_iter().chain([token(&river[..3], 360, 500), token(&river[3..], 480, 900)]).collect();
        let words = words(&tokens, "ru", 100..800, &[]);
        let seen: Vec<_> = words.iter().map(|word| (word.text.as_str(), word.start, word.end)).collect();
        assert_eq!(seen, [("walking,", 100, 360), ("река", 360, 800)]);
        assert!((words[0].probability - 0.5).abs() < 1e-6);
    }

    #[test]
    fn pauses_belong_to_no_word() {
        let samples: Vec<f32> = (0..16_000).map(|index| if (4000..9600).contains(&index) { 0.5 } else { 0.001 }).collect();
        let words = words(&[token(b" river", 800, 16_000)], "en", 0..16_000, &samples);
        assert_eq!((words[0].start, words[0].end), (4000, 9600));
    }

    #[test]
    fn a_neighbours_last_sound_belongs_to_no_word_and_closed_lips_do() {
        let heard = |at: usize| at < 500 || (4000..7000).contains(&at) || (8000..9600).contains(&at);
        let samples: Vec<f32> = (0..16_000).map(|at| if heard(at) { 0.5 } else { 0.001 }).collect();
        let words = words(&[token(b" water", 0, 16_000)], "en", 0..16_000, &samples);
        assert_eq!((words[0].start, words[0].end), (4000, 9600));
    }

    #[test]
    fn languages_without_spaces_have_words_too() {
        let tokens = [token("昨日".as_bytes(), 0, 300), token("夢".as_bytes(), 300, 500), token("。".as_bytes(), 500, 500)];
        let words = words(&tokens, "ja", 0..600, &[]);
        assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["昨日", "夢。"]);
    }
}
