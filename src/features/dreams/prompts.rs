//! The wording of readings: prompt files under `assets/prompts/`, one for each first-class language and a generic one.
//!
//! They are data: vocabulary, labels, what each lens is told, and examples written by us for base models.

use std::collections::HashMap;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Lens, Mood, Source};

/// Raised when the way a form is built changes without a change of the files.
const FORM_VERSION: &str = "1";

const FILES: [(&str, &str); 4] = [
    ("en", include_str!("../../../assets/prompts/en.toml")),
    ("ru", include_str!("../../../assets/prompts/ru.toml")),
    ("ar", include_str!("../../../assets/prompts/ar.toml")),
    (GENERIC, include_str!("../../../assets/prompts/generic.toml")),
];

const GENERIC: &str = "generic";

/// Every wording, by language.
pub struct Prompts {
    by_language: HashMap<&'static str, Wording>,
    version: String,
}

/// The wording of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// What a chat model is told; `{stance}` is the lens' own sentence, `{language}` the language's English name.
    pub system: String,
    /// What stands above the examples given to a base model.
    pub preface: String,
    /// The notice that a long dream was shortened for the model.
    pub shortened: String,
    pub labels: Labels,
    pub openings: Openings,
    pub vocabulary: Vocabulary,
    pub lens: HashMap<Lens, LensWording>,
    #[serde(rename = "example", default)]
    pub examples: Vec<Example>,
}

/// The names of the form's lines.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    pub dream: String,
    pub title: String,
    pub summary: String,
    pub symbols: String,
    pub emotions: String,
    pub mood: String,
    pub archetypes: String,
    pub interpretation: String,
    pub advice: String,
    pub questions: String,
}

/// Words that are written for the model at the head of a field; they belong to the field's text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Openings {
    pub summary: String,
    pub meaning: String,
    pub questions: Vec<String>,
}

/// The words that some fields are chosen from, and those that help to find a dream's images.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    pub moods: Vec<MoodWord>,
    pub emotions: Vec<String>,
    pub archetypes: Vec<String>,
    /// Words that often stand right before something that can be a symbol.
    pub cues: Vec<String>,
    /// Images that dreams are known for.
    pub imagery: Vec<String>,
    /// Words that are never a symbol, beside the language's stop words.
    pub never: Vec<String>,
    /// Endings of words that seldom are one (verbs, adjectives).
    pub never_endings: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoodWord {
    pub mood: Mood,
    pub word: String,
}

/// How one lens speaks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LensWording {
    pub stance: String,
    /// Head of the interpretation.
    pub opening: String,
    /// Head of the advice.
    pub advice: String,
    /// How many archetypes are asked for.
    pub archetypes: usize,
    pub source: Source,
}

/// A dream with its reading, written by people, in the form's own fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub dream: String,
    pub title: String,
    pub summary: String,
    pub symbols: Vec<ExampleSymbol>,
    pub emotions: Vec<ExampleEmotion>,
    pub mood: String,
    /// At least as many as any lens asks for.
    pub archetypes: Vec<String>,
    /// Goes on from the lens' opening.
    pub interpretation: String,
    /// Goes on from the lens' advice opening.
    pub advice: String,
    pub questions: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExampleSymbol {
    pub name: String,
    pub quote: String,
    pub meaning: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExampleEmotion {
    pub name: String,
    pub intensity: String,
}

impl Prompts {
    /// Reads the embedded files.
    pub fn embedded() -> Self {
        let mut hash = Sha256::new();
        hash.update(FORM_VERSION);
        let mut by_language = HashMap::new();
        for (language, text) in FILES {
            hash.update(text);
            let wording = toml::from_str(text).expect("the embedded prompt files are well-formed: a test reads each of them");
            by_language.insert(language, wording);
        }
        let version = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { by_language, version }
    }

    /// A short hash over all wording: a change of it makes earlier readings stale.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The wording for a language (ISO 639-1), the generic one when it has none of its own.
    pub fn wording(&self, language: &str) -> &Wording {
        self.by_language.get(language).unwrap_or_else(|| &self.by_language[GENERIC])
    }
}

impl Wording {
    /// How the lens speaks in this language.
    pub fn lens(&self, lens: Lens) -> &LensWording {
        &self.lens[&lens]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENSES: [Lens; 5] = [Lens::Psychological, Lens::Jungian, Lens::Scientific, Lens::Islamic, Lens::Folk];

    #[test]
    fn every_language_has_every_lens_and_whole_examples() {
        let prompts = Prompts::embedded();
        for (language, _) in FILES {
            let wording = prompts.wording(language);
            for lens in LENSES {
                assert!(!wording.lens(lens).stance.is_empty(), "{language} {lens:?}");
            }
            assert_eq!(wording.vocabulary.moods.len(), 9, "{language}");
            assert_eq!(wording.openings.questions.len(), 2, "{language}");
            for example in &wording.examples {
                for symbol in &example.symbols {
                    let found = example.dream.to_lowercase().contains(&symbol.quote.to_lowercase());
                    assert!(found, "{language}: {} is not in its dream", symbol.quote);
                }
                assert!(wording.vocabulary.moods.iter().any(|mood| mood.word == example.mood), "{language}: {}", example.mood);
                assert!(LENSES.iter().all(|lens| wording.lens(*lens).archetypes <= example.archetypes.len()), "{language}");
                assert!(example.archetypes.iter().all(|name| wording.vocabulary.archetypes.contains(name)), "{language}");
                for emotion in &example.emotions {
                    assert!(wording.vocabulary.emotions.contains(&emotion.name), "{language}: {}", emotion.name);
                }
            }
        }
    }

    #[test]
    fn the_islamic_lens_attributes_and_rules_nothing() {
        let prompts = Prompts::embedded();
        assert!(prompts.wording("en").lens(Lens::Islamic).source.reference.contains("attributed to Ibn Sirin"));
        assert!(prompts.wording("ru").lens(Lens::Islamic).opening.contains("приписываемой Ибн Сирину"));
        assert!(prompts.wording("ar").lens(Lens::Islamic).opening.contains("المنسوب إلى ابن سيرين"));
    }
}
