//! Is an answer one that may be shown? Looks at grounding, repetition, language and wholeness, and says how far it may
//! be trusted.

use std::collections::{HashMap, HashSet};

use unicode_segmentation::UnicodeSegmentation;

/// How often one run of four words may occur.
const MOST_FOUR_GRAMS: usize = 3;
/// From this many words on, the share of different words is looked at.
const WORDS_TO_JUDGE: usize = 30;
/// Prose with a smaller share of different words is a loop.
const LEAST_DIFFERENT: f32 = 0.35;
/// Prose of which a larger share of four-word runs stands in an example was copied, not read.
const MOST_COPIED: f32 = 0.4;

/// The text up to its last complete sentence; of a sentence that was cut short, what stands before its last pause. Empty
/// when nothing whole is left.
pub fn whole_sentences(text: &str) -> String {
    let text = text.trim();
    let ends = |letter: char| matches!(letter, '.' | '!' | '?' | '…' | '؟' | '。' | '？' | '！');
    if let Some((at, last)) = text.char_indices().rev().find(|(_, letter)| ends(*letter)) {
        return text[..at + last.len_utf8()].to_owned();
    }
    let Some((before, _)) = text.rsplit_once([',', ';', '،', '؛', '、']) else { return String::new() };
    if before.unicode_words().count() < 4 { String::new() } else { format!("{}.", before.trim_end()) }
}

fn four_grams(text: &str) -> Vec<Vec<String>> {
    let words: Vec<String> = text.unicode_words().map(str::to_lowercase).collect();
    words.windows(4).map(<[String]>::to_vec).collect()
}

/// How repetitive a text is: 0 when every word is new, 1 when all are one.
pub fn repetition(text: &str) -> f32 {
    let words: Vec<String> = text.unicode_words().map(str::to_lowercase).collect();
    if words.len() < 2 {
        return 0.0;
    }
    let different = words.iter().collect::<HashSet<_>>().len();
    1.0 - share(different - 1, words.len() - 1)
}

/// Whether a text goes round in circles.
pub fn is_looping(text: &str) -> bool {
    let mut counts: HashMap<Vec<String>, usize> = HashMap::new();
    for gram in four_grams(text) {
        *counts.entry(gram).or_default() += 1;
    }
    let worst = counts.values().max().copied().unwrap_or(0);
    worst > MOST_FOUR_GRAMS || (text.unicode_words().count() >= WORDS_TO_JUDGE && 1.0 - repetition(text) < LEAST_DIFFERENT)
}

/// Whether a text was copied from the examples that the model was shown.
pub fn is_copied<'a>(text: &str, examples: impl Iterator<Item = &'a str>) -> bool {
    let known: HashSet<Vec<String>> = examples.flat_map(four_grams).collect();
    let own = four_grams(text);
    let copied = own.iter().filter(|gram| known.contains(*gram)).count();
    !own.is_empty() && share(copied, own.len()) > MOST_COPIED
}

/// Whether a quote is a passage of the dream, word for word.
pub fn is_grounded(quote: &str, dream: &str) -> bool {
    !quote.is_empty() && dream.contains(quote)
}

/// `part` of `whole`, 0 to 1; 0 when there is no whole.
pub fn share(part: usize, whole: usize) -> f32 {
    if whole == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of words are far below 2^24")]
    let share = part as f32 / whole as f32;
    share
}

/// What confidence is made of. Each is 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct Signals {
    /// Share of quotes that are in the dream.
    pub grounding: f32,
    /// Share of the form's fields that came out whole.
    pub completeness: f32,
    /// See [`repetition`].
    pub repetition: f32,
    /// Words in the dream: a short one leaves more to guess.
    pub dream_words: usize,
}

/// How far a reading may be trusted, 0 to 0.95: `0.35 grounding + 0.30 completeness + 0.20 (1 − repetition) + 0.10
/// length`, where length is the dream's words over 60, at most 1. The model's own opinion of itself is not asked; a
/// reading is never certain, so the weights end at 0.95.
pub fn confidence(signals: Signals) -> f32 {
    let length = share(signals.dream_words.min(60), 60);
    let sum = 0.35 * signals.grounding + 0.30 * signals.completeness + 0.20 * (1.0 - signals.repetition) + 0.10 * length;
    (sum * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_ends_with_a_whole_sentence() {
        assert_eq!(whole_sentences(" The river is wide. The house is"), "The river is wide.");
        assert_eq!(whole_sentences("a change that is near, and a"), "a change that is near.");
        assert_eq!(whole_sentences("ما الذي ينتظرك؟ وربما"), "ما الذي ينتظرك؟");
        assert_eq!(whole_sentences("a change that"), "");
    }

    #[test]
    fn loops_are_seen() {
        assert!(is_looping(&"the river is wide and ".repeat(5)));
        assert!(is_looping(&"well now ".repeat(20)));
        assert!(!is_looping("The river may stand for a change. The house may stand for family, and the horse for strength."));
    }

    #[test]
    fn a_copied_example_is_no_reading() {
        let example = "a wish to return to someone who is missed. The cold garden keeps the memory.";
        assert!(is_copied(example, std::iter::once(example)));
        assert!(!is_copied("The bridge may stand for a way to someone who is missed and far away.", std::iter::once(example)));
    }

    #[test]
    fn confidence_falls_with_what_is_missing() {
        let whole = Signals { grounding: 1.0, completeness: 1.0, repetition: 0.0, dream_words: 100 };
        assert!((confidence(whole) - 0.95).abs() < 0.001);
        assert!(confidence(Signals { grounding: 0.5, ..whole }) < confidence(whole));
        assert!(confidence(Signals { repetition: 0.5, ..whole }) < confidence(whole));
        assert!(confidence(Signals { dream_words: 6, ..whole }) < confidence(whole));
    }
}
