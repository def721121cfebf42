//! Feelings that are likely in a dream: those that it names, and those whose sentences, written by people (`assets/prompts/feelings.toml`),
//! have vectors like its own. A model that chooses is offered the likeliest ones; left to itself, a tiny one calls a nightmare
//! joyful as often as not.
//!
//! What was learned of an embedding model comes with the executable (`assets/prompts/feelings.learned.toml`, made by `oneiros eval
//! feelings --learn`). Of any other model nothing is known, and only names tell; without them every feeling is offered.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::LazyLock,
};

use serde::Deserialize;
use unicode_segmentation::UnicodeSegmentation as _;

use super::Mood;
use crate::{
    engine::{Asker, Embedder, EmbeddingRequest, EmbeddingRole, EngineError},
    features::learned::{packed_numbers, unpacked_numbers, version_of},
};

const EXAMPLES: &str = include_str!("../../../assets/prompts/feelings.toml");
const LEARNED: &str = include_str!("../../../assets/prompts/feelings.learned.toml");

/// How sharply cosines become shares: found on dreams of our own.
const SHARPNESS: f32 = 20.0;
/// How much likelier a feeling is that the dream names.
const NAMED: f32 = 6.0;
/// What a feeling says for a mood that fits it, but not first of all.
const BESIDE: f32 = 0.5;
/// Below it the likeliest mood was wrong in each of our own dreams, and a mixed one right in most.
const UNSURE: f32 = 0.38;
/// A mood is offered with that part of the likeliest one's share or more …
const NEARLY: f32 = 0.9;
/// … and that many at most.
const MOODS: usize = 2;
/// How many feelings are offered.
const OFFERED: usize = 3;
/// Sentences that are embedded at once.
const AT_ONCE: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleFile {
    feeling: Vec<Feeling>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feeling {
    id: String,
    /// What it is called among the emotions of each language's wording.
    words: BTreeMap<String, String>,
    /// Words of running text that name it, by language.
    named: BTreeMap<String, Vec<String>>,
    /// Moods of a dream that it leads in, the likeliest first.
    moods: Vec<Mood>,
    en: Vec<String>,
    ru: Vec<String>,
    ar: Vec<String>,
}

impl Feeling {
    fn sentences(&self) -> impl Iterator<Item = &String> {
        self.en.iter().chain(&self.ru).chain(&self.ar)
    }

    fn is_named_in(&self, words: &HashSet<String>) -> bool {
        self.named.values().flatten().any(|word| words.contains(word))
    }
}

static FEELINGS: LazyLock<Vec<Feeling>> =
    LazyLock::new(|| toml::from_str::<ExampleFile>(EXAMPLES).expect("assets/prompts/feelings.toml is checked by a test").feeling);

/// What was learned of one embedding model.
#[derive(Debug, Clone, PartialEq)]
struct Space {
    mean: Vec<f32>,
    /// Of each feeling, the direction from the mean, of length 1.
    directions: Vec<Vec<f32>>,
}

/// How likely each feeling is in one dream; empty where nothing tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LikelyFeelings(Vec<f32>);

impl LikelyFeelings {
    /// Of a dream. One embedding, and none with a model that nothing was learned of.
    pub async fn of(text: &str, model_id: &str, embedder: &dyn Embedder, asker: Asker) -> Result<Self, EngineError> {
        let Some(space) = learned().get(model_id) else { return Ok(Self::named_in(text)) };
        let request = EmbeddingRequest { texts: vec![text.to_owned()], role: EmbeddingRole::Query };
        let vectors = embedder.embed(request, asker).await?.vectors;
        let shares = vectors.first().and_then(|vector| space.shares(vector));
        Ok(shares.map_or_else(|| Self::named_in(text), |shares| Self::with_named(shares, text)))
    }

    /// Of a dream without an embedding model.
    pub fn named_in(text: &str) -> Self {
        let words = words_of(text);
        if FEELINGS.iter().any(|feeling| feeling.is_named_in(&words)) {
            Self::with_named(vec![1.0; FEELINGS.len()], text)
        } else {
            Self::default()
        }
    }

    fn with_named(mut shares: Vec<f32>, text: &str) -> Self {
        let words = words_of(text);
        for (feeling, share) in FEELINGS.iter().zip(&mut shares) {
            *share *= if feeling.is_named_in(&words) { NAMED } else { 1.0 };
        }
        let sum: f32 = shares.iter().sum();
        Self(shares.into_iter().map(|share| share / sum).collect())
    }

    /// The likeliest moods, the first first; empty where nothing tells.
    pub fn moods(&self) -> Vec<Mood> {
        let shares = self.shares_of_moods();
        let best = shares.first().map_or(0.0, |(_, share)| *share);
        if !shares.is_empty() && best < UNSURE {
            return vec![Mood::Confused, Mood::Neutral];
        }
        shares.into_iter().take(MOODS).take_while(|(_, share)| *share >= NEARLY * best).map(|(mood, _)| mood).collect()
    }

    /// How likely a mood is, 0 to 1; 0 where nothing tells.
    pub fn share_of(&self, mood: Mood) -> f32 {
        self.shares_of_moods().iter().find(|(known, _)| *known == mood).map_or(0.0, |(_, share)| share.min(1.0))
    }

    fn shares_of_moods(&self) -> Vec<(Mood, f32)> {
        let mut shares: Vec<(Mood, f32)> = Vec::new();
        for (feeling, share) in FEELINGS.iter().zip(&self.0) {
            for (place, mood) in feeling.moods.iter().enumerate() {
                let share = share * if place == 0 { 1.0 } else { BESIDE };
                match shares.iter_mut().find(|(known, _)| known == mood) {
                    Some((_, sum)) => *sum += share,
                    None => shares.push((*mood, share)),
                }
            }
        }
        shares.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        shares
    }

    /// The likeliest feelings' words in a language, the first first; empty where nothing tells or the language has none.
    pub fn words(&self, language: &str) -> Vec<String> {
        let mut shares: Vec<(&Feeling, f32)> = FEELINGS.iter().zip(self.0.iter().copied()).collect();
        shares.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let mut words: Vec<String> = Vec::new();
        for word in shares.into_iter().filter_map(|(feeling, _)| feeling.words.get(language)) {
            if words.len() < OFFERED && !words.contains(word) {
                words.push(word.clone());
            }
        }
        words
    }

    /// The likeliest feeling's id.
    pub fn first(&self) -> Option<&'static str> {
        let (feeling, _) = FEELINGS.iter().zip(&self.0).max_by(|(_, one), (_, other)| one.total_cmp(other))?;
        Some(&feeling.id)
    }
}

