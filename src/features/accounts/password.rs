//! Which passwords are taken, and how they are kept.

use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};

/// Length of a password in characters of its normal form (NFKC).
pub const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 10..=1_000;

/// So many digits or punctuation marks at its end do not make a common password another one.
const TAIL: usize = 4;

/// A short piece said again and again is no password, whatever it is.
const PIECE: usize = 4;

/// Fewer neighbours in a row are chance: `ty` and `as` stand side by side on the keyboard and in words.
const SHORTEST_RUN: usize = 3;

/// What argon2id is given: 64 MiB (in KiB) and three passes on one core, the memory and passes that RFC 9106 recommends
/// for machines without gigabytes to spare. One hash takes a server of today 0.1 to 0.15 s.
const MEMORY: u32 = 64 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The passwords most often used, in lower case; `assets/passwords/README.md` says where they come from.
static COMMON: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut common: Vec<&str> = include_str!("../../../assets/passwords/common.txt").lines().collect();
    common.sort_unstable();
    common
});

/// Keys side by side, letters and digits in their order. What goes round is written twice.
const RUNS: [&str; 16] = [
    "12345678901234567890",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "!@#$%^&*()_+",
    "qwertzuiopü",
    "azertyuiop",
    "йцукенгшщзхъ",
    "фывапролджэ",
    "ячсмитьбю",
    // down the keyboard, column after column
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "zaq1xsw2cde3vfr4bgt5nhy6mju7",
    "qazwsxedcrfvtgbyhnujm",
    "1q2w3e4r5t6y7u8i9o0p",
];

static RUNS_BOTH_WAYS: LazyLock<Vec<Vec<char>>> =
    LazyLock::new(|| RUNS.iter().flat_map(|run| [run.chars().collect(), run.chars().rev().collect()]).collect());

/// Refuses a password that would be guessed early: a short one, one of those most often used, the user's name.
pub fn check(field: &str, password: &str, name: &str) -> Result<()> {
    let password = normal(password);
    let (shortest, longest) = (*PASSWORD_LENGTH.start(), *PASSWORD_LENGTH.end());
    match password.chars().count() {
        length if length < shortest => return Err(Error::invalid(field, format!("must have at least {shortest} characters"))),
        length if length > longest => return Err(Error::invalid(field, format!("must have at most {longest} characters"))),
        _ => {}
    }
    let password: Vec<char> = password.to_lowercase().chars().collect();
    let name: Vec<char> = normal(name).to_lowercase().chars().collect();
    if is_name(&password, &name) {
        return Err(Error::invalid(field, "must be something other than the user name, with digits around it or not"));
    }
    let found = without_tails(&password).find_map(|rest| weakness_of(rest, &name));
    found.map_or(Ok(()), |weakness| Err(Error::invalid(field, weakness)))
}

/// The password as it is hashed: a keyboard that composes letters otherwise must not lock its user out. What is longer
/// than any password taken is cut, so that no text at a log-in costs more than that.
fn normal(text: &str) -> String {
    text.nfkc().take(PASSWORD_LENGTH.end() + 1).collect()
}

fn is_name(password: &[char], name: &[char]) -> bool {
    let name_alone = trimmed(name);
    password == name || (!name_alone.is_empty() && trimmed(password) == name_alone)
}

/// Without the digits and punctuation marks at both ends.
fn trimmed(text: &[char]) -> &[char] {
    let start = text.iter().position(|letter| !is_trimming(*letter)).unwrap_or(text.len());
    let end = text.iter().rposition(|letter| !is_trimming(*letter)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// The text itself, then without the last, the last two … of the digits and punctuation marks at its end.
fn without_tails(text: &[char]) -> impl Iterator<Item = &[char]> {
    let tail = text.iter().rev().take(TAIL).take_while(|letter| is_trimming(**letter)).count();
    (0..=tail).map(|cut| &text[..text.len() - cut])
}

fn is_trimming(letter: char) -> bool {
    letter.is_numeric() || letter.is_ascii_punctuation()
}

/// Why a text would be guessed early, as what to do about it. `text` is in lower case.
fn weakness_of(text: &[char], name: &[char]) -> Option<&'static str> {
    if is_common(text) {
        return Some("must be a password that few others use; a few words that do not belong together are good");
    }
    if is_made_of_runs(text) {
        return Some("must be more than keys or digits in a row; a few words that do not belong together are good");
    }
    if is_repetition(text, |piece| piece.len() <= PIECE || is_common(piece) || piece == name) {
        return Some("must be more than one thing repeated; a few words that do not belong together are good");
    }
    None
}

fn is_common(text: &[char]) -> bool {
    let text: String = text.iter().collect();
    COMMON.binary_search(&text.as_str()).is_ok()
}

/// `qwertyuiop`, `1234567890`, and several such runs one after the other.
fn is_made_of_runs(text: &[char]) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let run = longest_run(rest);
        if run < SHORTEST_RUN {
            return false;
        }
        rest = &rest[run..];
    }
    true
}

