//! Who there is, as log-in and admins see it.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{APPLIANCE, AccountStore, CHANNEL, audit::tell, codes::NewPerson, end, role, taken};
use crate::db::Whose;
use crate::error::{Error, Result};
use crate::features::accounts::{Role, User, UserChange, UserId, UserPage, audit::Entry};

/// A person whom a name or an address belongs to.
pub struct KnownPerson {
    pub id: UserId,
    pub password_hash: String,
    pub suspended: bool,
}

/// A person as admins see them.
struct UserRow {
    id: Uuid,
    name: String,
    email: Option<String>,
    role: String,
    suspended: bool,
    second_factor: bool,
    created_at: OffsetDateTime,
    last_seen_at: Option<OffsetDateTime>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            email: row.email,
            role: role(&row.role),
            suspended: row.suspended,
            second_factor: row.second_factor,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
        }
    }
}

/// Which people are listed.
#[derive(Debug, Default)]
pub struct UserFilter {
    /// A part of a name or an address.
    pub search: Option<String>,
    /// Who came before this one.
    pub before: Option<Uuid>,
    pub limit: u16,
}

impl AccountStore {
    /// Makes the person at this machine the first admin. `false` when somebody did before.
    pub async fn claim(&self, person: &NewPerson<'_>, host_name: Option<&str>, told: &Entry) -> Result<bool> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let claimed = sqlx::query!(
            "UPDATE appliance SET claimed_at = now(), host_name = coalesce($1, host_name) WHERE claimed_at IS NULL",
            host_name
        );
        // Whoever comes at the same time waits here for the other's transaction, and then finds it done.
        if claimed.execute(&mut *everyones).await?.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query!("INSERT INTO users (id) VALUES ($1) ON CONFLICT DO NOTHING", UserId::LOCAL.0).execute(&mut *everyones).await?;
        sqlx::query!(
            "UPDATE users SET name = $2, name_key = $3, email = $4, email_key = $5, password_hash = $6, role = $7, language = $8
            WHERE id = $1",
            UserId::LOCAL.0,
            person.name.shown,
            person.name.key,
            person.email.as_ref().map(|(shown, _)| shown),
            person.email.as_ref().map(|(_, key)| key),
            person.password_hash,
            Role::Admin.name(),
            person.language,
        )
        .execute(&mut *everyones)
        .await
        .map_err(taken)?;
        tell(&mut everyones, told).await?;
        sqlx::query!("SELECT pg_notify($1, $2)", CHANNEL, APPLIANCE).execute(&mut *everyones).await?;
        everyones.commit().await?;
        Ok(true)
    }

    /// Whose name or address this is.
    pub async fn person_with(&self, name_key: &str, email_key: &str) -> Result<Option<KnownPerson>> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let found = sqlx::query!(
            r#"SELECT id, password_hash AS "hash!", suspended_at IS NOT NULL AS "suspended!" FROM users
            WHERE password_hash IS NOT NULL AND (name_key = $1 OR email_key = $2) ORDER BY name_key = $1 DESC LIMIT 1"#,
            name_key,
            email_key
        )
        .fetch_optional(&mut *everyones)
        .await?;
        everyones.commit().await?;
        Ok(found.map(|found| KnownPerson { id: UserId(found.id), password_hash: found.hash, suspended: found.suspended }))
    }

    /// Newest first.
    pub async fn users(&self, filter: &UserFilter) -> Result<UserPage> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let rows = sqlx::query_as!(
            UserRow,
            r#"SELECT id, name AS "name!", email, role, suspended_at IS NOT NULL AS "suspended!", created_at, last_seen_at,
                (EXISTS (SELECT FROM authenticators WHERE owner_id = users.id AND confirmed_at IS NOT NULL)
                    OR EXISTS (SELECT FROM passkeys WHERE owner_id = users.id)) AS "second_factor!"
            FROM users WHERE name IS NOT NULL
                AND ($1::text IS NULL OR position(lower($1) IN lower(name)) > 0 OR position(lower($1) IN email_key) > 0)
                AND ($2::uuid IS NULL OR (created_at, id) < (SELECT before.created_at, before.id FROM users AS before WHERE before.id = $2))
            ORDER BY created_at DESC, id DESC LIMIT $3"#,
            filter.search,
            filter.before,
            i64::from(filter.limit) + 1,
        )
        .fetch_all(&mut *everyones)
        .await?;
        everyones.commit().await?;
        let more = rows.len() > usize::from(filter.limit);
        let users: Vec<User> = rows.into_iter().take(usize::from(filter.limit)).map(User::from).collect();
        let next_cursor = users.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(UserPage { users, next_cursor })
    }

    /// Makes a person whom an admin vouches for.
    pub async fn add_person(&self, person: &NewPerson<'_>, role: Role, told: &Entry) -> Result<UserId> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let id = insert_person(&mut everyones, person, role).await?;
        tell(&mut everyones, &told.clone().about(id)).await?;
        everyones.commit().await?;
        Ok(id)
    }

    /// Changes what somebody is or may. One who asks as a person must be an admin still, and an admin who can log in must
    /// remain: two who suspend each other at once come one after the other, and the second is no admin any more.
    pub async fn change_user(&self, actor: Option<UserId>, id: Uuid, change: &UserChange, told: &[Entry]) -> Result<User> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        lock_admins(&mut everyones).await?;
        if let Some(actor) = actor {
            require_admin(&mut everyones, actor).await?;
        }
        let row = sqlx::query_as!(
            UserRow,
            r#"UPDATE users SET role = coalesce($2, role),
                suspended_at = CASE WHEN $3 THEN coalesce(suspended_at, now()) WHEN NOT $3 THEN NULL ELSE suspended_at END
            WHERE id = $1 AND name IS NOT NULL
            RETURNING id, name AS "name!", email, role, suspended_at IS NOT NULL AS "suspended!", created_at, last_seen_at,
                (EXISTS (SELECT FROM authenticators WHERE owner_id = users.id AND confirmed_at IS NOT NULL)
                    OR EXISTS (SELECT FROM passkeys WHERE owner_id = users.id)) AS "second_factor!""#,
            id,
            change.role.map(Role::name),
            change.suspended,
        )
        .fetch_optional(&mut *everyones)
        .await?
        .ok_or(Error::NotFound("person"))?;
        require_an_admin(&mut everyones).await?;
        // Suspended is out: what let the person in before does not do so again when the suspension ends.
        if row.suspended {
            sqlx::query!("DELETE FROM sessions WHERE owner_id = $1", id).execute(&mut *everyones).await?;
            sqlx::query!("DELETE FROM api_keys WHERE owner_id = $1", id).execute(&mut *everyones).await?;
            sqlx::query!("DELETE FROM one_time_codes WHERE owner_id = $1", id).execute(&mut *everyones).await?;
        }
        if row.suspended || role(&row.role) != Role::Admin {
            end_codes_of(&mut everyones, UserId(id)).await?;
        }
        for entry in told {
            tell(&mut everyones, entry).await?;
        }
        end(&mut everyones, UserId(id)).await?;
        everyones.commit().await?;
        Ok(row.into())
    }

    /// Somebody's role.
    pub async fn role_of(&self, user: UserId) -> Result<Option<Role>> {
        let mut own = self.rows.begin(user.into()).await?;
        let found =
            sqlx::query_scalar!("SELECT role FROM users WHERE id = $1 AND name IS NOT NULL", user.0).fetch_optional(&mut *own).await?;
        own.commit().await?;
        Ok(found.map(|name| role(&name)))
    }
}

