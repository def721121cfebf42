//! A linear classifier on the words themselves: which words, pairs of words and runs of letters there are in what is awake. It knows the
//! languages of the examples, and comes with the executable (`assets/care/wording.toml`, made by `oneiros eval care --learn words`).
//!
//! Words are counted by the place that a hash gives them (Weinberger et al., 2009: feature hashing); the seldom ones weigh more while
//! it learns, by the logarithm of how seldom they are.

use std::{collections::HashSet, sync::LazyLock};

use serde::Deserialize;

use super::{
    classifier::{CLASSES, Judgement, shares_of},
    examples,
    files::WORDING,
    fit::{Features, Fitting, fit},
    text::Sentence,
};
use crate::features::learned::{packed, unpacked};

/// Places of words and runs of letters.
const PLACES: usize = 1 << 16;
/// Letters of a run, the space before and behind a word among them.
const RUNS: std::ops::RangeInclusive<usize> = 2..=5;
/// Found on sentences of our own: rounds and freedom of the fit, what a feature is worth, and what one that is everywhere is worth.
const ROUNDS: u16 = 400;
const FREEDOM: f32 = 5.0;
const WORTH: f32 = 0.4;
const LEAST_SELDOM: f32 = 0.5;

/// What was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Wording {
    /// For each topic how much each place speaks for it, and at the end how much every text does.
    weights: Vec<f32>,
}

/// The places of sentences, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places(Vec<u32>);

impl Places {
    pub fn of<'a>(sentences: impl IntoIterator<Item = &'a Sentence>) -> Self {
        let mut places = HashSet::new();
        for sentence in sentences {
            let words: Vec<&str> = std::iter::once("<").chain(sentence.folded.split_whitespace()).chain([">"]).collect();
            places.extend(words.iter().map(|word| place(&[word])));
            places.extend(words.windows(2).map(place));
            for word in &words[1..words.len() - 1] {
                let letters: Vec<char> = format!(" {word} ").chars().collect();
                let runs = RUNS.flat_map(|length| letters.windows(length));
                places.extend(runs.map(|run| place(&["", &run.iter().collect::<String>()])));
            }
        }
        let mut places: Vec<u32> = places.into_iter().collect();
        places.sort_unstable();
        Self(places)
    }

    /// What each of them counts, so that long texts say no more than short ones.
    fn share(&self) -> f32 {
        1.0 / (self.0.len().max(1) as f32).sqrt()
    }
}

/// Where words or letters are counted: FNV-1a, folded.
fn place(parts: &[&str]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([b' ']));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (((hash >> 32) ^ hash) % PLACES as u64) as u32
}

impl Wording {
    /// What comes with the executable and was learned from the examples that come with it, too.
    pub fn embedded() -> Option<&'static Self> {
        static EMBEDDED: LazyLock<Option<Wording>> = LazyLock::new(|| {
            let file: WordingFile = toml::from_str(WORDING).expect("assets/care/wording.toml is checked by a test");
            (file.examples == examples::version()).then(|| file.wording()).flatten()
        });
        EMBEDDED.as_ref()
    }

    pub fn judge(&self, places: &Places) -> Judgement {
        let mut scores = [0.0; CLASSES];
        let rows = self.weights.chunks_exact(PLACES + 1);
        for (score, row) in scores[1..].iter_mut().zip(rows) {
            *score = row[PLACES] + places.share() * places.0.iter().map(|place| row[*place as usize]).sum::<f32>();
        }
        Judgement(shares_of(scores))
    }

    /// Learns from texts that each are of a class.
    pub fn of(texts: Vec<(Places, usize)>) -> Self {
        let mut texts_with = vec![0.0_f32; PLACES];
        texts.iter().flat_map(|(places, _)| &places.0).for_each(|place| texts_with[*place as usize] += 1.0);
        let count = texts.len() as f32;
        let worth: Vec<f32> = texts_with.iter().map(|with| WORTH * (count / (1.0 + with)).ln().max(LEAST_SELDOM)).collect();
        let examples: Vec<(Weighed<'_>, usize)> =
            texts.into_iter().map(|(places, class)| (Weighed { places, worth: &worth }, class)).collect();
        let fitted = fit(&examples, Fitting { width: PLACES + 1, rounds: ROUNDS, freedom: FREEDOM });
        let (nothing, topics) = fitted.split_at(PLACES + 1);
        // Only differences count: nothing scores nothing.
        let differences = topics.chunks_exact(PLACES + 1).flat_map(|row| row.iter().zip(nothing).map(|(topic, nothing)| topic - nothing));
        let always = [1.0];
        let worths = worth.iter().chain(&always).cycle();
        Self { weights: differences.zip(worths).map(|(weight, worth)| weight * worth).collect() }
    }

    /// `assets/care/wording.toml`, learned from that version of the examples.
    pub fn as_file(&self, examples: &str) -> String {
        let largest = self.weights.iter().fold(f32::MIN_POSITIVE, |largest, weight| largest.max(weight.abs()));
        let unit = largest / f32::from(i8::MAX);
        let units: Vec<u8> = self.weights.iter().map(|weight| (weight / unit).round() as i8).map(i8::cast_unsigned).collect();
        let values = packed(&units);
        format!(
            "# What the care check learned of words from the examples beside this file; made by `oneiros eval care --learn words`.\n\n\
             examples = {examples:?}\nunit = {unit:?}\nvalues = \"\"\"\n{values}\n\"\"\"\n"
        )
    }
}

