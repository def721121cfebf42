//! Refresh tokens of apps. One says of which session it is, and shows that this server made it: so one that was good before is told
//! from what somebody made up who knows the session.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::secret;

/// Of the code that shows who made it so many bytes are kept.
const CODE_BYTES: usize = 12;
/// The same in base64.
const CODE_LETTERS: usize = 16;

/// Makes them and knows them again.
pub struct RefreshTokens {
    key: hmac::Key,
}

impl RefreshTokens {
    pub fn new(key: [u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key) }
    }

    pub fn make(&self, session: Uuid) -> anyhow::Result<String> {
        let token = format!("{}.{}", session.simple(), secret::random()?);
        Ok(format!("{token}{}", self.code(&token)))
    }

    /// Whose session's token this is, whether it is still good or not; `None` for what was never one.
    pub fn session_of(&self, token: &str) -> Option<Uuid> {
        let (made, code) = token.split_at_checked(token.len().checked_sub(CODE_LETTERS)?)?;
        let session = Uuid::try_parse(made.split_once('.')?.0).ok()?;
        secret::same(&self.code(made), code).then_some(session)
    }

    fn code(&self, token: &str) -> String {
        URL_SAFE_NO_PAD.encode(&hmac::sign(&self.key, token.as_bytes()).as_ref()[..CODE_BYTES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::accounts::access_token::looks_like_one;

    #[test]
    fn a_refresh_token_names_its_session_and_cannot_be_made_up() {
        let (tokens, session) = (RefreshTokens::new([7; 32]), Uuid::from_u128(9));
        let token = tokens.make(session).unwrap();
        assert_eq!(tokens.session_of(&token), Some(session));
        assert_ne!(tokens.make(session).unwrap(), token);
        assert!(!looks_like_one(&token), "it is no access token");
        assert_eq!(RefreshTokens::new([8; 32]).session_of(&token), None);
        let simple = session.simple();
        let made_up = ["", ".", "x.y", "ключ", &simple.to_string(), &format!("{simple}.x"), &format!("{simple}.{}", "x".repeat(59))];
        for other in made_up {
            assert_eq!(tokens.session_of(other), None, "{other}");
        }
        for at in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(tokens.session_of(&String::from_utf8(altered).unwrap()), None, "letter {at}");
        }
    }
}
