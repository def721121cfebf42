//! The operator's own PostgreSQL, named by `DATABASE_URL`.

use anyhow::{Context, bail};
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::roles::Membership;
use super::{pool_options, roles, schema};

/// The first major version in which a role that may create roles can grant itself the one it made (`GRANT … WITH SET`),
/// which the application's role rests on.
const OLDEST_MAJOR: i32 = 16;

/// Migrates as the role of `url` and opens a pool that works as the application's role.
pub async fn open(url: &str, app_url: Option<&str>) -> anyhow::Result<PgPool> {
    let owner: PgConnectOptions = url.parse().context("DATABASE_URL is not a PostgreSQL address")?;
    let mut connection = owner.connect().await.context("the database of DATABASE_URL takes no connection")?;
    verify_version(&mut connection).await?;
    roles::create_application(&mut connection).await?;
    schema::migrate(&owner).await?;

    let pool = match app_url {
        Some(app_url) => {
            let login: PgConnectOptions = app_url.parse().context("the application's database address is not a PostgreSQL address")?;
            roles::grant_application(&mut connection, login.get_username(), Membership::Inherited).await?;
            pool_options().connect_with(login).await
        }
        None => {
            let login = sqlx::query_scalar!(r#"SELECT session_user::text AS "login!""#).fetch_one(&mut connection).await?;
            roles::grant_application(&mut connection, &login, Membership::BySetRole).await?;
            let pool = pool_options().after_connect(|connection, _| {
                Box::pin(async move { sqlx::raw_sql("SET ROLE oneiros_app").execute(connection).await.map(drop) })
            });
            pool.connect_with(owner).await
        }
    };
    let pool = pool.context("the database takes no connection of the application")?;
    connection.close().await?;
    roles::verify_application(&pool).await?;
    Ok(pool)
}

async fn verify_version(connection: &mut PgConnection) -> anyhow::Result<()> {
    let number = sqlx::query_scalar!(r#"SELECT current_setting('server_version_num')::int AS "number!""#).fetch_one(connection).await?;
    let major = number / 10_000;
    if major < OLDEST_MAJOR {
        bail!(
            "PostgreSQL {major} is too old: {OLDEST_MAJOR} or later is needed, since earlier ones cannot grant a role for SET ROLE alone"
        );
    }
    Ok(())
}
