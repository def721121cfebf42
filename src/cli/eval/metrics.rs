//! What the readings of one model in one language come to, in figures.

use std::collections::HashSet;

use serde::Serialize;

use super::traits::Traits;
use crate::cli::bench::report::percentile;

/// One dream through one lens.
pub struct Attempt {
    /// The dream's id.
    pub dream: String,
    pub seconds: f64,
    /// `None`: no reading came.
    pub traits: Option<Traits>,
}

/// Shares are 0 to 1. Those of `valid` and `first_try_valid` are of everything that was asked for, all others of the readings that
/// came; `None` where there is nothing to take them of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Readings that were asked for.
    pub readings: usize,
    /// A reading came.
    pub valid: Option<f64>,
    /// One came at once: nothing was written anew, nothing was composed.
    pub first_try_valid: Option<f64>,
    /// Quotes that were in the dream, before any was dropped.
    pub grounding_before_dropping: Option<f64>,
    /// At least two quotes are shown.
    pub two_quotes: Option<f64>,
    /// It is in the dream's language.
    pub in_language: Option<f64>,
    /// Readings in which some run of four words stands more than three times.
    pub loops: usize,
    /// 0 when every word of a reading is new, 1 when all are one; mean.
    pub repetition: Option<f64>,
    /// Fields of a reading that the server composed; mean.
    pub composed_fields: Option<f64>,
    /// How different readings of the same dream through different lenses are: 1 less the mean share of content words that two of them
    /// have in common.
    pub difference_between_lenses: Option<f64>,
    pub seconds_p50: Option<f64>,
    pub seconds_p95: Option<f64>,
    /// Tokens that the model wrote for a reading, repairs included.
    pub tokens_p50: Option<f64>,
    /// Mean.
    pub confidence: Option<f64>,
}

impl Figures {
    pub fn of(attempts: &[Attempt]) -> Self {
        let came: Vec<&Traits> = attempts.iter().filter_map(|attempt| attempt.traits.as_ref()).collect();
        let share = |holds: fn(&Traits) -> bool| part(came.iter().filter(|traits| holds(traits)).count(), came.len());
        let mean_of = |value: fn(&Traits) -> f64| mean(came.iter().map(|traits| value(traits)));
        let seconds: Vec<f64> = attempts.iter().map(|attempt| attempt.seconds).collect();
        let tokens: Vec<f64> = came.iter().map(|traits| f64::from(traits.tokens)).collect();
        Self {
            readings: attempts.len(),
            valid: part(came.len(), attempts.len()),
            first_try_valid: part(came.iter().filter(|traits| traits.first_try).count(), attempts.len()),
            grounding_before_dropping: mean_of(|traits| traits.grounding),
            two_quotes: share(|traits| traits.quotes >= 2),
            in_language: share(|traits| traits.in_language),
            loops: came.iter().filter(|traits| traits.loops).count(),
            repetition: mean_of(|traits| traits.repetition),
            composed_fields: mean_of(|traits| traits.composed as f64),
            difference_between_lenses: difference_between_lenses(attempts),
            seconds_p50: percentile(&seconds, 0.5),
            seconds_p95: percentile(&seconds, 0.95),
            tokens_p50: percentile(&tokens, 0.5),
            confidence: mean_of(|traits| traits.confidence),
        }
    }

    /// Names and values for people, in the order in which they are of interest.
    pub fn in_words(&self) -> Vec<(&'static str, String)> {
        let percent = |share: Option<f64>| share.map_or_else(nothing, |share| format!("{:.1} %", share * 100.0));
        let number = |value: Option<f64>, decimals: usize| value.map_or_else(nothing, |value| format!("{value:.decimals$}"));
        let seconds = |value: Option<f64>| value.map_or_else(nothing, |value| format!("{value:.1} s"));
        vec![
            ("readings asked for", self.readings.to_string()),
            ("a reading came", percent(self.valid)),
            ("at the first try", percent(self.first_try_valid)),
            ("quotes in the dream", percent(self.grounding_before_dropping)),
            ("two quotes or more", percent(self.two_quotes)),
            ("in the dream's language", percent(self.in_language)),
            ("with a loop", self.loops.to_string()),
            ("repetition", number(self.repetition, 2)),
            ("composed fields", number(self.composed_fields, 2)),
            ("difference between lenses", number(self.difference_between_lenses, 2)),
            ("time, p50", seconds(self.seconds_p50)),
            ("time, p95", seconds(self.seconds_p95)),
            ("tokens, p50", number(self.tokens_p50, 0)),
            ("confidence", number(self.confidence, 2)),
        ]
    }
}

