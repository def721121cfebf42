//! What is known of tokens' probabilities, in the protocol's two forms.

use super::model::{ChatLogprobs, CompletionLogprobs, TokenChance, TopChance};
use crate::engine::TokenLogprob;

/// What stands for an impossible token, which JSON has no number for.
const IMPOSSIBLE: f32 = -9999.0;

fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { IMPOSSIBLE }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// As `/v1/chat/completions` tells them.
pub fn for_chat(tokens: Vec<TokenLogprob>) -> ChatLogprobs {
    let top = |(bytes, logprob): (Vec<u8>, f32)| TopChance { token: text(&bytes), logprob: finite(logprob), bytes };
    let chance = |token: TokenLogprob| TokenChance {
        token: text(&token.bytes),
        logprob: finite(token.logprob),
        bytes: token.bytes,
        top_logprobs: token.top.into_iter().map(top).collect(),
    };
    ChatLogprobs { content: tokens.into_iter().map(chance).collect(), refusal: None }
}

/// As `/v1/completions` tells them; the first token begins at `offset`, which then is where the next one will.
pub fn for_completion(tokens: Vec<TokenLogprob>, offset: &mut usize) -> CompletionLogprobs {
    let mut told = CompletionLogprobs::default();
    for token in tokens {
        let piece = text(&token.bytes);
        told.text_offset.push(*offset);
        *offset += piece.chars().count();
        told.tokens.push(piece);
        told.token_logprobs.push(finite(token.logprob));
        told.top_logprobs.push(token.top.into_iter().map(|(bytes, logprob)| (text(&bytes), finite(logprob))).collect());
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_characters_and_impossible_tokens_have_a_number() {
        let token = |bytes: &[u8], logprob| TokenLogprob { bytes: bytes.to_vec(), logprob, top: vec![(b"x".to_vec(), f32::NEG_INFINITY)] };
        let mut offset = 0;
        let told = for_completion(vec![token("мо".as_bytes(), -0.5), token(b"re", -1.0)], &mut offset);
        assert_eq!((told.text_offset, offset), (vec![0, 2], 4));
        assert_eq!(told.top_logprobs[0]["x"], IMPOSSIBLE);
        let told = for_chat(vec![token(&[0xd0], -0.5)]);
        assert_eq!((told.content[0].token.as_str(), told.content[0].bytes.as_slice()), ("\u{fffd}", &[0xd0][..]));
    }
}
