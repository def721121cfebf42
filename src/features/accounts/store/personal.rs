//! A person's own account.

use uuid::Uuid;

use super::{
    AccountStore,
    audit::tell,
    end,
    people::{end_codes_of, lock_admins, require_an_admin},
    role, taken,
};
use crate::db::Whose;
use crate::error::{Error, Result};
use crate::features::accounts::{Account, ProfileChange, SweepErased, UserId, audit::Entry};
use crate::jobs::Queue;

impl AccountStore {
    /// `None` before set-up.
    pub async fn account(&self, user: UserId) -> Result<Option<Account>> {
        let mut own = self.rows.begin(user.into()).await?;
        let row = sqlx::query!(
            r#"SELECT id, name AS "name!", email, role, password_hash IS NOT NULL AS "has_password!", language, time_zone, place,
                created_at
            FROM users
            WHERE id = $1 AND name IS NOT NULL"#,
            user.0
        )
        .fetch_optional(&mut *own)
        .await?;
        own.commit().await?;
        Ok(row.map(|row| Account {
            id: row.id,
            name: row.name,
            email: row.email,
            role: role(&row.role),
            has_password: row.has_password,
            language: row.language,
            time_zone: row.time_zone,
            place: row.place,
            created_at: row.created_at,
        }))
    }

    /// Changes what is said; `email` is the address as shown and its key.
    pub async fn change_profile(&self, user: UserId, change: &ProfileChange, email: Option<Option<(String, String)>>) -> Result<()> {
        let mut own = self.rows.begin(user.into()).await?;
        let (shown, key) = email.clone().flatten().unzip();
        sqlx::query!(
            "UPDATE users SET email = CASE WHEN $2 THEN $3 ELSE email END, email_key = CASE WHEN $2 THEN $4 ELSE email_key END,
                language = CASE WHEN $5 THEN $6 ELSE language END, time_zone = CASE WHEN $7 THEN $8 ELSE time_zone END,
                place = CASE WHEN $9 THEN $10 ELSE place END
            WHERE id = $1",
            user.0,
            email.is_some(),
            shown,
            key,
            change.language.is_some(),
            change.language.clone().flatten(),
            change.time_zone.is_some(),
            change.time_zone.clone().flatten(),
            change.place.is_some(),
            change.place.clone().flatten(),
        )
        .execute(&mut *own)
        .await
        .map_err(taken)?;
        Ok(own.commit().await?)
    }

    pub async fn password_hash(&self, user: UserId) -> Result<Option<String>> {
        let mut own = self.rows.begin(user.into()).await?;
        let hash = sqlx::query_scalar!("SELECT password_hash FROM users WHERE id = $1", user.0).fetch_optional(&mut *own).await?;
        own.commit().await?;
        Ok(hash.flatten())
    }

    /// Whether this session began within the last ten minutes.
    pub async fn is_fresh(&self, user: UserId, session: Uuid) -> Result<bool> {
        let mut own = self.rows.begin(user.into()).await?;
        let fresh = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM sessions WHERE id = $1 AND created_at BETWEEN now() - interval '10 minutes' AND now()) AS "fresh!""#,
            session
        );
        let fresh = fresh.fetch_one(&mut *own).await?;
        own.commit().await?;
        Ok(fresh)
    }

    /// Keeps the same password's hash with other parameters.
    pub async fn rehash(&self, user: UserId, before: &str, password_hash: &str) -> Result<()> {
        let mut own = self.rows.begin(user.into()).await?;
        sqlx::query!("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", user.0, before, password_hash)
            .execute(&mut *own)
            .await?;
        Ok(own.commit().await?)
    }

    /// Sets another password; every way in but the session that asks ends.
    pub async fn change_password(&self, user: UserId, password_hash: &str, session: Option<Uuid>, told: &Entry) -> Result<()> {
        let mut own = self.rows.begin(user.into()).await?;
        sqlx::query!("UPDATE users SET password_hash = $2 WHERE id = $1", user.0, password_hash).execute(&mut *own).await?;
        sqlx::query!("DELETE FROM sessions WHERE owner_id = $1 AND id IS DISTINCT FROM $2", user.0, session).execute(&mut *own).await?;
        sqlx::query!("DELETE FROM api_keys WHERE owner_id = $1", user.0).execute(&mut *own).await?;
        tell(&mut own, told).await?;
        end(&mut own, user).await?;
        Ok(own.commit().await?)
    }

    /// Deletes a person with everything that is theirs. The audit keeps an id without a name.
    pub async fn erase(&self, user: UserId, told: &Entry) -> Result<()> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        lock_admins(&mut everyones).await?;
        end_codes_of(&mut everyones, user).await?;
        // What an admin wrote of whom they invited.
        sqlx::query!("UPDATE one_time_codes SET note = NULL WHERE used_by = $1", user.0).execute(&mut *everyones).await?;
        if sqlx::query!("DELETE FROM users WHERE id = $1", user.0).execute(&mut *everyones).await?.rows_affected() == 0 {
            return Err(Error::NotFound("person"));
        }
        require_an_admin(&mut everyones).await?;
        sqlx::query!("DELETE FROM limit_counts WHERE position($1 IN subject) > 0", user.0.to_string()).execute(&mut *everyones).await?;
        if user == UserId::LOCAL {
            // The command line of this machine still needs somebody whom its dreams belong to.
            sqlx::query!("INSERT INTO users (id) VALUES ($1)", user.0).execute(&mut *everyones).await?;
        }
        Queue::enqueue_in(&mut everyones, &SweepErased {}).await?;
        tell(&mut everyones, told).await?;
        end(&mut everyones, user).await?;
        Ok(everyones.commit().await?)
    }
}