/// Makes a person's row.
pub async fn insert_person(connection: &mut PgConnection, person: &NewPerson<'_>, role: Role) -> Result<UserId> {
    let id = Uuid::now_v7();
    sqlx::query!(
        "INSERT INTO users (id, name, name_key, email, email_key, password_hash, role, language) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        id,
        person.name.shown,
        person.name.key,
        person.email.as_ref().map(|(shown, _)| shown),
        person.email.as_ref().map(|(_, key)| key),
        person.password_hash,
        role.name(),
        person.language,
    )
    .execute(connection)
    .await
    .map_err(taken)?;
    Ok(UserId(id))
}

/// Codes that somebody handed out as an admin open nothing once they are none.
pub async fn end_codes_of(connection: &mut PgConnection, user: UserId) -> Result<()> {
    sqlx::query!("DELETE FROM one_time_codes WHERE created_by = $1 AND used_at IS NULL", user.0).execute(connection).await?;
    Ok(())
}

/// Whoever changes who is an admin does so one after the other.
pub async fn lock_admins(connection: &mut PgConnection) -> Result<()> {
    sqlx::query!(r#"SELECT one_row AS "one_row!" FROM appliance FOR UPDATE"#).fetch_one(connection).await?;
    Ok(())
}

async fn require_admin(connection: &mut PgConnection, actor: UserId) -> Result<()> {
    let still = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE id = $1 AND role = 'admin' AND suspended_at IS NULL) AS "still!""#,
        actor.0
    );
    if still.fetch_one(connection).await? { Ok(()) } else { Err(Error::Forbidden) }
}

/// Refuses what would leave nobody who can look after people.
pub async fn require_an_admin(connection: &mut PgConnection) -> Result<()> {
    let left = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE role = 'admin' AND suspended_at IS NULL AND password_hash IS NOT NULL) AS "left!""#
    );
    if left.fetch_one(connection).await? {
        Ok(())
    } else {
        Err(Error::Conflict("this is the last admin: make somebody else an admin first".into()))
    }
}
