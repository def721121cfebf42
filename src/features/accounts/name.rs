//! What may be called a user's name and a user's e-mail address, and when two of them are the same.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::general_security_profile::IdentifierType;
use unicode_security::{GeneralSecurityProfile, MixedScript, skeleton};
use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, Result};

/// Length of a name in grapheme clusters, as people count letters.
pub const NAME_LENGTH: std::ops::RangeInclusive<usize> = 2..=40;

/// More bytes than a name of the greatest length can have; what is longer is never looked at in whole.
const NAME_BYTES: usize = 1_000;

/// More marks than this on one letter are a prank: they run into the lines above and below (UTS #39 says four).
const MARKS_ON_A_LETTER: usize = 4;

/// What may stand between the letters and digits of a name.
const SEPARATORS: [char; 3] = ['.', '_', '-'];

/// Folding once more changes nothing after two or three rounds; the bound is there so that no text can go on forever.
const FOLDING_ROUNDS: usize = 16;

/// The Arabic tatweel is a letter to Unicode, but it only stretches a word: with it, one name could be written in many ways.
const TATWEEL: char = '\u{640}';

/// Bytes that an address and its part before the `@` can have, by RFC 5321.
const EMAIL_BYTES: usize = 254;
const LOCAL_PART_BYTES: usize = 64;

/// A user's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName {
    /// As the user wrote it, in normal form (NFKC).
    pub shown: String,
    /// What makes two names the same: neither case nor a look-alike letter tells users apart.
    ///
    /// It depends on Unicode's table of look-alikes, so a newer table may give a stored name another key.
    pub key: String,
}

impl UserName {
    /// The name as it is kept: white space around it cut.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let shown = if text.len() > NAME_BYTES { String::new() } else { text.trim().nfkc().collect() };
        let (shortest, longest) = (*NAME_LENGTH.start(), *NAME_LENGTH.end());
        if !NAME_LENGTH.contains(&shown.graphemes(true).take(longest + 1).count()) {
            return Err(Error::invalid(field, format!("must have {shortest} to {longest} characters")));
        }
        check_letters(field, &shown)?;
        if !shown.as_str().is_single_script() {
            return Err(Error::invalid(field, "must keep to the letters of one alphabet"));
        }
        let key = Self::key_of(&shown);
        Ok(Self { shown, key })
    }

    /// The key of whatever was typed at a log-in. Never fails: a text that can be nobody's name finds nobody.
    pub fn key_of(text: &str) -> String {
        let text = text[..text.floor_char_boundary(NAME_BYTES)].trim();
        // no name holds U+FFFD; a zero byte, which it may stand for here, would make the database refuse the question
        let mut key: String = text.chars().map(|letter| if letter.is_control() { '\u{FFFD}' } else { letter }).collect();
        for _ in 0..FOLDING_ROUNDS {
            let folded = fold(&key);
            if folded == key {
                break;
            }
            key = folded;
        }
        key
    }
}

/// One round towards the key. A look-alike can be a capital (`0` is like `O`), so one round is not always enough.
fn fold(text: &str) -> String {
    // through capitals, because ς and σ, ß and ss, ı and i meet there
    let lower: String = text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfd().collect();
    // the capital İ leaves its dot behind as a mark
    skeleton(&lower.replace("i\u{307}", "i")).collect()
}

/// Letters and digits with single separators between them, and marks on letters alone.
fn check_letters(field: &str, name: &str) -> Result<()> {
    let mut before = Place::Start;
    for letter in name.chars() {
        before = match (before, Kind::of(letter)) {
            (Place::Letter { marks }, Kind::Mark) if marks == MARKS_ON_A_LETTER => {
                return Err(Error::invalid(field, format!("must have at most {MARKS_ON_A_LETTER} marks on a letter")));
            }
            (Place::Letter { marks }, Kind::Mark) => Place::Letter { marks: marks + 1 },
            (_, Kind::Letter) => Place::Letter { marks: 0 },
            (_, Kind::Digit) => Place::Digit,
            (Place::Letter { .. } | Place::Digit, Kind::Separator) => Place::Separator,
            (Place::Start, Kind::Separator) => return Err(Error::invalid(field, "must begin with a letter or a digit")),
            (Place::Separator, Kind::Separator) => {
                return Err(Error::invalid(field, "must have a letter or a digit between two of `.`, `_` and `-`"));
            }
            (_, Kind::Mark | Kind::Other) => return Err(Error::invalid(field, refusal_of(letter))),
        };
    }
    match before {
        Place::Separator => Err(Error::invalid(field, "must end with a letter or a digit")),
        _ => Ok(()),
    }
}