impl Space {
    /// Of each feeling's vectors; `None` when there are none.
    fn of(vectors: &[Vec<Vec<f32>>]) -> Option<Self> {
        let all = || vectors.iter().flatten();
        let mean = mean(all())?;
        let directions = vectors.iter().map(|of_feeling| {
            let apart: Vec<Vec<f32>> = of_feeling.iter().map(|vector| direction(vector, &mean)).collect();
            Some(unit(self::mean(apart.iter())?))
        });
        Some(Self { directions: directions.collect::<Option<_>>()?, mean })
    }

    /// The share of each feeling; `None` for a vector of another length.
    fn shares(&self, vector: &[f32]) -> Option<Vec<f32>> {
        if vector.len() != self.mean.len() {
            return None;
        }
        let own = direction(vector, &self.mean);
        let odds = self.directions.iter().map(|feeling| (SHARPNESS * feeling.iter().zip(&own).map(|(a, b)| a * b).sum::<f32>()).exp());
        let odds: Vec<f32> = odds.collect();
        let sum: f32 = odds.iter().sum();
        Some(odds.iter().map(|one| one / sum).collect())
    }
}

/// In lower case, each once; of Arabic without the conjunctions that are written onto a word.
fn words_of(text: &str) -> HashSet<String> {
    let words = text.unicode_words().map(str::to_lowercase);
    words.flat_map(|word| [word.strip_prefix(['و', 'ف']).map(str::to_owned), Some(word)]).flatten().collect()
}

fn mean<'a>(vectors: impl Iterator<Item = &'a Vec<f32>> + Clone) -> Option<Vec<f32>> {
    let count = vectors.clone().count() as f32;
    let mut mean = vec![0.0; vectors.clone().next()?.len()];
    vectors.for_each(|vector| mean.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value / count));
    Some(mean)
}

fn direction(vector: &[f32], mean: &[f32]) -> Vec<f32> {
    unit(vector.iter().zip(mean).map(|(value, mean)| value - mean).collect())
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::EPSILON);
    vector.iter_mut().for_each(|value| *value /= length);
    vector
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LearnedFile {
    #[serde(default)]
    learned: Vec<LearnedEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LearnedEntry {
    model: String,
    /// The examples' version.
    examples: String,
    /// Mean and directions: little-endian, base64 in lines.
    values: String,
}

impl LearnedEntry {
    fn space(&self) -> Option<Space> {
        let values = unpacked_numbers(&self.values)?;
        let dimensions = values.len() / (1 + FEELINGS.len());
        let mut vectors = values.chunks_exact(dimensions.max(1)).map(<[f32]>::to_vec);
        let space = Space { mean: vectors.next()?, directions: vectors.collect() };
        (space.directions.len() == FEELINGS.len()).then_some(space)
    }
}

/// What comes with the executable and was learned from the examples that come with it, too.
fn learned() -> &'static HashMap<String, Space> {
    static EMBEDDED: LazyLock<HashMap<String, Space>> = LazyLock::new(|| {
        let file: LearnedFile = toml::from_str(LEARNED).expect("assets/prompts/feelings.learned.toml is checked by a test");
        let version = version();
        let known = file.learned.into_iter().filter(|entry| entry.examples == version);
        known.filter_map(|entry| Some((entry.model.clone(), entry.space()?))).collect()
    });
    &EMBEDDED
}

