//! The wording of readings: prompt files under `assets/prompts/`, one for each first-class language and a generic one.
//!
//! They are data: vocabulary, labels, what may not be said, sentences that the server composes itself, and examples written by us
//! for base models. How a lens speaks stands with the lens (`features/lore`).

use std::collections::HashMap;

use regex::Regex;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Mood;

/// Raised when the way a form is built or judged changes without a change of the files.
const FORM_VERSION: &str = "3";

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
    /// What a small chat model is told; `{stance}` is the lens' own sentence, `{language}` the language's English name.
    pub system: String,
    /// The same for a model that can follow more.
    pub full_system: String,
    /// What stands above the examples given to a base model.
    pub preface: String,
    /// The notice that a long dream was shortened for the model.
    pub shortened: String,
    /// The notice that a text does not read as a dream.
    pub no_dream: String,
    /// What is said beside every reading.
    pub said: Vec<String>,
    pub labels: Labels,
    pub openings: Openings,
    pub hints: Hints,
    pub composed: Composed,
    /// What a model chooses among that does not write well enough; without it, it writes all the same.
    pub chosen: Option<Chosen>,
    pub dialog: DialogWording,
    pub forbidden: Forbidden,
    pub vocabulary: Vocabulary,
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

/// Lines that stand between the dream and the form: what was found before the model is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hints {
    /// `{symbol}` and `{theme}`, from the dictionary.
    pub tradition: String,
    /// `{symbol}` and `{note}`, from the dreamer.
    pub association: String,
    /// `{symbol}` and `{count}` of other dreams.
    pub recurring: String,
    /// `{title}` of a similar dream's reading, or its first words.
    pub similar: String,
}

/// Sentences that the server composes where nothing of the model's can be shown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composed {
    /// `{symbols}`: their names, joined.
    pub title: String,
    /// `{symbols}`.
    pub summary: String,
    /// `{theme}`.
    pub meaning: String,
    /// `{symbol}` and `{theme}`; one sentence for each symbol.
    pub interpretation: String,
    /// A meaning where the dictionary does not know the image.
    pub own: String,
    /// An interpretation where the dictionary knows none of the dream's images.
    pub nothing: String,
    pub joined_by: String,
    pub last_joined_by: String,
}

/// What people wrote for models that choose, and the sentences that are composed around what they chose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// Told beside such a reading.
    pub notice: String,
    /// `{images}` and `{mood}`, in the words of the vocabulary.
    pub summary: String,
    /// `{opening}` of the lens and the first image's `{theme}`.
    pub interpretation: String,
    /// `{symbol}` and `{theme}` of the next.
    pub beside: String,
    /// `{symbol}` and `{count}` of other dreams.
    pub recurring: String,
    /// `{symbol}`, of which the dreamer has noted something.
    pub noted: String,
    /// `{first}`, and in the other also `{second}`: feelings.
    pub feeling: String,
    pub feelings: String,
    /// To a question about a reading: `{symbol}`, and what it may stand for through another lens: `{theme}` and `{lens}`.
    pub answer: String,
    /// The same where the dictionary has nothing new to say.
    pub no_answer: String,
    /// Each goes on from the lens' advice opening.
    pub advice: Vec<String>,
    /// One list for each question.
    pub questions: Vec<Vec<String>>,
}

/// The dialog about a reading.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialogWording {
    /// `{stance}` and `{language}`.
    pub system: String,
    pub full_system: String,
    pub label_reading: String,
    pub label_question: String,
    pub label_answer: String,
    /// Head of the answer.
    pub opening: String,
    /// What stands in the place of an answer that may not be shown.
    pub nothing: String,
}

