//! Random secrets that are handed out once, and the digests by which they are known again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// What every API key begins with, so that scanners of leaked secrets can know it.
const KEY_MARK: &str = "oneiros_";
/// How much of a key is kept to be shown: the mark and six characters.
const KEY_PREFIX: usize = KEY_MARK.len() + 6;

/// 256 random bits as base64url. It has too much entropy to be guessed, so its plain digest can be kept.
pub fn random() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the kernel gave no random numbers: {error}"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A key of a program, and the beginning by which its owner knows it again.
pub fn api_key() -> anyhow::Result<(String, String)> {
    let key = format!("{KEY_MARK}{}", random()?);
    let prefix = key[..KEY_PREFIX].to_owned();
    Ok((key, prefix))
}

/// Letters and digits that are not taken for one another when they are read or typed.
const CODE_LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567890";

const RECOVERY_LETTERS: usize = 16;

/// A recovery code: 80 random bits in four groups, to be written down.
pub fn recovery_code() -> anyhow::Result<String> {
    let mut bytes = [0_u8; RECOVERY_LETTERS];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the kernel gave no random numbers: {error}"))?;
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(CODE_LETTERS[usize::from(byte % 32)])).collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

/// A recovery code as its digest is made of it, however it was typed.
pub fn recovery_code_as_kept(typed: &str) -> String {
    typed.chars().filter(|letter| letter.is_ascii_alphanumeric()).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Whether this can be a recovery code.
pub fn is_like_recovery_code(typed: &str) -> bool {
    recovery_code_as_kept(typed).len() == RECOVERY_LETTERS
}

/// What is kept of a secret.
pub fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// A short name for a text that is not to be kept.
pub fn fingerprint(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest(text)[..12])
}

/// What a page must send beside the cookie of this session. Whoever knows it learns nothing of the session's own secret.
pub fn csrf_token(session_token: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update("oneiros csrf\0");
    hasher.update(session_token);
    URL_SAFE_NO_PAD.encode(hasher.finalize())
}

/// Compares secrets by their digests, so that the time taken tells nothing of the secret.
pub fn same(one: &str, other: &str) -> bool {
    digest(one) == digest(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_differ() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!(one.len(), 43);
        assert_ne!(one, other);
        let (key, prefix) = api_key().unwrap();
        assert!(key.starts_with(&prefix) && prefix.starts_with(KEY_MARK) && prefix.len() < key.len() - 32);
    }

    #[test]
    fn a_recovery_code_may_be_typed_as_one_likes() {
        let code = recovery_code().unwrap();
        assert_eq!(code.len(), 19);
        assert_ne!(code, recovery_code().unwrap());
        let kept = recovery_code_as_kept(&code);
        assert_eq!(kept.len(), 16);
        assert_eq!(recovery_code_as_kept(&format!(" {} ", code.to_uppercase().replace('-', " "))), kept);
    }

    #[test]
    fn a_csrf_token_belongs_to_one_session() {
        assert_ne!(csrf_token("one"), csrf_token("other"));
        assert!(same("one", "one") && !same("one", "other"));
    }
}
