//! The operator's own database, named by `DATABASE_URL`.

use oneiros::db::{Database, DatabaseSource, Rows, ThrowawayCluster, Whose};
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool};

use crate::support::database::binaries;

/// A cluster as an operator may have it: none of our roles, a database `dreams` of the role `operator`.
async fn operators_cluster(preparation: &'static str) -> ThrowawayCluster {
    let cluster = ThrowawayCluster::start(&binaries()).await.unwrap();
    administer(&cluster, "postgres", "DROP DATABASE oneiros").await;
    administer(
        &cluster,
        "postgres",
        "DROP ROLE oneiros_app; DROP ROLE oneiros_owner; DROP ROLE oneiros_job; CREATE ROLE operator LOGIN CREATEROLE",
    )
    .await;
    administer(&cluster, "postgres", "CREATE DATABASE dreams OWNER operator").await;
    administer(&cluster, "dreams", preparation).await;
    cluster
}

async fn administer(cluster: &ThrowawayCluster, database: &str, statement: &'static str) {
    let mut connection = cluster.cluster().connect_options("postgres", database).connect().await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
}

async fn open(cluster: &ThrowawayCluster, owner: &str, app: Option<&str>) -> anyhow::Result<Database> {
    let url = |role: &str| cluster.cluster().url(role, "dreams");
    Database::open(DatabaseSource::External { url: url(owner), app_url: app.map(url) }).await
}

async fn users(pool: &PgPool) -> (String, String) {
    sqlx::query_as("SELECT session_user::text, current_user::text").fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn an_operator_without_superuser_gets_a_working_database() {
    let cluster = operators_cluster("CREATE EXTENSION vector").await;
    let database = open(&cluster, "operator", None).await.unwrap();
    assert_eq!(users(database.pool()).await, ("operator".into(), "oneiros_app".into()));
    assert_eq!(serde_json::to_value(database.status().await.unwrap()).unwrap()["kind"], "external");
    database.close().await.unwrap();
    // Again, now that all is there.
    open(&cluster, "operator", None).await.unwrap().close().await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn the_application_can_have_a_login_of_its_own() {
    let cluster = operators_cluster("CREATE EXTENSION vector; CREATE ROLE web LOGIN").await;
    let database = open(&cluster, "postgres", Some("web")).await.unwrap();
    assert_eq!(users(database.pool()).await, ("web".into(), "web".into()));
    let appliances: i64 = sqlx::query_scalar("SELECT count(*) FROM appliance").fetch_one(database.pool()).await.unwrap();
    assert_eq!(appliances, 1);
    // Nobody in particular sees nobody; for work on nobody's behalf it takes the other role.
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(database.pool()).await.unwrap();
    let mut everyones = Rows::new(database.pool().clone()).begin(Whose::Everyones).await.unwrap();
    let all: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut *everyones).await.unwrap();
    assert_eq!((users, all), (0, 1));
    drop(everyones);
    database.close().await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_login_that_row_level_security_does_not_bind_is_refused() {
    let cluster = operators_cluster("CREATE EXTENSION vector; CREATE ROLE web LOGIN BYPASSRLS").await;
    let error = open(&cluster, "postgres", Some("web")).await.err().unwrap().to_string();
    assert!(error.contains("web") && error.contains("BYPASSRLS"), "{error}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_missing_extension_says_who_can_make_it() {
    let cluster = operators_cluster("SELECT 1").await;
    let error = open(&cluster, "operator", None).await.err().unwrap().to_string();
    assert!(error.contains("CREATE EXTENSION vector"), "{error}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn an_old_pgvector_is_refused() {
    let cluster = operators_cluster("CREATE EXTENSION vector").await;
    let mut connection = cluster.cluster().connect_options("postgres", "dreams").connect().await.unwrap();
    let old = "UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'";
    sqlx::raw_sql(AssertSqlSafe(old)).execute(&mut connection).await.unwrap();
    let error = open(&cluster, "operator", None).await.err().unwrap().to_string();
    assert!(error.contains("0.7.4") && error.contains("0.8.0"), "{error}");
    cluster.stop().await.unwrap();
}
