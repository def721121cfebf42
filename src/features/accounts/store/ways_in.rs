//! Sessions and keys.

use std::{net::IpAddr, time::Duration};

use sqlx::PgConnection;
use uuid::Uuid;

use super::{AccountStore, audit::tell, end, role, scopes};
use crate::db::Whose;
use crate::error::{Error, Result};
use crate::features::accounts::{ApiKey, CameBy, Credential, Principal, Session, UserId, audit::Entry, secret};

/// A session ends when it was not used for so long …
pub(super) const IDLE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// … and after so long in any case.
pub(super) const ABSOLUTE_DAYS: i32 = 60;
/// How exactly it is noted when a session or a key was used last.
const USE_NOTED: Duration = Duration::from_secs(60);

/// Why somebody is let in, as it stood when they were asked: it must be so still when their session begins. Between the two a
/// password may change, a second factor be added, an account be suspended.
#[derive(Debug, Clone)]
pub struct Proof {
    pub user: UserId,
    /// What their password was right for; `None` where none was asked.
    pub password_hash: Option<String>,
    /// A second factor was shown, or this way asks for none.
    pub second_factor: bool,
}

impl Proof {
    /// Of a way that asks for no password.
    pub fn of(user: UserId) -> Self {
        Self { user, password_hash: None, second_factor: true }
    }
}

/// A browser that logs in.
pub struct NewSession<'a> {
    pub token: &'a str,
    pub came_by: CameBy,
    pub user_agent: Option<&'a str>,
    pub address: Option<IpAddr>,
    /// The session that it had before: a log-in never goes on with a secret that somebody may have put there.
    pub instead_of: Option<&'a str>,
}

/// A key that was shown.
pub struct KeyUse {
    pub principal: Principal,
    /// It was used before, and not from here.
    pub new_address: bool,
}

impl AccountStore {
    /// Who has this session's secret.
    pub async fn session_with(&self, token: &str) -> Result<Option<Principal>> {
        let found = sqlx::query!(
            r#"SELECT id AS "id!", owner_id AS "owner!", role AS "role!", limited AS "limited!",
                last_seen_at < now() - make_interval(secs => $3::float8) AS "stale!"
            FROM session_with($1, make_interval(secs => $2::float8))"#,
            &secret::digest(token),
            IDLE.as_secs_f64(),
            USE_NOTED.as_secs_f64(),
        )
        .fetch_optional(self.rows.pool())
        .await?;
        let Some(found) = found else { return Ok(None) };
        let user = UserId(found.owner);
        if found.stale {
            let mut own = self.rows.begin(user.into()).await?;
            sqlx::query!("UPDATE sessions SET last_seen_at = now() WHERE id = $1", found.id).execute(&mut *own).await?;
            sqlx::query!("UPDATE users SET last_seen_at = now() WHERE id = $1", user.0).execute(&mut *own).await?;
            own.commit().await?;
        }
        Ok(Some(Principal::of_session(user, found.id, role(&found.role)).limited(found.limited)))
    }

    /// Who has this key.
    pub async fn key_with(&self, key: &str, address: Option<IpAddr>) -> Result<Option<KeyUse>> {
        let address = address.map(|address| address.to_string());
        let found = sqlx::query!(
            r#"SELECT id AS "id!", owner_id AS "owner!", role AS "role!", scopes AS "scopes!", limited AS "limited!",
                coalesce(last_used_at < now() - make_interval(secs => $2::float8), true) AS "stale!",
                last_address IS DISTINCT FROM $3::text::inet AS "elsewhere!", last_used_at IS NOT NULL AS "used_before!"
            FROM key_with($1)"#,
            &secret::digest(key),
            USE_NOTED.as_secs_f64(),
            address,
        )
        .fetch_optional(self.rows.pool())
        .await?;
        let Some(found) = found else { return Ok(None) };
        let user = UserId(found.owner);
        if found.stale || found.elsewhere {
            let mut own = self.rows.begin(user.into()).await?;
            sqlx::query!(
                "UPDATE api_keys SET last_used_at = now(), last_address = coalesce($2::text::inet, last_address) WHERE id = $1",
                found.id,
                address
            )
            .execute(&mut *own)
            .await?;
            own.commit().await?;
        }
        let principal = Principal::of_key(user, found.id, role(&found.role), &scopes(&found.scopes)).limited(found.limited);
        Ok(Some(KeyUse { principal, new_address: found.elsewhere && found.used_before && address.is_some() }))
    }

