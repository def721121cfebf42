//! Ceremonies of several messages: begun here, finished by whichever server the next message reaches.

use std::time::Duration;

use super::AccountStore;
use crate::{
    db::Whose,
    error::{Error, Result},
    features::accounts::{UserId, secret},
};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CeremonyKind {
    PasskeyRegistration,
    PasskeyLogIn,
    /// A log-in, or the linking of an account, through a provider of identities.
    Provider,
}

impl CeremonyKind {
    /// As the database calls it.
    fn name(self) -> &'static str {
        match self {
            Self::PasskeyRegistration => "passkey-registration",
            Self::PasskeyLogIn => "passkey-log-in",
            Self::Provider => "provider",
        }
    }
}

/// A ceremony that was begun.
#[derive(Debug)]
pub struct Ceremony {
    /// Whose account it is about, where that was known at its beginning.
    pub user: Option<UserId>,
    pub state: Vec<u8>,
}

impl AccountStore {
    /// Keeps a ceremony's state and returns the token that names it.
    pub async fn begin_ceremony(&self, kind: CeremonyKind, user: Option<UserId>, state: &[u8], life: Duration) -> Result<String> {
        let token = secret::random().map_err(Error::Internal)?;
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        sqlx::query!("DELETE FROM ceremonies WHERE expires_at < now()").execute(&mut *everyones).await?;
        sqlx::query!(
            "INSERT INTO ceremonies (token_sha256, kind, user_id, state, expires_at)
            VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))",
            &secret::digest(&token),
            kind.name(),
            user.map(|user| user.0),
            state,
            life.as_secs_f64(),
        )
        .execute(&mut *everyones)
        .await?;
        everyones.commit().await?;
        Ok(token)
    }

    /// Takes a ceremony out: whatever comes of it, its token is good no more.
    pub async fn take_ceremony(&self, token: &str, kind: CeremonyKind) -> Result<Option<Ceremony>> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let found = sqlx::query!(
            "DELETE FROM ceremonies WHERE token_sha256 = $1 AND kind = $2 AND expires_at > now() RETURNING user_id, state",
            &secret::digest(token),
            kind.name(),
        )
        .fetch_optional(&mut *everyones)
        .await?;
        everyones.commit().await?;
        Ok(found.map(|found| Ceremony { user: found.user_id.map(UserId), state: found.state }))
    }
}
