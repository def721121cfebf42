//! A server that cannot start says in one sentence why.

use std::{fs, net::TcpListener, path::Path};

use crate::support::{
    command_line::{Ended, finish, oneiros},
    server::Launch,
    state::{ARTEFACTS, StateDirectory, pulled},
    turn,
};

async fn serve(state: &Path, arguments: &[&str]) -> Ended {
    let mut command = oneiros(&[]);
    command.args(["serve", "--profile", "starter", "--sealed", "--state-dir"]).arg(state).args(arguments);
    finish(command, b"").await
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let _turn = turn::together().await;
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("address").to_string();
    let state = StateDirectory::with_models();
    serve(state.path(), &["--listen", &address]).await.refused(&address);
}

#[tokio::test]
async fn a_state_directory_that_cannot_be_written_is_named() {
    let _turn = turn::together().await;
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").expect("file");
    let below = file.join("state");
    serve(&below, &["--listen", "127.0.0.1:0"]).await.refused(&below.to_string_lossy());
    serve(Path::new("/proc/oneiros"), &["--listen", "127.0.0.1:0"]).await.refused("/proc/oneiros");
}

#[tokio::test]
async fn a_full_disk_is_told() {
    let _turn = turn::together().await;
    let state = StateDirectory::empty();
    // A file system of 8 MB in which only the models, which lie elsewhere, find room.
    let script = format!(
        "mount -t tmpfs -o size=8m,mode=755 tmpfs \"$STATE\" && mkdir \"$STATE/{ARTEFACTS}\" && \
         mount --bind \"$PULLED/{ARTEFACTS}\" \"$STATE/{ARTEFACTS}\" || exit 99; exec \"$@\""
    );
    let mut command = oneiros(&["unshare", "--mount", "sh", "-c", &script, "sh"]);
    command.env("STATE", state.path()).env("PULLED", pulled());
    command.args(["serve", "--listen", "127.0.0.1:0", "--profile", "starter", "--sealed", "--state-dir"]).arg(state.path());
    let ended = finish(command, b"").await;
    if ended.status.code() == Some(99) || ended.stderr.contains("unshare") {
        eprintln!("not tried: only root may mount a small file system");
        return;
    }
    ended.refused("");
    let said = ended.stderr.to_lowercase();
    assert!(said.contains("disk is full") || said.contains("space"), "{said}");
}

#[tokio::test]
async fn listening_beyond_this_machine_is_refused() {
    let _turn = turn::together().await;
    let state = StateDirectory::empty();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8420"] {
        serve(state.path(), &["--listen", address]).await.refused("loopback");
    }
    serve(state.path(), &["--listen", "localhost"]).await.refused("localhost");
}

#[tokio::test]
async fn an_unknown_setting_is_named() {
    let _turn = turn::together().await;
    let state = StateDirectory::empty();
    let file = state.path().join("oneiros.toml");
    fs::write(&file, "[server]\nlisten_port = 1\n").expect("file");
    let ended = serve(state.path(), &["--config", file.to_str().expect("UTF-8")]).await;
    assert!(!ended.status.success() && ended.stderr.contains("listen_port"), "{}: {}", ended.status, ended.stderr);
    fs::write(&file, "[models]\nprofile = \"mainframe\"\n").expect("file");
    let mut command = oneiros(&[]);
    command.args(["serve", "--sealed", "--listen", "127.0.0.1:0", "--config"]).arg(&file).arg("--state-dir").arg(state.path());
    finish(command, b"").await.refused("mainframe");
    let mut command = oneiros(&[]);
    command.args(["serve", "--config", "/nonexistent/oneiros.toml"]);
    finish(command, b"").await.refused("/nonexistent/oneiros.toml");
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_told_without_its_password() {
    let _turn = turn::together().await;
    let state = StateDirectory::with_models();
    let environment = [("DATABASE_URL".to_owned(), "postgres://owner:kept-secret@127.0.0.1:9/oneiros".to_owned())];
    let command = Launch { environment: &environment, ..Launch::default() }.command(&state);
    let ended = finish(command, b"").await;
    ended.refused("database");
    assert!(!ended.stderr.contains("kept-secret") && !ended.stdout.contains("kept-secret"), "{}", ended.stderr);
}

#[tokio::test]
async fn two_servers_do_not_share_a_state_directory() {
    let server = crate::support::server::shared().await;
    let ended = finish(Launch::default().command(&server.state), b"").await;
    ended.refused("already");
    assert!(server.api().is_ready().await, "the first one goes on");
}
