//! As whom a provider of identities knows people.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{AccountStore, NewPerson, audit::tell, end, people::insert_person};
use crate::{
    db::Whose,
    error::{Error, Result},
    features::accounts::{Identity, Role, UserId, audit::Entry, name::UserName},
};

/// Whom a provider vouches for.
pub struct NewIdentity<'a> {
    pub issuer: &'a str,
    /// The issuer's name for them, which never changes; what else it calls them does.
    pub subject: &'a str,
    pub label: Option<&'a str>,
}

/// Whose an identity is.
pub struct IdentityOwner {
    pub user: UserId,
    pub suspended: bool,
}

impl AccountStore {
    /// Whose this identity is; that it was seen is noted, with what its person is called now.
    pub async fn owner_of(&self, identity: &NewIdentity<'_>) -> Result<Option<IdentityOwner>> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let found = sqlx::query!(
            r#"UPDATE identities SET last_used_at = now(), label = coalesce($3, label) FROM users
            WHERE users.id = identities.owner_id AND issuer = $1 AND subject = $2
            RETURNING owner_id, users.suspended_at IS NOT NULL AS "suspended!""#,
            identity.issuer,
            identity.subject,
            identity.label,
        )
        .fetch_optional(&mut *everyones)
        .await?;
        everyones.commit().await?;
        Ok(found.map(|found| IdentityOwner { user: UserId(found.owner_id), suspended: found.suspended }))
    }

    /// Makes a person whom the provider vouches for: with the first of `names` that is free, and with `email` if that is. A
    /// conflict says that somebody else was quicker.
    pub async fn add_vouched(
        &self,
        names: &[UserName],
        email: Option<(String, String)>,
        identity: &NewIdentity<'_>,
        told: &Entry,
    ) -> Result<UserId> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let keys: Vec<String> = names.iter().map(|name| name.key.clone()).collect();
        let taken = sqlx::query_scalar!(r#"SELECT name_key AS "key!" FROM users WHERE name_key = ANY ($1)"#, &keys)
            .fetch_all(&mut *everyones)
            .await?;
        let free = names.iter().find(|name| !taken.contains(&name.key));
        let name = free.ok_or_else(|| Error::Conflict("name: everything like it is somebody's here".into()))?;
        let email_key = email.as_ref().map(|(_, key)| key.as_str());
        let email_is_taken = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM users WHERE email_key = $1) AS "taken!""#, email_key)
            .fetch_one(&mut *everyones)
            .await?;
        let person = NewPerson { name, email: email.filter(|_| !email_is_taken), password_hash: None, language: None };
        let user = insert_person(&mut everyones, &person, Role::User).await?;
        if !insert_identity(&mut everyones, user, identity).await? {
            return Err(Error::Conflict("identity: it is somebody's here".into()));
        }
        tell(&mut everyones, &told.clone().about(user)).await?;
        everyones.commit().await?;
        Ok(user)
    }

    /// Links an identity with a person. `false` when it is another's.
    pub async fn link_identity(&self, user: UserId, identity: &NewIdentity<'_>, told: &Entry) -> Result<bool> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        if insert_identity(&mut everyones, user, identity).await? {
            tell(&mut everyones, told).await?;
            everyones.commit().await?;
            return Ok(true);
        }
        let owner =
            sqlx::query_scalar!("SELECT owner_id FROM identities WHERE issuer = $1 AND subject = $2", identity.issuer, identity.subject)
                .fetch_optional(&mut *everyones)
                .await?;
        everyones.commit().await?;
        Ok(owner == Some(user.0))
    }

    pub async fn identities(&self, user: UserId) -> Result<Vec<Identity>> {
        let mut own = self.rows.begin(user.into()).await?;
        let rows = sqlx::query!(
            "SELECT id, issuer, label, created_at, last_used_at FROM identities WHERE owner_id = $1 ORDER BY created_at DESC, id",
            user.0
        )
        .fetch_all(&mut *own)
        .await?;
        own.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| Identity {
                id: row.id,
                issuer: row.issuer,
                label: row.label,
                created_at: row.created_at,
                last_used_at: row.last_used_at,
            })
            .collect())
    }

    /// Takes one of the person's identities away. `false` when there was none; a conflict when nothing else would let the person
    /// in, where `issuer` is the one that is asked now.
    pub async fn remove_identity(&self, user: UserId, id: Uuid, issuer: Option<&str>, session: Option<Uuid>, told: &Entry) -> Result<bool> {
        let mut own = self.rows.begin(user.into()).await?;
        lock_ways_in(&mut own, user).await?;
        let gone = sqlx::query!("DELETE FROM identities WHERE id = $1 AND owner_id = $2", id, user.0).execute(&mut *own).await?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        require_a_way_in(&mut own, user, issuer).await?;
        sqlx::query!("DELETE FROM sessions WHERE owner_id = $1 AND came_by = 'provider' AND id IS DISTINCT FROM $2", user.0, session)
            .execute(&mut *own)
            .await?;
        tell(&mut own, told).await?;
        end(&mut own, user).await?;
        own.commit().await?;
        Ok(true)
    }
}

/// Whoever removes two ways in at once does so one after the other.
pub(super) async fn lock_ways_in(own: &mut PgConnection, user: UserId) -> Result<()> {
    sqlx::query!("SELECT id FROM users WHERE id = $1 FOR UPDATE", user.0).fetch_optional(own).await?;
    Ok(())
}

/// Refuses what would lock a person out for ever; `issuer` is the provider that can let somebody in, where there is one.
pub(super) async fn require_a_way_in(own: &mut PgConnection, user: UserId, issuer: Option<&str>) -> Result<()> {
    let way_in_left = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE id = $1 AND password_hash IS NOT NULL)
                OR EXISTS (SELECT FROM passkeys WHERE owner_id = $1)
                OR EXISTS (SELECT FROM identities WHERE owner_id = $1 AND issuer = $2) AS "left!""#,
        user.0,
        issuer,
    );
    if way_in_left.fetch_one(own).await? {
        Ok(())
    } else {
        Err(Error::Conflict("this is the only way into your account: add another first".into()))
    }
}

/// `false` when it is somebody's already.
async fn insert_identity(connection: &mut PgConnection, user: UserId, identity: &NewIdentity<'_>) -> Result<bool> {
    let made = sqlx::query!(
        "INSERT INTO identities (id, owner_id, issuer, subject, label, last_used_at) VALUES ($1, $2, $3, $4, $5, now())
        ON CONFLICT (issuer, subject) DO NOTHING",
        Uuid::now_v7(),
        user.0,
        identity.issuer,
        identity.subject,
        identity.label,
    );
    Ok(made.execute(connection).await?.rows_affected() == 1)
}