fn version() -> String {
    version_of(&[EXAMPLES])
}

/// What a model learns from the examples, as an entry of `assets/prompts/feelings.learned.toml`.
pub async fn learned_anew(model_id: &str, embedder: &dyn Embedder, asker: Asker) -> Result<Option<String>, EngineError> {
    let mut vectors = Vec::new();
    for feeling in FEELINGS.iter() {
        let (sentences, mut of_feeling) = (feeling.sentences().cloned().collect::<Vec<_>>(), Vec::new());
        for texts in sentences.chunks(AT_ONCE) {
            let request = EmbeddingRequest { texts: texts.to_vec(), role: EmbeddingRole::Query };
            of_feeling.append(&mut embedder.embed(request, asker.clone()).await?.vectors);
        }
        vectors.push(of_feeling);
    }
    Ok(Space::of(&vectors).map(|space| as_entry(model_id, &space)))
}

fn as_entry(model: &str, space: &Space) -> String {
    let lines = packed_numbers(space.mean.iter().chain(space.directions.iter().flatten()));
    let version = version();
    format!("[[learned]]\nmodel = {model:?}\nexamples = {version:?}\nvalues = \"\"\"\n{lines}\n\"\"\"\n")
}

#[cfg(test)]
mod tests {
    use super::{super::prompts::Prompts, *};

    #[test]
    fn every_feeling_has_sentences_and_a_word_of_each_language() {
        let prompts = Prompts::embedded();
        for feeling in FEELINGS.iter() {
            for language in ["en", "ru", "ar"] {
                let word = &feeling.words[language];
                assert!(prompts.wording(language).vocabulary.emotions.contains(word), "{}: {word}", feeling.id);
            }
            assert!(!feeling.moods.is_empty() && feeling.sentences().count() >= 24, "{}", feeling.id);
        }
    }

    #[test]
    fn what_comes_with_the_executable_was_learned_from_its_examples() {
        let file: LearnedFile = toml::from_str(LEARNED).unwrap();
        for entry in file.learned {
            assert_eq!(entry.examples, version(), "{}: make it anew with `oneiros eval feelings --learn`", entry.model);
            assert!(entry.space().is_some(), "{}", entry.model);
        }
        assert!(learned().contains_key("multilingual-e5-small"));
    }

    #[test]
    fn what_the_dream_names_is_in_it() {
        for (text, feeling) in
            [("I was SCARED of the door.", "fear"), ("Мне было стыдно.", "shame"), ("كنت في البيت وخائفا من الليل", "fear")]
        {
            assert_eq!(LikelyFeelings::named_in(text).first(), Some(feeling), "{text}");
        }
        assert_eq!(LikelyFeelings::named_in("A table stood in a room."), LikelyFeelings::default());
        let mut named = HashSet::new();
        assert!(FEELINGS.iter().flat_map(|feeling| feeling.named.values().flatten()).all(|word| named.insert(word)), "a word under two");
    }

    #[test]
    fn where_no_mood_stands_out_it_is_a_mixed_one() {
        let even = LikelyFeelings(vec![1.0 / FEELINGS.len() as f32; FEELINGS.len()]);
        assert_eq!(even.moods(), [Mood::Confused, Mood::Neutral]);
    }

    #[test]
    fn the_nearest_feeling_is_the_likeliest() {
        let vectors: Vec<Vec<Vec<f32>>> = (0..FEELINGS.len())
            .map(|place| vec![(0..FEELINGS.len()).map(|other| if place == other { 1.0 } else { 0.1 }).collect()])
            .collect();
        let space = Space::of(&vectors).unwrap();
        let fear = FEELINGS.iter().position(|feeling| feeling.id == "fear").unwrap();
        let likely = LikelyFeelings(space.shares(&vectors[fear][0]).unwrap());
        assert_eq!((likely.first(), likely.moods().first()), (Some("fear"), Some(&Mood::Fearful)));
        assert!(likely.share_of(Mood::Fearful) > likely.share_of(Mood::Joyful));
        assert_eq!((likely.words("en").first().map(String::as_str), likely.words("en").len()), (Some("fear"), OFFERED));
        assert!(likely.words("xx").is_empty() && LikelyFeelings::default().moods().is_empty());
        assert_eq!(space.shares(&[1.0]), None);
        let mut file: LearnedFile = toml::from_str(&as_entry("m", &space)).unwrap();
        assert_eq!(file.learned.remove(0).space(), Some(space));
    }
}
