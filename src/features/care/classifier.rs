//! What a text is about, nothing or one of the topics, and a linear classifier of it on the vectors of the text's parts.

use std::collections::HashMap;

use super::{CareTopic, fit::Features, reading::Parts};

/// Nothing, and the topics.
pub const CLASSES: usize = 1 + CareTopic::ALL.len();
/// The whole text, its last sentence, the mean of what is awake.
const VECTORS: usize = 3;
/// Whether anything is awake, whether anything is dreamt, and one for every text.
const FLAGS: usize = 3;

/// However sure one is, the other is still heard.
const LEAST_SHARE: f32 = 1e-4;

/// Where a model's vectors lie and how wide they are strewn: of some models all lie in a narrow cone.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    pub mean: Vec<f32>,
    /// Root mean square distance from the mean.
    pub width: f32,
}

/// What was learned of one embedding model.
#[derive(Debug, Clone, PartialEq)]
pub struct Classifier {
    pub space: Space,
    /// For each class as many as a text has features.
    pub weights: Vec<f32>,
    /// Languages that it was seen to understand.
    pub languages: Vec<String>,
}

/// How likely a text is about nothing, or about each of the topics: shares, together 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement(pub [f32; CLASSES]);

impl Judgement {
    /// How likely it is about any of the topics.
    pub fn care(&self) -> f32 {
        1.0 - self.0[0]
    }

    /// The likeliest of them.
    pub fn topic(&self) -> CareTopic {
        let topics = CareTopic::ALL.into_iter().zip(&self.0[1..]);
        topics.max_by(|(_, one), (_, other)| one.total_cmp(other)).map_or(CareTopic::SelfHarm, |(topic, _)| topic)
    }

    /// What two come to that know of each other nothing: their mean, as odds are counted.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let mut shares = self.0;
        shares.iter_mut().zip(other.0).for_each(|(share, other)| *share = (share.max(LEAST_SHARE) * other.max(LEAST_SHARE)).sqrt());
        let sum: f32 = shares.iter().sum();
        Self(shares.map(|share| share / sum))
    }
}

impl Parts {
    /// Everything that is embedded, once.
    pub fn texts(&self) -> Vec<&str> {
        let mut texts: Vec<&str> = Vec::new();
        for text in [&self.whole, &self.last].into_iter().chain(&self.awake) {
            if !texts.contains(&text.as_str()) {
                texts.push(text);
            }
        }
        texts
    }
}

impl Space {
    /// Of vectors of one length, at least one.
    pub fn of<'a>(vectors: impl Iterator<Item = &'a [f32]> + Clone) -> Self {
        let count = vectors.clone().count().max(1) as f32;
        let mut mean = vec![0.0; vectors.clone().next().map_or(0, <[f32]>::len)];
        vectors.clone().for_each(|vector| mean.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value / count));
        let squared: f32 = vectors.map(|vector| vector.iter().zip(&mean).map(|(value, mean)| (value - mean).powi(2)).sum::<f32>()).sum();
        Self { mean, width: (squared / count).sqrt().max(f32::EPSILON) }
    }

    /// What a text is to the classifier. `None` when a part has no vector, or one of another length.
    pub fn features(&self, parts: &Parts, vectors: &HashMap<&str, &[f32]>) -> Option<Vec<f32>> {
        let dimensions = self.mean.len();
        let mut features = vec![0.0; features_of(dimensions)];
        let mut add = |place: usize, text: &str, share: f32| -> Option<()> {
            let vector = vectors.get(text).filter(|vector| vector.len() == dimensions)?;
            let sums = &mut features[place * dimensions..][..dimensions];
            let centred = vector.iter().zip(&self.mean).map(|(value, mean)| (value - mean) / self.width);
            sums.iter_mut().zip(centred).for_each(|(sum, value)| *sum += share * value);
            Some(())
        };
        add(0, &parts.whole, 1.0)?;
        add(1, &parts.last, 1.0)?;
        parts.awake.iter().try_for_each(|text| add(2, text, 1.0 / parts.awake.len() as f32))?;
        let flag = |holds: bool| if holds { 1.0 } else { 0.0 };
        features[VECTORS * dimensions..].copy_from_slice(&[flag(!parts.awake.is_empty()), flag(parts.some_dreamt), 1.0]);
        Some(features)
    }
}

