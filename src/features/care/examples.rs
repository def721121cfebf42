//! Sentences that the classifier learns from.

use serde::Deserialize;

use super::{
    CareTopic,
    files::{EXAMPLES, LANGUAGES},
    reading::Reading,
};
use crate::features::learned::version_of;

/// What somebody could write, and what it is about.
pub struct Example {
    pub reading: Reading,
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
    woken: Vec<String>,
    grief: Vec<String>,
    past: Vec<String>,
    others: Vec<String>,
    idiom: Vec<String>,
    negation: Vec<String>,
    everyday: Vec<String>,
}

impl ExampleFile {
    fn into_texts(self) -> Vec<(String, Option<CareTopic>)> {
        let of = |texts: Vec<String>, topic| texts.into_iter().map(move |text| (text, topic));
        let nothing = [self.dream, self.woken, self.grief, self.past, self.others, self.idiom, self.negation, self.everyday].concat();
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
    let examples = texts.filter_map(|(language, text, topic)| Some(Example { reading: Reading::of(&text, language)?, language, topic }));
    examples.collect()
}

/// Changes with the examples: what was learned from others is not used.
pub fn version() -> String {
    version_of(&EXAMPLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_examples_of_everything_and_at_least_as_many_of_nothing() {
        let all = all();
        for language in LANGUAGES {
            let count = |topic| all.iter().filter(|example| example.language == language && example.topic == topic).count();
            assert!(CareTopic::ALL.into_iter().all(|topic| count(Some(topic)) >= 100), "{language}");
            let care: usize = CareTopic::ALL.into_iter().map(|topic| count(Some(topic))).sum();
            assert!(care >= 600 && count(None) >= care, "{language}: {care}, {}", count(None));
        }
    }
}