/// What stands before a character of a name.
enum Place {
    Start,
    Letter { marks: usize },
    Digit,
    Separator,
}

/// What a character can be in a name.
enum Kind {
    Letter,
    Digit,
    Mark,
    Separator,
    Other,
}

impl Kind {
    fn of(letter: char) -> Self {
        match letter {
            _ if SEPARATORS.contains(&letter) => Self::Separator,
            _ if !belongs_in_words(letter) => Self::Other,
            // before letters: Unicode calls the vowel signs of Devanagari alphabetic too
            _ if is_combining_mark(letter) => Self::Mark,
            _ if letter.is_alphabetic() => Self::Letter,
            _ if letter.is_numeric() => Self::Digit,
            _ => Self::Other,
        }
    }
}

/// Unicode counts pictures of letters (🅰), keycaps and invisible fillers among letters and marks; its list of what
/// identifiers can be made of does not.
fn belongs_in_words(letter: char) -> bool {
    use IdentifierType::{Default_Ignorable, Deprecated, Not_Character, Not_NFKC, Not_XID};
    letter != TATWEEL
        && !matches!(letter.identifier_type(), None | Some(Not_Character | Deprecated | Default_Ignorable | Not_NFKC | Not_XID))
}

fn refusal_of(letter: char) -> String {
    let rule = "must be made of letters and digits with `.`, `_` or `-` between them";
    if is_unseen(letter) || is_combining_mark(letter) {
        format!("{rule}, without the character U+{:04X}", u32::from(letter))
    } else {
        format!("{rule}, without `{letter}`")
    }
}

/// White space, control characters and those that are drawn as nothing.
fn is_unseen(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || matches!(letter.identifier_type(), None | Some(IdentifierType::Default_Ignorable | IdentifierType::Not_Character))
}

/// The key of whatever was typed at a log-in as an address: one that can be nobody's finds nobody.
pub fn email_key_of(text: &str) -> String {
    email("name", text).map(|(_, key)| key).unwrap_or_default()
}

/// An e-mail address as it is shown, and what makes two of them the same. Only a letter sent there would prove it real,
/// so this refuses no more than what cannot be one.
pub fn email(field: &str, text: &str) -> Result<(String, String)> {
    let refuse = |message: &str| Err(Error::invalid(field, message));
    let text = text.trim();
    if text.len() > EMAIL_BYTES {
        return Err(Error::invalid(field, format!("must have at most {EMAIL_BYTES} bytes")));
    }
    let shown: String = text.nfc().collect();
    let Some((local, domain)) = shown.split_once('@').filter(|(_, domain)| !domain.contains('@')) else {
        return refuse("must be an e-mail address with one `@`, such as anna@example.org");
    };
    if local.is_empty() || local.len() > LOCAL_PART_BYTES {
        return Err(Error::invalid(field, format!("must have 1 to {LOCAL_PART_BYTES} bytes before the `@`")));
    }
    // the signs are those that lists of addresses are written with
    if local.chars().any(|letter| is_unseen(letter) || "\"(),:;<>[]\\".contains(letter)) {
        return refuse("must be one plain e-mail address without spaces, quotes or brackets, such as anna@example.org");
    }
    if !is_domain(domain) {
        return refuse("must name a domain after the `@`, such as example.org");
    }
    let key = shown.chars().flat_map(char::to_lowercase).collect();
    Ok((shown, key))
}

