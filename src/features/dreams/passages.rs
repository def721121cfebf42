//! Candidates for symbols: content words of a dream, each with a passage of it, word for word.
//!
//! The model chooses among them, so a symbol's quote is in the dream by construction; checking it afterwards is
//! [`super::checks`]'s work.

use std::{collections::HashSet, ops::Range};

use unicode_segmentation::UnicodeSegmentation;

use super::prompts::Vocabulary;
use crate::features::lore::Found;

/// Words of a passage on each side of its key word.
const WORDS_AROUND: usize = 3;
/// How many candidates the model chooses from for one symbol.
const CANDIDATES: usize = 8;
/// What each further mention of an image adds to its score, up to that many.
const MENTIONS: usize = 3;
/// Letters that make two words the same symbol ("river", "rivers"; "реки", "реку").
const STEM_LETTERS: usize = 4;

/// A word of the dream and a passage that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// As it stands in the dream, in lower case.
    pub name: String,
    /// Its id in the dictionary, where it has one.
    pub symbol: Option<String>,
    /// 2 to 8 words of the dream, word for word.
    pub quote: String,
}

struct Word<'a> {
    text: &'a str,
    start: usize,
    /// Whether a sentence, a line or a bracket ends between this word and the next.
    ends_phrase: bool,
    lower: String,
    /// The dictionary's word for it, if any.
    known: Option<&'a Found>,
}

/// What a language knows of its words.
struct WordSense<'a> {
    stop: HashSet<&'a str>,
    cues: HashSet<&'a str>,
    negations: HashSet<&'a str>,
    endings: &'a [String],
}

/// Splits the dream into up to `most` parts and lists candidates of each, best first, no symbol in two parts. `found` are the
/// images that the dictionary knows: where there are enough of them, nothing else is offered.
pub fn candidates(text: &str, language: &str, vocabulary: &Vocabulary, found: &[Found], most: usize) -> Vec<Vec<Candidate>> {
    let words = words(text, found);
    let sense = WordSense {
        stop: stop_words::lookup(language).unwrap_or_default().iter().copied().chain(vocabulary.never.iter().map(String::as_str)).collect(),
        cues: vocabulary.cues.iter().map(String::as_str).collect(),
        negations: vocabulary.negations.iter().map(String::as_str).collect(),
        endings: &vocabulary.never_endings,
    };
    let mut scored: Vec<(usize, u32)> = (0..words.len()).filter_map(|at| Some((at, sense.score(&words, at)?))).collect();
    if scored.len() < 2 {
        // A dream of stop words alone still has passages.
        scored = (0..words.len()).map(|at| (at, 1)).collect();
    }
    let parts = match words.len() {
        0..30 => 2,
        30..120 => most.min(3),
        _ => most,
    };
    let mut taken = HashSet::new();
    let lists = split(&scored, &words, parts).into_iter().map(|mut here| {
        here.sort_by_key(|(at, score)| (std::cmp::Reverse(*score), *at));
        best(text, &words, &here, &sense, &mut taken)
    });
    lists.filter(|list| !list.is_empty()).collect()
}

