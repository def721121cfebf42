//! Passkeys.

use uuid::Uuid;

use super::{
    AccountStore,
    audit::tell,
    end,
    identities::{lock_ways_in, require_a_way_in},
    second_factor,
};
use crate::{
    db::Whose,
    error::{Error, Result},
    features::accounts::{Passkey, UserId, audit::Entry, webauthn::Kept},
};

/// Passkeys of one person.
const MOST_PASSKEYS: i64 = 20;

/// A passkey that somebody shows to come in.
pub struct ShownPasskey {
    pub id: Uuid,
    pub kept: Kept,
    pub suspended: bool,
}

/// A passkey that was just made.
pub struct MadePasskey<'a> {
    pub id: Uuid,
    pub name: &'a str,
    pub kept: &'a Kept,
    /// Kept if the person has no recovery codes.
    pub codes: &'a [String],
    /// The session that asks: the first second factor ends every other one.
    pub session: Option<Uuid>,
}

impl AccountStore {
    /// The oldest first.
    pub async fn passkeys(&self, user: UserId) -> Result<Vec<Passkey>> {
        let mut own = self.rows.begin(user.into()).await?;
        let passkeys = sqlx::query_as!(
            Passkey,
            "SELECT id, name, created_at, last_used_at FROM passkeys WHERE owner_id = $1 ORDER BY created_at, id",
            user.0
        )
        .fetch_all(&mut *own)
        .await?;
        own.commit().await?;
        Ok(passkeys)
    }

    /// What the person's authenticators call them. An error when they are as many as may be.
    pub async fn known_credentials(&self, user: UserId) -> Result<Vec<Vec<u8>>> {
        let mut own = self.rows.begin(user.into()).await?;
        let known = sqlx::query_scalar!("SELECT credential_id FROM passkeys WHERE owner_id = $1", user.0).fetch_all(&mut *own).await?;
        own.commit().await?;
        if i64::try_from(known.len()).is_ok_and(|count| count < MOST_PASSKEYS) { Ok(known) } else { Err(too_many()) }
    }

    /// Keeps a passkey. `codes` are kept if the person has no recovery codes: then `true` comes with it.
    pub async fn keep_passkey(&self, user: UserId, made: &MadePasskey<'_>, told: &Entry) -> Result<(Passkey, bool)> {
        let mut own = self.rows.begin(user.into()).await?;
        // Two that are made at once are counted one after the other.
        sqlx::query!("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE", user.0).fetch_one(&mut *own).await?;
        let count = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM passkeys WHERE owner_id = $1"#, user.0);
        if count.fetch_one(&mut *own).await? >= MOST_PASSKEYS {
            return Err(too_many());
        }
        let passkey = sqlx::query_as!(
            Passkey,
            "INSERT INTO passkeys (id, owner_id, credential_id, fixed_state, moving_state, name) VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (credential_id) DO NOTHING RETURNING id, name, created_at, last_used_at",
            made.id,
            user.0,
            made.kept.credential_id,
            made.kept.fixed_state,
            made.kept.moving_state,
            made.name,
        )
        .fetch_optional(&mut *own)
        .await?
        .ok_or_else(|| Error::Conflict("this passkey is kept already: make another".into()))?;
        let codes_are_kept = second_factor::factor_added(&mut own, user, made.codes, made.session).await?;
        tell(&mut own, told).await?;
        end(&mut own, user).await?;
        own.commit().await?;
        Ok((passkey, codes_are_kept))
    }

    /// The passkey of this person that their authenticator calls so.
    pub async fn passkey_shown(&self, credential_id: &[u8], user: UserId) -> Result<Option<ShownPasskey>> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let found = sqlx::query!(
            r#"SELECT passkeys.id, credential_id, fixed_state, moving_state, suspended_at IS NOT NULL AS "suspended!"
            FROM passkeys JOIN users ON users.id = owner_id WHERE credential_id = $1 AND owner_id = $2"#,
            credential_id,
            user.0
        )
        .fetch_optional(&mut *everyones)
        .await?;
        everyones.commit().await?;
        Ok(found.map(|found| ShownPasskey {
            id: found.id,
            kept: Kept { credential_id: found.credential_id, fixed_state: found.fixed_state, moving_state: found.moving_state },
            suspended: found.suspended,
        }))
    }

    /// Notes a use. `false` when the passkey has gone meanwhile, or its counter has moved on by another use.
    pub async fn passkey_used(&self, passkey: &ShownPasskey, moving_state: &[u8]) -> Result<bool> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let used = sqlx::query!(
            "UPDATE passkeys SET moving_state = $3, last_used_at = now() WHERE id = $1 AND moving_state = $2",
            passkey.id,
            passkey.kept.moving_state,
            moving_state
        );
        let used = used.execute(&mut *everyones).await?.rows_affected() > 0;
        everyones.commit().await?;
        Ok(used)
    }

    /// `false` when there was none.
    pub async fn remove_passkey(
        &self,
        user: UserId,
        passkey: Uuid,
        issuer: Option<&str>,
        session: Option<Uuid>,
        told: &Entry,
    ) -> Result<bool> {
        let mut own = self.rows.begin(user.into()).await?;
        lock_ways_in(&mut own, user).await?;
        let gone = sqlx::query!("DELETE FROM passkeys WHERE id = $1 AND owner_id = $2", passkey, user.0).execute(&mut *own).await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        require_a_way_in(&mut own, user, issuer).await?;
        second_factor::factor_removed(&mut own, user).await?;
        // Of a device that is lost nobody knows which session it has.
        sqlx::query!("DELETE FROM sessions WHERE owner_id = $1 AND came_by = 'passkey' AND id IS DISTINCT FROM $2", user.0, session)
            .execute(&mut *own)
            .await?;
        tell(&mut own, told).await?;
        end(&mut own, user).await?;
        own.commit().await?;
        Ok(true)
    }
}

fn too_many() -> Error {
    Error::Conflict(format!("there are {MOST_PASSKEYS} passkeys already: remove one that is not needed any more"))
}
