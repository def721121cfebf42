//! The second wall: what raw SQL sees as the application's role. The tables are read off the database, so that a new one without
//! a policy fails.

use sqlx::{AssertSqlSafe, PgPool, Row as _, postgres::PgRow};
use uuid::Uuid;

use crate::support::database::test_database;

/// Tables that are nobody's, and why nothing of anybody is in them.
const NOBODYS: [(&str, &str); 5] = [
    ("_sqlx_migrations", "the record of migrations, which the application cannot read"),
    ("appliance", "settings for all"),
    ("jobs", "work on nobody's behalf: ids of models"),
    ("limit_counts", "counts"),
    ("packs", "lenses and symbols that the operator added for all"),
];
/// Tables whose rows are told or read on nobody's behalf alone: as a person the application sees none of them.
const CLOSED: [&str; 3] = ["audit", "ceremonies", "one_time_codes"];

const ONE: Uuid = Uuid::from_u128(0xa1);
const OTHER: Uuid = Uuid::from_u128(0xb2);

/// A row in every table that has an owner, for one person. A new table has no row here and fails in [`tables`]'s test.
fn rows_of(owner: Uuid) -> Vec<String> {
    let dream = Uuid::from_u128(owner.as_u128() + 0x1000);
    let mut rows = vec![
        format!("INSERT INTO users (id) VALUES ('{owner}')"),
        format!(
            "INSERT INTO dreams (id, owner_id, text, text_sha256, language) VALUES ('{dream}', '{owner}', 'x', sha256('{owner}'::text::bytea), 'en')"
        ),
        format!("INSERT INTO interpretations VALUES ('{dream}', 'folk', 'en', 'm', '1', '{{}}', now(), '{owner}')"),
        format!(
            "INSERT INTO sessions (id, owner_id, token_sha256, expires_at) VALUES ('{owner}', '{owner}', sha256('{owner}'::text::bytea), now())"
        ),
        format!(
            "INSERT INTO api_keys (id, owner_id, name, prefix, key_sha256, scopes) VALUES ('{owner}', '{owner}', 'n', 'p', sha256('{owner}'::text::bytea), '{{}}')"
        ),
    ];
    let codes = format!("sha256('{owner}'::text::bytea)");
    rows.extend([
        format!("INSERT INTO authenticators (owner_id, secret_sealed) VALUES ('{owner}', 'x')"),
        format!("INSERT INTO recovery_codes (owner_id, code_sha256) VALUES ('{owner}', {codes})"),
        format!(
            "INSERT INTO passkeys (id, owner_id, credential_id, fixed_state, moving_state, name) VALUES ('{owner}', '{owner}', {codes}, 'x', 'x', 'n')"
        ),
        format!("INSERT INTO identities (id, owner_id, issuer, subject) VALUES ('{owner}', '{owner}', 'i', '{owner}')"),
    ]);
    rows.extend([
        format!("INSERT INTO dream_symbols (dream_id, owner_id, symbol) VALUES ('{dream}', '{owner}', 'river')"),
        format!("INSERT INTO associations (dream_id, owner_id, symbol, note) VALUES ('{dream}', '{owner}', 'river', 'n')"),
        format!("INSERT INTO reading_opinions (dream_id, owner_id, lens, rating) VALUES ('{dream}', '{owner}', 'folk', 3)"),
        format!(
            "INSERT INTO dialog_turns (id, dream_id, owner_id, lens, question, answer, language, model)
            VALUES ('{owner}', '{dream}', '{owner}', 'folk', 'q', 'a', 'en', 'm')"
        ),
    ]);
    for dimension in [384, 512, 768, 1024, 1536] {
        rows.push(format!(
            "INSERT INTO dream_embeddings_{dimension} VALUES ('{dream}', '{owner}', 'm', array_fill(0.5::real, ARRAY[{dimension}])::vector::halfvec({dimension}))"
        ));
    }
    rows
}

async fn run(pool: &PgPool, statement: String) -> sqlx::Result<u64> {
    sqlx::query(AssertSqlSafe(statement)).execute(pool).await.map(|done| done.rows_affected())
}

/// What a statement does as the application, on behalf of somebody; then it is undone.
async fn as_person(pool: &PgPool, person: Option<Uuid>, statement: String) -> sqlx::Result<Vec<PgRow>> {
    let mut transaction = pool.begin().await?;
    if let Some(person) = person {
        sqlx::query(AssertSqlSafe(format!("SET LOCAL oneiros.user_id = '{person}'"))).execute(&mut *transaction).await?;
    }
    sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut *transaction).await
}

/// Every table, and the column that says whose a row is.
async fn tables(owner: &PgPool) -> Vec<(String, Option<String>)> {
    let tables = sqlx::query_as(
        "SELECT relname::text, (SELECT attname::text FROM pg_attribute WHERE attrelid = pg_class.oid AND NOT attisdropped
            AND (attname = 'owner_id' OR (relname = 'users' AND attname = 'id')))
        FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace ORDER BY relname",
    );
    tables.fetch_all(owner).await.unwrap()
}

