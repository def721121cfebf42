//! Is a piece of an answer one that may be shown? Looks at grounding, repetition and wholeness.

use std::collections::{HashMap, HashSet};

use unicode_segmentation::UnicodeSegmentation;

use crate::features::lore::{Dictionary, SymbolKind};

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
    if let Some((at, last)) = text.char_indices().rev().find(|(_, letter)| ends_sentence(*letter)) {
        return text[..at + last.len_utf8()].to_owned();
    }
    let Some((before, _)) = text.rsplit_once([',', ';', '،', '؛', '、']) else { return String::new() };
    if before.unicode_words().count() < 4 { String::new() } else { format!("{}.", before.trim_end()) }
}

fn ends_sentence(letter: char) -> bool {
    matches!(letter, '.' | '!' | '?' | '…' | '؟' | '。' | '？' | '！')
}

/// Whether a run of four words stands in both texts.
pub fn share_a_run(one: &str, other: &str) -> bool {
    let known: HashSet<Vec<String>> = four_grams(one).into_iter().collect();
    four_grams(other).iter().any(|run| known.contains(run))
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

/// The sentences of a text, each with the mark that ends it. A stop inside a word, a number or the markup of a link
/// (`example.org`, 3.5, `![`) ends none.
pub fn sentences(text: &str) -> Vec<&str> {
    let inside = |after: usize| text[after..].starts_with(|letter: char| letter.is_alphanumeric() || matches!(letter, '[' | '(' | '/'));
    let ends = text.char_indices().filter(|(at, letter)| ends_sentence(*letter) && !(letter.is_ascii() && inside(at + 1)));
    let (mut begin, mut sentences) = (0, Vec::new());
    for (at, letter) in ends {
        let end = at + letter.len_utf8();
        sentences.push(text[begin..end].trim());
        begin = end;
    }
    sentences.push(text[begin..].trim());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// Whether a sentence tells of an image that the dream does not hold. `allowed` are the dictionary's ids of what it holds, `concrete`
/// the kinds of images that cannot be meant as a figure of speech there.
pub fn is_unsupported(sentence: &str, language: &str, dictionary: &Dictionary, allowed: &HashSet<String>, concrete: &[SymbolKind]) -> bool {
    let told = dictionary.find(sentence, language);
    told.iter().any(|found| !allowed.contains(&found.symbol) && dictionary.kind(&found.symbol).is_some_and(|kind| concrete.contains(&kind)))
}

/// Whether a sentence holds a number that the dream does not.
pub fn has_strange_number(sentence: &str, dream: &str) -> bool {
    let numbers = |text: &str| -> HashSet<String> {
        text.split(|letter: char| !letter.is_numeric()).filter(|digits| !digits.is_empty()).map(str::to_owned).collect()
    };
    let known = numbers(dream);
    numbers(sentence).iter().any(|number| !known.contains(number))
}

/// A retelling whose longer words stand in the dream to a smaller share tells of something else …
const LEAST_RETOLD: f32 = 0.5;
/// … when it has at least that many: two words prove nothing.
const WORDS_TO_RETELL: usize = 3;

/// Whether a retelling tells of something else than the dream, by its words: those of a language's every sentence do not count.
pub fn tells_of_something_else(sentence: &str, dream: &str, language: &str) -> bool {
    let empty: HashSet<&str> = stop_words::lookup(language).unwrap_or_default().iter().copied().collect();
    let own = stems(sentence, |word| !empty.contains(word));
    let known: HashSet<String> = stems(dream, |_| true).into_iter().collect();
    let retold = own.iter().filter(|stem| known.contains(*stem)).count();
    own.len() >= WORDS_TO_RETELL && share(retold, own.len()) < LEAST_RETOLD
}

/// The longer words of a text by their first letters, which inflection seldom changes.
fn stems(text: &str, counts: impl Fn(&str) -> bool) -> Vec<String> {
    let words = text.unicode_words().map(str::to_lowercase).filter(|word| word.chars().count() > 3 && counts(word));
    words.map(|word| word.chars().take(4).collect()).collect()
}

/// Share of the longer words of a text that another holds, too, by their first letters; 0 when there are none.
pub fn echo(text: &str, of: &str) -> f32 {
    let (own, known): (Vec<String>, HashSet<String>) = (stems(text, |_| true), stems(of, |_| true).into_iter().collect());
    share(own.iter().filter(|stem| known.contains(*stem)).count(), own.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::lore::Lore;

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
    fn a_text_falls_into_sentences() {
        assert_eq!(sentences("The river is wide. Is it? Yes"), ["The river is wide.", "Is it?", "Yes"]);
        assert_eq!(sentences("ما الذي ينتظرك؟ لا أعرف."), ["ما الذي ينتظرك؟", "لا أعرف."]);
        assert_eq!(sentences("See example.org/a.png now. Go 3.5 miles!"), ["See example.org/a.png now.", "Go 3.5 miles!"]);
    }

    #[test]
    fn a_retelling_is_made_of_the_dreams_words() {
        let dream = "All my teeth came loose at breakfast. I kept putting them in my pocket so that nobody at the table would notice.";
        assert!(tells_of_something_else("You have a toothache and you are eating your favorite meal.", dream, "en"));
        assert!(!tells_of_something_else("Your teeth come loose at breakfast and nobody may notice.", dream, "en"));
        assert!(!tells_of_something_else("You hide something.", dream, "en"));
    }

    #[test]
    fn what_the_dream_does_not_hold_is_noticed() {
        let lore = Lore::embedded();
        let dream: HashSet<String> =
            lore.dictionary().find("I crossed a bridge over the river.", "en").into_iter().map(|found| found.symbol).collect();
        let unsupported =
            |sentence: &str| is_unsupported(sentence, "en", lore.dictionary(), &dream, &[SymbolKind::Animals, SymbolKind::Places]);
        assert!(unsupported("You are chased by a wolf."));
        assert!(!unsupported("You cross the bridge and feel watched."));
    }
}
