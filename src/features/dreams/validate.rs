//! What may be called a dream's text.

use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, Result};

/// Length of a dream in grapheme clusters, as people count letters.
pub const TEXT_LENGTH: std::ops::RangeInclusive<usize> = 20..=4000;

/// The text as it is kept: white space around it cut, lines ended by `\n`. Errors name the field `text`.
pub fn dream_text(raw: &str) -> Result<String> {
    let text = raw.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.trim();
    if let Some(control) = text.chars().find(|letter| letter.is_control() && !matches!(letter, '\n' | '\t')) {
        return Err(Error::invalid(
            "text",
            format!("holds the control character U+{:04X}; only line breaks and tabs are taken", u32::from(control)),
        ));
    }
    let (shortest, longest) = (*TEXT_LENGTH.start(), *TEXT_LENGTH.end());
    match text.graphemes(true).take(longest + 1).count() {
        0 => Err(Error::invalid("text", "is empty")),
        length if length < shortest => Err(Error::invalid("text", format!("has {length} characters; a dream needs at least {shortest}"))),
        length if length > longest => Err(Error::invalid("text", format!("has more than {longest} characters"))),
        _ => Ok(text.to_owned()),
    }
}

/// A short text in one line: white space within it becomes single spaces. `length` is in grapheme clusters.
pub fn line(field: &str, raw: &str, length: std::ops::RangeInclusive<usize>) -> Result<String> {
    let text = raw.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(control) = text.chars().find(|letter| letter.is_control()) {
        return Err(Error::invalid(field, format!("holds the control character U+{:04X}", u32::from(control))));
    }
    let (shortest, longest) = (*length.start(), *length.end());
    if length.contains(&text.graphemes(true).take(longest + 1).count()) {
        return Ok(text);
    }
    Err(Error::invalid(field, format!("must have {shortest} to {longest} characters")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_as_people_count() {
        assert!(dream_text(&"a".repeat(19)).is_err());
        assert!(dream_text(&"a".repeat(20)).is_ok());
        assert!(dream_text(&"a".repeat(4000)).is_ok());
        assert!(dream_text(&"a".repeat(4001)).is_err());
        // e + combining acute is one letter
        assert!(dream_text(&"e\u{301}".repeat(4000)).is_ok());
        assert!(dream_text(&format!("   {}   ", "a".repeat(10))).is_err());
    }

    #[test]
    fn control_characters_are_refused() {
        assert!(dream_text("I walked along the river\0 at night").is_err());
        assert!(dream_text("I walked along the river\u{1b}[2J at night").is_err());
        assert_eq!(dream_text("I walked along\r\nthe river\tat night").unwrap(), "I walked along\nthe river\tat night");
    }

    #[test]
    fn a_dream_told_in_pictures_is_kept() {
        assert!(dream_text(&"🌊".repeat(20)).is_ok());
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("note", " my\n grandmother's\thouse ", 1..=500).unwrap(), "my grandmother's house");
        assert!(line("note", " \n ", 1..=500).is_err());
        assert!(line("note", "my\u{1b}[2J house", 1..=500).is_err());
        assert!(line("question", "?", 2..=500).is_err());
        assert!(line("question", &"e\u{301}".repeat(500), 2..=500).is_ok());
        assert!(line("question", &"a".repeat(501), 2..=500).is_err());
    }
}
