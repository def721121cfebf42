//! Authenticators and recovery codes.

use uuid::Uuid;

use super::{AccountStore, audit::tell, end, identities::lock_ways_in};
use crate::{
    db::Whose,
    error::{Error, Result},
    features::accounts::{UserId, audit::Entry, secret},
};

/// What a person shows beside their password.
#[derive(Debug, Default)]
pub struct Factors {
    /// The secret of a confirmed authenticator, sealed.
    pub authenticator: Option<Vec<u8>>,
    pub passkeys: u32,
    pub recovery_codes: u32,
}

impl Factors {
    pub fn exist(&self) -> bool {
        self.authenticator.is_some() || self.passkeys > 0
    }
}

impl AccountStore {
    pub async fn factors(&self, user: UserId) -> Result<Factors> {
        let mut own = self.rows.begin(user.into()).await?;
        let found = sqlx::query!(
            r#"SELECT (SELECT secret_sealed FROM authenticators WHERE owner_id = $1 AND confirmed_at IS NOT NULL) AS authenticator,
                (SELECT count(*) FROM passkeys WHERE owner_id = $1) AS "passkeys!",
                (SELECT count(*) FROM recovery_codes WHERE owner_id = $1) AS "codes!""#,
            user.0
        )
        .fetch_one(&mut *own)
        .await?;
        own.commit().await?;
        let number = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Factors { authenticator: found.authenticator, passkeys: number(found.passkeys), recovery_codes: number(found.codes) })
    }

    /// Keeps the secret of an authenticator that is being set up, in place of one that was never confirmed. `false` when one is in
    /// force.
    pub async fn offer_authenticator(&self, user: UserId, sealed: &[u8]) -> Result<bool> {
        let mut own = self.rows.begin(user.into()).await?;
        let kept = sqlx::query!(
            "INSERT INTO authenticators (owner_id, secret_sealed) VALUES ($1, $2)
            ON CONFLICT (owner_id) DO UPDATE SET secret_sealed = $2, created_at = now(), last_step = 0
            WHERE authenticators.confirmed_at IS NULL",
            user.0,
            sealed
        )
        .execute(&mut *own)
        .await?;
        own.commit().await?;
        Ok(kept.rows_affected() > 0)
    }

    /// The secret that waits for its first code.
    pub async fn offered_authenticator(&self, user: UserId) -> Result<Option<Vec<u8>>> {
        let mut own = self.rows.begin(user.into()).await?;
        let found = sqlx::query_scalar!("SELECT secret_sealed FROM authenticators WHERE owner_id = $1 AND confirmed_at IS NULL", user.0);
        let found = found.fetch_optional(&mut *own).await?;
        own.commit().await?;
        Ok(found)
    }

    /// Puts an authenticator in force, whose code of this step was shown. `codes` are kept if the person has no recovery codes:
    /// then `true`.
    pub async fn confirm_authenticator(
        &self,
        user: UserId,
        step: i64,
        codes: &[String],
        session: Option<Uuid>,
        told: &Entry,
    ) -> Result<bool> {
        let mut own = self.rows.begin(user.into()).await?;
        // A log-in that was proven without the factor waits, and finds it in force.
        lock_ways_in(&mut own, user).await?;
        let confirmed = sqlx::query!(
            "UPDATE authenticators SET confirmed_at = now(), last_step = $2 WHERE owner_id = $1 AND confirmed_at IS NULL",
            user.0,
            step
        );
        if confirmed.execute(&mut *own).await?.rows_affected() == 0 {
            return Err(Error::Conflict("there is no authenticator to confirm: begin setting it up again".into()));
        }
        let kept = factor_added(&mut own, user, codes, session).await?;
        tell(&mut own, told).await?;
        end(&mut own, user).await?;
        own.commit().await?;
        Ok(kept)
    }

    /// Takes a code of this step of time, once. `false`: it, or a later one, was taken before.
    pub async fn take_step(&self, user: UserId, step: i64) -> Result<bool> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let taken = sqlx::query!("UPDATE authenticators SET last_step = $2 WHERE owner_id = $1 AND last_step < $2", user.0, step);
        let taken = taken.execute(&mut *everyones).await?.rows_affected() > 0;
        everyones.commit().await?;
        Ok(taken)
    }

    /// Takes a recovery code, once.
    pub async fn take_recovery_code(&self, user: UserId, code: &str, told: &Entry) -> Result<bool> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let taken = sqlx::query!(
            "DELETE FROM recovery_codes WHERE owner_id = $1 AND code_sha256 = $2",
            user.0,
            &secret::digest(&secret::recovery_code_as_kept(code))
        );
        if taken.execute(&mut *everyones).await?.rows_affected() == 0 {
            return Ok(false);
        }
        tell(&mut everyones, told).await?;
        everyones.commit().await?;
        Ok(true)
    }

    /// Keeps these recovery codes in place of all before.
    pub async fn replace_recovery_codes(&self, user: UserId, codes: &[String], told: &Entry) -> Result<()> {
        let mut own = self.rows.begin(user.into()).await?;
        sqlx::query!("DELETE FROM recovery_codes WHERE owner_id = $1", user.0).execute(&mut *own).await?;
        keep_codes(&mut own, user, codes).await?;
        tell(&mut own, told).await?;
        Ok(own.commit().await?)
    }

    /// Takes the authenticator away. `false` when there was none.
    pub async fn remove_authenticator(&self, user: UserId, told: &Entry) -> Result<bool> {
        let mut own = self.rows.begin(user.into()).await?;
        let gone = sqlx::query!("DELETE FROM authenticators WHERE owner_id = $1", user.0).execute(&mut *own).await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        factor_removed(&mut own, user).await?;
        tell(&mut own, told).await?;
        own.commit().await?;
        Ok(true)
    }

    /// Takes every second factor of somebody away who lost them. `false` when there is no such person.
    pub async fn remove_factors(&self, user: UserId, told: &Entry) -> Result<bool> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let exists = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM users WHERE id = $1 AND name IS NOT NULL) AS "exists!""#, user.0);
        if !exists.fetch_one(&mut *everyones).await? {
            return Ok(false);
        }
        sqlx::query!("DELETE FROM authenticators WHERE owner_id = $1", user.0).execute(&mut *everyones).await?;
        sqlx::query!("DELETE FROM passkeys WHERE owner_id = $1", user.0).execute(&mut *everyones).await?;
        sqlx::query!("DELETE FROM recovery_codes WHERE owner_id = $1", user.0).execute(&mut *everyones).await?;
        sqlx::query!("DELETE FROM sessions WHERE owner_id = $1", user.0).execute(&mut *everyones).await?;
        tell(&mut everyones, told).await?;
        end(&mut everyones, user).await?;
        everyones.commit().await?;
        Ok(true)
    }
}