/// A text's places, each worth what it says about texts at all.
struct Weighed<'a> {
    places: Places,
    worth: &'a [f32],
}

impl Weighed<'_> {
    fn values(&self) -> impl Iterator<Item = (usize, f32)> {
        let share = self.places.share();
        let values = self.places.0.iter().map(move |place| (*place as usize, share * self.worth[*place as usize]));
        values.chain([(PLACES, 1.0)])
    }
}

impl Features for Weighed<'_> {
    fn dot(&self, row: &[f32]) -> f32 {
        self.values().map(|(place, value)| value * row[place]).sum()
    }

    fn add_to(&self, row: &mut [f32], times: f32) {
        self.values().for_each(|(place, value)| row[place] += times * value);
    }

    fn squared(&self) -> f32 {
        self.values().map(|(_, value)| value * value).sum()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordingFile {
    /// The examples' version.
    examples: String,
    /// What the weights are counted in.
    unit: f32,
    /// One signed byte for each weight, base64 in lines.
    values: String,
}

impl WordingFile {
    fn wording(&self) -> Option<Wording> {
        let weights: Vec<f32> = unpacked(&self.values)?.into_iter().map(|byte| f32::from(byte.cast_signed()) * self.unit).collect();
        (weights.len() == (CLASSES - 1) * (PLACES + 1)).then_some(Wording { weights })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::text, *};

    fn places(text: &str) -> Places {
        Places::of(&text::sentences(text))
    }

    #[test]
    fn what_comes_with_the_executable_was_learned_from_its_examples() {
        let file: WordingFile = toml::from_str(WORDING).unwrap();
        assert_eq!(file.examples, examples::version(), "make it anew with `oneiros eval care --learn words`");
        assert!(file.wording().is_some());
    }

    #[test]
    fn words_and_letters_have_places_and_each_counts_once() {
        assert_eq!(places("Red river. RED  RIVER!"), places("red river"));
        assert!(places("").0.is_empty());
        assert_ne!(places("ab cd"), places("abc d"));
    }

    #[test]
    fn what_is_learned_tells_topics_apart_and_is_read_as_it_was_written() {
        let taught = [
            ("the river is red", 0),
            ("a house of glass", 0),
            ("he hurt me", 3),
            ("she hurt me again", 3),
            ("i am done", 1),
            ("i will stop him", 2),
        ];
        // A few texts would not move it far.
        let often = taught.iter().cycle().take(taught.len() * 40);
        let wording = Wording::of(often.map(|(text, class)| (places(text), *class)).collect());
        for (text, class) in taught {
            let judged = wording.judge(&places(text)).0;
            assert!((0..CLASSES).all(|other| other == class || judged[other] < judged[class]), "{text}: {judged:?}");
        }
        let file: WordingFile = toml::from_str(&wording.as_file("v")).unwrap();
        let read = file.wording().unwrap();
        let near = |(one, other): (&f32, &f32)| (one - other).abs() <= file.unit;
        assert!(file.examples == "v" && read.weights.iter().zip(&wording.weights).all(near));
    }
}
