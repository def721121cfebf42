//! Sessions of apps, whose secret is a refresh token: each is good once.

use std::net::IpAddr;

use uuid::Uuid;

use super::ways_in::{ABSOLUTE_DAYS, IDLE, Proof, require_proof};
use super::{AccountStore, audit::tell, end, role, scopes};
use crate::db::Whose;
use crate::error::Result;
use crate::features::accounts::{Principal, Scope, UserId, audit::Entry, secret};

/// An app that a person logs in.
pub struct NewAppSession<'a> {
    pub id: Uuid,
    /// What it calls itself.
    pub app: &'a str,
    pub scopes: &'a [Scope],
    pub refresh_token: &'a str,
    pub user_agent: Option<&'a str>,
    pub address: Option<IpAddr>,
}

impl AccountStore {
    /// Whose session of an app this is, and what it may.
    pub async fn app_session(&self, session: Uuid) -> Result<Option<Principal>> {
        let found = sqlx::query!(
            r#"SELECT owner_id AS "owner!", role AS "role!", scopes AS "scopes!", limited AS "limited!"
            FROM app_session($1, make_interval(secs => $2::float8))"#,
            session,
            IDLE.as_secs_f64(),
        )
        .fetch_optional(self.rows.pool())
        .await?;
        Ok(found
            .map(|found| Principal::of_app(UserId(found.owner), session, role(&found.role), &scopes(&found.scopes)).limited(found.limited)))
    }

    /// Begins the session of an app.
    pub async fn begin_app_session(&self, proof: &Proof, session: &NewAppSession<'_>, told: &Entry) -> Result<()> {
        let user = proof.user;
        let names: Vec<String> = session.scopes.iter().map(|scope| scope.name().to_owned()).collect();
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        require_proof(&mut everyones, proof).await?;
        sqlx::query!(
            "INSERT INTO sessions (id, owner_id, token_sha256, expires_at, user_agent, address, app, scopes)
            VALUES ($1, $2, $3, now() + make_interval(days => $4), $5, $6::text::inet, $7, $8)",
            session.id,
            user.0,
            &secret::digest(session.refresh_token),
            ABSOLUTE_DAYS,
            session.user_agent,
            session.address.map(|address| address.to_string()),
            session.app,
            &names,
        )
        .execute(&mut *everyones)
        .await?;
        sqlx::query!("UPDATE users SET last_seen_at = now() WHERE id = $1", user.0).execute(&mut *everyones).await?;
        sqlx::query!("DELETE FROM sessions WHERE expires_at < now()").execute(&mut *everyones).await?;
        tell(&mut everyones, told).await?;
        Ok(everyones.commit().await?)
    }

    /// Puts a fresh refresh token in the place of the one that was shown. Of two who show the same at once one is first: the row
    /// has another digest by then, and the second one is told as a reuse.
    pub async fn rotate(&self, session: Uuid, shown: &str, fresh: &str, address: Option<IpAddr>) -> Result<Option<Principal>> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let rotated = sqlx::query!(
            r#"UPDATE sessions SET token_sha256 = $3, last_seen_at = now(), address = coalesce($4::text::inet, sessions.address)
            FROM users WHERE sessions.id = $1 AND sessions.token_sha256 = $2 AND sessions.app IS NOT NULL
                AND users.id = sessions.owner_id AND users.suspended_at IS NULL AND sessions.expires_at > now()
                AND sessions.last_seen_at > now() - make_interval(secs => $5::float8)
                AND sessions.created_at < now() + interval '5 minutes'
            RETURNING sessions.owner_id, users.role, sessions.scopes AS "scopes!""#,
            session,
            &secret::digest(shown),
            &secret::digest(fresh),
            address.map(|address| address.to_string()),
            IDLE.as_secs_f64(),
        )
        .fetch_optional(&mut *everyones)
        .await?;
        let Some(rotated) = rotated else { return Ok(None) };
        sqlx::query!("UPDATE users SET last_seen_at = now() WHERE id = $1", rotated.owner_id).execute(&mut *everyones).await?;
        everyones.commit().await?;
        Ok(Some(Principal::of_app(UserId(rotated.owner_id), session, role(&rotated.role), &scopes(&rotated.scopes))))
    }

    /// Ends a session of an app of which another refresh token was shown than the one that is good: that one was good before, so
    /// somebody has a copy. `false` when there is no such session.
    pub async fn end_reused(&self, session: Uuid, shown: &str, told: Entry) -> Result<bool> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let ended = sqlx::query_scalar!(
            "DELETE FROM sessions WHERE id = $1 AND app IS NOT NULL AND token_sha256 <> $2 RETURNING owner_id",
            session,
            &secret::digest(shown),
        )
        .fetch_optional(&mut *everyones)
        .await?;
        let Some(owner) = ended.map(UserId) else { return Ok(false) };
        tell(&mut everyones, &told.about(owner)).await?;
        end(&mut everyones, owner).await?;
        everyones.commit().await?;
        Ok(true)
    }

    /// Ends the session whose refresh token this is. `false` when there is none.
    pub async fn end_app_session(&self, session: Uuid, shown: &str, told: Entry) -> Result<bool> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let ended = sqlx::query_scalar!(
            "DELETE FROM sessions WHERE id = $1 AND app IS NOT NULL AND token_sha256 = $2 RETURNING owner_id",
            session,
            &secret::digest(shown),
        )
        .fetch_optional(&mut *everyones)
        .await?;
        let Some(owner) = ended.map(UserId) else { return Ok(false) };
        tell(&mut everyones, &Entry { actor: Some(owner), ..told }).await?;
        end(&mut everyones, owner).await?;
        everyones.commit().await?;
        Ok(true)
    }
}
