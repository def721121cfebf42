//! `oneiros config`: what is in force, from where, and how a fault in the file is told.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::Value;

use crate::support::{
    command_line::{Ended, finish, oneiros},
    state::StateDirectory,
};

async fn config(arguments: &[&str], environment: &[(&str, &str)], file: &Path) -> Ended {
    let mut command = oneiros(&[]);
    command.arg("config").args(arguments).arg("--config").arg(file).envs(environment.iter().copied());
    finish(command, b"").await
}

fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("oneiros.toml");
    fs::write(&path, text).expect("file");
    (folder, path)
}

fn setting<'a>(all: &'a Value, key: &str) -> &'a Value {
    let settings = all.as_array().expect("a list");
    settings.iter().find(|setting| setting["key"] == key).unwrap_or_else(|| panic!("no {key} in {all}"))
}

#[tokio::test]
async fn each_value_is_told_with_where_it_comes_from() {
    let (_folder, path) = file("[server]\nlisten = \"127.0.0.1:1\"\nsealed = true\n[models]\nthreads = 3\n");
    let environment = [("ONEIROS_THREADS", "5"), ("ONEIROS_LISTEN", "127.0.0.1:2")];
    let ended = config(&["--json", "--listen", "127.0.0.1:4"], &environment, &path).await;
    let all: Value = serde_json::from_str(ended.succeeded()).expect("JSON");
    for (key, value, source) in [
        ("listen", Value::from("127.0.0.1:4"), serde_json::json!({ "flag": "--listen" })),
        ("threads", 5.into(), serde_json::json!({ "variable": "ONEIROS_THREADS" })),
        ("sealed", true.into(), serde_json::json!({ "file": path })),
        ("profile", "auto".into(), "default".into()),
        ("url_file", Value::Null, "default".into()),
    ] {
        let setting = setting(&all, key);
        assert_eq!((&setting["value"], &setting["source"]), (&value, &source), "{setting}");
    }
    let plain = config(&[], &environment, &path).await;
    let shown = plain.succeeded();
    assert!(shown.lines().any(|line| line.starts_with("threads = 5") && line.ends_with("# ONEIROS_THREADS")), "{shown}");
    // It is a configuration file itself.
    let (_folder, again) = file(shown);
    config(&[], &[], &again).await.succeeded();
}

#[tokio::test]
async fn every_setting_is_explained_for_people_too() {
    let (_folder, path) = file("");
    let all: Value = serde_json::from_str(config(&["--json"], &[], &path).await.succeeded()).expect("JSON");
    let explained = config(&["--explain"], &[], &path).await;
    for setting in all.as_array().expect("a list") {
        for what in ["meaning", "variable", "key"] {
            let text = setting[what].as_str().unwrap_or_else(|| panic!("no {what} in {setting}"));
            assert!(explained.succeeded().contains(text), "{text} is not in {}", explained.stdout);
        }
    }
}

#[tokio::test]
async fn secrets_stay_out_of_sight() {
    let (folder, path) = file("[database]\nurl_file = \"/nonexistent/url\"\n");
    config(&[], &[], &path).await.refused("/nonexistent/url");
    let secret = folder.path().join("url");
    fs::write(&secret, "postgres://owner:kept-secret@127.0.0.1:9/oneiros\n").expect("file");
    let by_file = [("ONEIROS_DATABASE_URL_FILE", secret.to_str().expect("UTF-8"))];
    let by_variable = [("DATABASE_URL", "postgres://owner:kept-secret@127.0.0.1:9/oneiros")];
    let (_folder, empty) = file("[models]\nhub_endpoint = \"https://me:kept-secret@mirror.example\"\n");
    for environment in [by_file, by_variable] {
        for form in ["--json", "--explain"] {
            let ended = config(&[form], &environment, &empty).await;
            assert!(!ended.succeeded().contains("kept-secret"), "{}", ended.stdout);
        }
    }
    assert!(config(&[], &by_file, &empty).await.succeeded().contains(by_file[0].1), "the file's path is shown");
    assert!(config(&[], &by_variable, &empty).await.succeeded().contains("DATABASE_URL"));
}