    /// Whether what this principal came with still opens.
    pub async fn is_alive(&self, principal: &Principal) -> Result<bool> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let (session, key) = match principal.credential {
            Credential::Session(id) | Credential::App(id) => (Some(id), None),
            Credential::Key(id) => (None, Some(id)),
            Credential::Unclaimed | Credential::Socket => return Ok(true),
        };
        let alive = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM users WHERE id = $1 AND suspended_at IS NULL AND (
                EXISTS (SELECT FROM sessions WHERE sessions.id = $2 AND expires_at > now())
                OR EXISTS (SELECT FROM api_keys WHERE api_keys.id = $3 AND (expires_at IS NULL OR expires_at > now())))) AS "alive!""#,
            principal.user.0,
            session,
            key,
        )
        .fetch_one(&mut *everyones)
        .await?;
        everyones.commit().await?;
        Ok(alive)
    }

    /// Begins a session.
    pub async fn begin_session(&self, proof: &Proof, session: &NewSession<'_>, told: &Entry) -> Result<()> {
        let (id, user) = (Uuid::now_v7(), proof.user);
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        require_proof(&mut everyones, proof).await?;
        if let Some(before) = session.instead_of {
            let former = sqlx::query_scalar!("DELETE FROM sessions WHERE token_sha256 = $1 RETURNING owner_id", &secret::digest(before));
            if let Some(owner) = former.fetch_optional(&mut *everyones).await? {
                end(&mut everyones, UserId(owner)).await?;
            }
        }
        sqlx::query!(
            "INSERT INTO sessions (id, owner_id, token_sha256, expires_at, user_agent, address, came_by)
            VALUES ($1, $2, $3, now() + make_interval(days => $4), $5, $6::text::inet, $7)",
            id,
            user.0,
            &secret::digest(session.token),
            ABSOLUTE_DAYS,
            session.user_agent,
            session.address.map(|address| address.to_string()),
            session.came_by.name(),
        )
        .execute(&mut *everyones)
        .await?;
        sqlx::query!("UPDATE users SET last_seen_at = now() WHERE id = $1", user.0).execute(&mut *everyones).await?;
        sqlx::query!("DELETE FROM sessions WHERE expires_at < now()").execute(&mut *everyones).await?;
        tell(&mut everyones, told).await?;
        Ok(everyones.commit().await?)
    }

    pub async fn sessions(&self, user: UserId, current: Option<Uuid>) -> Result<Vec<Session>> {
        let mut own = self.rows.begin(user.into()).await?;
        let rows = sqlx::query!(
            "SELECT id, created_at, last_seen_at, expires_at, user_agent, host(address) AS address, came_by, app FROM sessions
            WHERE owner_id = $1 AND expires_at > now() AND last_seen_at > now() - make_interval(secs => $2)
            ORDER BY last_seen_at DESC, id",
            user.0,
            IDLE.as_secs_f64(),
        )
        .fetch_all(&mut *own)
        .await?;
        own.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| Session {
                id: row.id,
                current: current == Some(row.id),
                created_at: row.created_at,
                last_seen_at: row.last_seen_at,
                expires_at: row.expires_at,
                user_agent: row.user_agent,
                address: row.address,
                came_by: CameBy::named(&row.came_by),
                app: row.app,
            })
            .collect())
    }

    /// Ends one of the person's sessions. `false` when there was none.
    pub async fn end_session(&self, user: UserId, session: Uuid, told: &Entry) -> Result<bool> {
        let mut own = self.rows.begin(user.into()).await?;
        let ended = sqlx::query!("DELETE FROM sessions WHERE id = $1 AND owner_id = $2", session, user.0).execute(&mut *own).await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        tell(&mut own, told).await?;
        end(&mut own, user).await?;
        own.commit().await?;
        Ok(true)
    }

    pub async fn keys(&self, user: UserId) -> Result<Vec<ApiKey>> {
        let mut own = self.rows.begin(user.into()).await?;
        let rows = sqlx::query!(
            "SELECT id, name, prefix, scopes, created_at, expires_at, last_used_at FROM api_keys WHERE owner_id = $1
            ORDER BY created_at DESC, id",
            user.0
        )
        .fetch_all(&mut *own)
        .await?;
        own.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| ApiKey {
                id: row.id,
                name: row.name,
                prefix: row.prefix,
                scopes: scopes(&row.scopes),
                created_at: row.created_at,
                expires_at: row.expires_at,
                last_used_at: row.last_used_at,
            })
            .collect())
    }

    /// Keeps a key that was just made.
    pub async fn keep_key(&self, user: UserId, key: &str, about: &ApiKey, told: &Entry) -> Result<()> {
        let names: Vec<String> = about.scopes.iter().map(|scope| scope.name().to_owned()).collect();
        let mut own = self.rows.begin(user.into()).await?;
        sqlx::query!(
            "INSERT INTO api_keys (id, owner_id, name, prefix, key_sha256, scopes, created_at, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            about.id,
            user.0,
            about.name,
            about.prefix,
            &secret::digest(key),
            &names,
            about.created_at,
            about.expires_at,
        )
        .execute(&mut *own)
        .await?;
        tell(&mut own, told).await?;
        Ok(own.commit().await?)
    }

    /// `false` when there was none.
    pub async fn end_key(&self, user: UserId, key: Uuid, told: &Entry) -> Result<bool> {
        let mut own = self.rows.begin(user.into()).await?;
        let ended = sqlx::query!("DELETE FROM api_keys WHERE id = $1 AND owner_id = $2", key, user.0).execute(&mut *own).await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        tell(&mut own, told).await?;
        end(&mut own, user).await?;
        own.commit().await?;
        Ok(true)
    }
}

/// Refuses a proof that holds no more; who would change what it rests on waits until the transaction ends.
pub(super) async fn require_proof(connection: &mut PgConnection, proof: &Proof) -> Result<()> {
    let holds = sqlx::query_scalar!(
        "SELECT id FROM users WHERE id = $1 AND suspended_at IS NULL AND ($2::text IS NULL OR password_hash = $2)
            AND ($3 OR NOT (EXISTS (SELECT FROM authenticators WHERE owner_id = $1 AND confirmed_at IS NOT NULL)
                OR EXISTS (SELECT FROM passkeys WHERE owner_id = $1)))
        FOR SHARE",
        proof.user.0,
        proof.password_hash,
        proof.second_factor,
    );
    holds.fetch_optional(connection).await?.map(drop).ok_or(Error::WrongCredentials)
}
