//! Access tokens of apps: JWTs in the profile of RFC 9068, which this server makes for itself and nobody else reads.
//!
//! What one says is little: whose session it is of. What that session may, and whether it still lasts, is looked up at every
//! request, so that a token ends with its session.

use std::{sync::LazyLock, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, get_current_timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::UserId;

/// How long a token is good for.
pub const LIFE: Duration = Duration::from_secs(10 * 60);
/// What clocks of several servers may differ by, in seconds.
const LEEWAY: u64 = 30;
/// Ours have about 500 bytes.
const LONGEST: usize = 2048;

/// RFC 9068, 2.1: so that no other JWT is taken for one of these.
const TYPE: &str = "at+jwt";
const ISSUER: &str = "oneiros";
const AUDIENCE: &str = "oneiros-api";

/// All but what is said here is refused. The key is ours alone: what a header names (`jwk`, `jku`, `kid`, `x5c`) is not looked at.
static STRICT: LazyLock<Validation> = LazyLock::new(|| {
    let mut strict = Validation::new(Algorithm::HS256);
    strict.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
    strict.set_issuer(&[ISSUER]);
    strict.set_audience(&[AUDIENCE]);
    strict.validate_nbf = true;
    strict.leeway = LEEWAY;
    strict
});

/// What a token says (RFC 9068, 2.2; `sid` as in OpenID Connect).
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: Uuid,
}

/// Whose token it is, and of which session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    pub user: UserId,
    pub session: Uuid,
}

/// Makes and checks them.
pub struct AccessTokens {
    key: [u8; 32],
}

impl AccessTokens {
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    pub fn make(&self, shown: Shown) -> anyhow::Result<String> {
        let now = get_current_timestamp();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: shown.user.0,
            sid: shown.session,
            iat: now,
            nbf: now,
            exp: now + LIFE.as_secs(),
            jti: Uuid::now_v7(),
        };
        let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        Ok(encode(&header, &claims, &EncodingKey::from_secret(&self.key)?)?)
    }

    /// Whose token this is; `None` when it is none of ours, or not of this time.
    pub fn check(&self, token: &str) -> Option<Shown> {
        if token.len() > LONGEST {
            return None;
        }
        let decoded = decode::<Claims>(token, &DecodingKey::from_secret(&self.key).ok()?, &STRICT).ok()?;
        let Claims { sub, sid, nbf, exp, .. } = decoded.claims;
        let ours = decoded.header.typ.as_deref() == Some(TYPE) && exp.saturating_sub(nbf) <= LIFE.as_secs();
        ours.then_some(Shown { user: UserId(sub), session: sid })
    }
}

/// Whether a bearer's secret is of this kind: three parts with points between. API keys and refresh tokens have fewer.
pub fn looks_like_one(secret: &str) -> bool {
    secret.bytes().filter(|byte| *byte == b'.').count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_whose_it_is_to_the_key_that_made_it() {
        let tokens = AccessTokens::new([7; 32]);
        let shown = Shown { user: UserId::LOCAL, session: Uuid::from_u128(5) };
        let token = tokens.make(shown).unwrap();
        assert!(looks_like_one(&token) && token.len() < LONGEST / 2, "{}", token.len());
        assert_eq!(tokens.check(&token), Some(shown));
        assert_eq!(AccessTokens::new([8; 32]).check(&token), None);
        assert_ne!(tokens.make(shown).unwrap(), token, "each has a name of its own");
    }

    #[test]
    fn a_token_of_another_kind_is_none_though_the_key_is_right() {
        let tokens = AccessTokens::new([7; 32]);
        let now = get_current_timestamp();
        let claims = |life: u64| Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: Uuid::nil(),
            sid: Uuid::nil(),
            iat: now,
            nbf: now,
            exp: now + life,
            jti: Uuid::nil(),
        };
        let made = |kind: Option<&str>, life| {
            let header = Header { typ: kind.map(str::to_owned), ..Header::new(Algorithm::HS256) };
            encode(&header, &claims(life), &EncodingKey::from_secret(&[7; 32]).unwrap()).unwrap()
        };
        assert!(tokens.check(&made(Some(TYPE), 600)).is_some());
        assert!(tokens.check(&made(Some("JWT"), 600)).is_none() && tokens.check(&made(None, 600)).is_none());
        assert!(tokens.check(&made(Some(TYPE), 86_400)).is_none(), "none of ours lasts a day");
    }
}
