//! A lens: through which eyes a dream is read. It is data, so that an operator adds one without code.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashSet},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SourceKind, checks};

/// The lens of whoever names none.
pub const DEFAULT_LENS: &str = "psychological";

/// The wording for languages that have none of their own.
const GENERIC: &str = "generic";
const ENGLISH: &str = "en";

/// Which lens: 2 to 32 of a-z, 0-9 and -.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(example = "jungian")]
pub struct LensId(String);

impl LensId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LensId {
    fn default() -> Self {
        Self(DEFAULT_LENS.into())
    }
}

impl fmt::Display for LensId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Borrow<str> for LensId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for LensId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        if checks::is_id(&id) { Ok(Self(id)) } else { Err(format!("a lens is named by {}", checks::ID_SHAPE)) }
    }
}

impl FromStr for LensId {
    type Err = String;

    fn from_str(id: &str) -> Result<Self, String> {
        Self::try_from(id.to_owned())
    }
}

/// How a lens speaks in one language.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LensWording {
    /// A sentence for the system prompt.
    pub stance: String,
    /// Head of the interpretation; the model goes on. Empty in the generic wording alone.
    pub opening: String,
    /// Head of the advice. Empty in the generic wording alone.
    pub advice: String,
    /// A sentence said beside each reading through this lens.
    pub caution: String,
    /// Words that archetypes are chosen from; empty where the lens asks for none.
    #[serde(default)]
    pub archetypes: Vec<String>,
}

/// A lens in all its languages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lens {
    pub id: LensId,
    /// Whether it is as it came with the executable.
    #[serde(skip)]
    pub builtin: bool,
    pub kind: SourceKind,
    /// How many archetypes the form asks for.
    #[serde(default)]
    pub archetypes: usize,
    /// For each archetype, in the order of the words, ids of images in which it may be seen; empty where nobody says.
    #[serde(default)]
    pub seen_in: Vec<Vec<String>>,
    /// Ids of sources.
    pub sources: Vec<String>,
    /// For people, by language.
    #[serde(rename = "name")]
    pub(super) names: BTreeMap<String, String>,
    /// A sentence for people, by language.
    pub(super) about: BTreeMap<String, String>,
    /// By language; there always is one in English, which [`super::Pack::parse`] sees to.
    #[serde(rename = "wording")]
    pub(super) wordings: BTreeMap<String, LensWording>,
}

impl Lens {
    /// In this language, else what stands for every language without its own, else the English one.
    pub fn wording(&self, language: &str) -> &LensWording {
        let own = self.wordings.get(language).or_else(|| self.wordings.get(GENERIC));
        own.unwrap_or_else(|| &self.wordings[ENGLISH])
    }

    /// The archetypes that may be seen in one of these images, in the words of a language; all of them where nobody says in which.
    pub fn archetypes_seen_in(&self, images: &HashSet<String>, language: &str) -> Vec<String> {
        let words = &self.wording(language).archetypes;
        if self.seen_in.is_empty() {
            return words.clone();
        }
        let seen = words.iter().zip(&self.seen_in).filter(|(_, seen_in)| seen_in.iter().any(|image| images.contains(image)));
        seen.map(|(word, _)| word.clone()).collect()
    }

    /// For people: in this language, else in English.
    pub fn name(&self, language: &str) -> &str {
        in_language(&self.names, language).unwrap_or_else(|| self.id.as_str())
    }

    /// A sentence for people: in this language, else in English.
    pub fn about(&self, language: &str) -> &str {
        in_language(&self.about, language).unwrap_or_default()
    }

    /// Those that it has wording of its own for.
    pub fn languages(&self) -> Vec<&str> {
        self.wordings.keys().map(String::as_str).filter(|language| *language != GENERIC).collect()
    }

    /// Whether this names the wording that stands for every language without its own.
    pub(super) fn is_generic(language: &str) -> bool {
        language == GENERIC
    }
}

fn in_language<'a>(texts: &'a BTreeMap<String, String>, language: &str) -> Option<&'a str> {
    texts.get(language).or_else(|| texts.get(ENGLISH)).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens() -> Lens {
        toml::from_str(
            r#"
            id = "sailors"
            kind = "tradition"
            sources = ["log"]
            name = { en = "Sailors", ru = "Моряки" }
            about = { en = "As sailors tell it." }
            [wording.en]
            stance = "You tell what sailors tell."
            opening = "At sea they say"
            advice = "You could"
            caution = "It is yarn."
            [wording.generic]
            stance = "You tell what sailors tell, in {language}."
            opening = ""
            advice = ""
            caution = "It is yarn."
            "#,
        )
        .unwrap()
    }

    #[test]
    fn an_id_is_short_and_plain() {
        for good in ["jungian", "my-lens-2", "ab"] {
            assert_eq!(good.parse::<LensId>().unwrap().to_string(), good);
        }
        for bad in ["", "a", "Jungian", "my lens", "линза", &"a".repeat(33), "../etc"] {
            assert!(bad.parse::<LensId>().is_err(), "{bad}");
            assert!(serde_json::from_value::<LensId>(bad.into()).is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_value(LensId::default()).unwrap(), "psychological");
    }

    #[test]
    fn a_language_without_wording_gets_the_generic_one_and_the_english_name() {
        let lens = lens();
        assert_eq!(lens.wording("en").opening, "At sea they say");
        assert_eq!(lens.wording("fr").opening, "");
        assert_eq!((lens.name("ru"), lens.name("fr"), lens.about("ru")), ("Моряки", "Sailors", "As sailors tell it."));
        assert_eq!(lens.languages(), ["en"]);
    }
}
