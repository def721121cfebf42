//! `oneiros database exec`.

use std::{path::Path, process::Output};

/// Runs the real executable on the state directory that holds PostgreSQL.
fn exec(arguments: &[&str]) -> Output {
    let state = std::env::var_os("ONEIROS_TEST_STATE").expect("ONEIROS_TEST_STATE names a state directory; `make test` sets it");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_oneiros"));
    command.args(["database", "exec", "--state-dir"]).arg(state).args(arguments);
    command.output().expect("the executable runs")
}

#[test]
fn a_command_gets_a_migrated_database_and_its_exit_code_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("url");
    let script = format!("printf %s \"$DATABASE_URL\" >{}; exit 7", seen.display());
    let output = exec(&["--", "sh", "-c", &script]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let url = std::fs::read_to_string(seen).unwrap();
    assert!(url.starts_with("postgres://oneiros_owner@%2F") && url.ends_with("/oneiros"), "{url}");
    let socket = url.split(['@', '/']).nth(3).unwrap().replace("%2F", "/").replace("%2D", "-");
    assert!(!Path::new(&socket).exists(), "{socket} was left behind");
}

#[test]
fn a_broken_migration_is_reported_and_the_command_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("0001_broken.sql"), "CREATE TABLE broken (").unwrap();
    let ran = folder.path().join("ran");
    let output = exec(&["--migrations", folder.path().to_str().unwrap(), "--", "touch", ran.to_str().unwrap()]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("syntax error"), "{error}");
    assert!(!ran.exists());
}
