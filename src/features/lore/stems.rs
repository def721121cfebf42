//! Forms that nobody listed: a word is another form of a listed one when Snowball's algorithm gives both the same stem.
//!
//! Stems are shared by words that have nothing to do with each other, so this is for what a list obviously left out: one oblique
//! form of a word of which some are listed.

use std::collections::{HashMap, HashSet};

use rust_stemmers::{Algorithm, Stemmer};

/// Letters that a word must have.
const SHORTEST_WORD: usize = 5;

/// How far stems are trusted in one language.
struct Trust {
    algorithm: fn() -> Algorithm,
    /// Letters that a stem must have: вод- is of water and of driving.
    shortest_stem: usize,
    /// A word of which so many forms are listed is listed whole: what has its stem, and is not listed, is another word, or was left
    /// out because it mostly is another word (другой, "other", of друг, "friend").
    whole: usize,
    /// Endings that make another kind of word of a stem, kind by kind. A word is a form of listed words of its own kind alone.
    kinds: &'static [&'static str],
}

const ENGLISH: Trust = Trust {
    algorithm: || Algorithm::English,
    shortest_stem: 4,
    // Singular and plural.
    whole: 2,
    // Training is no train, and a tearful smile no tears.
    kinds: &["ing ed", "ly ful less ness ity er ers"],
};

const RUSSIAN: Trust = Trust {
    algorithm: || Algorithm::Russian,
    shortest_stem: 5,
    whole: 6,
    // Adjectives (дорогая, "dear", is no дорога, "road"), and verbs (проходит is no проход).
    kinds: &["ая яя ое ее ые ие ый ий ой ого его ому ему ым им ыми ими ую юю ых их", "ть ся сь ет ит ат ят ут ют ешь ишь ете ите ла ло ли"],
};

/// The stems of one language's forms.
pub struct Stems {
    stemmer: Stemmer,
    trust: &'static Trust,
    listed: HashSet<String>,
    /// How many forms of a stem are listed.
    counts: HashMap<String, usize>,
    /// By stem and kind. `None`: it belongs to several symbols, and so says nothing.
    symbols: HashMap<(String, usize), Option<usize>>,
}

impl Stems {
    /// `None` for a language whose forms are listed as they are, or written otherwise (Arabic).
    pub fn of(language: &str) -> Option<Self> {
        let trust = match language {
            "en" => &ENGLISH,
            "ru" => &RUSSIAN,
            _ => return None,
        };
        let stemmer = Stemmer::create((trust.algorithm)());
        Some(Self { stemmer, trust, listed: HashSet::new(), counts: HashMap::new(), symbols: HashMap::new() })
    }

    pub fn add(&mut self, form: &str, symbol: usize) {
        let stem = self.stemmer.stem(form).into_owned();
        if self.listed.insert(form.to_owned()) {
            *self.counts.entry(stem.clone()).or_default() += 1;
        }
        if self.is_telling(form, &stem) {
            let known = self.symbols.entry((stem, self.trust.kind(form))).or_insert(Some(symbol));
            if *known != Some(symbol) {
                *known = None;
            }
        }
    }

    pub fn find(&self, word: &str) -> Option<usize> {
        word.chars().nth(SHORTEST_WORD - 1)?;
        let stem = self.stemmer.stem(word).into_owned();
        let whole = self.counts.get(&stem)? >= &self.trust.whole;
        if whole || !self.is_telling(word, &stem) {
            return None;
        }
        self.symbols.get(&(stem, self.trust.kind(word))).copied().flatten()
    }

    fn is_telling(&self, word: &str, stem: &str) -> bool {
        let has = |text: &str, letters: usize| text.chars().nth(letters - 1).is_some();
        has(word, SHORTEST_WORD) && has(stem, self.trust.shortest_stem)
    }
}

impl Trust {
    /// 0 where no ending tells.
    fn kind(&self, word: &str) -> usize {
        let ends_so = |endings: &&str| endings.split(' ').any(|ending| word.ends_with(ending));
        self.kinds.iter().position(ends_so).map_or(0, |kind| kind + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(language: &str, forms: &[(&str, usize)]) -> Stems {
        let mut stems = Stems::of(language).unwrap();
        forms.iter().for_each(|(form, symbol)| stems.add(form, *symbol));
        stems
    }

    #[test]
    fn other_forms_of_a_listed_word_are_found() {
        let russian = stems("ru", &[("лестница", 1), ("матрас", 2), ("матраса", 2), ("водой", 3), ("дорога", 4), ("проход", 5)]);
        assert_eq!(russian.find("лестницею"), Some(1));
        assert_eq!(russian.find("лестницами"), Some(1));
        assert_eq!(russian.find("матрасом"), Some(2));
        assert_eq!(russian.find("водил"), None, "its stem is too short");
        assert_eq!(russian.find("дорогая"), None, "dear is no road");
        assert_eq!(russian.find("проходит"), None, "a verb is no noun");
        let english = stems("en", &[("train", 1), ("swimming", 2), ("breakfast", 3), ("tears", 4)]);
        assert_eq!(english.find("breakfasts"), Some(3));
        assert_eq!(english.find("training"), None);
        assert_eq!(english.find("tearful"), None);
        assert_eq!(english.find("car"), None);
    }

    #[test]
    fn a_word_that_is_listed_whole_has_no_other_forms() {
        let english = stems("en", &[("computer", 1), ("computers", 1)]);
        assert_eq!(english.find("compute"), None);
    }

    #[test]
    fn a_stem_of_two_symbols_says_nothing() {
        let shared = stems("ru", &[("матрас", 1), ("матраса", 2)]);
        assert_eq!(shared.find("матрасом"), None);
        assert!(Stems::of("ar").is_none() && Stems::of("fr").is_none());
    }
}
