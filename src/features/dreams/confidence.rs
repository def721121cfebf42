//! How likely a careful reader is to find that a reading holds.
//!
//! A logistic regression over what can be measured without asking the model for its opinion of itself. Its weights are fitted on
//! readings that people judged (`assets/eval/confidence.jsonl`, one half; `oneiros eval confidence` shows how well the other half
//! is met).

use serde::{Deserialize, Serialize};

use super::ConfidenceLevel;

const WEIGHTS: &str = include_str!("../../../assets/prompts/confidence.toml");

/// What confidence is made of. Each is 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Share of quotes that are in the dream.
    pub grounding: f32,
    /// How far a second look at mood and feelings, or the readings through other lenses, say the same.
    pub agreement: f32,
    /// Share of the form's fields that came out whole, in the model's own words.
    pub completeness: f32,
    /// 0 when every word of the prose is new, 1 when all are one.
    pub repetition: f32,
    /// The dream's words over 60, at most 1: a short one leaves more to guess.
    pub length: f32,
    /// Share of the content words of summary and reading that the dream holds as well.
    pub echo: f32,
    /// Whether the model was asked for the whole form.
    pub full: f32,
    /// Whether the model chose and wrote nothing.
    #[serde(default)]
    pub chosen: f32,
    /// Share of the images that the dictionary knows through this lens.
    #[serde(default)]
    pub known: f32,
    /// How likely the mood is as the embedding model sees the dream; 0 where nothing tells.
    #[serde(default)]
    pub sure: f32,
}

/// The fitted figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    pub bias: f32,
    pub grounding: f32,
    pub agreement: f32,
    pub completeness: f32,
    pub repetition: f32,
    pub length: f32,
    pub echo: f32,
    pub full: f32,
    pub chosen: f32,
    pub known: f32,
    pub sure: f32,
}

impl Weights {
    /// Those that the server uses.
    pub fn embedded() -> Self {
        toml::from_str(WEIGHTS).expect("the embedded weights are well-formed: a test reads them")
    }

    /// 0 to 1; never certain in either direction.
    pub fn confidence(&self, signals: &Signals) -> f32 {
        let sum = self.bias
            + self.grounding * signals.grounding
            + self.agreement * signals.agreement
            + self.completeness * signals.completeness
            + self.repetition * signals.repetition
            + self.length * signals.length
            + self.echo * signals.echo
            + self.full * signals.full
            + self.chosen * signals.chosen
            + self.known * signals.known
            + self.sure * signals.sure;
        let likely = 1.0 / (1.0 + (-sum).exp());
        ((likely.clamp(0.02, 0.98)) * 100.0).round() / 100.0
    }
}

impl ConfidenceLevel {
    /// As a word: from one in two on it is fair, from three in four on good.
    pub fn of(confidence: f32) -> Self {
        match confidence {
            confidence if confidence >= 0.75 => Self::Good,
            confidence if confidence >= 0.5 => Self::Fair,
            _ => Self::Low,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_falls_with_what_is_missing() {
        let weights = Weights::embedded();
        let whole = Signals {
            grounding: 1.0,
            agreement: 1.0,
            completeness: 1.0,
            repetition: 0.1,
            length: 1.0,
            echo: 0.3,
            full: 0.0,
            chosen: 0.0,
            known: 0.5,
            sure: 0.5,
        };
        let confidence = weights.confidence(&whole);
        assert!((0.02..=0.98).contains(&confidence));
        assert!(weights.confidence(&Signals { completeness: 0.0, ..whole }) <= confidence);
        assert!(weights.confidence(&Signals { full: 1.0, ..whole }) > confidence, "a large model is trusted further");
        assert!(weights.confidence(&Signals { agreement: 0.0, ..whole }) <= confidence);
    }

    #[test]
    fn a_figure_has_a_word() {
        assert_eq!(ConfidenceLevel::of(0.2), ConfidenceLevel::Low);
        assert_eq!(ConfidenceLevel::of(0.6), ConfidenceLevel::Fair);
        assert_eq!(ConfidenceLevel::of(0.9), ConfidenceLevel::Good);
    }
}
