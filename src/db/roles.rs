//! The database's roles: who owns the tables, and the application, which owns nothing.

use anyhow::{Context, bail};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

/// Superuser of a private cluster; only makes roles and the database.
pub const SUPERUSER_ROLE: &str = "postgres";
/// Owns the database and its tables in a private cluster; migrates.
pub const OWNER_ROLE: &str = "oneiros_owner";
/// What the application works as: no superuser, no BYPASSRLS, owns nothing.
pub const APP_ROLE: &str = "oneiros_app";

/// What the application becomes for one transaction where it works on nobody's behalf: row-level security shows it all rows.
pub const JOB_ROLE: &str = "oneiros_job";

/// "duplicate_object", and the unique violation that two sessions at once see instead.
const ALREADY_THERE: [&str; 2] = ["42710", "23505"];

/// Makes the application's roles unless they are there, with the rights they have everywhere: none but to log in, and
/// to work on nobody's behalf.
pub async fn create_application(connection: &mut PgConnection) -> anyhow::Result<()> {
    let application = "CREATE ROLE oneiros_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION";
    let job = "CREATE ROLE oneiros_job NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION";
    for (role, statement) in [(APP_ROLE, application), (JOB_ROLE, job)] {
        create(connection, role, statement).await.with_context(|| {
            format!("the role {role} could not be made: give the role of DATABASE_URL the right CREATEROLE, or make {role} yourself")
        })?;
    }
    grant_job(connection).await
}

/// Lets the application take the role of jobs, and have none of its rights before it does.
async fn grant_job(connection: &mut PgConnection) -> anyhow::Result<()> {
    let able = sqlx::query_scalar!(r#"SELECT pg_has_role('oneiros_app', 'oneiros_job', 'SET') AS "able!""#);
    if able.fetch_one(&mut *connection).await? {
        return Ok(());
    }
    sqlx::raw_sql("GRANT oneiros_job TO oneiros_app WITH INHERIT FALSE, SET TRUE")
        .execute(connection)
        .await
        .context("oneiros_app could not be made a member of oneiros_job: run `GRANT oneiros_job TO oneiros_app WITH INHERIT FALSE, SET TRUE` as an administrator")?;
    Ok(())
}

/// Makes the owner's role of a private cluster unless it is there.
pub async fn create_owner(connection: &mut PgConnection) -> anyhow::Result<()> {
    let statement = "CREATE ROLE oneiros_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION";
    create(connection, OWNER_ROLE, statement).await
}

async fn create(connection: &mut PgConnection, role: &str, statement: &'static str) -> anyhow::Result<()> {
    let exists = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS "exists!""#, role)
        .fetch_one(&mut *connection)
        .await?;
    if exists {
        return Ok(());
    }
    match sqlx::raw_sql(statement).execute(connection).await {
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| ALREADY_THERE.contains(&&*code)) => Ok(()),
        other => Ok(other.map(drop)?),
    }
}

/// How a login comes to the application's rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// It has them itself: a login of the application's own.
    Inherited,
    /// It takes them by `SET ROLE`: the owner's login.
    BySetRole,
}

/// Makes `login` a member of the application's role unless it is one already.
pub async fn grant_application(connection: &mut PgConnection, login: &str, membership: Membership) -> anyhow::Result<()> {
    let privilege = match membership {
        Membership::Inherited => "USAGE",
        Membership::BySetRole => "SET",
    };
    let member = sqlx::query_scalar!(r#"SELECT pg_has_role($1::text::name, 'oneiros_app', $2) AS "member!""#, login, privilege)
        .fetch_one(&mut *connection)
        .await
        .with_context(|| format!("PostgreSQL does not know the role {login}"))?;
    if member {
        return Ok(());
    }
    let grant =
        sqlx::query_scalar!(r#"SELECT format('GRANT oneiros_app TO %I', $1::text) AS "grant!""#, login).fetch_one(&mut *connection).await?;
    // Role names cannot be bound; PostgreSQL's own %I has quoted this one.
    sqlx::raw_sql(AssertSqlSafe(grant)).execute(connection).await.with_context(|| {
        format!("{login} could not be made a member of oneiros_app: run `GRANT oneiros_app TO {login}` as an administrator")
    })?;
    Ok(())
}

/// Refuses a role that row-level security would not bind.
pub async fn verify_application(pool: &PgPool) -> anyhow::Result<()> {
    let role = sqlx::query!(
        r#"SELECT rolname::text AS "name!", rolsuper AS "superuser!", rolbypassrls AS "bypasses!",
            EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid AND relkind IN ('r', 'p', 'v')) AS "owns!"
            FROM pg_roles WHERE rolname = current_user"#
    )
    .fetch_one(pool)
    .await
    .context("the application's role could not be examined")?;
    if role.superuser || role.bypasses || role.owns {
        bail!(
            "the database role {} is a superuser, has BYPASSRLS or owns tables, so nothing would keep users' data apart: \
             let the application use a role without these",
            role.name
        );
    }
    Ok(())
}