/// After a second factor was added, in its transaction. The first one ends every other session of the person, which came in
/// without. `codes` are kept if the person has no recovery codes: then `true`.
pub(super) async fn factor_added(own: &mut sqlx::PgConnection, user: UserId, codes: &[String], session: Option<Uuid>) -> Result<bool> {
    let had_codes = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM recovery_codes WHERE owner_id = $1) AS "had!""#, user.0);
    let had_codes = had_codes.fetch_one(&mut *own).await?;
    let factors = sqlx::query_scalar!(
        r#"SELECT (SELECT count(*) FROM passkeys WHERE owner_id = $1)
            + (SELECT count(*) FROM authenticators WHERE owner_id = $1 AND confirmed_at IS NOT NULL) AS "factors!""#,
        user.0
    );
    if factors.fetch_one(&mut *own).await? == 1 {
        sqlx::query!("DELETE FROM sessions WHERE owner_id = $1 AND id IS DISTINCT FROM $2", user.0, session).execute(&mut *own).await?;
    }
    if !had_codes {
        keep_codes(own, user, codes).await?;
    }
    Ok(!had_codes)
}

/// After a second factor was removed, in its transaction: without any, recovery codes are of no use.
pub(super) async fn factor_removed(own: &mut sqlx::PgConnection, user: UserId) -> Result<()> {
    sqlx::query!(
        "DELETE FROM recovery_codes WHERE owner_id = $1
            AND NOT EXISTS (SELECT FROM passkeys WHERE owner_id = $1)
            AND NOT EXISTS (SELECT FROM authenticators WHERE owner_id = $1 AND confirmed_at IS NOT NULL)",
        user.0
    )
    .execute(own)
    .await?;
    Ok(())
}

async fn keep_codes(connection: &mut sqlx::PgConnection, user: UserId, codes: &[String]) -> Result<()> {
    let digests: Vec<Vec<u8>> = codes.iter().map(|code| secret::digest(&secret::recovery_code_as_kept(code)).to_vec()).collect();
    sqlx::query!("INSERT INTO recovery_codes (owner_id, code_sha256) SELECT $1, unnest($2::bytea[])", user.0, &digests)
        .execute(connection)
        .await?;
    Ok(())
}