fn nothing() -> String {
    "–".to_owned()
}

fn part(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Over all pairs of readings of the same dream.
fn difference_between_lenses(attempts: &[Attempt]) -> Option<f64> {
    let came: Vec<(&str, &HashSet<String>)> =
        attempts.iter().filter_map(|attempt| Some((attempt.dream.as_str(), &attempt.traits.as_ref()?.words))).collect();
    let pairs = came.iter().enumerate().flat_map(|(number, one)| came[number + 1..].iter().map(move |other| (one, other)));
    let of_one_dream = pairs.filter(|(one, other)| one.0 == other.0);
    mean(of_one_dream.filter_map(|(one, other)| in_common(one.1, other.1))).map(|common| 1.0 - common)
}

/// Jaccard's share of the words of both that are the same; `None` when there are none.
fn in_common(one: &HashSet<String>, other: &HashSet<String>) -> Option<f64> {
    part(one.intersection(other).count(), one.union(other).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(dream: &str, words: &[&str], seconds: f64) -> Attempt {
        let words = words.iter().map(ToString::to_string).collect();
        let traits = Traits { first_try: true, grounding: 1.0, quotes: 3, in_language: true, words, tokens: 100, ..Traits::default() };
        Attempt { dream: dream.into(), seconds, traits: Some(traits) }
    }

    fn close(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-9)
    }

    #[test]
    fn shares_are_of_what_was_asked_for_and_of_what_came() {
        let mut attempts = vec![attempt("a", &["river"], 1.0), attempt("b", &["house"], 3.0), attempt("c", &["horse"], 2.0)];
        attempts.push(Attempt { dream: "d".into(), seconds: 9.0, traits: None });
        let second = attempts[1].traits.as_mut().unwrap();
        (second.first_try, second.quotes, second.loops, second.composed) = (false, 1, true, 3);
        let figures = Figures::of(&attempts);
        assert!(close(figures.valid, 0.75) && close(figures.first_try_valid, 0.5), "{figures:?}");
        assert!(close(figures.two_quotes, 2.0 / 3.0) && close(figures.in_language, 1.0), "{figures:?}");
        assert!(close(figures.composed_fields, 1.0) && close(figures.seconds_p50, 2.5), "{figures:?}");
        assert_eq!((figures.readings, figures.loops), (4, 1));
    }

    #[test]
    fn lenses_that_say_the_same_make_no_difference() {
        let same = [attempt("a", &["river", "bridge"], 1.0), attempt("a", &["river", "bridge"], 1.0)];
        assert!(close(Figures::of(&same).difference_between_lenses, 0.0));
        let half = [attempt("a", &["river", "bridge"], 1.0), attempt("a", &["river", "shadow", "bridge", "self"], 1.0)];
        assert!(close(Figures::of(&half).difference_between_lenses, 0.5));
        let different = [attempt("a", &["river"], 1.0), attempt("a", &["shadow"], 1.0), attempt("b", &["river"], 1.0)];
        assert!(close(Figures::of(&different).difference_between_lenses, 1.0), "readings of two dreams are not compared");
        assert_eq!(Figures::of(&different[1..]).difference_between_lenses, None);
    }

    #[test]
    fn of_nothing_there_are_no_figures() {
        let figures = Figures::of(&[]);
        assert_eq!((figures.readings, figures.valid, figures.confidence), (0, None, None));
        assert!(figures.in_words().iter().any(|(_, value)| value == "–"));
    }
}
