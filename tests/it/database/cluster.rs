//! The private cluster through crashes of everything around it.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oneiros::db::{ClusterSettings, DATABASE_NAME, Database, OWNER_ROLE, PrivateCluster, SUPERUSER_ROLE, unprivileged_when_root};
use oneiros::error::Error;
use sqlx::ConnectOptions;

use super::process::{Process, kill, lives, wait_for_end};
use crate::support::database::binaries;

const DATA: &str = "ONEIROS_TEST_CLUSTER";

/// A folder that PostgreSQL's user may pass through.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

fn settings(data: &Path) -> ClusterSettings {
    ClusterSettings { run_as: unprivileged_when_root(), durable: false, ..ClusterSettings::new(binaries(), data) }
}

async fn start(data: &Path) -> anyhow::Result<PrivateCluster> {
    PrivateCluster::start(settings(data)).await
}

async fn ask(cluster: &PrivateCluster, question: &'static str) -> String {
    let mut connection = cluster.connect_options(SUPERUSER_ROLE, DATABASE_NAME).connect().await.unwrap();
    sqlx::query_scalar::<_, String>(question).fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn a_new_cluster_is_reachable_through_its_socket_alone() {
    let folder = folder();
    let data = folder.path().join("postgresql");
    let cluster = start(&data).await.unwrap();
    assert_eq!(ask(&cluster, "SHOW listen_addresses").await, "");
    assert_eq!(ask(&cluster, "SHOW data_checksums").await, "on");
    assert_eq!(ask(&cluster, "SHOW server_encoding").await, "UTF8");
    assert_eq!(ask(&cluster, "SELECT datlocale FROM pg_database WHERE datname = 'oneiros'").await, "C.UTF-8");
    for private in [&data, &cluster.socket_directory().to_owned(), &data.join("cluster")] {
        assert_eq!(private.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{}", private.display());
    }
    let pid = cluster.postmaster_pid().unwrap();
    cluster.stop().await.unwrap();
    assert!(!lives(pid));
}

#[test]
#[ignore = "another process for the tests beside it"]
fn process_that_holds_a_cluster() {
    let Some(data) = std::env::var_os(DATA) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let database = Database::on_cluster(start(Path::new(&data)).await.unwrap()).await.unwrap();
        println!("postmaster {}", database.cluster().unwrap().postmaster_pid().unwrap());
        std::future::pending::<()>().await;
    });
}

fn process_with_cluster(data: &Path) -> (Process, u32) {
    let mut process = Process::start("database::cluster::process_that_holds_a_cluster", DATA, data);
    let pid = process.line("postmaster ").parse().unwrap();
    (process, pid)
}

#[tokio::test]
async fn after_a_killed_server_the_next_one_adopts_its_postgres() {
    let folder = folder();
    let data = folder.path().join("postgresql");
    let (process, pid) = process_with_cluster(&data);
    process.kill();
    assert!(lives(pid));
    let cluster = start(&data).await.unwrap();
    assert_eq!(cluster.postmaster_pid(), Some(pid));
    let database = Database::on_cluster(cluster).await.unwrap();
    assert!(database.healthy().await);
    database.close().await.unwrap();
    wait_for_end(pid);
}

#[tokio::test]
async fn an_adopted_postgres_is_supervised_too() {
    let folder = folder();
    let data = folder.path().join("postgresql");
    let (process, pid) = process_with_cluster(&data);
    process.kill();
    let database = Database::on_cluster(start(&data).await.unwrap()).await.unwrap();
    kill(pid);
    recovers(&database).await;
    assert_ne!(database.cluster().unwrap().postmaster_pid(), Some(pid));
    database.close().await.unwrap();
}

