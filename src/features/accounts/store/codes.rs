//! Codes that open one door once: invitations, and new passwords for lost ones.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{AccountStore, audit::tell, end, people::insert_person, role};
use crate::db::Whose;
use crate::error::{Error, Result};
use crate::features::accounts::{Invitation, Role, UserId, audit::Entry, name::UserName, secret};

/// A person who comes.
pub struct NewPerson<'a> {
    pub name: &'a UserName,
    /// As it is shown, and what makes two the same.
    pub email: Option<(String, String)>,
    /// Whoever comes by a provider of identities has none.
    pub password_hash: Option<&'a str>,
    pub language: Option<&'a str>,
}

/// An invitation as it is made.
pub struct NewInvitation<'a> {
    pub id: Uuid,
    pub code: &'a str,
    /// What the person will be.
    pub role: Role,
    pub note: Option<&'a str>,
    pub days: u32,
}

impl AccountStore {
    /// Keeps an invitation until it expires.
    pub async fn invite(&self, invitation: &NewInvitation<'_>, by: UserId, told: &Entry) -> Result<OffsetDateTime> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let expires_at = sqlx::query_scalar!(
            "INSERT INTO one_time_codes (id, purpose, code_sha256, role, note, created_by, expires_at)
            VALUES ($1, 'invitation', $2, $3, $4, $5, now() + make_interval(days => $6)) RETURNING expires_at",
            invitation.id,
            &secret::digest(invitation.code),
            invitation.role.name(),
            invitation.note,
            by.0,
            i32::try_from(invitation.days).unwrap_or(i32::MAX),
        )
        .fetch_one(&mut *everyones)
        .await?;
        tell(&mut everyones, told).await?;
        everyones.commit().await?;
        Ok(expires_at)
    }

    /// Newest first, those of the last 90 days.
    pub async fn invitations(&self) -> Result<Vec<Invitation>> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let rows = sqlx::query!(
            r#"SELECT codes.id, codes.role AS "role!", codes.note, codes.created_at, codes.expires_at, maker.name AS "created_by?",
                guest.name AS "used_by?"
            FROM one_time_codes AS codes LEFT JOIN users AS maker ON maker.id = codes.created_by
                LEFT JOIN users AS guest ON guest.id = codes.used_by
            WHERE codes.purpose = 'invitation' AND codes.created_at > now() - interval '90 days'
            ORDER BY codes.created_at DESC, codes.id"#
        )
        .fetch_all(&mut *everyones)
        .await?;
        everyones.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| Invitation {
                id: row.id,
                role: role(&row.role),
                note: row.note,
                created_by: row.created_by,
                created_at: row.created_at,
                expires_at: row.expires_at,
                used_by: row.used_by,
            })
            .collect())
    }

    /// Takes back one that nobody used. `false` when there is none.
    pub async fn withdraw_invitation(&self, id: Uuid, told: &Entry) -> Result<bool> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let gone = sqlx::query!("DELETE FROM one_time_codes WHERE id = $1 AND purpose = 'invitation' AND used_at IS NULL", id);
        if gone.execute(&mut *everyones).await?.rows_affected() == 0 {
            return Ok(false);
        }
        tell(&mut everyones, told).await?;
        everyones.commit().await?;
        Ok(true)
    }

    /// Makes a person who has an invitation's code; the code is used up with that, and only with that.
    pub async fn register_invited(&self, code: &str, person: &NewPerson<'_>, told: &Entry) -> Result<UserId> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let found = sqlx::query!(
            r#"UPDATE one_time_codes SET used_at = now() WHERE code_sha256 = $1 AND purpose = 'invitation' AND used_at IS NULL
                AND expires_at > now() RETURNING id, role AS "role!""#,
            &secret::digest(code)
        )
        .fetch_optional(&mut *everyones)
        .await?
        .ok_or(Error::WrongCode)?;
        let user = insert_person(&mut everyones, person, role(&found.role)).await?;
        sqlx::query!("UPDATE one_time_codes SET used_by = $2 WHERE id = $1", found.id, user.0).execute(&mut *everyones).await?;
        tell(&mut everyones, &told.clone().about(user)).await?;
        everyones.commit().await?;
        Ok(user)
    }

    /// Keeps a code by which somebody sets a new password; an earlier one opens nothing any more.
    pub async fn offer_reset(
        &self,
        id: Uuid,
        code: &str,
        user: UserId,
        by: Option<UserId>,
        hours: i32,
        told: &Entry,
    ) -> Result<OffsetDateTime> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        sqlx::query!("DELETE FROM one_time_codes WHERE purpose = 'password-reset' AND owner_id = $1", user.0)
            .execute(&mut *everyones)
            .await?;
        let expires_at = sqlx::query_scalar!(
            "INSERT INTO one_time_codes (id, purpose, code_sha256, owner_id, created_by, expires_at)
            SELECT $1, 'password-reset', $2, users.id, $4, now() + make_interval(hours => $5) FROM users
            WHERE users.id = $3 AND users.name IS NOT NULL RETURNING expires_at",
            id,
            &secret::digest(code),
            user.0,
            by.map(|user| user.0),
            hours,
        )
        .fetch_optional(&mut *everyones)
        .await?
        .ok_or(Error::NotFound("person"))?;
        tell(&mut everyones, told).await?;
        everyones.commit().await?;
        Ok(expires_at)
    }

    /// Whose password a code is for.
    pub async fn reset_for(&self, code: &str) -> Result<Option<(UserId, String)>> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let found = sqlx::query!(
            r#"SELECT users.id, users.name AS "name!" FROM one_time_codes AS codes JOIN users ON users.id = codes.owner_id
            WHERE codes.code_sha256 = $1 AND codes.purpose = 'password-reset' AND codes.used_at IS NULL AND codes.expires_at > now()"#,
            &secret::digest(code)
        )
        .fetch_optional(&mut *everyones)
        .await?;
        everyones.commit().await?;
        Ok(found.map(|found| (UserId(found.id), found.name)))
    }

    /// Sets a new password by a code, which is used up; every way in that the person had ends.
    pub async fn reset_password(&self, code: &str, password_hash: &str, told: &Entry) -> Result<()> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let user = sqlx::query_scalar!(
            r#"DELETE FROM one_time_codes WHERE code_sha256 = $1 AND purpose = 'password-reset' AND used_at IS NULL AND expires_at > now()
            RETURNING owner_id AS "owner!""#,
            &secret::digest(code)
        )
        .fetch_optional(&mut *everyones)
        .await?
        .ok_or(Error::WrongCode)?;
        sqlx::query!("UPDATE users SET password_hash = $2 WHERE id = $1", user, password_hash).execute(&mut *everyones).await?;
        sqlx::query!("DELETE FROM sessions WHERE owner_id = $1", user).execute(&mut *everyones).await?;
        sqlx::query!("DELETE FROM api_keys WHERE owner_id = $1", user).execute(&mut *everyones).await?;
        let user = UserId(user);
        tell(&mut everyones, &Entry { actor: Some(user), ..told.clone() }.about(user)).await?;
        end(&mut everyones, user).await?;
        Ok(everyones.commit().await?)
    }
}
