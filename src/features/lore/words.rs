//! The words of a text, each with its place, folded so that ways of writing one word are the same.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// See [`fold`].
    pub folded: String,
    /// Whether a pronoun can be written onto its end: Arabic ة and ى change before one, so that a word that ends in them has none.
    pub open: bool,
}

/// Every word, in order: runs of letters, digits and their marks. Hyphens and apostrophes part words.
pub fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut begun = None;
    for (at, letter) in text.char_indices() {
        match (belongs(letter), begun) {
            (true, None) => begun = Some(at),
            (false, Some(start)) => {
                words.push(word(text, start..at));
                begun = None;
            }
            _ => {}
        }
    }
    words.extend(begun.map(|start| word(text, start..text.len())));
    words
}

fn word(text: &str, range: Range<usize>) -> Word {
    let written = &text[range.clone()];
    let last = written.chars().rev().find(|letter| !is_mark(*letter));
    Word { folded: fold(written), open: !matches!(last, Some('ة' | 'ى')), range }
}

/// Whether two words stand so close that they may be one expression: nothing ends or begins between them.
pub fn are_neighbours(text: &str, left: &Word, right: &Word) -> bool {
    text[left.range.end..right.range.start]
        .chars()
        .all(|between| between.is_whitespace() || matches!(between, '-' | '‐' | '‑' | '\'' | '’'))
}

/// A word without what writers may leave out or write in several ways: case, ё, vowel marks, the stretching line, the seats of
/// Arabic hamza on alif, ى for ي, ه for ة, the Persian letters for ي and ك.
pub fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    // Letters that came in parts (й as и with a breve) or as shapes of printing (ﻻ) are put together first.
    if word.contains(is_part) { plain(word.nfkc()) } else { plain(word.chars()) }
}

fn is_part(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{653}'..='\u{655}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}')
}

fn plain(letters: impl Iterator<Item = char>) -> String {
    let mut folded = String::new();
    for letter in letters.flat_map(char::to_lowercase).filter(|letter| !is_mark(*letter)) {
        match letter {
            'ё' => folded.push('е'),
            // Within a word it is two of them: a mirror (مرآة) is no woman (مرأة). At a word's head, or behind what is written onto
            // that, writers leave its sign out.
            'آ' if !folded.ends_with(['ا', 'ل', 'و', 'ف', 'ب', 'ك']) && !folded.is_empty() => folded.push_str("اا"),
            'أ' | 'إ' | 'آ' | 'ٱ' => folded.push('ا'),
            'ى' | 'ی' => folded.push('ي'),
            'ة' => folded.push('ه'),
            'ک' => folded.push('ك'),
            letter => folded.push(letter),
        }
    }
    folded
}

fn belongs(letter: char) -> bool {
    letter.is_alphanumeric() || is_mark(letter)
}

/// What stands on or within a word without being a letter of it: accents, vowel marks, the stretching line, soft hyphens, joiners.
fn is_mark(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{300}'..='\u{36f}'
            | '\u{610}'..='\u{61a}'
            | '\u{640}'
            | '\u{64b}'..='\u{65f}'
            | '\u{670}'
            | '\u{6d6}'..='\u{6dc}'
            | '\u{6df}'..='\u{6e4}'
            | '\u{6e7}'
            | '\u{6e8}'
            | '\u{6ea}'..='\u{6ed}'
            | '\u{200c}'
            | '\u{200d}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_bytes() {
        let text = "Дом-музей: my mother's House, ٱلماء!";
        let found: Vec<&str> = words(text).iter().map(|word| &text[word.range.clone()]).collect();
        assert_eq!(found, ["Дом", "музей", "my", "mother", "s", "House", "ٱلماء"]);
        assert!(words("… — !").is_empty());
        assert!(words("").is_empty());
    }

    #[test]
    fn ways_of_writing_a_word_are_the_same() {
        for (one, other) in [
            ("Ёлка", "елка"),
            ("за́мок", "замок"),
            ("мои\u{306}", "мой"),
            ("مُوسيقى", "موسيقي"),
            ("أُمّ", "ام"),
            ("شجرة", "شجره"),
            ("ســـماء", "سماء"),
            ("\u{fefb}", "لا"),
            ("co\u{ad}operate", "cooperate"),
        ] {
            assert_eq!(fold(one), fold(other), "{one}");
        }
        assert_ne!(fold("ماء"), fold("ما"), "water is not the word for what");
        assert_ne!(fold("مرآة"), fold("مرأة"), "a mirror is no woman");
        assert_eq!((fold("آبار"), fold("الآبار")), ("ابار".into(), "الابار".into()));
        assert_ne!(fold("мой"), fold("мои"));
    }

    #[test]
    fn a_word_that_ends_in_ta_marbuta_takes_no_pronoun() {
        let open = |text: &str| words(text)[0].open;
        assert!(!open("سنة") && !open("سَنَةٌ") && !open("ليلى"));
        assert!(open("سيارته") && open("water"));
    }

    #[test]
    fn neighbours_are_parted_by_nothing_that_ends() {
        let text = "swimming pool. Old-man, here";
        let words = words(text);
        assert!(are_neighbours(text, &words[0], &words[1]));
        assert!(!are_neighbours(text, &words[1], &words[2]));
        assert!(are_neighbours(text, &words[2], &words[3]));
        assert!(!are_neighbours(text, &words[3], &words[4]));
    }
}
