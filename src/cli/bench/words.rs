//! What was said against what was heard.

/// Words put in, left out or replaced, for each word said (Levenshtein's distance over words; case and punctuation do not
/// count).
pub fn word_error_rate(said: &str, heard: &str) -> f64 {
    let (said, heard) = (words(said), words(heard));
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (number, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = number + 1;
        for (column, other) in heard.iter().enumerate() {
            let replaced = diagonal + usize::from(word != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[heard.len()] as f64 / said.len().max(1) as f64
}

/// An apostrophe belongs to its word.
fn words(text: &str) -> Vec<String> {
    let text: String = text.chars().filter(|letter| !matches!(letter, '\'' | '’')).collect();
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_word_counts_once() {
        let rate = |heard| word_error_rate("A door, my mother's; and the sea.", heard);
        let close = |left: f64, right: f64| (left - right).abs() < 1e-9;
        assert!(close(rate("a door my mothers and the sea"), 0.0) && close(rate("a floor my mothers and the sea"), 1.0 / 7.0));
        assert!(close(rate("a door my mothers and sea"), 1.0 / 7.0) && close(rate("a a door my mothers and the sea"), 1.0 / 7.0));
        assert!(close(rate(""), 1.0) && close(word_error_rate("", "sea"), 1.0));
    }
}