#[tokio::test]
async fn server_and_postgres_both_killed_leave_a_stale_pid_file_behind() {
    let folder = folder();
    let data = folder.path().join("postgresql");
    let (process, pid) = process_with_cluster(&data);
    process.kill();
    kill(pid);
    wait_for_end(pid);
    assert!(data.join("cluster/postmaster.pid").exists());
    start(&data).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_pid_file_whose_number_went_to_another_program_is_no_obstacle() {
    let folder = folder();
    let data = folder.path().join("postgresql");
    start(&data).await.unwrap().stop().await.unwrap();
    let mut sleep = std::process::Command::new("sleep");
    if let Some((user, group)) = unprivileged_when_root() {
        sleep.uid(user).gid(group);
    }
    let mut sleep = sleep.arg("60").spawn().unwrap();
    let pid_file = data.join("cluster/postmaster.pid");
    std::fs::write(&pid_file, format!("{}\n{}\n", sleep.id(), data.join("cluster").display())).unwrap();
    let cluster = start(&data).await;
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    cluster.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_initdb_is_no_obstacle() {
    let folder = folder();
    let data = folder.path().join("postgresql");
    std::fs::create_dir_all(data.join("cluster.unfinished/base")).unwrap();
    if let Some((user, group)) = unprivileged_when_root() {
        std::os::unix::fs::chown(&data, Some(user), Some(group)).unwrap();
    }
    start(&data).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn data_of_another_major_version_is_refused_with_what_to_do() {
    let folder = folder();
    let data = folder.path().join("postgresql");
    start(&data).await.unwrap().stop().await.unwrap();
    std::fs::write(data.join("cluster/PG_VERSION"), "17\n").unwrap();
    let error = start(&data).await.err().unwrap().to_string();
    assert!(error.contains("PostgreSQL 17") && error.contains("PostgreSQL 18") && error.contains("pg_dump"), "{error}");
}

#[tokio::test]
async fn a_state_directory_deeper_than_a_socket_path_may_be_works() {
    let folder = folder();
    let data = folder.path().join("a".repeat(60)).join("b".repeat(60)).join("postgresql");
    let cluster = start(&data).await.unwrap();
    let socket = cluster.socket_directory().to_owned();
    assert!(!socket.starts_with(&data));
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(ask(&cluster, "SELECT 'an answer'").await, "an answer");
    cluster.stop().await.unwrap();
    std::fs::remove_dir(socket).unwrap();
}

#[tokio::test]
async fn another_users_data_is_refused_by_name() {
    if unprivileged_when_root().is_none() {
        return; // Only root can make a folder of another user's.
    }
    let folder = folder();
    let data = folder.path().join("postgresql");
    std::fs::create_dir(&data).unwrap();
    let error = start(&data).await.err().unwrap().to_string();
    assert!(error.contains("belongs to user 0") && error.contains("65534"), "{error}");
}

#[tokio::test]
async fn root_is_refused_in_one_sentence() {
    if unprivileged_when_root().is_none() {
        return;
    }
    let folder = folder();
    let error = PrivateCluster::start(ClusterSettings::new(binaries(), folder.path())).await.err().unwrap().to_string();
    assert_eq!(error, "PostgreSQL refuses to run as root: start oneiros as an ordinary user");
}

/// Waits until the database answers again, through failures that are "not available" and nothing else.
async fn recovers(database: &Database) -> Duration {
    let since = Instant::now();
    loop {
        match sqlx::query("SELECT 1").execute(database.pool()).await {
            Ok(_) => return since.elapsed(),
            Err(error) => {
                let error = Error::from(error);
                assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
            }
        }
        assert!(since.elapsed() < Duration::from_secs(30), "the database does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_killed_postgres_comes_back_and_the_pool_with_it() {
    let folder = folder();
    let database = Database::on_cluster(start(&folder.path().join("postgresql")).await.unwrap()).await.unwrap();
    for _ in 0..3 {
        let pid = database.cluster().unwrap().postmaster_pid().unwrap();
        kill(pid);
        wait_for_end(pid);
        let took = recovers(&database).await;
        assert!(took < Duration::from_secs(15), "{took:?}");
    }
    database.close().await.unwrap();
}

#[tokio::test]
async fn two_servers_share_a_cluster_until_the_last_one_leaves() {
    let folder = folder();
    let data = folder.path().join("postgresql");
    let (first, second) = tokio::join!(start(&data), start(&data));
    let (first, second) = (first.unwrap(), second.unwrap());
    let (first, second) = tokio::join!(Database::on_cluster(first), Database::on_cluster(second));
    let (first, second) = (first.unwrap(), second.unwrap());
    let pid = first.cluster().unwrap().postmaster_pid().unwrap();
    first.close().await.unwrap();
    assert!(second.healthy().await);
    second.close().await.unwrap();
    assert!(!lives(pid));
}

#[tokio::test]
async fn the_status_names_versions_and_size() {
    let folder = folder();
    let database = Database::on_cluster(start(&folder.path().join("postgresql")).await.unwrap()).await.unwrap();
    let status = database.status().await.unwrap();
    assert!(status.version.starts_with("18."), "{status:?}");
    assert!(status.pgvector.starts_with("0."), "{status:?}");
    assert!(status.size_bytes > 1 << 20, "{status:?}");
    assert_eq!(serde_json::to_value(&status).unwrap()["kind"], "private");
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_newer_server_is_left_alone() {
    let folder = folder();
    let data = folder.path().join("postgresql");
    Database::on_cluster(start(&data).await.unwrap()).await.unwrap().close().await.unwrap();
    let cluster = start(&data).await.unwrap();
    let mut owner = cluster.connect_options(OWNER_ROLE, DATABASE_NAME).connect().await.unwrap();
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'newer', true, '', 0)";
    sqlx::query(newer).execute(&mut owner).await.unwrap();
    drop(owner);
    let error = Database::on_cluster(cluster).await.err().unwrap().to_string();
    assert!(error.contains("newer oneiros") && error.contains("9999"), "{error}");
    // It was stopped, too.
    assert!(!PathBuf::from(&data).join("cluster/postmaster.pid").exists());
}
