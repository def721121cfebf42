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

/// As `/v1/completions` tells them, after `characters` of the answer, whose number goes on.
pub fn for_completion(tokens: Vec<TokenLogprob>, characters: &mut usize) -> CompletionLogprobs {
    let begins_character = |byte: &u8| byte & 0xc0 != 0x80;
    let mut told = CompletionLogprobs::default();
    for token in tokens {
        // One that goes on with a character begins where that does.
        let goes_on = token.bytes.first().is_some_and(|byte| !begins_character(byte));
        told.text_offset.push(characters.saturating_sub(usize::from(goes_on)));
        *characters += token.bytes.iter().filter(|byte| begins_character(byte)).count();
        told.token_logprobs.push(finite(token.logprob));
        told.top_logprobs.push(token.top.into_iter().map(|(bytes, logprob)| (text_or_bytes(bytes), finite(logprob))).collect());
        told.tokens.push(text_or_bytes(token.bytes));
    }
    told
}

/// A token of broken characters is told by its bytes, as `bytes:\xd0`.
fn text_or_bytes(bytes: Vec<u8>) -> String {
    let spelled = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    String::from_utf8(bytes).unwrap_or_else(|broken| format!("bytes:{}", spelled(broken.as_bytes())))
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
        let mut characters = 3;
        let halves = vec![
            token("é".as_bytes(), -0.5),
            token(&[0xd0], -0.5),
            token(&[0xbc], -1.0),
            token(&[b' ', 0xf0, 0x9f], -1.0),
            token(b"a", 0.0),
        ];
        let told = for_completion(halves, &mut characters);
        assert_eq!(told.tokens, ["é", "bytes:\\xd0", "bytes:\\xbc", "bytes:\\x20\\xf0\\x9f", "a"]);
        assert_eq!((told.text_offset, characters), (vec![3, 4, 4, 5, 7], 8));
        let told = for_chat(vec![token(&[0xd0], -0.5)]);
        assert_eq!((told.content[0].token.as_str(), told.content[0].bytes.as_slice()), ("\u{fffd}", &[0xd0][..]));
    }
}
