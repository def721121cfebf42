//! Every form of one language's symbols, word by word: how an image is found in a text.

use std::collections::HashMap;

use super::{
    clitics::uncovered,
    stems::Stems,
    words::{Word, are_neighbours, words},
};

/// The forms of one language. Symbols are numbers here.
pub struct Forms {
    /// By folded words, parted by spaces: every form, and what forms begin with.
    beginnings: HashMap<String, Beginning>,
    stems: Option<Stems>,
    has_clitics: bool,
}

#[derive(Default)]
struct Beginning {
    /// Whose form it is as it stands.
    symbol: Option<usize>,
    /// Whether a longer form begins so.
    goes_on: bool,
}

/// A form that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    pub symbol: usize,
    /// How many words of the text it takes.
    pub words: usize,
}

impl Forms {
    pub fn of(language: &str) -> Self {
        Self { beginnings: HashMap::new(), stems: Stems::of(language), has_clitics: language == "ar" }
    }

    /// A form that is there already is this symbol's from now on.
    pub fn add(&mut self, form: &str, symbol: usize) {
        let parts: Vec<String> = words(form).into_iter().map(|word| word.folded).collect();
        let Some((last, before)) = parts.split_last() else { return };
        if let (Some(stems), true) = (&mut self.stems, before.is_empty()) {
            stems.add(last, symbol);
        }
        let mut beginning = String::new();
        for part in before {
            beginning.push_str(part);
            self.beginnings.entry(beginning.clone()).or_default().goes_on = true;
            beginning.push(' ');
        }
        beginning.push_str(last);
        self.beginnings.entry(beginning).or_default().symbol = Some(symbol);
    }

    /// What stands at the head of these words of the text.
    pub fn at_head(&self, text: &str, words: &[Word]) -> Option<Match> {
        let first = words.first()?;
        let found = self.listed(first, |word| self.longest(word, text, words, 1));
        found.or_else(|| Some(Match { symbol: self.stems.as_ref()?.find(&first.folded)?, words: 1 }))
    }

    /// The longest form that begins with so many words of these, which are written as `beginning`: a swimming pool before swimming.
    fn longest(&self, beginning: &str, text: &str, words: &[Word], taken: usize) -> Option<Match> {
        let known = self.beginnings.get(beginning)?;
        let next = words.get(taken).filter(|next| known.goes_on && are_neighbours(text, &words[taken - 1], next));
        let longer = next.and_then(|next| self.listed(next, |word| self.longest(&format!("{beginning} {word}"), text, words, taken + 1)));
        longer.or_else(|| Some(Match { symbol: known.symbol?, words: taken }))
    }

    /// What `listed` knows of a word as it stands, else without what is written together with it.
    fn listed(&self, word: &Word, listed: impl Fn(&str) -> Option<Match>) -> Option<Match> {
        listed(&word.folded).or_else(|| if self.has_clitics { uncovered(&word.folded, word.open, listed) } else { None })
    }
}

/// Whether two ways of writing a form are the same to [`Forms`].
pub fn folded(form: &str) -> String {
    words(form).into_iter().map(|word| word.folded).collect::<Vec<_>>().join(" ")
}

/// Whether a form is as it should be listed: words in lower case.
pub fn is_form(form: &str) -> bool {
    !folded(form).is_empty() && form.to_lowercase() == form
}

/// How many words a form is, as [`Forms`] counts them: a "crow's nest" is three.
pub fn length(form: &str) -> usize {
    words(form).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_head(forms: &Forms, text: &str) -> Option<(usize, usize)> {
        forms.at_head(text, &words(text)).map(|found| (found.symbol, found.words))
    }

    #[test]
    fn the_longest_form_is_found_whatever_was_added_first() {
        let mut forms = Forms::of("en");
        for (symbol, form) in ["swimming pool", "swimming", "swimming pool at night", "swimming"].into_iter().enumerate() {
            forms.add(form, symbol);
        }
        assert_eq!(at_head(&forms, "Swimming pools"), Some((3, 1)), "the later symbol took the form");
        assert_eq!(at_head(&forms, "swimming pool, at night"), Some((0, 2)));
        assert_eq!(at_head(&forms, "swimming pool at dawn"), Some((0, 2)), "the longer form is not there whole");
        assert_eq!(at_head(&forms, "swimming pool at night"), Some((2, 4)));
        assert_eq!(at_head(&forms, "pool at night"), None);
    }

    #[test]
    fn every_word_of_an_arabic_form_may_have_something_written_onto_it() {
        let mut forms = Forms::of("ar");
        forms.add("رجل كبير السن", 1);
        forms.add("باب", 2);
        forms.add("باب سيارة", 3);
        assert_eq!(at_head(&forms, "والرجل كبير السن"), Some((1, 3)));
        assert_eq!(at_head(&forms, "باب سيارتي"), Some((3, 2)));
        assert_eq!(at_head(&forms, "الباب"), Some((2, 1)));
    }

    #[test]
    fn many_forms_with_one_first_word_cost_no_more_than_others() {
        // Comparing each with all others would take minutes.
        let mut forms = Forms::of("en");
        (0..50_000).for_each(|number| forms.add(&format!("a w{number}"), number));
        forms.add("a w7", 50_000);
        let text = (0..50_000).map(|number| format!("a w{number}")).collect::<Vec<_>>().join(" ");
        let words = words(&text);
        for (number, head) in words.chunks(2).enumerate() {
            let symbol = if number == 7 { 50_000 } else { number };
            assert_eq!(forms.at_head(&text, head), Some(Match { symbol, words: 2 }));
        }
        assert_eq!(at_head(&forms, "a a a a"), None, "a alone is no form");
    }
}
