//! The rules of one language, as `assets/care/rules.*.toml` has them; what each key means stands in `rules.en.toml`.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::{
    CareTopic,
    files::{LANGUAGES, RULES},
    patterns::{Pattern, Vocabulary},
    text::Sentence,
};

/// How much a rule's word counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Enough unless the classifier sees none of it.
    Hint,
    /// Enough unless the classifier is sure of the contrary.
    #[default]
    Plain,
}

/// What a rule's words may count in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Time {
    Now,
    Habit,
    Told,
    Always,
    Awake,
}

/// The rules of one language.
pub struct Rules {
    same: Option<(Regex, BTreeMap<String, String>)>,
    pub frames: Frames,
    pub retractions: Retractions,
    pub rules: Vec<Rule>,
}

/// What tells a dream from waking life.
pub struct Frames {
    pub opens: Pattern,
    pub inside: Pattern,
    pub woke: Pattern,
    pub when_woke: Pattern,
    pub real: Pattern,
    pub now: Pattern,
    pub undream: Pattern,
    pub ends: Pattern,
    pub only: Pattern,
    pub story: Pattern,
    pub deep: Pattern,
    pub aside: Pattern,
    pub contrast: Pattern,
    pub reported: Pattern,
    pub past: Pattern,
}

/// What takes a rule's word back.
pub struct Retractions {
    pub negation: Pattern,
    pub idiom: Pattern,
    pub grief: Pattern,
    pub others: Pattern,
}

pub struct Rule {
    pub topic: CareTopic,
    pub weight: Weight,
    pub time: Time,
    pub any: Pattern,
    /// All of these are in the sentence, too.
    pub with: Vec<Pattern>,
    /// This is in the text up to there.
    pub given: Option<Pattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default)]
    before: String,
    #[serde(default)]
    same: BTreeMap<String, String>,
    words: BTreeMap<String, String>,
    frames: FrameLists,
    drop: DropLists,
    rule: Vec<RuleEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameLists {
    opens: Vec<String>,
    inside: Vec<String>,
    woke: Vec<String>,
    whenwoke: Vec<String>,
    real: Vec<String>,
    now: Vec<String>,
    undream: Vec<String>,
    ends: Vec<String>,
    only: Vec<String>,
    story: Vec<String>,
    deep: Vec<String>,
    aside: Vec<String>,
    contrast: Vec<String>,
    reported: Vec<String>,
    past: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DropLists {
    negation: Vec<String>,
    idiom: Vec<String>,
    grief: Vec<String>,
    others: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    /// For whoever edits the file.
    name: String,
    topic: CareTopic,
    #[serde(default)]
    weight: Weight,
    time: Time,
    any: Vec<String>,
    #[serde(default)]
    with: Vec<String>,
    given: Option<String>,
}

impl Rules {
    /// Those of a language, else of one that is written with the same letters.
    pub fn of(language: &str, text: &str) -> &'static Self {
        compiled(place_of(language, text))
    }

    /// Those of other languages whose letters sentences are written with, in part at least.
    pub fn beside(language: &str, text: &str, sentences: &[Sentence]) -> Vec<&'static Self> {
        let own = place_of(language, text);
        let others = (0..LANGUAGES.len()).filter(|place| *place != own);
        others.filter(|place| sentences.iter().any(|sentence| is_in_letters_of(*place, &sentence.folded))).map(compiled).collect()
    }

    /// Those of every language, now.
    pub fn compile_all() {
        (0..LANGUAGES.len()).for_each(|place| _ = compiled(place));
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: RuleFile = toml::from_str(text).map_err(|error| error.to_string())?;
        let vocabulary = Vocabulary { words: &file.words, before: &file.before };
        let rules = file.rule.into_iter().map(|entry| {
            let name = entry.name.clone();
            entry.compiled(&vocabulary).map_err(|error| format!("the rule `{name}`: {error}"))
        });
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
            frames: file.frames.compiled(&vocabulary)?,
            retractions: file.drop.compiled(&vocabulary)?,
            same: (!file.same.is_empty()).then(|| ways_to_write(file.same)).transpose()?,
        })
    }

    /// A folded sentence with one way to write what is written in several.
    pub fn in_one_way(&self, sentence: &str) -> String {
        let Some((pattern, same)) = &self.same else { return sentence.to_owned() };
        let mut whole = String::with_capacity(sentence.len());
        let mut from = 0;
        while let Some(found) = pattern.find_at(sentence, from) {
            // Between two spaces, of which the second may begin the next.
            let (start, end) = (found.start() + 1, found.end() - 1);
            whole.push_str(&sentence[from..start]);
            let written = &sentence[start..end];
            whole.push_str(same.get(written).map_or(written, String::as_str));
            from = end;
        }
        whole.push_str(&sentence[from..]);
        whole
    }
}

/// Compiled when they are first asked for.
fn compiled(place: usize) -> &'static Rules {
    static COMPILED: [LazyLock<Rules>; 3] = [LazyLock::new(|| embedded(0)), LazyLock::new(|| embedded(1)), LazyLock::new(|| embedded(2))];
    &COMPILED[place]
}

fn place_of(language: &str, text: &str) -> usize {
    LANGUAGES.iter().position(|known| *known == language).unwrap_or_else(|| by_letters(text))
}

