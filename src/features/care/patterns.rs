//! Regular expressions of a rules' file: words filled in, bounded by spaces, many joined into one that is matched fast.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};

/// Joined patterns with their words are large; they are our own.
const MOST_BYTES: usize = 1 << 26;
/// What a match may remember on its way, in each thread: with less it would forget and become slow.
const MOST_REMEMBERED_BYTES: usize = 1 << 24;
/// Words within words within words.
const DEEPEST: usize = 8;

/// A place in a folded sentence, in bytes, without the spaces around it.
pub type Span = (usize, usize);

/// What a pattern of the file is made from.
pub struct Vocabulary<'a> {
    pub words: &'a BTreeMap<String, String>,
    /// What may stand before any pattern.
    pub before: &'a str,
}

impl Vocabulary<'_> {
    /// Patterns of which any may match. `None` for an empty list.
    pub fn any_of(&self, patterns: &[String]) -> Result<Option<Pattern>, String> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let bounded = patterns.iter().map(|pattern| self.bounded(pattern)).collect::<Result<Vec<_>, _>>()?;
        let joined = bounded.iter().map(|pattern| format!("(?:{pattern})")).collect::<Vec<_>>().join("|");
        let regex = RegexBuilder::new(&joined).size_limit(MOST_BYTES).dfa_size_limit(MOST_REMEMBERED_BYTES).build();
        Ok(Some(Pattern(regex.map_err(|error| error.to_string())?)))
    }

    /// Between spaces, which a folded sentence has around every word; `^` and `$` are its beginning and its end.
    fn bounded(&self, pattern: &str) -> Result<String, String> {
        let filled = self.filled(pattern, DEEPEST)?;
        let (first, inner) = filled.strip_prefix('^').map_or((" ", filled.as_str()), |inner| ("^ ", inner));
        let (last, inner) = inner.strip_suffix('$').map_or((" ", inner), |inner| (" $", inner));
        Ok(format!("{first}{}(?:{inner}){last}", self.before))
    }

    /// `<name>` becomes the words of that name.
    fn filled(&self, pattern: &str, deepest: usize) -> Result<String, String> {
        let Some((head, (name, tail))) = pattern.split_once('<').and_then(|(head, rest)| Some((head, rest.split_once('>')?))) else {
            return Ok(pattern.to_owned());
        };
        let words = self.words.get(name).filter(|_| deepest > 0).ok_or_else(|| format!("nothing is named <{name}>"))?;
        Ok(format!("{head}(?:{}){}", self.filled(words, deepest - 1)?, self.filled(tail, deepest)?))
    }
}

/// One of many patterns.
pub struct Pattern(Regex);

impl Pattern {
    pub fn is_in(&self, sentence: &str) -> bool {
        self.0.is_match(sentence)
    }

    /// Every place where one begins to match; they may overlap.
    pub fn places<'a>(&'a self, sentence: &'a str) -> impl Iterator<Item = Span> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            let found = self.0.find_at(sentence, from)?;
            // A match begins with a space, which is one byte.
            from = found.start() + 1;
            Some((found.start() + 1, found.end() - 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(patterns: &[&str]) -> Result<Option<Pattern>, String> {
        let words = BTreeMap::from([("kin".to_owned(), "my <who>".to_owned()), ("who".to_owned(), "dad|mum".to_owned())]);
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        Vocabulary { words: &words, before: "(?:and )?" }.any_of(&patterns)
    }

    #[test]
    fn words_are_filled_in_and_only_whole_ones_match() {
        let found = pattern(&["<kin> sings", "^so"]).unwrap().unwrap();
        assert_eq!(found.places(" and my dad sings ").next(), Some((1, 17)));
        assert!(found.is_in(" so it is ") && !found.is_in(" or so ") && !found.is_in(" my dad singsong "));
        assert!(pattern(&["<nobody>"]).is_err() && pattern(&["("]).is_err() && pattern(&[]).unwrap().is_none());
    }

    #[test]
    fn places_may_overlap() {
        let found = pattern(&["a [a-z]+", "b c"]).unwrap().unwrap();
        assert_eq!(found.places(" a b c ").collect::<Vec<_>>(), [(1, 4), (3, 6)]);
    }
}
