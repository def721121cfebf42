//! Missing, truncated, bit-flipped and alien models are refused by name before anything maps them.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::support::{
    command_line::run,
    server::Launch,
    state::{EMBEDDING_MODEL, ENGLISH_MODEL, SPEECH_MODEL, StateDirectory, largest_file},
    turn,
};

/// A way to spoil a model's file.
pub type Damage = fn(&Path);

fn truncate(model: &Path) {
    let file = File::options().write(true).open(model).expect("model");
    file.set_len(file.metadata().expect("size").len() * 3 / 5).expect("truncated");
}

fn flip_one_bit(model: &Path) {
    let file = File::options().read(true).write(true).open(model).expect("model");
    let at = file.metadata().expect("size").len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("byte");
    file.write_all_at(&[byte[0] ^ 0b0001_0000], at).expect("flipped");
}

/// Something else of the same length.
fn replace(model: &Path) {
    let length = fs::metadata(model).expect("size").len();
    let file = File::create(model).expect("model");
    file.write_all_at(b"\x7fELF this is no model", 0).expect("bytes");
    file.set_len(length).expect("length");
}

fn remove(model: &Path) {
    fs::remove_file(model).expect("model");
}

pub const DAMAGES: &[(&str, Damage)] = &[("truncated", truncate), ("bit-flipped", flip_one_bit), ("alien", replace), ("missing", remove)];

#[tokio::test]
async fn verify_names_the_damaged_model_and_passes_the_others() {
    let _turn = turn::together().await;
    let state = StateDirectory::with_models();
    run(state.path(), ["models", "verify"]).await.succeeded();
    for (what, damage) in DAMAGES {
        eprintln!("{what}");
        damage(&state.own_copy(SPEECH_MODEL));
        let ended = run(state.path(), ["models", "verify"]).await;
        assert!(!ended.status.success(), "{what}: {}{}", ended.stdout, ended.stderr);
        assert!(format!("{}{}", ended.stdout, ended.stderr).contains(SPEECH_MODEL), "{what}: {}{}", ended.stdout, ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_server_does_not_load_a_damaged_model() {
    let _turn = turn::together().await;
    for (what, damage) in DAMAGES {
        eprintln!("{what}");
        let state = StateDirectory::with_models();
        damage(&state.own_copy(ENGLISH_MODEL));
        refused(&state, ENGLISH_MODEL).await;
    }
    let state = StateDirectory::with_models();
    flip_one_bit(&state.own_copy(EMBEDDING_MODEL));
    refused(&state, EMBEDDING_MODEL).await;
}

#[tokio::test]
async fn a_model_in_another_ones_place_is_refused() {
    let _turn = turn::together().await;
    let state = StateDirectory::with_models();
    let model = state.own_copy(ENGLISH_MODEL);
    fs::copy(largest_file(&state.artefact(EMBEDDING_MODEL)), &model).expect("swapped");
    refused(&state, ENGLISH_MODEL).await;
}

#[tokio::test]
async fn a_sealed_server_without_a_model_says_which_one_it_lacks() {
    let _turn = turn::together().await;
    let state = StateDirectory::with_models();
    fs::remove_dir_all(state.artefact(ENGLISH_MODEL)).expect("removed");
    refused(&state, ENGLISH_MODEL).await;
}

/// The server does not start, and its last sentence names the model.
async fn refused(state: &Arc<StateDirectory>, id: &str) {
    refused_by(&Launch::default(), state, id).await;
}

/// As [`refused`], for a server that is started in another way.
pub async fn refused_by(launch: &Launch<'_>, state: &Arc<StateDirectory>, id: &str) {
    let log = tempfile::NamedTempFile::new().expect("log");
    let mut command = launch.command(state);
    let appended = || File::options().append(true).open(log.path()).expect("log");
    command.stdout(appended()).stderr(appended());
    let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().expect("the executable starts");
    let said = || fs::read_to_string(log.path()).unwrap_or_default();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("our child") {
            break status;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it serves with a model that is damaged:\n{}", said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let said = said();
    assert!(status.code().is_some_and(|code| code != 0), "{status}:\n{said}");
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    assert!(last.contains(id) && !said.contains("panicked"), "{id} is not named at the end of:\n{said}");
}
