//! Sentences that the classifier learns from.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    CareTopic,
    files::{EXAMPLES, LANGUAGES},
    reading::{Parts, Reading},
};

/// What somebody could write, and what it is about.
pub struct Example {
    pub parts: Parts,
    pub language: &'static str,
    pub topic: Option<CareTopic>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleFile {
    self_harm: Vec<String>,
    abuse: Vec<String>,
    harm_to_others: Vec<String>,
    dream: Vec<String>,
    grief: Vec<String>,
    idiom: Vec<String>,
    negation: Vec<String>,
    other: Vec<String>,
}

impl ExampleFile {
    fn into_texts(self) -> Vec<(String, Option<CareTopic>)> {
        let of = |texts: Vec<String>, topic| texts.into_iter().map(move |text| (text, topic));
        let nothing = [self.dream, self.grief, self.idiom, self.negation, self.other].concat();
        of(self.self_harm, Some(CareTopic::SelfHarm))
            .chain(of(self.harm_to_others, Some(CareTopic::HarmToOthers)))
            .chain(of(self.abuse, Some(CareTopic::Abuse)))
            .chain(of(nothing, None))
            .collect()
    }
}

/// All of them, in order of the files.
pub fn all() -> Vec<Example> {
    let files = LANGUAGES.into_iter().zip(EXAMPLES);
    let texts = files.flat_map(|(language, file)| {
        let file: ExampleFile = toml::from_str(file).expect("the examples are checked by a test");
        file.into_texts().into_iter().map(move |(text, topic)| (language, text, topic))
    });
    let examples =
        texts.filter_map(|(language, text, topic)| Some(Example { parts: Reading::of(&text, language)?.parts, language, topic }));
    examples.collect()
}

/// Changes with the examples: what was learned from others is not used.
pub fn version() -> String {
    let mut hash = Sha256::new();
    EXAMPLES.iter().for_each(|file| hash.update(file));
    hash.finalize()[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_examples_of_everything_and_about_as_many_of_nothing() {
        let all = all();
        for language in LANGUAGES {
            let count = |topic| all.iter().filter(|example| example.language == language && example.topic == topic).count();
            assert!(CareTopic::ALL.into_iter().all(|topic| count(Some(topic)) >= 15), "{language}");
            let care: usize = CareTopic::ALL.into_iter().map(|topic| count(Some(topic))).sum();
            assert!(care >= 60 && count(None) >= 60 && care.abs_diff(count(None)) < 50, "{language}: {care}, {}", count(None));
        }
    }
}