#[tokio::test]
async fn as_one_person_nobody_elses_row_can_be_seen_or_touched_in_any_table() {
    let database = test_database().await;
    for statement in [ONE, OTHER].into_iter().flat_map(rows_of) {
        run(&database.owner_pool, statement).await.unwrap();
    }
    let mut owned = 0;
    for (table, column) in tables(&database.owner_pool).await {
        if NOBODYS.iter().any(|(name, _)| *name == table) {
            continue;
        }
        let guarded: bool = sqlx::query_scalar("SELECT relrowsecurity FROM pg_class WHERE oid = $1::text::regclass")
            .bind(&table)
            .fetch_one(&database.owner_pool)
            .await
            .unwrap();
        assert!(guarded, "{table} has no row-level security: give it a policy, or say in NOBODYS why nobody's data is in it");
        if CLOSED.contains(&table.as_str()) {
            let seen = as_person(&database.pool, Some(ONE), format!("SELECT * FROM {table}")).await.unwrap();
            assert!(seen.is_empty(), "{table}");
            continue;
        }
        let column = column.unwrap_or_else(|| panic!("{table} does not say whose its rows are"));
        owned += 1;
        let all: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE {column} IN ('{ONE}', '{OTHER}')")))
            .fetch_one(&database.owner_pool)
            .await
            .unwrap();
        assert_eq!(all, 2, "{table} has a row of each: add one to rows_of");
        let whose = |rows: Vec<PgRow>| rows.iter().map(|row| row.get::<Uuid, _>(0)).collect::<Vec<_>>();
        let seen = |person| as_person(&database.pool, person, format!("SELECT {column} FROM {table}"));
        assert_eq!(whose(seen(Some(ONE)).await.unwrap()), [ONE], "{table}");
        assert_eq!(whose(seen(Some(OTHER)).await.unwrap()), [OTHER], "{table}");
        assert!(seen(None).await.unwrap().is_empty(), "{table}: on nobody's behalf nothing is seen");
        let deleted =
            as_person(&database.pool, Some(ONE), format!("DELETE FROM {table} WHERE {column} = '{OTHER}' RETURNING {column}")).await;
        assert!(deleted.is_ok_and(|rows| rows.is_empty()), "{table}: a row of another was deleted");
        if table != "users" {
            let taken = format!("UPDATE {table} SET {column} = '{ONE}' WHERE {column} = '{OTHER}' RETURNING {column}");
            assert!(as_person(&database.pool, Some(ONE), taken).await.is_ok_and(|rows| rows.is_empty()), "{table}");
            let given = format!("UPDATE {table} SET {column} = '{OTHER}' WHERE {column} = '{ONE}' RETURNING {column}");
            assert!(as_person(&database.pool, Some(ONE), given).await.is_err(), "{table}: a row was given away");
        }
    }
    assert!(owned >= 10, "{owned} tables were looked at");
}

#[tokio::test]
async fn the_application_makes_nobody_an_admin_as_a_person_and_changes_no_audit() {
    let database = test_database().await;
    for statement in rows_of(ONE) {
        run(&database.owner_pool, statement).await.unwrap();
    }
    for statement in [
        "UPDATE users SET role = 'admin'",
        "UPDATE users SET suspended_at = NULL",
        "INSERT INTO users (id) VALUES (gen_random_uuid())",
        "UPDATE appliance SET registration = 'open'",
        "DELETE FROM audit",
        "UPDATE audit SET action = 'x'",
        "SELECT * FROM _sqlx_migrations",
    ] {
        let refused = as_person(&database.pool, Some(ONE), statement.into()).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {refused}");
    }
    // Not even on nobody's behalf.
    for statement in ["DELETE FROM audit", "UPDATE audit SET action = 'x'", "TRUNCATE audit"] {
        let mut transaction = database.pool.begin().await.unwrap();
        sqlx::query("SET LOCAL ROLE oneiros_job").execute(&mut *transaction).await.unwrap();
        assert!(sqlx::query(AssertSqlSafe(statement)).execute(&mut *transaction).await.is_err(), "{statement}");
    }
}

#[tokio::test]
async fn a_transaction_on_somebodys_behalf_leaves_nothing_behind_on_its_connection() {
    let database = test_database().await;
    for statement in rows_of(ONE) {
        run(&database.owner_pool, statement).await.unwrap();
    }
    let rows = oneiros::db::Rows::new(database.pool.clone());
    for _ in 0..20 {
        let mut own = rows.begin(oneiros::db::Whose::Of(ONE)).await.unwrap();
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM dreams").fetch_one(&mut *own).await.unwrap();
        assert_eq!(seen, 1);
        own.commit().await.unwrap();
        let mut everyones = rows.begin(oneiros::db::Whose::Everyones).await.unwrap();
        let all: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut *everyones).await.unwrap();
        assert_eq!(all, 2, "the person at this machine, too");
        drop(everyones);
        let left: (i64, String) =
            sqlx::query_as("SELECT (SELECT count(*) FROM dreams), current_user::text").fetch_one(&database.pool).await.unwrap();
        assert_eq!(left, (0, "oneiros_app".into()));
    }
}

#[tokio::test]
async fn a_request_that_is_dropped_while_it_begins_leaves_nobody_elses_rights_behind() {
    let database = test_database().await;
    for statement in rows_of(ONE) {
        run(&database.owner_pool, statement).await.unwrap();
    }
    let options = (*database.pool.connect_options()).clone();
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let rows = oneiros::db::Rows::new(pool.clone());
    for whose in [oneiros::db::Whose::Everyones, oneiros::db::Whose::Of(ONE)].into_iter().cycle().take(40) {
        let mut beginning = Box::pin(rows.begin(whose));
        // Asked of the database, and dropped before it has answered.
        for _ in 0..3 {
            if futures_util::poll!(&mut beginning).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(beginning);
        let left: (i64, String, Option<String>) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM dreams), current_user::text, nullif(current_setting('oneiros.user_id', true), '')",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(left, (0, "oneiros_app".into(), None), "after {whose:?}");
    }
}
