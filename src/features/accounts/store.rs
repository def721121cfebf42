//! The feature's SQL.

mod apps;
mod audit;
mod ceremonies;
mod codes;
mod identities;
mod limits;
mod news;
mod passkeys;
mod people;
mod personal;
mod second_factor;
mod ways_in;

use sqlx::PgPool;

use self::audit::tell;
use super::{Registration, Role, Scope, Settings, SettingsChange, Standing, UserId, audit::Entry};
use crate::db::{Rows, Whose};
use crate::error::{Error, Result};

pub use self::apps::NewAppSession;
pub use self::audit::tell as tell_audit;
pub use self::ceremonies::CeremonyKind;
pub use self::codes::{NewInvitation, NewPerson};
pub use self::identities::NewIdentity;
pub use self::passkeys::MadePasskey;
pub use self::people::UserFilter;
pub use self::ways_in::{NewSession, Proof};

/// Where word of changes goes.
const CHANNEL: &str = "oneiros_accounts";
/// That the appliance's own row changed; anything else is the id of a person of whom something ended.
const APPLIANCE: &str = "appliance";

/// Accounts in the database.
#[derive(Clone)]
pub struct AccountStore {
    rows: Rows,
}

impl AccountStore {
    pub fn new(pool: PgPool) -> Self {
        Self { rows: Rows::new(pool) }
    }

    pub async fn standing(&self) -> Result<Standing> {
        let row = sqlx::query!(
            r#"SELECT claimed_at IS NOT NULL AS "claimed!", host_name, registration, daily_readings, second_factor_roles FROM appliance"#
        )
        .fetch_one(self.rows.pool())
        .await?;
        Ok(Standing {
            claimed: row.claimed,
            host_name: row.host_name,
            registration: registration(&row.registration),
            daily_readings: row.daily_readings.map(i32::unsigned_abs),
            second_factor_roles: roles(&row.second_factor_roles),
        })
    }

    /// Changes what is said and tells every server.
    pub async fn change_settings(&self, change: &SettingsChange, told: &Entry) -> Result<Settings> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let daily = change.daily_readings.map(|most| most.map(|most| i32::try_from(most).unwrap_or(i32::MAX)));
        let second_factor_roles =
            change.second_factor_roles.as_ref().map(|roles| roles.iter().map(|role| role.name().to_owned()).collect::<Vec<_>>());
        let row = sqlx::query!(
            "UPDATE appliance SET registration = coalesce($1, registration),
                host_name = CASE WHEN $2 THEN $3 ELSE host_name END,
                daily_readings = CASE WHEN $4 THEN $5 ELSE daily_readings END,
                second_factor_roles = coalesce($6, second_factor_roles)
            RETURNING registration, host_name, daily_readings, second_factor_roles",
            change.registration.map(Registration::name),
            change.host_name.is_some(),
            change.host_name.clone().flatten(),
            daily.is_some(),
            daily.flatten(),
            second_factor_roles.as_deref(),
        )
        .fetch_one(&mut *everyones)
        .await?;
        tell(&mut everyones, told).await?;
        sqlx::query!("SELECT pg_notify($1, $2)", CHANNEL, APPLIANCE).execute(&mut *everyones).await?;
        everyones.commit().await?;
        Ok(Settings {
            registration: registration(&row.registration),
            host_name: row.host_name,
            daily_readings: row.daily_readings.map(i32::unsigned_abs),
            second_factor_roles: roles(&row.second_factor_roles),
        })
    }

    /// Notes something by itself.
    pub async fn tell(&self, entry: &Entry) -> Result<()> {
        let mut connection = self.rows.pool().acquire().await?;
        tell(&mut connection, entry).await
    }
}

/// Says that something of this person's ended, once the transaction is whole.
async fn end(connection: &mut sqlx::PgConnection, user: UserId) -> Result<()> {
    sqlx::query!("SELECT pg_notify($1, $2)", CHANNEL, user.0.to_string()).execute(connection).await?;
    Ok(())
}

fn registration(name: &str) -> Registration {
    if name == Registration::Open.name() { Registration::Open } else { Registration::Closed }
}

/// The column has a check, so that it holds no other.
fn role(name: &str) -> Role {
    Role::named(name).unwrap_or(Role::User)
}

/// Those that are known.
fn roles(names: &[String]) -> Vec<Role> {
    names.iter().filter_map(|name| Role::named(name)).collect()
}

/// Those of a former version are left out.
fn scopes(names: &[String]) -> Vec<Scope> {
    names.iter().filter_map(|name| Scope::named(name)).collect()
}

/// What a unique index says of a name or an address.
fn taken(error: sqlx::Error) -> Error {
    let constraint = error.as_database_error().and_then(|error| error.constraint()).unwrap_or_default();
    match constraint {
        "users_name_key_key" => Error::Conflict("name: somebody here has this name, or one that looks like it: choose another".into()),
        "users_email_key_key" => Error::Conflict("email: somebody here has this address: give another, or none".into()),
        _ => error.into(),
    }
}