/// `localhost`, or labels of letters, digits and hyphens with dots between them.
fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|letter| letter == '-' || matches!(Kind::of(letter), Kind::Letter | Kind::Digit | Kind::Mark))
    };
    domain.eq_ignore_ascii_case("localhost") || (domain.contains('.') && domain.split('.').all(is_label))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UserName {
        UserName::parse("name", text).unwrap_or_else(|error| panic!("{text:?} is refused: {error}"))
    }

    fn refused(text: &str) -> String {
        match UserName::parse("name", text) {
            Err(error) => error.to_string(),
            Ok(name) => panic!("{text:?} is taken as {name:?}"),
        }
    }

    #[test]
    fn names_of_many_scripts_are_taken() {
        for text in [
            "anna",
            "Anna.Schmidt",
            "j_doe-2",
            "Jürgen",
            "Weiß",
            "Łukasz",
            "Nguyễn",
            "İpek",
            "Лариса",
            "Ґалина-7",
            "Αλέξανδρος",
            "שרה",
            "محمد",
            "مُحَمَّد",
            "فاطمة٧",
            "अनिता",
            "हिन्दी",
            "தமிழ்",
            "สมชาย",
            "ဇော်",
            "小林さくら",
            "サクラ花",
            "김민수",
            "李小龍",
            "ელენე",
            "Արամ",
            "አበበ",
            "ᏣᎳᎩ",
            "007",
        ] {
            assert_eq!(name(text).shown, text.nfkc().collect::<String>());
            assert!(!name(text).key.is_empty());
        }
    }

    #[test]
    fn lengths_are_counted_as_people_count() {
        assert!(refused("a").contains("2 to 40 characters"));
        assert!(refused("").contains("2 to 40"));
        name("ab");
        name(&"a".repeat(40));
        refused(&"a".repeat(41));
        refused(&"a".repeat(1_000_000));
        name(&"e\u{301}".repeat(40));
        assert!(refused("e\u{301}").contains("2 to 40"));
        refused("  a  ");
        assert_eq!(name(" anna\n").shown, "anna");
    }

    #[test]
    fn only_letters_and_digits_with_single_separators_between_them() {
        for text in [".anna", "_anna", "-anna"] {
            assert!(refused(text).contains("begin"), "{text}");
        }
        for text in ["anna.", "anna_", "anna-"] {
            assert!(refused(text).contains("end"), "{text}");
        }
        for text in ["an..na", "an._na", "--", "a--b"] {
            refused(text);
        }
        for text in ["an na", "an\u{a0}na", "anna!", "o'neil", "a/b", "a@b", "<b>", "a·b", "a‐b", "a+b", "a\"b", "محمـد"] {
            assert!(refused(text).contains("letters and digits"), "{text}");
        }
    }

    #[test]
    fn pictures_and_what_cannot_be_seen_are_refused() {
        for text in ["anna🌊", "👩‍🚀👩‍🚀", "1\u{fe0f}\u{20e3}2", "🅰🅱", "❶❷", "🇩🇪", "anna❤", "♥♥"] {
            refused(text);
        }
        let hidden = "\0\u{7}\u{7f}\u{85}\u{ad}\u{34f}\u{61c}\u{115f}\u{17b4}\u{180b}\u{200b}\u{200c}\u{200d}\
            \u{200e}\u{202e}\u{2028}\u{2060}\u{2066}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{fffd}\u{e000}\u{e0041}\u{e0100}\u{10ffff}";
        for hidden in hidden.chars() {
            assert!(refused(&format!("an{hidden}na")).contains("letters and digits"), "U+{:04X}", u32::from(hidden));
        }
        assert!(refused("an\u{202e}na").contains("U+202E"));
    }

    #[test]
    fn marks_stand_on_letters_and_do_not_pile_up() {
        refused("\u{301}anna");
        refused("a.\u{301}na");
        refused("1\u{301}anna");
        name("ax\u{301}\u{302}\u{303}\u{304}");
        assert!(refused("ax\u{301}\u{302}\u{303}\u{304}\u{306}").contains("marks"));
        refused(&format!("anna{}", "\u{301}".repeat(300)));
    }

    #[test]
    fn scripts_do_not_mix() {
        for text in ["\u{430}dmin", "p\u{430}ypal", "Annа", "αnna", "annа1", "anna٣", "漢字abc", "さくら김", "שרהanna"] {
            assert!(refused(text).contains("one alphabet"), "{text}");
        }
    }

    #[test]
    fn case_and_look_alikes_do_not_make_two_names() {
        for (one, other) in [
            ("Admin", "admin"),
            ("ADMIN", "admin"),
            ("сосо", "coco"),
            ("СОСО", "Coco"),
            ("аруха", "apyxa"),
            ("οο", "oo"),
            ("0scar", "Oscar"),
            ("annal", "anna1"),
            ("modern", "rnodern"),
            ("ａｎｎａ", "anna"),
            ("Jürgen", "ju\u{308}rgen"),
            ("WEISS", "Weiß"),
            ("οδος", "ΟΔΟΣ"),
            ("İpek", "ipek"),
            ("IŞIK", "ışık"),
            ("ᏣᎳᎩ", "ꮳꮃꭹ"),
        ] {
            assert_eq!(name(one).key, name(other).key, "{one} and {other}");
        }
        for (one, other) in [("anna", "anne"), ("Анна", "anna"), ("jurgen", "jürgen"), ("a.b1", "a_b1"), ("ab", "a-b"), ("محمد", "محمود")]
        {
            assert_ne!(name(one).key, name(other).key, "{one} and {other}");
        }
    }

    #[test]
    fn a_key_is_its_own_key() {
        let stable = |text: &str| {
            let key = UserName::key_of(text);
            assert_eq!(UserName::key_of(&key), key, "{text:?}");
        };
        // letters around it, so that it is not cut as white space
        (0..=u32::from(char::MAX)).filter_map(char::from_u32).for_each(|letter| stable(&format!("a{letter}b")));
        let mixed: Vec<char> = (0..=0xffff).filter_map(char::from_u32).filter(|letter| !matches!(Kind::of(*letter), Kind::Other)).collect();
        // neighbours and strangers, through a stride that has no factor in common with any likely length
        for start in 0..mixed.len() {
            stable(&(0..4).map(|step| mixed[(start + step * 7919) % mixed.len()]).collect::<String>());
        }
    }

    #[test]
    fn case_never_tells_names_apart() {
        for letter in (0..=u32::from(char::MAX)).filter_map(char::from_u32).filter(|letter| letter.is_alphabetic()) {
            let key = |letters: &dyn Fn(char) -> String| UserName::key_of(&format!("x{}x", letters(letter)));
            let plain = key(&|letter| letter.to_string());
            assert_eq!(key(&|letter| letter.to_uppercase().collect()), plain, "{letter} U+{:04X}", u32::from(letter));
            assert_eq!(key(&|letter| letter.to_lowercase().collect()), plain, "{letter} U+{:04X}", u32::from(letter));
        }
    }

    #[test]
    fn a_log_in_with_any_text_finds_a_key() {
        assert_eq!(UserName::key_of(" ADMIN\n"), name("admin").key);
        assert_eq!(UserName::key_of(""), "");
        assert!(!UserName::key_of("ad\0min").contains('\0'));
        assert_ne!(UserName::key_of("ad\0min"), name("admin").key);
        // a cut in the middle of a letter, and the letter that grows most when normalised
        UserName::key_of(&format!("a{}", "漢".repeat(1_000_000)));
        assert!(UserName::key_of(&"\u{fdfa}".repeat(100_000)).len() < 100_000);
    }

    #[test]
    fn addresses_are_shown_as_written_and_compared_in_lower_case() {
        let (shown, key) = email("email", " Anna@Example.ORG ").unwrap();
        assert_eq!((shown.as_str(), key.as_str()), ("Anna@Example.ORG", "anna@example.org"));
        for text in
            ["a@b.c", "anna+dreams@mail.example.org", "root@localhost", "o'neil@example.org", "анна@пример.рф", "a@xn--e1afmkfd.xn--p1ai"]
        {
            assert!(email("email", text).is_ok(), "{text}");
        }
        assert!(email("email", &format!("{}@example.org", "a".repeat(64))).is_ok());
        assert_eq!(email("email", "e\u{301}@example.org").unwrap(), email("email", "é@example.org").unwrap());
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        for text in [
            "",
            "@",
            "anna",
            "anna@",
            "@example.org",
            "a@b@c.d",
            "a@host",
            "a@.org",
            "a@org.",
            "a@b..c",
            "a@-b.c",
            "a@b-.c",
            "an na@b.c",
            "a@b c.d",
            "a\0@b.c",
            "a@b\u{200b}.c",
            "a\u{200b}@b.c",
            "a@b.c\nBcc: x",
            "<a@b.c>",
            "a@b.c,d",
            "a,b@c.d",
            "\"a\"@b.c",
            "a@[127.0.0.1]",
            "a@b_c.d",
        ] {
            assert!(email("email", text).is_err(), "{text:?}");
        }
        assert!(email("email", &format!("{}@example.org", "a".repeat(65))).is_err());
        assert!(email("email", &format!("a@{}.org", "b".repeat(254))).is_err());
    }
}
