//! What can be seen of one reading without knowing what it means.
//!
//! Repetition, language and difference are looked for in the model's own words: the heads that every reading is given and the fields
//! that the server composed are left aside, as the reading's own checks do. Where a model only chose, all that is shown counts.

use std::collections::{HashMap, HashSet};

use unicode_segmentation::UnicodeSegmentation as _;

use crate::features::{
    dreams::{Interpretation, Prompts, StepName, StepOutcome, is_written_in, repetition},
    lore::Lens,
};

/// A run of four words may stand that often in a reading; more is a loop.
const MOST_FOUR_GRAMS: usize = 3;
/// Shorter words tell two readings apart badly.
const LETTERS_OF_A_CONTENT_WORD: usize = 4;

/// One reading, measured.
#[derive(Debug, Clone, Default)]
pub struct Traits {
    /// Nothing was written anew, and nothing was composed that the model was asked to write.
    pub first_try: bool,
    /// Share of quotes that were in the dream, before any was dropped.
    pub grounding: f64,
    /// Quotes that are shown.
    pub quotes: usize,
    /// It is in the dream's language.
    pub in_language: bool,
    /// Some run of four words stands in it more than three times.
    pub loops: bool,
    /// 0 when every word is new, 1 when all are one.
    pub repetition: f64,
    /// Fields that the server composed.
    pub composed: usize,
    /// Its content words, each once.
    pub words: HashSet<String>,
    /// Tokens that the model wrote.
    pub tokens: u32,
    pub confidence: f64,
}

impl Traits {
    /// `language` is the dream's.
    pub fn of(reading: &Interpretation, language: &str, prompts: &Prompts, lens: &Lens) -> Self {
        let own = own_words(reading, prompts, lens);
        Self {
            first_try: (reading.composed.is_empty() || was_chosen(reading)) && !was_repaired(reading),
            grounding: reading.grounding.into(),
            quotes: reading.symbols.len(),
            in_language: is_written_in(&prose(reading), language),
            loops: most_of_a_four_gram(&own) > MOST_FOUR_GRAMS,
            repetition: repetition(&own).into(),
            composed: reading.composed.len(),
            words: content_words(&own, &reading.language),
            tokens: reading.tokens.generated,
            confidence: reading.confidence.into(),
        }
    }
}

fn was_repaired(reading: &Interpretation) -> bool {
    reading.steps.iter().any(|step| step.name == StepName::Generation && step.outcome == StepOutcome::Repaired)
}

/// Whether the model chose and wrote nothing.
fn was_chosen(reading: &Interpretation) -> bool {
    let facts = reading.steps.iter().filter(|step| step.name == StepName::Confidence).flat_map(|step| &step.facts);
    facts.into_iter().any(|fact| fact.name == "chosen" && fact.value.starts_with('1'))
}

/// The running text, a field a line, with the heads.
fn prose(reading: &Interpretation) -> String {
    let meanings = reading.symbols.iter().map(|symbol| symbol.meaning.as_str());
    let first = [reading.summary.as_str(), &reading.interpretation, &reading.advice];
    first.into_iter().chain(meanings).chain(reading.questions.iter().map(String::as_str)).collect::<Vec<_>>().join("\n")
}

