//! A text as the rules see it: sentences of lower-case words with single spaces between them.

/// Marks that end a sentence.
const ENDS: [char; 8] = ['.', '!', '?', '…', '؟', '؛', ';', '\n'];
/// Marks that part a sentence; they become a comma with spaces around it.
const PARTS: [char; 18] = [',', '،', ':', '—', '–', '(', ')', '"', '«', '»', '“', '”', '„', '/', '*', '[', ']', '٬'];
/// Marks within words.
const APOSTROPHES: [char; 5] = ['\'', '’', 'ʼ', '`', '‘'];

/// One sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// As it was written.
    pub written: String,
    /// As the rules see it, with a space before and behind.
    pub folded: String,
}

/// The sentences of a text; one without a letter or a digit is none.
pub fn sentences(text: &str) -> Vec<Sentence> {
    let pieces = text.split(|character| ENDS.contains(&character));
    let sentences = pieces.map(|piece| Sentence { written: in_one_line(piece), folded: folded(piece) });
    sentences.filter(|sentence| !sentence.folded.is_empty()).collect()
}

/// With single spaces in place of all others.
pub fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How many words a folded sentence has.
pub fn words(folded: &str) -> usize {
    folded.split_whitespace().filter(|word| *word != ",").count()
}

/// Lower case, letters folded, only words and commas left; empty where there is no word.
fn folded(piece: &str) -> String {
    let mut spaced = String::with_capacity(piece.len() + 16);
    let mut run = (' ', 0_usize);
    for character in piece.chars().flat_map(char::to_lowercase) {
        if APOSTROPHES.contains(&character) || is_dropped(character) {
            continue;
        }
        let character = fold(character);
        run = if run.0 == character { (character, run.1 + 1) } else { (character, 1) };
        if run.1 > 2 && character.is_alphabetic() {
            // "soooo" is "so": letters that are drawn out are one.
            if run.1 == 3 {
                spaced.pop();
            }
        } else if PARTS.contains(&character) || (character == '-' && spaced.ends_with(' ')) {
            spaced.push_str(" , ");
        } else {
            spaced.push(if character.is_alphanumeric() { character } else { ' ' });
        }
    }
    with_single_commas(&spaced)
}

fn with_single_commas(spaced: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in spaced.split_whitespace() {
        if word != "," || words.last().is_some_and(|last| *last != ",") {
            words.push(word);
        }
    }
    while words.last() == Some(&",") {
        words.pop();
    }
    if words.is_empty() { String::new() } else { format!(" {} ", words.join(" ")) }
}

/// Vowel marks of Arabic, its lengthening stroke, accents written apart, and marks that nobody sees.
fn is_dropped(character: char) -> bool {
    matches!(character, '\u{64b}'..='\u{652}' | '\u{670}' | '\u{640}' | '\u{200c}'..='\u{200f}' | '\u{300}' | '\u{301}')
}

/// Letters that people write in several ways.
fn fold(letter: char) -> char {
    match letter {
        'ё' => 'е',
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ى' | 'ئ' => 'ي',
        'ة' => 'ه',
        'ؤ' => 'و',
        letter => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded_sentences(text: &str) -> Vec<String> {
        sentences(text).into_iter().map(|sentence| sentence.folded).collect()
    }

    #[test]
    fn sentences_are_words_with_single_spaces() {
        assert_eq!(folded_sentences("I can’t — REALLY can't… sooo  tired!  "), [" i cant , really cant ", " so tired "]);
        assert_eq!(folded_sentences("Всё по-старому, он ушёл?!"), [" все по старому , он ушел "]);
        assert_eq!(folded_sentences("أُريدُ أن أنامَ، وأستيقظ؟ «نعم»"), [" اريد ان انام , واستيقظ ", " نعم "]);
        assert!(sentences(" … !?, — \n").is_empty());
        assert_eq!(words(" i cant , really cant "), 4);
    }

    #[test]
    fn what_was_written_is_kept_beside_it() {
        let found = sentences("One  two\nThree!");
        assert_eq!(found.iter().map(|sentence| sentence.written.as_str()).collect::<Vec<_>>(), ["One two", "Three"]);
    }
}
