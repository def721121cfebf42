//! `oneiros database exec`.

use std::path::Path;

use clap::Parser;
use oneiros::cli::database::{DatabaseArguments, run};

use crate::support::database::binaries;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    database: DatabaseArguments,
}

/// The exit code as text; `ExitCode` cannot be compared.
fn exec(arguments: &[&str]) -> anyhow::Result<String> {
    let arguments = CommandLine::parse_from(["database", "exec"].iter().chain(arguments)).database;
    run(arguments, &binaries(), Path::new("/nonexistent")).map(|code| format!("{code:?}"))
}

#[test]
fn a_command_gets_a_migrated_database_and_its_exit_code_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("url");
    let script = format!("printf %s \"$DATABASE_URL\" >{}; exit 7", seen.display());
    let code = exec(&["--", "sh", "-c", &script]).unwrap();
    assert!(code.contains('7'), "{code}");
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
    let error = exec(&["--migrations", folder.path().to_str().unwrap(), "--", "touch", ran.to_str().unwrap()]).unwrap_err();
    assert!(format!("{error:#}").contains("syntax error"), "{error:#}");
    assert!(!ran.exists());
}