/// The scored words in so many parts: equal shares of the images that the dictionary knows where there is one for each part, else
/// equal shares of the text.
fn split(scored: &[(usize, u32)], words: &[Word<'_>], parts: usize) -> Vec<Vec<(usize, u32)>> {
    let mut first = HashSet::new();
    let known: Vec<(usize, u32)> =
        scored.iter().filter(|(at, _)| words[*at].known.is_some_and(|found| first.insert(found.symbol.as_str()))).copied().collect();
    if known.len() >= parts {
        return (0..parts).map(|part| known[known.len() * part / parts..known.len() * (part + 1) / parts].to_vec()).collect();
    }
    let ranges = (0..parts).map(|part| words.len() * part / parts..words.len() * (part + 1) / parts);
    ranges.map(|range| scored.iter().filter(|(at, _)| range.contains(at)).copied().collect()).collect()
}

fn best(text: &str, words: &[Word<'_>], ranked: &[(usize, u32)], sense: &WordSense<'_>, taken: &mut HashSet<String>) -> Vec<Candidate> {
    let mut list = Vec::new();
    let highest = ranked.first().map_or(0, |(_, score)| *score);
    for (at, score) in ranked {
        // A tiny model chooses badly: it is not offered what is far behind the best.
        if list.len() == CANDIDATES || (!list.is_empty() && score * 2 < highest) {
            break;
        }
        let symbol = words[*at].known.map(|found| found.symbol.clone());
        let stem = symbol.clone().unwrap_or_else(|| words[*at].lower.chars().take(STEM_LETTERS).collect());
        if taken.contains(&stem) {
            continue;
        }
        if let Some(quote) = passage(text, words, *at, sense).filter(|quote| !names_somebody(quote)) {
            taken.insert(stem);
            // Words of one image may stand on two lines.
            let one_line = |found: &Found| text[found.range.clone()].split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
            let name = words[*at].known.map_or_else(|| words[*at].lower.clone(), one_line);
            list.push(Candidate { name, symbol, quote });
        }
    }
    list
}

/// Whether a passage holds what somebody could be reached by (an address, a long number) or what leads somewhere (a link). Nobody's
/// reading needs it.
fn names_somebody(quote: &str) -> bool {
    // A house of three digits may be told of; the parts of a telephone number come to more.
    let digits = quote.chars().filter(|letter| letter.is_numeric()).count();
    let link = |word: &str| word.starts_with("http") || word.split('.').filter(|part| part.chars().count() > 1).count() > 1;
    digits > 3 || quote.contains(['@', '/']) || quote.to_lowercase().split_whitespace().any(link)
}

fn words<'a>(text: &'a str, known: &'a [Found]) -> Vec<Word<'a>> {
    let split: Vec<(usize, &str)> = text.unicode_word_indices().collect();
    let ends = |at: usize| {
        let (start, word) = split[at];
        let next = split.get(at + 1).map_or(text.len(), |next| next.0);
        text[start + word.len()..next]
            .contains(['.', '!', '?', '…', ';', ':', '\n', '؟', '؛', '。', '"', '“', '”', '«', '»', '(', ')', '[', ']', '—', '–'])
            || at + 1 == split.len()
    };
    // What the dictionary found stands in the order of the text.
    let within = |range: Range<usize>| {
        known.get(known.partition_point(|found| found.range.end <= range.start)).filter(|found| found.range.start < range.end)
    };
    (0..split.len())
        .map(|at| {
            let (start, word) = split[at];
            Word { text: word, start, ends_phrase: ends(at), lower: word.to_lowercase(), known: within(start..start + word.len()) }
        })
        .collect()
}

impl WordSense<'_> {
    fn is_empty_word(&self, lower: &str) -> bool {
        self.stop.contains(lower)
    }

    /// How likely a word names an image; `None` when it cannot.
    fn score(&self, words: &[Word<'_>], at: usize) -> Option<u32> {
        let word = &words[at];
        let known = word.known.is_some();
        let length = word.lower.chars().count();
        if !known
            && (length < 3 || self.is_empty_word(&word.lower) || !word.lower.chars().all(|letter| letter.is_alphabetic() || letter == '-'))
        {
            return None;
        }
        let mut score = 2;
        if let Some(found) = word.known {
            let again = words.iter().filter(|other| other.known.is_some_and(|other| other.symbol == found.symbol)).count() - 1;
            score += 6 + u32::try_from(again.min(MENTIONS)).unwrap_or_default();
        }
        // A cue right before a word, or a content word that ends its phrase soon after one: "my LANTERN", "the dark RIVER at".
        let head = word.ends_phrase || words.get(at + 1).is_none_or(|next| self.is_empty_word(&next.lower));
        let cue_distance = words[..at]
            .iter()
            .rev()
            .take(3)
            .take_while(|before| !before.ends_phrase)
            .position(|before| self.cues.contains(before.lower.as_str()));
        score += match (cue_distance, head) {
            (Some(0), true) => 4,
            (Some(0), false) => 3,
            (Some(_), true) => 2,
            (None, true) => 1,
            _ => 0,
        };
        // "No hands": what is not there is no image of the dream.
        let denied = at > 0 && !words[at - 1].ends_phrase && self.negations.contains(words[at - 1].lower.as_str());
        if denied {
            score = 1;
        }
        if !known && self.endings.iter().any(|ending| length > ending.chars().count() + 1 && word.lower.ends_with(ending.as_str())) {
            score = 1;
        }
        Some(score)
    }
}

/// The passage around a word inside its phrase, or `None` when the phrase is that word alone.
fn passage(text: &str, words: &[Word<'_>], at: usize, sense: &WordSense<'_>) -> Option<String> {
    let mut first = at;
    while first > 0 && at - first < WORDS_AROUND && !words[first - 1].ends_phrase {
        first -= 1;
    }
    if first > 0 && !words[first - 1].ends_phrase && sense.negations.contains(words[first - 1].lower.as_str()) {
        first -= 1;
    }
    let mut last = at;
    while last + 1 < words.len() && last - at < WORDS_AROUND && !words[last].ends_phrase {
        last += 1;
    }
    while last > at && last - first > 1 && sense.is_empty_word(&words[last].lower) {
        last -= 1;
    }
    if first == last {
        return None;
    }
    Some(text[words[first].start..words[last].start + words[last].text.len()].to_owned())
}

#[cfg(test)]
mod tests {
    use super::{super::prompts::Prompts, *};
    use crate::features::lore::Lore;

    #[test]
    fn what_is_not_there_is_offered_last() {
        let (prompts, lore) = (Prompts::embedded(), Lore::embedded());
        let text = "The clock had no hands and a wolf waited at the door.";
        let found = lore.dictionary().find(text, "en");
        let offered = candidates(text, "en", &prompts.wording("en").vocabulary, &found, 1);
        let names: Vec<&str> = offered.iter().flatten().map(|candidate| candidate.name.as_str()).collect();
        assert!(names.contains(&"wolf") && !names.contains(&"hands"), "{names:?}");
    }

    const ENGLISH: &str = "I was crossing a narrow bridge over the dark river at night. My grandmother stood on the other side \
        with a lantern. Suddenly the bridge broke and I fell into the cold water, but a white horse carried me home.";

    fn of(text: &str, language: &str) -> Vec<Vec<Candidate>> {
        let found = Lore::embedded().dictionary().find(text, language);
        candidates(text, language, &Prompts::embedded().wording(language).vocabulary, &found, 3)
    }

    #[test]
    fn every_passage_is_in_the_dream_and_holds_its_word() {
        let russian = "Мне снилось, что я стою на старом мосту, а внизу бежит чёрная река. Моя бабушка машет мне с другого берега и \
            держит в руках зелёный фонарь. Потом мост исчезает, и я лечу над крышами города.";
        let arabic = "رأيت في المنام أنني أمشي في بيت قديم لا باب له وكان النهر يجري تحت النافذة. ثم جاء حصان أبيض وحملني إلى الجبل.";
        for (text, language) in [(ENGLISH, "en"), (russian, "ru"), (arabic, "ar")] {
            let lists = of(text, language);
            assert!(lists.len() >= 2, "{language}: {lists:?}");
            for candidate in lists.iter().flatten() {
                assert!(text.contains(&candidate.quote), "{candidate:?}");
                assert!(candidate.quote.to_lowercase().contains(&candidate.name), "{candidate:?}");
                assert!((2..=8).contains(&candidate.quote.unicode_words().count()), "{candidate:?}");
            }
        }
    }

    #[test]
    fn a_quote_keeps_the_no_before_it() {
        for (text, language, quote) in [
            (
                "At night I did not see my old grandmother at the house by the river, and nobody else was there.",
                "en",
                "not see my old grandmother",
            ),
            ("في منتصف الطريق لم أجد ألواحا أضع قدمي عليها فوق النهر الكبير.", "ar", "لم أجد ألواحا أضع قدمي"),
        ] {
            let lists = of(text, language);
            assert!(lists.iter().flatten().any(|candidate| candidate.quote.starts_with(quote)), "{lists:?}");
        }
    }

    #[test]
    fn images_come_before_other_words_and_never_twice() {
        let lists = of(ENGLISH, "en");
        let names: Vec<_> = lists.iter().map(|list| list[0].name.as_str()).collect();
        assert_eq!(names, ["bridge", "grandmother", "water"]);
        let all: Vec<_> = lists.iter().flatten().map(|candidate| candidate.name.clone()).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "{all:?}");
    }

    #[test]
    fn what_the_dictionary_knows_is_told_by_its_id() {
        let ids: Vec<_> = of(ENGLISH, "en").into_iter().flatten().filter_map(|candidate| candidate.symbol).collect();
        for id in ["bridge", "grandmother", "water", "horse"] {
            assert!(ids.contains(&id.to_owned()), "{id}: {ids:?}");
        }
    }

    #[test]
    fn nobody_is_named_by_a_number_or_an_address() {
        let text = "I called 5550199123 from the old house. Then mary@example.org wrote that the river was near the house.";
        for candidate in of(text, "en").into_iter().flatten() {
            assert!(!candidate.quote.contains("5550199123") && !candidate.quote.contains('@'), "{candidate:?}");
        }
        let text = "The man at 4821 Rose Street rang me on 555 01 99 from the old house. He showed a picture from https://example.org/cat.png at \
            the river, and then www.example.org was a bridge.";
        for candidate in of(text, "en").into_iter().flatten() {
            assert!(!["4821", "01 99", "http", "example", "cat"].iter().any(|part| candidate.quote.contains(part)), "{candidate:?}");
        }
    }

    #[test]
    fn a_dream_of_small_words_still_has_passages() {
        assert!(!of("it was me and then it was you and so on", "en").is_empty());
        assert!(of("water", "en").is_empty());
    }
}
