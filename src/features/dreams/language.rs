//! Which language a text is in, and which letters that language is written with.

use unicode_segmentation::UnicodeSegmentation;
use whatlang::{Lang, Script};

use crate::error::{Error, Result};

/// The language a reading falls back to when no model lists the dream's own.
pub const FALLBACK: &str = "en";

/// An ISO 639-1 code that exists, in lower case. Anything else is `Invalid` on field `language`.
pub fn known(code: &str) -> Result<String> {
    let code = code.trim().to_ascii_lowercase();
    if code.len() == 2 && isolang::Language::from_639_1(&code).is_some() {
        return Ok(code);
    }
    Err(Error::invalid("language", "is not a language code of two letters (ISO 639-1) such as en, ru or ar"))
}

/// The language's English name; the code itself when it has none.
pub fn name(code: &str) -> String {
    isolang::Language::from_639_1(code).map_or_else(|| code.to_owned(), |language| language.to_name().to_owned())
}

/// The language of a text as ISO 639-1. Scripts decide first, since statistics fail on short texts: Cyrillic is Russian
/// and Arabic script Arabic unless letters or reliable statistics say otherwise; Latin script is English by default.
pub fn detect(text: &str) -> String {
    let reliable =
        whatlang::detect(text).filter(|info| info.is_reliable() || info.confidence() > 0.8).and_then(|info| two_letters(info.lang()));
    let has_any = |letters: &str| text.to_lowercase().chars().any(|letter| letters.contains(letter));
    let language = match whatlang::detect_script(text) {
        Some(Script::Cyrillic) if has_any("іїєґ") => Some("uk"),
        Some(Script::Cyrillic) if has_any("ыэё") => Some("ru"),
        Some(Script::Cyrillic) => reliable.filter(|code| matches!(*code, "bg" | "sr" | "mk")).or(Some("ru")),
        Some(Script::Arabic) if has_any("پچژگ") => reliable.filter(|code| matches!(*code, "fa" | "ur")).or(Some("fa")),
        Some(Script::Arabic) => Some("ar"),
        Some(Script::Latin) | None => reliable,
        Some(_) => whatlang::detect(text).and_then(|info| two_letters(info.lang())),
    };
    language.unwrap_or(FALLBACK).to_owned()
}

fn two_letters(language: Lang) -> Option<&'static str> {
    // whatlang says Mandarin and Bokmål where ISO 639-1 has the wider zh and no.
    match language {
        Lang::Cmn => Some("zh"),
        Lang::Nob => Some("no"),
        _ => isolang::Language::from_639_3(language.code())?.to_639_1(),
    }
}

/// Whether prose reads as the language it should be in. Only a text that is long enough and clearly in another language
/// is refused: statistics on a few words, or between neighbours such as Russian and Bulgarian, prove nothing.
pub fn is_written_in(text: &str, code: &str) -> bool {
    let script = script_of(code);
    let letters = text.chars().filter(|letter| letter.is_alphabetic());
    let (mut all, mut own) = (0_usize, 0_usize);
    for letter in letters {
        all += 1;
        own += usize::from(script.holds(letter));
    }
    if all == 0 || own * 10 < all * 8 {
        return false;
    }
    // Neighbours in one script are told apart by letters that the language lacks; statistics take thin Russian prose for
    // Bulgarian. Latin script has no such letters, and its statistics are good.
    match code {
        "ru" => !text.to_lowercase().contains(['і', 'ї', 'є', 'ґ', 'ђ', 'ћ', 'џ', 'љ', 'њ', 'ў']),
        "ar" => !text.contains(['پ', 'چ', 'ژ', 'گ', 'ٹ', 'ڈ']),
        _ => match whatlang::detect(text) {
            Some(info) if info.is_reliable() && text.unicode_words().count() >= 12 => {
                two_letters(info.lang()).is_none_or(|found| found == code)
            }
            _ => true,
        },
    }
}

/// How a language is written: classes of a regular expression for prose in it.
#[derive(Debug, Clone, Copy)]
pub struct WritingSystem {
    /// A letter that a sentence may begin with.
    pub first: &'static str,
    /// Letters and marks inside a word, without brackets.
    pub letters: &'static str,
    /// What ends a statement.
    pub full_stop: &'static str,
    pub question_mark: &'static str,
    /// What may stand between two words beside the space.
    pub pause: &'static str,
    /// Whether words are parted by spaces.
    pub spaced: bool,
    contains: fn(char) -> bool,
}

impl WritingSystem {
    fn holds(&self, letter: char) -> bool {
        (self.contains)(letter)
    }
}