/// The running text as far as the model wrote it, a field a line.
fn own_words(reading: &Interpretation, prompts: &Prompts, lens: &Lens) -> String {
    let openings = &prompts.wording(&reading.language).openings;
    let heads = lens.wording(&reading.language);
    let chosen = was_chosen(reading);
    let own = |field: &str, text: &str, head: &str| {
        let written = chosen || !reading.composed.iter().any(|composed| composed == field);
        written.then(|| text.strip_prefix(head).unwrap_or(text).trim().to_owned())
    };
    let mut fields = vec![
        own("summary", &reading.summary, &openings.summary),
        own("interpretation", &reading.interpretation, &heads.opening),
        own("advice", &reading.advice, &heads.advice),
    ];
    let symbols = reading.symbols.iter().enumerate();
    fields.extend(symbols.map(|(number, symbol)| own(&format!("symbols.{number}.meaning"), &symbol.meaning, &openings.meaning)));
    let head_of = |question: &str| openings.questions.iter().find(|head| question.starts_with(head.as_str())).map_or("", String::as_str);
    fields.extend(reading.questions.iter().map(|question| own("questions", question, head_of(question))));
    fields.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// How often the most frequent run of four words stands in a text.
fn most_of_a_four_gram(text: &str) -> usize {
    let words: Vec<String> = text.unicode_words().map(str::to_lowercase).collect();
    let mut counts: HashMap<&[String], usize> = HashMap::new();
    for gram in words.windows(4) {
        *counts.entry(gram).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

fn content_words(text: &str, language: &str) -> HashSet<String> {
    let stop: HashSet<&str> = stop_words::lookup(language).unwrap_or_default().iter().copied().collect();
    let words = text.unicode_words().map(str::to_lowercase);
    words.filter(|word| word.chars().count() >= LETTERS_OF_A_CONTENT_WORD && !stop.contains(word.as_str())).collect()
}

#[cfg(test)]
pub mod testing {
    //! A reading as a good model gives it.

    use serde_json::{Value, json};

    use crate::features::dreams::Interpretation;

    /// Changed by `change`.
    pub fn reading(change: Value) -> Interpretation {
        let symbol = |name: &str, meaning: &str| json!({"name": name, "quote": name, "meaning": meaning});
        let mut reading = json!({
            "title": "The Bridge", "summary": "You cross a dark river while a loved one waits.",
            "interpretation": "This dream may reflect a change that feels uncertain. The light on the far side suggests that help is near.",
            "symbols": [
                symbol("bridge", "This may stand for a step from one part of life to another."),
                symbol("river", "This may stand for feelings that move on."),
                symbol("lantern", "This may stand for the warmth of family."),
            ],
            "emotions": [{"name": "fear", "intensity": 0.5}], "mood": "anxious", "archetypes": [],
            "advice": "You could speak with somebody who has made such a crossing before.",
            "questions": ["What waits for you on the other side?", "How did the water feel?"],
            "confidence": 0.7, "sources": [], "lens": "psychological", "language": "en", "model": "scripted", "prompt_version": "1",
            "tokens": {"prompt": 100, "generated": 200}, "latency_ms": 900, "cached": false, "grounding": 1.0, "notices": [],
            "steps": [
                {"name": "generation", "outcome": "done", "milliseconds": 5, "facts": []},
                {"name": "confidence", "outcome": "done", "milliseconds": 0, "facts": [
                    {"name": "grounding", "value": "1.00"}, {"name": "agreement", "value": "0.75"}, {"name": "completeness", "value": "0.90"},
                    {"name": "repetition", "value": "0.20"}, {"name": "length", "value": "0.66"}, {"name": "echo", "value": "0.10"},
                    {"name": "full", "value": "0.00"},
                ]},
            ],
        });
        for (name, value) in change.as_object().into_iter().flatten() {
            reading[name] = value.clone();
        }
        serde_json::from_value(reading).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{testing::reading, *};
    use crate::features::lore::{LensId, Lore};

    fn traits(change: Value) -> Traits {
        let (prompts, lore) = (Prompts::embedded(), Lore::embedded());
        Traits::of(&reading(change), "en", &prompts, lore.lens(&LensId::default()).unwrap())
    }

    #[test]
    fn a_good_reading_is_seen_as_one() {
        let traits = traits(json!({}));
        assert!(traits.first_try && traits.in_language && !traits.loops);
        assert_eq!((traits.quotes, traits.composed, traits.tokens), (3, 0, 200));
        assert!(traits.words.contains("crossing") && !traits.words.contains("the"), "{:?}", traits.words);
    }

    #[test]
    fn the_heads_that_every_reading_has_are_no_loop() {
        let head = Prompts::embedded().wording("en").openings.meaning.clone();
        let symbol = |number: usize| json!({"name": "x", "quote": "x", "meaning": format!("{head} thing{number}.")});
        let own = traits(json!({"symbols": (0..5).map(symbol).collect::<Vec<_>>()}));
        assert!(!own.loops);
        assert!(traits(json!({"interpretation": "the way is long. ".repeat(4)})).loops);
        assert!(!traits(json!({"interpretation": "the way is long. ".repeat(3)})).loops);
    }

    #[test]
    fn what_the_server_composed_or_had_written_anew_is_no_first_try() {
        let composed = traits(json!({"composed": ["interpretation"]}));
        assert!(!composed.first_try && composed.composed == 1 && !composed.words.contains("uncertain"), "{:?}", composed.words);
        let facts = json!([{"name": "chosen", "value": "1.00"}]);
        let steps = json!([{"name": "confidence", "outcome": "done", "milliseconds": 0, "facts": facts}]);
        let chosen = traits(json!({"composed": ["interpretation"], "steps": steps}));
        assert!(chosen.first_try && chosen.composed == 1 && chosen.words.contains("uncertain"), "{:?}", chosen.words);
        assert!(!traits(json!({"steps": [{"name": "generation", "outcome": "repaired", "milliseconds": 5, "facts": []}]})).first_try);
    }

    #[test]
    fn another_language_is_noticed() {
        let russian = "Это может говорить о перемене, которой вы давно ждали, и о желании получить поддержку близких людей. ".repeat(8);
        assert!(!traits(json!({"interpretation": russian})).in_language);
    }
}