#[tokio::test]
async fn a_fault_in_the_file_is_told_by_name_with_an_exit_code_that_says_so() {
    for (text, needle) in [
        ("[server]\nlissten = \"127.0.0.1:1\"\n", "did you mean `listen`"),
        ("[models]\nthreads = \"two\"\n", "`threads` in [models]"),
        ("[models]\nthreads = 1\nthreads = 2\n", "line 3"),
        ("[models\n", "line 1"),
        ("[reading]\ncare = \"above\"\n", "`care` of `[reading]`"),
        ("[reading]\ncountry = \"Germany\"\n", "`country` of `[reading]`"),
    ] {
        let (_folder, path) = file(text);
        config(&[], &[], &path).await.refused(needle);
        is_not_started_with(&path, needle).await;
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_used_ends_with_the_same_code() {
    let state = StateDirectory::with(&[]);
    for (setting, needle) in [
        ("profile = \"startr\"", "there is no profile `startr`"),
        ("embedding = \"no-such-model\"", "`no-such-model`"),
        ("hub_endpoint = \"https://\"", "`hub_endpoint`"),
    ] {
        let (_folder, path) = file(&format!("[server]\nstate_dir = {:?}\nlisten = \"127.0.0.1:0\"\n[models]\n{setting}\n", state.path()));
        is_not_started_with(&path, needle).await;
    }
}

#[tokio::test]
async fn a_list_of_whom_to_turn_to_that_is_broken_or_missing_ends_with_the_same_code() {
    let state = StateDirectory::with(&[]);
    // Readable for the user that the server becomes.
    let lists = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().expect("folder");
    fs::write(lists.path().join("broken.toml"), "[[resource]]\nname = \"Nobody\"\n").expect("file");
    for (list, needle) in [("broken.toml", "neither `phone` nor `url`"), ("missing.toml", "`care_file` of `[reading]`")] {
        let (folder, list) = (state.path(), lists.path().join(list));
        let text = format!("[server]\nstate_dir = {folder:?}\nlisten = \"127.0.0.1:0\"\n[reading]\ncare_file = {list:?}\n");
        let (_folder, path) = file(&text);
        is_not_started_with(&path, needle).await;
    }
}

async fn is_not_started_with(path: &Path, needle: &str) {
    let mut command = oneiros(&[]);
    command.args(["serve", "--config"]).arg(path);
    let ended = finish(command, b"").await;
    ended.refused(needle);
    assert_eq!(ended.status.code(), Some(78), "the unit does not start it again after this code");
}

#[tokio::test]
async fn the_file_that_packages_ship_is_the_one_that_the_executable_prints() {
    let (_folder, nothing) = file("");
    let printed = config(&["--example"], &[], &nothing).await;
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/oneiros.toml");
    let text = fs::read_to_string(&shipped).unwrap_or_default();
    assert_eq!(text, printed.succeeded(), "stale: oneiros config --example > packaging/oneiros.toml");
    config(&[], &[], &shipped).await.succeeded();
    // With its marks taken away it is a file with every key.
    let every_key: String = text.lines().filter(|line| !line.starts_with("# ")).map(|line| line.trim_start_matches('#')).fold(
        String::new(),
        |mut all, line| {
            all.push_str(line);
            all.push('\n');
            all
        },
    );
    let table: toml::Table = toml::from_str(&every_key).expect("TOML");
    let settings: Value = serde_json::from_str(config(&["--json"], &[], &nothing).await.succeeded()).expect("JSON");
    let keys: usize = table.values().map(|section| section.as_table().expect("a section").len()).sum();
    assert_eq!(keys, settings.as_array().expect("a list").len());
}
