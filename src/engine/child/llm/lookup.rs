//! Guesses at what a model writes next, from what stands in its text already (prompt lookup decoding, Saxena 2023).
//!
//! Where the last few tokens stand earlier in the text, what followed them there is likely to follow again: quotations,
//! names, code, a dialog's formulas. Reading a guess beside the newest token tells whether the model would have chosen it,
//! so that the answer is the same with and without guesses; only its speed differs.

use llama_cpp_2::token::LlamaToken;

/// The longest guess.
pub(super) const LONGEST: usize = 8;
/// So many of the last tokens must stand earlier in the text; more are better.
const LEAST_MATCH: usize = 2;
const BEST_MATCH: usize = 5;
/// How far back is looked.
const WINDOW: usize = 4096;
/// What a guess must bring to be made, in tokens: what is known of prices and chances is not exact.
const LEAST_GAIN: f64 = 0.1;
/// Weight of the newest guess in the rate of right ones.
const NEWEST: f64 = 0.15;

/// What guesses cost and bring, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prices {
    /// What 1, 2, … more tokens in the next step cost together: the first may cost more than those after it.
    pub further: [f64; LONGEST],
    /// What a token of an answer costs in a step without guesses.
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

    /// How many of so many tokens bring most beyond their price; 0 where none does.
    pub(super) fn worthwhile(&self, found: usize, prices: &Prices) -> usize {
        let (mut chance, mut brings) = (1.0, 0.0);
        let mut best = (prices.token * LEAST_GAIN, 0);
        for (index, price) in prices.further.iter().enumerate().take(found) {
            chance *= self.right;
            brings += chance * prices.token;
            if brings - price > best.0 {
                best = (brings - price, index + 1);
            }
        }
        best.1
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
        let each = |seconds: f64| Prices { further: std::array::from_fn(|index| seconds * (index + 1) as f64), token: 1.0 };
        let (dear, cheap) = (each(0.9), each(0.1));
        let mut record = Record::new();
        assert_eq!(record.worthwhile(LONGEST, &dear), 0);
        assert!(record.worthwhile(LONGEST, &cheap) >= 3);
        for _ in 0..30 {
            record.add(3, 0);
        }
        assert_eq!(record.worthwhile(LONGEST, &cheap), 0);
        for _ in 0..30 {
            record.add(3, 3);
        }
        assert_eq!(record.worthwhile(LONGEST, &cheap), LONGEST);
        assert_eq!(record.worthwhile(2, &cheap), 2);
    }

    #[test]
    fn a_guess_is_long_enough_to_pay_for_a_dear_first_token() {
        // SmolLM2 on two cores, in milliseconds: 5.8 for one token, 10.3 for two, then about 1.8 for each.
        let prices = Prices { further: [4.5, 6.0, 8.0, 9.5, 11.3, 13.2, 15.1, 17.0], token: 5.8 };
        let mut record = Record { right: 0.75 };
        assert_eq!(record.worthwhile(1, &prices), 0);
        assert!((2..=5).contains(&record.worthwhile(LONGEST, &prices)));
        record.right = 0.5;
        assert_eq!(record.worthwhile(LONGEST, &prices), 0);
    }
}
