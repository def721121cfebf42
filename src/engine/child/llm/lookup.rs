//! Guesses at what a model writes next, from what stands in its text already (prompt lookup decoding, Saxena 2023).
//!
//! Where the last few tokens stand earlier in the text, what followed them there is likely to follow again: quotations,
//! names, code, a dialog's formulas. Reading a guess beside the newest token tells whether the model would have chosen it,
//! so that the answer is the same with and without guesses; only its speed differs.

use llama_cpp_2::token::LlamaToken;

/// The longest guess.
const LONGEST: usize = 8;
/// So many of the last tokens must stand earlier in the text; more are better.
const LEAST_MATCH: usize = 2;
const BEST_MATCH: usize = 5;
/// How far back is looked.
const WINDOW: usize = 4096;
/// Weight of the newest guess in the rate of right ones.
const NEWEST: f64 = 0.15;

/// What guesses cost and bring, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prices {
    /// What one more token in a step costs.
    pub further_token: f64,
    /// What a token of an answer costs without guessing, in a step like the next one.
    pub token: f64,
}

/// How well guesses have done in one answer.
#[derive(Debug)]
pub(super) struct Record {
    /// How likely a guessed token is right, given that those before it are.
    right: f64,
}

impl Record {
    pub(super) fn new() -> Self {
        Self { right: 0.6 }
    }

    pub(super) fn add(&mut self, guessed: usize, right: usize) {
        for index in 0..guessed.min(right + 1) {
            let outcome = if index < right { 1.0 } else { 0.0 };
            self.right += NEWEST * (outcome - self.right);
        }
    }

    /// The longest guess whose last token is still worth its price.
    pub(super) fn worthwhile(&self, prices: Prices) -> usize {
        let mut chance = 1.0;
        (0..LONGEST)
            .take_while(|_| {
                chance *= self.right;
                chance * prices.token > prices.further_token
            })
            .count()
    }
}

/// At most `most` tokens that may follow `text`; none where its end stands nowhere else in it.
pub(super) fn guess(text: &[LlamaToken], most: usize) -> &[LlamaToken] {
    let window = &text[text.len().saturating_sub(WINDOW)..];
    if most == 0 || window.len() <= LEAST_MATCH {
        return &[];
    }
    let end = window.len();
    let matches =
        |at: usize| window[..at].iter().rev().zip(window.iter().rev()).take(BEST_MATCH).take_while(|(one, other)| one == other).count();
    // The latest of the best: what was written last is the likeliest to go on.
    let best = (LEAST_MATCH..end).map(|at| (matches(at), at)).filter(|(length, _)| *length >= LEAST_MATCH).max();
    best.map_or(&[], |(_, at)| &window[at..end.min(at + most)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<LlamaToken> {
        text.bytes().map(|byte| LlamaToken(i32::from(byte))).collect()
    }

    fn guessed(text: &str, most: usize) -> String {
        guess(&tokens(text), most).iter().map(|token| char::from(u8::try_from(token.0).unwrap())).collect()
    }

    #[test]
    fn what_followed_before_is_guessed_to_follow_again() {
        assert_eq!(guessed("the white horse saw the whi", 5), "te ho");
        assert_eq!(guessed("abXabYab", 3), "Yab", "the latest of equals");
        assert_eq!(guessed("a longer match is better: matc", 2), "h ");
        assert_eq!(guessed("abcdefg", 4), "");
        assert_eq!(guessed("aaaa", 9), "a");
        assert_eq!(guessed("x", 9), "");
    }

    #[test]
    fn guesses_that_cost_more_than_they_bring_are_not_made() {
        let dear = Prices { further_token: 0.9, token: 1.0 };
        let cheap = Prices { further_token: 0.1, token: 1.0 };
        let mut record = Record::new();
        assert_eq!(record.worthwhile(dear), 0);
        assert!(record.worthwhile(cheap) >= 3);
        for _ in 0..30 {
            record.add(3, 0);
        }
        assert_eq!(record.worthwhile(cheap), 0);
        for _ in 0..30 {
            record.add(3, 3);
        }
        assert_eq!(record.worthwhile(cheap), LONGEST);
    }
}