/// How many features a text has.
pub fn features_of(dimensions: usize) -> usize {
    VECTORS * dimensions + FLAGS
}

impl Classifier {
    pub fn judge(&self, features: &Vec<f32>) -> Judgement {
        Judgement(shares(&self.weights, features))
    }
}

impl Features for Vec<f32> {
    fn dot(&self, row: &[f32]) -> f32 {
        dot(row, self)
    }

    fn add_to(&self, row: &mut [f32], times: f32) {
        row.iter_mut().zip(self).for_each(|(sum, feature)| *sum += times * feature);
    }

    fn squared(&self) -> f32 {
        dot(self, self)
    }
}

/// The share of each class, together 1, by weights of as many rows.
pub fn shares(weights: &[f32], features: &impl Features) -> [f32; CLASSES] {
    let mut scores = [0.0; CLASSES];
    let rows = weights.chunks_exact((weights.len() / CLASSES).max(1));
    scores.iter_mut().zip(rows).for_each(|(score, row)| *score = features.dot(row));
    shares_of(scores)
}

/// Scores as shares, together 1.
pub fn shares_of(scores: [f32; CLASSES]) -> [f32; CLASSES] {
    let mut shares = scores;
    let highest = shares.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    shares.iter_mut().for_each(|share| *share = (*share - highest).exp());
    let sum: f32 = shares.iter().sum();
    shares.map(|share| share / sum)
}

/// In eight sums side by side, which the compiler makes vectors of.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (one, other) = (one.chunks_exact(8), other.chunks_exact(8));
    let rest: f32 = one.remainder().iter().zip(other.remainder()).map(|(one, other)| one * other).sum();
    for (one, other) in one.zip(other) {
        sums.iter_mut().zip(one.iter().zip(other)).for_each(|(sum, (one, other))| *sum += one * other);
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_without_its_vector_makes_no_features() {
        let parts = Parts { whole: "a b".into(), last: "b".into(), awake: vec!["b".into()], some_dreamt: true };
        assert_eq!(parts.texts(), ["a b", "b"]);
        let space = Space::of([&[1.0_f32, 0.0][..], &[0.0, 1.0]].into_iter());
        assert!((space.width - 0.5_f32.sqrt()).abs() < 1e-6, "{}", space.width);
        let (whole, last) = ([1.0_f32, 0.0], [0.0_f32, 1.0]);
        let mut vectors = HashMap::from([("a b", &whole[..]), ("b", &last[..])]);
        let features = space.features(&parts, &vectors).unwrap();
        assert_eq!((features.len(), &features[6..]), (features_of(2), &[1.0, 1.0, 1.0][..]));
        assert!((features[0] - 0.5 / space.width).abs() < 1e-6 && (features[4] + 0.5 / space.width).abs() < 1e-6);
        vectors.remove("b");
        assert!(space.features(&parts, &vectors).is_none());
    }

    #[test]
    fn shares_are_one_together() {
        let shares = shares(&[0.0, 1.0, 2.0, 3.0], &vec![100.0]);
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6 && shares[3] > 0.99);
    }

    #[test]
    fn two_judgements_meet_between_their_odds() {
        let (unsure, sure) = (Judgement([0.25; CLASSES]), Judgement([0.1, 0.1, 0.7, 0.1]));
        let met = unsure.with(sure);
        assert!((met.0.iter().sum::<f32>() - 1.0).abs() < 1e-6 && met.care() > unsure.care() && met.care() < sure.care(), "{met:?}");
        assert_eq!(met.topic(), CareTopic::ALL[1]);
        let opposed = Judgement([1.0, 0.0, 0.0, 0.0]).with(Judgement([0.0, 1.0, 0.0, 0.0]));
        assert!((opposed.care() - 0.5).abs() < 0.1, "{opposed:?}");
    }
}
