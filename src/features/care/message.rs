//! What is said: fixed words that people wrote, for each topic and language.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{
    CareTopic,
    files::{LANGUAGES, MESSAGES},
};

/// A message of one language.
pub struct Words {
    pub language: &'static str,
    pub title: String,
    pub text: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageFile {
    anybody: Entry,
    self_harm: Entry,
    harm_to_others: Entry,
    abuse: Entry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    title: String,
    text: Vec<String>,
}

/// In the order of [`LANGUAGES`], and of each language: for anybody, then by topic.
static WORDS: LazyLock<Vec<[Words; 4]>> = LazyLock::new(|| {
    let files = LANGUAGES.into_iter().zip(MESSAGES);
    let read = files.map(|(language, text)| {
        let file: MessageFile = toml::from_str(text).expect("the messages are checked by a test");
        let words = |entry: Entry| Words { language, title: entry.title, text: entry.text };
        [words(file.anybody), words(file.self_harm), words(file.harm_to_others), words(file.abuse)]
    });
    read.collect()
});

/// Languages that messages are written in.
pub fn languages() -> [&'static str; 3] {
    LANGUAGES
}

/// What is said about a topic, or to anybody.
pub fn of(topic: Option<CareTopic>, language: &str) -> &'static Words {
    let place = LANGUAGES.iter().position(|known| *known == language).unwrap_or(0);
    let kind = match topic {
        None => 0,
        Some(CareTopic::SelfHarm) => 1,
        Some(CareTopic::HarmToOthers) => 2,
        Some(CareTopic::Abuse) => 3,
    };
    &WORDS[place][kind]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_short_and_its_own() {
        for language in LANGUAGES {
            let topics = CareTopic::ALL.into_iter().map(Some).chain([None]);
            let messages: Vec<&Words> = topics.map(|topic| of(topic, language)).collect();
            for words in &messages {
                assert!((2..=4).contains(&words.text.len()), "{language}: {}", words.title);
                assert!(words.text.iter().all(|paragraph| (40..600).contains(&paragraph.chars().count())), "{language}: {}", words.title);
            }
            assert!(messages.iter().enumerate().all(|(place, words)| messages[..place].iter().all(|other| other.title != words.title)));
        }
        assert_eq!(of(None, "fi").language, "en");
    }
}