/// What no reading may say: regular expressions for a sentence in lower case. One by one: as a set, those with the word boundaries
/// of other scripts are ten times slower.
#[derive(Debug, Deserialize)]
#[serde(from = "ForbiddenLists")]
pub struct Forbidden {
    patterns: Vec<Regex>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForbiddenLists {
    /// That the dreamer has an illness.
    diagnosis: Vec<String>,
    /// What will happen.
    prediction: Vec<String>,
    /// What religion or law allows and forbids.
    ruling: Vec<String>,
    /// Urging, suggesting or approving that somebody be hurt, the dreamer first of all.
    harm: Vec<String>,
    /// Links, images, numbers and addresses by which somebody could be found.
    address: Vec<String>,
    /// Words that a reading does without, whatever the dream holds.
    explicit: Vec<String>,
    /// Speaking as if the dream were the model's own, or in another manner than the openings speak to the dreamer.
    voice: Vec<String>,
}

impl From<ForbiddenLists> for Forbidden {
    fn from(lists: ForbiddenLists) -> Self {
        let claims = [lists.diagnosis, lists.prediction, lists.ruling, lists.harm];
        let patterns = [claims.concat(), lists.address, lists.explicit, lists.voice].concat();
        let compiled = |pattern: &String| Regex::new(pattern).expect("the embedded patterns are well-formed: a test reads each of them");
        Self { patterns: patterns.iter().map(compiled).collect() }
    }
}

impl Forbidden {
    /// Whether a sentence says what no reading may say.
    pub fn holds(&self, sentence: &str) -> bool {
        let sentence = sentence.to_lowercase();
        self.patterns.iter().any(|pattern| pattern.is_match(&sentence))
    }
}

/// The words that some fields are chosen from, and those that help to find a dream's images.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    pub moods: Vec<MoodWord>,
    pub emotions: Vec<String>,
    /// Words that often stand right before something that can be a symbol.
    pub cues: Vec<String>,
    /// Words that turn round what comes after them: a quote does not begin right behind one.
    pub negations: Vec<String>,
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
    /// At least as many as any lens of ours asks for.
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

impl Example {
    /// The prose that a model may be tempted to copy.
    pub fn prose(&self) -> impl Iterator<Item = &str> {
        let meanings = self.symbols.iter().map(|symbol| symbol.meaning.as_str());
        let questions = self.questions.iter().map(String::as_str);
        [self.summary.as_str(), &self.interpretation, &self.advice].into_iter().chain(meanings).chain(questions)
    }
}

impl Composed {
    /// Names in a row, as the language joins them.
    pub fn joined(&self, names: &[&str]) -> String {
        match names {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [most @ .., last] => format!("{}{}{last}", most.join(&self.joined_by), self.last_joined_by),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::lore::{LensId, Lore};

    #[test]
    fn every_language_has_whole_examples_in_its_own_words() {
        let (prompts, lore) = (Prompts::embedded(), Lore::embedded());
        for (language, _) in FILES {
            let wording = prompts.wording(language);
            assert_eq!(wording.vocabulary.moods.len(), 9, "{language}");
            assert_eq!(wording.openings.questions.len(), 2, "{language}");
            assert!(wording.said.len() >= 3, "{language}");
            for example in &wording.examples {
                for symbol in &example.symbols {
                    let found = example.dream.to_lowercase().contains(&symbol.quote.to_lowercase());
                    assert!(found, "{language}: {} is not in its dream", symbol.quote);
                }
                assert!(wording.vocabulary.moods.iter().any(|mood| mood.word == example.mood), "{language}: {}", example.mood);
                for lens in lore.lenses() {
                    assert!(lens.archetypes <= example.archetypes.len(), "{language}");
                }
                let jungian = lore.lens(&"jungian".parse().unwrap()).unwrap().wording(language);
                assert!(example.archetypes.iter().all(|name| jungian.archetypes.contains(name)), "{language}: {:?}", example.archetypes);
                for emotion in &example.emotions {
                    assert!(wording.vocabulary.emotions.contains(&emotion.name), "{language}: {}", emotion.name);
                }
            }
        }
    }

    #[test]
    fn our_own_words_are_not_forbidden() {
        let (prompts, lore) = (Prompts::embedded(), Lore::embedded());
        for (language, _) in FILES {
            let wording = prompts.wording(language);
            let composed = &wording.composed;
            let mut sentences = vec![composed.title.clone(), composed.summary.clone(), composed.nothing.clone()];
            for example in &wording.examples {
                sentences.extend([example.summary.clone(), example.interpretation.clone(), example.advice.clone()]);
            }
            if let Some(chosen) = &wording.chosen {
                assert_eq!(chosen.questions.len(), wording.openings.questions.len(), "{language}");
                sentences.extend(chosen.questions.concat());
                sentences.extend([&chosen.summary, &chosen.recurring, &chosen.noted, &chosen.feeling, &chosen.feelings].map(Clone::clone));
                let advice = lore.lens(&LensId::default()).unwrap().wording(language).advice.clone();
                sentences.extend(chosen.advice.iter().map(|rest| format!("{advice} {rest}")));
            }
            for lens in lore.lenses() {
                let themes = lore.dictionary().ids().filter_map(|id| lore.dictionary().theme(id, &lens.id, language));
                sentences.extend(themes.map(|theme| composed.meaning.replace("{theme}", theme.text)));
            }
            for sentence in sentences {
                assert!(!wording.forbidden.holds(&sentence), "{language}: {sentence}");
            }
        }
    }

    #[test]
    fn what_no_reading_may_say_is_caught() {
        let prompts = Prompts::embedded();
        for (language, sentence) in [
            ("en", "You are clinically depressed and need treatment."),
            ("en", "You will meet a rich man next week."),
            ("en", "Islam forbids this and you must repent."),
            ("en", "See https://example.org/cat.png for more."),
            ("ru", "У вас депрессия, это видно по сну."),
            ("ru", "Скоро вы разбогатеете."),
            ("ar", "سوف تتزوج قريبا من رجل غني."),
            ("ar", "أنت مصاب بالاكتئاب."),
            ("en", "You could end your life."),
            ("en", "You could go and kill him."),
            ("en", "Your child has autism."),
            ("en", "You are about to lose your job."),
            ("ru", "Можно попробовать покончить с собой."),
            ("ru", "Убейте его."),
            ("ru", "Этот сон означает, что ваш отец умрёт."),
            ("ru", "Вы больны раком."),
            ("ar", "يمكنك أن تقتل نفسك."),
            ("ar", "أنت على وشك أن تفقد وظيفتك."),
            ("de", "Du könntest dich umbringen."),
            ("fr", "Vous allez bientôt mourir."),
            ("es", "Tienes depresión."),
            ("tr", "Yakında öleceksiniz."),
            ("fa", "می‌توانید خودتان را بکشید."),
            ("zh", "你可以自杀。"),
            ("ja", "あなたはうつ病です。"),
        ] {
            assert!(prompts.wording(language).forbidden.holds(sentence), "{sentence}");
        }
        for (language, sentence) in [
            ("en", "This may stand for a change that is near."),
            ("en", "You may feel torn between two wishes."),
            ("ru", "Это может говорить о желании перемен."),
            ("ar", "قد يرمز هذا إلى رغبة في التغيير."),
            ("en", "This may stand for the end of a part of life."),
            ("en", "Killing in a dream may stand for anger."),
            ("ru", "Смерть может означать конец одной поры жизни."),
            ("ru", "Это может означать страх, что ваша мать заболеет."),
            ("ar", "القتل في الحلم قد يرمز إلى الغضب."),
            ("de", "Du könntest eine warme Erinnerung aufschreiben."),
            ("zh", "这可能象征对死亡的恐惧。"),
        ] {
            assert!(!prompts.wording(language).forbidden.holds(sentence), "{sentence}");
        }
    }

    #[test]
    fn names_are_joined_as_the_language_does() {
        let composed = &Prompts::embedded().by_language["en"].composed;
        assert_eq!(composed.joined(&["river", "bridge", "lantern"]), "river, bridge and lantern");
        assert_eq!(composed.joined(&["river"]), "river");
    }
}
