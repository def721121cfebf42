//! What the application may do in its own database.

use oneiros::error::Error;

use crate::support::database::test_database;

#[tokio::test]
async fn the_application_owns_nothing_and_is_bound_by_row_level_security() {
    let database = test_database().await;
    let (role, superuser, bypasses, creates): (String, bool, bool, bool) = sqlx::query_as(
        "SELECT rolname::text, rolsuper, rolbypassrls, rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert_eq!((role.as_str(), superuser, bypasses, creates), ("oneiros_app", false, false, false));
    let owned: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_class JOIN pg_roles ON relowner = pg_roles.oid WHERE rolname = current_user")
            .fetch_one(&database.pool)
            .await
            .unwrap();
    assert_eq!(owned, 0);
}

#[tokio::test]
async fn the_application_cannot_change_the_schema_or_the_record_of_migrations() {
    let database = test_database().await;
    for statement in [
        "CREATE TABLE mine (id int)",
        "DROP TABLE dreams",
        "TRUNCATE dreams",
        "ALTER TABLE dreams DISABLE TRIGGER ALL",
        "CREATE SCHEMA mine",
        "DELETE FROM _sqlx_migrations",
        "SET ROLE oneiros_owner",
        "COPY dreams TO PROGRAM 'cat'",
    ] {
        let error = sqlx::raw_sql(statement).execute(&database.pool).await.expect_err(statement);
        assert_eq!(error.as_database_error().and_then(|error| error.code()).as_deref(), Some("42501"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_full_disk_is_told_from_other_failures() {
    let database = test_database().await;
    let raise = |code: &str| {
        let text = format!("DO $$ BEGIN RAISE EXCEPTION 'made by a test' USING ERRCODE = '{code}'; END $$");
        let pool = database.pool.clone();
        async move { Error::from(sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&pool).await.unwrap_err()) }
    };
    assert!(matches!(raise("53100").await, Error::StorageFull));
    assert!(matches!(raise("57P01").await, Error::Unavailable { .. }));
    assert!(matches!(raise("08006").await, Error::Unavailable { .. }));
    assert!(matches!(raise("22012").await, Error::Internal(_)));
}
