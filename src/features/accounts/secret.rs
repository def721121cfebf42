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
    fn a_csrf_token_belongs_to_one_session() {
        assert_ne!(csrf_token("one"), csrf_token("other"));
        assert!(same("one", "one") && !same("one", "other"));
    }
}