const LATIN: WritingSystem = WritingSystem {
    first: r"[\p{Latin}&&\p{Lu}]",
    letters: r"\p{Latin}\p{M}0-9'’\-",
    full_stop: ".",
    question_mark: "?",
    pause: ",;",
    spaced: true,
    contains: |letter| {
        letter.is_ascii_alphabetic() || ('\u{c0}'..='\u{24f}').contains(&letter) || ('\u{1e00}'..='\u{1eff}').contains(&letter)
    },
};

const CYRILLIC: WritingSystem = WritingSystem {
    first: r"[\p{Cyrillic}&&\p{Lu}]",
    letters: r"\p{Cyrillic}0-9\-",
    contains: |letter| ('\u{400}'..='\u{52f}').contains(&letter),
    ..LATIN
};

const ARABIC: WritingSystem = WritingSystem {
    first: r"[\p{Arabic}&&\p{L}]",
    letters: r"[\p{Arabic}&&\p{L}]\p{M}0-9٠-٩",
    question_mark: "؟",
    pause: "،؛",
    contains: |letter| ('\u{600}'..='\u{6ff}').contains(&letter) || ('\u{750}'..='\u{77f}').contains(&letter),
    ..LATIN
};

const EAST_ASIAN: WritingSystem = WritingSystem {
    first: r"[\p{Han}\p{Hiragana}\p{Katakana}]",
    letters: r"\p{Han}\p{Hiragana}\p{Katakana}ー0-9",
    full_stop: "。",
    question_mark: "？",
    pause: "，、",
    spaced: false,
    contains: |letter| ('\u{3040}'..='\u{30ff}').contains(&letter) || ('\u{3400}'..='\u{9fff}').contains(&letter),
};

/// Any other script: letters of every kind but Latin, so that English cannot slip in.
const OTHER: WritingSystem = WritingSystem {
    first: r"[\p{L}&&[^\p{Latin}]]",
    letters: r"[\p{L}&&[^\p{Latin}]]\p{M}0-9'’\-",
    full_stop: ".",
    question_mark: "?",
    pause: ",;",
    spaced: true,
    contains: |letter| letter.is_alphabetic() && !(LATIN.contains)(letter),
};

/// The writing system of a language (ISO 639-1).
pub fn script_of(code: &str) -> WritingSystem {
    match code {
        "ru" | "uk" | "be" | "bg" | "sr" | "mk" | "kk" | "ky" | "mn" | "tg" | "tt" => CYRILLIC,
        "ar" | "fa" | "ur" | "ps" | "ug" | "sd" => ARABIC,
        "zh" | "ja" => EAST_ASIAN,
        "el" | "he" | "yi" | "hi" | "mr" | "ne" | "bn" | "pa" | "gu" | "ta" | "te" | "kn" | "ml" | "si" | "th" | "lo" | "my" | "km"
        | "ka" | "hy" | "am" | "ti" | "ko" => OTHER,
        _ => LATIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_class_languages_are_told_apart() {
        assert_eq!(detect("I was walking along the river and could not find my house."), "en");
        assert_eq!(detect("Мне снилось, что я иду по мосту над тёмной рекой."), "ru");
        assert_eq!(detect("رأيت في المنام أنني أمشي في بيت كبير لا باب له"), "ar");
        assert_eq!(detect("Ich ging durch den Garten meiner Großmutter und konnte das Tor nicht finden."), "de");
        assert_eq!(detect("Я йшов через міст і не міг знайти свій дім, було дуже темно."), "uk");
    }

    #[test]
    fn a_short_text_follows_its_script() {
        assert_eq!(detect("вода, вода, дом над водой"), "ru");
        assert_eq!(detect("ماء وبيت وباب"), "ar");
        assert_eq!(detect("teeth, water, house, dark"), "en");
    }

    #[test]
    fn another_language_is_noticed() {
        let english = "The river may stand for a change that you have been waiting for, and the house for your family.";
        assert!(is_written_in(english, "en"));
        assert!(!is_written_in(english, "ru"));
        assert!(!is_written_in(english, "de"));
        assert!(is_written_in("Река может означать перемену, которой вы давно ждали.", "ru"));
        assert!(!is_written_in("Річка може означати зміну, якої ви давно чекали.", "ru"));
        let thin = "Мост надежду, что дорога придёт. Крыши тревогу, но надежду, что поезд придётся проехать дальше. Он напоминает о деле.";
        assert!(is_written_in(thin, "ru"));
        assert!(!is_written_in("", "en"));
    }

    #[test]
    fn only_codes_that_exist_are_languages() {
        assert_eq!(known(" RU ").unwrap(), "ru");
        for wrong in ["", "xx", "english", "r", "русский"] {
            assert!(known(wrong).is_err(), "{wrong}");
        }
    }
}
