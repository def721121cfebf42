//! What Arabic writes together with a word: conjunctions, prepositions and the article before it, pronouns behind it.
//!
//! They are taken off only where what remains is listed, since nearly every word begins or ends with one of these letters by itself.

use std::{collections::HashSet, sync::LazyLock};

use super::words::fold;

/// Ends in the article, so that a noun must follow; behind it no pronoun can.
const WITH_ARTICLE: [&str; 13] = ["وبال", "فبال", "وكال", "بال", "كال", "وال", "فال", "هال", "عال", "ولل", "فلل", "لل", "ال"];
const WITHOUT_ARTICLE: [&str; 11] = ["وب", "ول", "وك", "فب", "فل", "فك", "و", "ف", "ب", "ك", "ل"];
/// The shortest first: ابني is a son of mine, not my father.
const PRONOUNS: [&str; 12] = ["ي", "ه", "ك", "ها", "هم", "هن", "كم", "كن", "نا", "ني", "هما", "كما"];

/// The fewest letters that a word keeps.
const SHORTEST_WORD: usize = 2;
/// The same where one letter alone was taken off its head: too many words of two letters stand within words of three.
const SHORTEST_BEHIND_LETTER: usize = 3;

/// Frequent words that only look as if they were put together, beside the language's stop words: "big", "found", "life" with their
/// endings, "year" spelt with ه, "only", "nice", "at you", "sponsor". Folded as [`fold`] does.
const WHOLE: &str = "كبير كبيره كبيرا وجد وجده وجدها وجدهم وجدنا وجدني وجدك حياتي حياته حياتك حياتها حياتنا حياتهم وحياتي \
    سنه فقط لطيف لطيفه لديك لديكم كفيل كفيلي كفيله فنار";

/// The first thing that `listed` knows among what the word may be without clitics, taking off as little as may be. The word is
/// folded; `open` says whether a pronoun can stand at its end.
pub fn uncovered<T>(word: &str, open: bool, listed: impl Fn(&str) -> Option<T>) -> Option<T> {
    if is_whole(word) {
        return None;
    }
    let behind_article = || without_any(word, &WITH_ARTICLE, SHORTEST_WORD).find_map(&listed);
    let before_pronoun = |word: &str| if open { without_pronoun(word, &listed) } else { None };
    let behind_letter = || without_any(word, &WITHOUT_ARTICLE, SHORTEST_BEHIND_LETTER).find_map(&listed);
    let between = || without_any(word, &WITHOUT_ARTICLE, SHORTEST_WORD).find_map(before_pronoun);
    behind_article().or_else(|| before_pronoun(word)).or_else(behind_letter).or_else(between)
}

fn is_whole(word: &str) -> bool {
    static WHOLE_WORDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let stop_words = stop_words::lookup("ar").unwrap_or_default();
        stop_words.iter().map(|word| fold(word)).chain(WHOLE.split(' ').map(str::to_owned)).collect()
    });
    WHOLE_WORDS.contains(word)
}

fn without_any<'a>(word: &'a str, heads: &'static [&'static str], shortest: usize) -> impl Iterator<Item = &'a str> {
    let rests = heads.iter().filter_map(move |head| word.strip_prefix(head));
    rests.filter(move |rest| rest.chars().nth(shortest - 1).is_some())
}

fn without_pronoun<T>(word: &str, listed: &impl Fn(&str) -> Option<T>) -> Option<T> {
    let rests = PRONOUNS.iter().filter_map(|pronoun| word.strip_suffix(pronoun));
    rests.filter(|rest| rest.chars().nth(SHORTEST_WORD - 1).is_some()).find_map(|rest| {
        // Before a pronoun ة is written ت.
        listed(rest).or_else(|| rest.strip_suffix('ت').and_then(|stem| listed(&format!("{stem}ه"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::lore::words::words;

    const LISTED: [&str; 13] = ["بيت", "سياره", "ام", "اب", "ابن", "قط", "جد", "سن", "ليل", "بير", "طارد", "حيات", "تل"];

    fn uncover(written: &str) -> Option<&'static str> {
        let word = words(written).remove(0);
        uncovered(&word.folded, word.open, |rest| LISTED.into_iter().find(|listed| *listed == rest))
    }

    #[test]
    fn heads_and_pronouns_come_off_a_listed_word() {
        for (written, word) in [
            ("البيت", "بيت"),
            ("وبالبيت", "بيت"),
            ("للبيت", "بيت"),
            ("لليل", "ليل"),
            ("بيتي", "بيت"),
            ("وبيتها", "بيت"),
            ("سيارتي", "سياره"),
            ("السيارة", "سياره"),
            ("وأمي", "ام"),
            ("ابني", "ابن"),
            ("أبي", "اب"),
            ("طاردني", "طارد"),
            ("والقط", "قط"),
        ] {
            assert_eq!(uncover(written), Some(word), "{written}");
        }
    }

    #[test]
    fn a_word_of_its_own_stays_whole() {
        for written in ["فقط", "كبير", "كبيرة", "وجدنا", "سنة", "سنه", "كتاب", "في", "ال", "و", "وقط", "حياتي", "تلك"]
        {
            assert_eq!(uncover(written), None, "{written}");
        }
    }
}