/// How many letters at the beginning are neighbours in one direction, or the same.
fn longest_run(text: &[char]) -> usize {
    let same = text.iter().take_while(|letter| **letter == text[0]).count();
    let along = |run: &Vec<char>| {
        (0..run.len()).map(|start| run[start..].iter().zip(text).take_while(|(key, letter)| key == letter).count()).max().unwrap_or(0)
    };
    RUNS_BOTH_WAYS.iter().map(along).max().unwrap_or(0).max(same)
}

/// Whether the text is one piece again and again, the last time perhaps cut short, and the piece is of those meant.
fn is_repetition(text: &[char], is_meant: impl Fn(&[char]) -> bool) -> bool {
    let repeats = |length: usize| text.iter().zip(&text[length..]).all(|(letter, next)| letter == next);
    (1..=text.len() / 2).any(|length| repeats(length) && is_meant(&text[..length]))
}

/// Today's argon2id.
fn hasher() -> anyhow::Result<Argon2<'static>> {
    let params = Params::new(MEMORY, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// What is kept of a password: a PHC string with its parameters and a salt of its own.
///
/// Blocks for 0.1 s or more and takes 64 MiB: call it on a blocking thread, and not for everybody at once.
pub fn hash(password: &str) -> anyhow::Result<String> {
    Ok(hasher()?.hash_password(normal(password).as_bytes())?.to_string())
}

/// Whether this is the password of that hash. One that cannot be read is nobody's.
///
/// Blocks as long as [`hash`]: call it on a blocking thread.
pub fn verify(password: &str, phc: &str) -> bool {
    use argon2::password_hash::Error::PasswordInvalid;

    let check = || -> anyhow::Result<bool> {
        let kept = PasswordHash::new(phc)?;
        match hasher()?.verify_password(normal(password).as_bytes(), &kept) {
            Err(PasswordInvalid) => Ok(false),
            other => Ok(other.map(|()| true)?),
        }
    };
    check().unwrap_or_else(|error| {
        tracing::error!(%error, "a password could not be checked");
        false
    })
}

/// Whether a hash was made with other parameters than today's: then the password, once it is known to be right at a
/// log-in, is hashed anew.
pub fn needs_rehash(phc: &str) -> bool {
    let Ok(kept) = PasswordHash::new(phc) else { return true };
    let Ok(params) = Params::try_from(&kept) else { return true };
    let is_todays = kept.algorithm == Algorithm::Argon2id.ident()
        && kept.version == Some(Version::V0x13.into())
        && (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY, PASSES, LANES)
        && params.output_len() == Some(Params::DEFAULT_OUTPUT_LEN);
    !is_todays
}

/// A hash that no password has: both its salt and its sum are random. A log-in for a name that nobody has is checked
/// against it, so that it takes as long as one for a name that somebody has. New parameters above want a new decoy; a test says so.
pub fn decoy() -> &'static str {
    "$argon2id$v=19$m=65536,t=2,p=1$T8rDtnrktyBfGqyqA+vuzQ$Ukd/xRdoYe8UfvG7rhPtmFR/b4WTuhKwc1tUj5Md1X0"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(password: &str) -> String {
        match check("password", password, "anna") {
            Err(error) => error.to_string(),
            Ok(()) => panic!("{password:?} is taken"),
        }
    }

    #[test]
    fn passphrases_are_taken() {
        for password in [
            "correct horse battery staple",
            "вечером над рекой туман",
            "قمر فوق النهر الهادئ",
            "月が綺麗ですねと彼は言った",
            "Tr0ub4dor&Zebra",
            "kitchen window 1987",
            "annas old bicycle",
            "the password is swordfish",
            "xK9#mQ2$vL",
            "0473 9182 6650",
            "9f86d081884c7d65",
            "🌊🔥🌙🐎🏔🕯🗝🪶🧭🫖",
        ] {
            check("password", password, "anna").unwrap_or_else(|error| panic!("{password:?}: {error}"));
        }
    }

    #[test]
    fn lengths_are_of_the_normal_form() {
        assert!(refused("xK9#mQ2$v").contains("at least 10"));
        assert!(refused("").contains("at least 10"));
        // e and its accent are one letter of the normal form
        assert!(refused("re\u{301}sume\u{301}vkx").contains("at least 10"));
        check("password", "re\u{301}sume\u{301}vkxw", "anna").unwrap();
        let long: String = (0..1_000_u32).filter_map(|step| char::from_u32(0x4e00 + step * 7)).collect();
        check("password", &long, "anna").unwrap();
        assert!(refused(&format!("{long}x")).contains("at most 1000"));
        assert!(refused(&"x ".repeat(5_000_000)).contains("at most 1000"));
    }

    #[test]
    fn common_passwords_are_refused_with_a_tail_too() {
        for password in [
            "password123",
            "Password123",
            "PASSWORD1234",
            "password2024!",
            "iloveyou123",
            "iloveyou!!!",
            "football99",
            "jennifer1985",
            "michael2024",
            "sunshine12!",
            "princess!1",
            "baseball#1",
            "administrator",
            "ｐａｓｓｗｏｒｄ１２３",
        ] {
            assert!(refused(password).contains("few others use"), "{password}");
        }
    }

    #[test]
    fn runs_and_repetitions_are_refused() {
        for password in [
            "1234567890",
            "0123456789",
            "0987654321",
            "12345678901234",
            "qwertyuiop",
            "QWERTYUIOP",
            "poiuytrewq",
            "qwertyuiop12",
            "asdfghjkl;'",
            "zxcvbnm,./",
            "abcdefghij",
            "abcdefghijklmnop",
            "1qaz2wsx3edc",
            "zaq12wsxcde3",
            "1q2w3e4r5t6y",
            "qwertz123456",
            "йцукенгшщз",
            "йцукен12345",
            "qwerty123456",
            "abc123def456",
            "aaaaaaaaaa",
            "0000000000",
            "..........",
            "aaaaaaaaa1",
            "aaaaabbbbb",
            "🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊",
            "abababababab",
            "1212121212",
            "xy7!xy7!xy7!",
            "passwordpassword",
            "dragondragon1",
            "annaannaanna",
            "!@#$%^&*()",
        ] {
            refused(password);
        }
        assert!(check("password", "borisborisboris", "Boris").is_err());
    }

    #[test]
    fn the_name_is_no_password() {
        for (password, name) in [
            ("wolfgang.amadeus", "Wolfgang.Amadeus"),
            ("anna123456", "anna"),
            ("1990anna1990", "Anna"),
            ("--anna--1990--", "anna"),
            ("Лариса123456", "лариса"),
            ("12345anna678", "anna7"),
            ("20001130200011", "20001130200011"),
        ] {
            assert!(check("password", password, name).unwrap_err().to_string().contains("user name"), "{password}");
        }
        // a name of digits alone is not in every password of digits
        assert!(check("password", "8402750163", "007").is_ok());
        assert!(check("password", "kitchen window 1987", "").is_ok());
    }

    #[test]
    fn the_list_can_be_looked_up() {
        assert!(COMMON.len() >= 3_000);
        for word in COMMON.iter() {
            assert_eq!(normal(word).to_lowercase(), **word, "never found: a password is looked up in lower case");
            assert!(!word.is_empty() && word.trim() == *word);
        }
        assert!(COMMON.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let phc = hash("correct horse battery staple").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=65536,t=2,p=1$"), "{phc}");
        assert!(verify("correct horse battery staple", &phc));
        assert!(!verify("correct horse battery stable", &phc));
        assert!(!verify("Correct horse battery staple", &phc));
        assert!(!verify("", &phc));
        assert_ne!(hash("correct horse battery staple").unwrap(), phc, "each has a salt of its own");
        assert!(!needs_rehash(&phc));
    }

    #[test]
    fn one_password_typed_in_two_ways_is_one() {
        let phc = hash("ре\u{301}ка и \u{fb01}sh").unwrap();
        assert!(verify("ре\u{301}ка и fish", &phc));
        assert!(verify("caf\u{e9} at the river", &hash("cafe\u{301} at the river").unwrap()));
    }

    #[test]
    fn a_hash_that_cannot_be_read_is_nobodys() {
        for phc in [
            "",
            "x",
            "$argon2id$",
            "$argon2id$v=19$m=65536,t=2,p=1$T8rDtnrktyBfGqyqA+vuzQ",
            "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        ] {
            assert!(!verify("correct horse battery staple", phc), "{phc}");
            assert!(needs_rehash(phc), "{phc}");
        }
    }

    #[test]
    fn other_parameters_ask_for_a_new_hash() {
        let todays = decoy();
        assert!(!needs_rehash(todays));
        for (now, then) in [("argon2id", "argon2i"), ("v=19", "v=16"), ("m=65536", "m=19456"), ("t=2", "t=3"), ("p=1", "p=2")] {
            assert!(needs_rehash(&todays.replace(now, then)), "{then}");
        }
        // older ones still open the door until then
        let older = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8 * 1024, 1, 1, None).unwrap());
        let phc = older.hash_password(b"correct horse battery staple").unwrap().to_string();
        assert!(needs_rehash(&phc) && verify("correct horse battery staple", &phc));
    }

    #[test]
    fn the_decoy_is_checked_like_a_real_hash() {
        assert!(!needs_rehash(decoy()));
        assert!(!verify("correct horse battery staple", decoy()));
        // the same parts of the same lengths, so that checking it is the same work
        let lengths = |phc: &str| phc.split('$').map(str::len).collect::<Vec<_>>();
        assert_eq!(lengths(decoy()), lengths(&hash("correct horse battery staple").unwrap()));
    }
}