/// Whether a third of the letters are those of a language of [`LANGUAGES`].
fn is_in_letters_of(place: usize, sentence: &str) -> bool {
    let letters = [('a'..='z'), ('а'..='я'), ('ء'..='ي')];
    let count = sentence.chars().filter(|letter| letters[place].contains(letter)).count();
    count > 0 && count * 3 >= sentence.chars().filter(|letter| letter.is_alphabetic()).count()
}

fn embedded(place: usize) -> Rules {
    let parsed = Rules::parse(RULES[place]);
    parsed.unwrap_or_else(|error| panic!("assets/care/rules.{}.toml is checked by tests: {error}", LANGUAGES[place]))
}

/// Whose letters most of the text has, as a place in [`LANGUAGES`].
fn by_letters(text: &str) -> usize {
    let count = |range: std::ops::RangeInclusive<char>| text.chars().filter(|letter| range.contains(letter)).count();
    let (cyrillic, arabic) = (count('а'..='я'), count('ء'..='ي'));
    match cyrillic.max(arabic) * 4 > text.chars().count() {
        false => 0,
        true if cyrillic >= arabic => 1,
        true => 2,
    }
}

fn ways_to_write(same: BTreeMap<String, String>) -> Result<(Regex, BTreeMap<String, String>), String> {
    let mut ways: Vec<String> = same.keys().map(|way| regex::escape(way)).collect();
    ways.sort_by_key(|way| std::cmp::Reverse(way.len()));
    let pattern = Regex::new(&format!(" (?:{}) ", ways.join("|"))).map_err(|error| error.to_string())?;
    Ok((pattern, same))
}

fn filled(vocabulary: &Vocabulary<'_>, patterns: &[String]) -> Result<Pattern, String> {
    vocabulary.any_of(patterns)?.ok_or_else(|| "a list of patterns is empty".into())
}

impl FrameLists {
    fn compiled(&self, vocabulary: &Vocabulary<'_>) -> Result<Frames, String> {
        Ok(Frames {
            opens: filled(vocabulary, &self.opens)?,
            inside: filled(vocabulary, &self.inside)?,
            woke: filled(vocabulary, &self.woke)?,
            when_woke: filled(vocabulary, &self.whenwoke)?,
            real: filled(vocabulary, &self.real)?,
            now: filled(vocabulary, &self.now)?,
            undream: filled(vocabulary, &self.undream)?,
            ends: filled(vocabulary, &self.ends)?,
            only: filled(vocabulary, &self.only)?,
            story: filled(vocabulary, &self.story)?,
            deep: filled(vocabulary, &self.deep)?,
            aside: filled(vocabulary, &self.aside)?,
            contrast: filled(vocabulary, &self.contrast)?,
            reported: filled(vocabulary, &self.reported)?,
            past: filled(vocabulary, &self.past)?,
        })
    }
}

impl DropLists {
    fn compiled(&self, vocabulary: &Vocabulary<'_>) -> Result<Retractions, String> {
        Ok(Retractions {
            negation: filled(vocabulary, &self.negation)?,
            idiom: filled(vocabulary, &self.idiom)?,
            grief: filled(vocabulary, &self.grief)?,
            others: filled(vocabulary, &self.others)?,
        })
    }
}

impl RuleEntry {
    fn compiled(self, vocabulary: &Vocabulary<'_>) -> Result<Rule, String> {
        let Self { topic, weight, time, any, with, given, .. } = self;
        let with = with.into_iter().map(|pattern| filled(vocabulary, &[pattern])).collect::<Result<_, _>>()?;
        let given = given.map(|pattern| filled(vocabulary, &[pattern])).transpose()?;
        Ok(Rule { topic, weight, time, any: filled(vocabulary, &any)?, with, given })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_whole() {
        for (language, text) in LANGUAGES.iter().zip(RULES) {
            let rules = Rules::parse(text).unwrap_or_else(|error| panic!("{language}: {error}"));
            for topic in CareTopic::ALL {
                assert!(rules.rules.iter().any(|rule| rule.topic == topic && rule.weight == Weight::Plain), "{language}, {topic:?}");
            }
        }
    }

    #[test]
    fn other_languages_take_the_rules_of_their_letters() {
        assert_eq!((by_letters("een droom over water"), by_letters("сон про воду"), by_letters("حلم عن الماء")), (0, 1, 2));
        assert_eq!(by_letters(""), 0);
    }

    #[test]
    fn sentences_in_other_letters_are_read_by_their_rules() {
        let count = |language, text| Rules::beside(language, text, &crate::features::care::text::sentences(text)).len();
        assert_eq!(count("en", "A dream of water. Сон про воду."), 1);
        assert_eq!(count("en", "A dream of water, Вера and a long walk."), 0);
        assert_eq!(count("ru", "Сон про воду. A dream. حلم عن الماء"), 2);
        assert_eq!((count("en", "12."), count("pl", "sen o wodzie")), (0, 0));
    }

    #[test]
    fn what_is_written_in_several_ways_is_read_in_one() {
        assert_eq!(Rules::of("en", "").in_one_way(" i am gonna wanna go "), " im going to want to go ");
    }
}
