//! Which tokens the content of an answer is made of, where it also holds reasoning, calls and marks.

use std::collections::VecDeque;

use crate::engine::TokenLogprob;

/// Tokens whose text is not told yet, each with how many bytes of the text are its own.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    held: VecDeque<(TokenLogprob, usize)>,
    /// Of all that are held.
    bytes: usize,
}

impl Tokens {
    /// More text, and the tokens that it is made of.
    pub fn push(&mut self, text: &str, tokens: Vec<TokenLogprob>) {
        let mut left = text.len();
        for token in tokens {
            // The answer may end within a token.
            let own = token.bytes.len().min(left);
            left -= own;
            self.bytes += own;
            self.held.push_back((token, own));
        }
    }

    /// The tokens of `length` bytes of content, behind which there are `undecided` bytes. What comes before them is no content.
    pub fn take(&mut self, length: usize, undecided: usize) -> Vec<TokenLogprob> {
        self.keep(length + undecided);
        let mut taken = Vec::new();
        while self.bytes > undecided {
            taken.extend(self.pop());
        }
        taken
    }

    /// All of them.
    pub fn take_all(&mut self) -> Vec<TokenLogprob> {
        self.bytes = 0;
        self.held.drain(..).map(|(token, _)| token).collect()
    }

    /// Forgets those before the last `bytes`: they are no content.
    pub fn keep(&mut self, bytes: usize) {
        while self.held.front().is_some_and(|(_, own)| self.bytes - own >= bytes) {
            self.pop();
        }
    }

    fn pop(&mut self) -> Option<TokenLogprob> {
        let (token, own) = self.held.pop_front()?;
        self.bytes -= own;
        Some(token)
    }
}

/// Cuts a text into the least pieces that hold whole tokens and whole characters.
pub(super) fn by_token(text: &str, tokens: Vec<TokenLogprob>) -> Vec<(&str, Vec<TokenLogprob>)> {
    let mut pieces = Vec::new();
    let (mut rest, mut own, mut end) = (text, Vec::new(), 0);
    for token in tokens {
        end = rest.len().min(end + token.bytes.len());
        own.push(token);
        if end > 0 && rest.is_char_boundary(end) {
            let (piece, behind) = rest.split_at(end);
            pieces.push((piece, std::mem::take(&mut own)));
            (rest, end) = (behind, 0);
        }
    }
    if !rest.is_empty() || !own.is_empty() {
        pieces.push((rest, own));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8]) -> TokenLogprob {
        TokenLogprob { bytes: bytes.to_vec(), logprob: -1.0, top: Vec::new() }
    }

    #[test]
    fn a_text_is_cut_where_tokens_and_characters_end() {
        let text = "aмo";
        let tokens = [&b"a"[..], &[0xd0], &[0xbc], b"o and more"].map(token).to_vec();
        let pieces = by_token(text, tokens);
        assert_eq!(pieces.iter().map(|(text, tokens)| (*text, tokens.len())).collect::<Vec<_>>(), [("a", 1), ("м", 2), ("o", 1)]);
        assert_eq!(by_token("ab", vec![token(b"a")])[1].0, "b", "text of no known token is not lost");
    }

    #[test]
    fn content_gets_its_own_tokens() {
        let mut tokens = Tokens::default();
        tokens.push("</think>\n\nYes <", ["</", "think", ">", "\n\n", "Yes", " <"].map(|text| token(text.as_bytes())).to_vec());
        let taken = tokens.take("Yes".len(), " <".len());
        assert_eq!(taken.iter().map(|token| token.bytes.as_slice()).collect::<Vec<_>>(), [b"Yes"]);
        tokens.keep(0);
        assert!(tokens.take_all().is_empty());
    }
}
