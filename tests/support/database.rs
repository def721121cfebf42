//! A real PostgreSQL for tests: one throwaway cluster for the test process, one database of its own for each test,
//! cloned from a template that was migrated once.

use std::path::PathBuf;
use std::sync::{OnceLock, mpsc};

use oneiros::db::{APP_ROLE, DATABASE_NAME, OWNER_ROLE, SUPERUSER_ROLE, ThrowawayCluster, migrate};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use uuid::Uuid;

/// A database of one test's own; gone when it is dropped.
pub struct TestDatabase {
    /// The application's role, as the server uses it.
    pub pool: PgPool,
    /// The role that owns the tables, to arrange and examine.
    pub owner_pool: PgPool,
    pub name: String,
}

/// The process's cluster, which lives on a thread of its own: each test has a runtime that ends with it.
struct Server {
    superuser: PgConnectOptions,
    dropped: UnboundedSender<String>,
}

/// The folder with PostgreSQL's `bin/`, from the state directory that `ONEIROS_TEST_STATE` names.
pub fn binaries() -> PathBuf {
    let state = std::env::var_os("ONEIROS_TEST_STATE").expect("ONEIROS_TEST_STATE names a state directory; `make test` sets it");
    PathBuf::from(state).join("artefacts/postgresql-18/postgresql")
}

/// A new, empty, migrated database.
pub async fn test_database() -> TestDatabase {
    let server = server().await;
    let name = format!("test_{}", Uuid::now_v7().simple());
    administer(&server.superuser, format!("CREATE DATABASE {name} TEMPLATE {DATABASE_NAME} OWNER {OWNER_ROLE}")).await;
    let pool = |role: &str| {
        let options = server.superuser.clone().username(role).database(&name);
        PgPoolOptions::new().max_connections(8).connect_lazy_with(options)
    };
    TestDatabase { pool: pool(APP_ROLE), owner_pool: pool(OWNER_ROLE), name }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // The cluster's thread drops it; when the process ends first, the whole cluster goes.
        server_if_started().and_then(|server| server.dropped.send(self.name.clone()).ok());
    }
}

static SERVER: OnceLock<Server> = OnceLock::new();

fn server_if_started() -> Option<&'static Server> {
    SERVER.get()
}

async fn server() -> &'static Server {
    tokio::task::spawn_blocking(|| SERVER.get_or_init(start)).await.expect("the test cluster starts")
}

fn start() -> Server {
    let (ready, started) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        runtime.block_on(async move {
            let cluster = ThrowawayCluster::start(&binaries()).await.expect("PostgreSQL starts");
            migrate(&cluster.cluster().connect_options(OWNER_ROLE, DATABASE_NAME)).await.expect("the template is migrated");
            let superuser = cluster.cluster().connect_options(SUPERUSER_ROLE, "postgres");
            let (dropped, mut to_drop) = unbounded_channel::<String>();
            ready.send(Server { superuser: superuser.clone(), dropped }).expect("the test waits");
            while let Some(name) = to_drop.recv().await {
                administer(&superuser, format!("DROP DATABASE {name} WITH (FORCE)")).await;
            }
        });
    });
    started.recv().expect("the test cluster starts")
}

async fn administer(superuser: &PgConnectOptions, statement: String) {
    let mut connection = superuser.connect().await.expect("the superuser connects");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.expect("a test database is made or dropped");
}
