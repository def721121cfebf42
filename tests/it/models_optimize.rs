//! `oneiros models optimize`: made, measured, chosen, used, and undone.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::FileExt as _,
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{
    api::list,
    command_line::{oneiros, run},
    processes::{self, Signal},
    reading,
    server::Launch,
    state::{ARTEFACTS, ENGLISH_MODEL, StateDirectory, largest_file},
    texts, turn,
};

const VARIANT: &str = "smollm2-135m-instruct.q4_0";

/// What the store holds, locks and empty folders left out.
fn artefacts(state: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(state.join(ARTEFACTS)).expect("the store").map(|entry| entry.expect("entry").file_name());
    entries.map(|name| name.to_string_lossy().into_owned()).filter(|name| !name.starts_with('.')).collect()
}

fn staged(state: &Path) -> Vec<String> {
    let entries = fs::read_dir(state.join(ARTEFACTS).join(".staging")).expect("staging").map(|entry| entry.expect("entry").file_name());
    entries.map(|name| name.to_string_lossy().into_owned()).filter(|name| !name.ends_with(".lock")).collect()
}

async fn models(state: &StateDirectory) -> Value {
    serde_json::from_str(run(state.path(), ["models", "list", "--json"]).await.succeeded()).expect("JSON")
}

fn find<'a>(models: &'a Value, id: &str) -> &'a Value {
    let models = models.as_array().expect("a list");
    models.iter().find(|model| model["id"] == id).unwrap_or_else(|| panic!("no {id} in {models:?}"))
}

async fn optimize(state: &StateDirectory, arguments: &[&str]) -> Value {
    let ended = run(state.path(), ["models", "optimize", ENGLISH_MODEL, "--json"].iter().chain(arguments)).await;
    serde_json::from_str(ended.succeeded()).expect("JSON")
}

#[tokio::test]
async fn a_variant_is_made_measured_used_by_the_server_and_given_up_again() {
    let _turn = turn::alone().await;
    let state = StateDirectory::with_models();
    let before = artefacts(state.path());

    let looked = optimize(&state, &["--to", "q4_0"]).await;
    let candidate = &looked["candidates"][0];
    let loss = &candidate["measured"]["loss"];
    assert_eq!((&candidate["id"], &looked["used"]), (&VARIANT.into(), &Value::Null), "{looked}");
    assert_eq!(candidate["measured"]["candidate"]["generation"].as_array().map(Vec::len), Some(5), "{looked}");
    let divergence = loss["mean_divergence"].as_f64().expect("a number");
    assert!(divergence > 0.0 && divergence < 1.0 && loss["tokens"].as_u64().expect("a number") >= 300, "{loss}");
    assert!((0.5..1.0).contains(&loss["top_agreement"].as_f64().expect("a number")), "{loss}");
    assert_eq!(artefacts(state.path()), before, "who only looks keeps nothing");

    let chosen = optimize(&state, &["--to", "q4_0", "--yes"]).await;
    assert_eq!(chosen["used"], VARIANT, "{chosen}");
    assert!(candidate["prompt_gain"].as_f64().is_some_and(|gain| gain > 0.0), "{looked}");
    let listed = models(&state).await;
    assert_eq!(
        (&find(&listed, ENGLISH_MODEL)["variant"]["id"], &find(&listed, VARIANT)["variant_of"]),
        (&VARIANT.into(), &ENGLISH_MODEL.into())
    );
    let plain = run(state.path(), ["models", "list"]).await;
    assert!(plain.succeeded().contains(&format!("used as {VARIANT}: it writes ")), "{}", plain.stdout);
    run(state.path(), ["models", "verify"]).await.succeeded();
    assert!(state.artefact(ENGLISH_MODEL).is_dir(), "the original is kept");

    let server = Launch::default().start(&state).await;
    assert_eq!(loaded(&server.api().engine_pid(ENGLISH_MODEL).await), Some(format!("{VARIANT}.gguf")));
    let shown = server.api().get("/api/v1/models").await.ok();
    let models_shown = list(&shown, "models");
    let shown = |id: &str| models_shown.iter().find(|model| model["id"] == id).unwrap_or_else(|| panic!("no {id} in {models_shown:?}"));
    let reason = shown(ENGLISH_MODEL)["variant"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("times as fast on this processor"), "{reason}");
    assert_eq!((&shown(VARIANT)["in_use"], &shown(VARIANT)["variant_of"]), (&true.into(), &ENGLISH_MODEL.into()));
    let read = run(state.path(), ["interpret", "--json", texts::MOUNTAIN]).await;
    let read: Value = serde_json::from_str(read.succeeded()).expect("JSON");
    reading::check(&read["interpretation"], texts::MOUNTAIN);
    drop(server);

    run(state.path(), ["models", "optimize", ENGLISH_MODEL, "--revert"]).await.succeeded();
    let listed = models(&state).await;
    assert_eq!(find(&listed, ENGLISH_MODEL)["variant"], Value::Null);
    let server = Launch::default().start(&state).await;
    assert_eq!(loaded(&server.api().engine_pid(ENGLISH_MODEL).await), Some("smollm2-135m-instruct.gguf".into()));
}

/// The file that an engine was told to load.
fn loaded(pid: &i32) -> Option<String> {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let json = arguments.split(|byte| *byte == 0).find(|argument| argument.starts_with(b"{"))?;
    let model = serde_json::from_slice::<Value>(json).ok()?["model"].as_str()?.to_owned();
    Path::new(&model).file_name().map(|name| name.to_string_lossy().into_owned())
}

#[tokio::test]
async fn a_damaged_or_removed_variant_gives_way_to_the_original() {
    let _turn = turn::alone().await;
    let state = StateDirectory::with(&[ENGLISH_MODEL]);
    optimize(&state, &["--to", "q4_0", "--yes"]).await;
    let fit = async || run(state.path(), ["models", "fit", ENGLISH_MODEL]).await;
    assert!(fit().await.succeeded().contains(VARIANT), "the variant is what would be loaded");
    let file = fs::File::options().read(true).write(true).open(largest_file(&state.artefact(VARIANT))).expect("the variant");
    file.write_all_at(b"spoilt", 50_000_000).expect("damage");
    let fell_back = fit().await;
    assert!(!fell_back.succeeded().contains(VARIANT) && fell_back.stderr.contains("the original is used"), "{}", fell_back.stderr);
    run(state.path(), ["models", "remove", VARIANT]).await.succeeded();
    assert_eq!(find(&models(&state).await, ENGLISH_MODEL)["variant"], Value::Null);
    let again = run(state.path(), ["models", "optimize", ENGLISH_MODEL, "--revert", "--json"]).await;
    assert!(again.succeeded().contains("false"), "the choice went with the variant: {}", again.stdout);
}

#[tokio::test]
async fn an_interruption_leaves_nothing_behind() {
    let _turn = turn::alone().await;
    let state = StateDirectory::with(&[ENGLISH_MODEL]);
    let before = artefacts(state.path());
    let output = state.path().join(ARTEFACTS).join(".staging").join(VARIANT).join("requantized");
    let landed = state.artefact(VARIANT);
    // Once while it is written, once while it is measured.
    for begun in [&output, &landed] {
        let mut command = oneiros(&[]);
        command.args(["models", "optimize", ENGLISH_MODEL, "--to", "q4_0", "--yes", "--state-dir"]).arg(state.path());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let start = Instant::now();
        while !begun.exists() {
            assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().expect("our child").is_none(), "it never began");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        processes::signal(i32::try_from(child.id()).expect("process ids fit"), Signal::INT);
        let ended = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.code().is_some_and(|code| code != 0) && said.contains("the original is used as before"), "{said}");
        assert_eq!(artefacts(state.path()), before);
        assert_eq!(staged(state.path()), Vec::<String>::new());
        assert_eq!(processes::of_directory(state.path()), Vec::<i32>::new(), "its children are gone");
    }
}

#[tokio::test]
async fn what_has_no_variants_is_refused_by_name() {
    let _turn = turn::together().await;
    let state: Arc<StateDirectory> = StateDirectory::with(&[ENGLISH_MODEL, crate::support::state::SPEECH_MODEL]);
    run(state.path(), ["models", "optimize", crate::support::state::SPEECH_MODEL]).await.refused("no language model");
    run(state.path(), ["models", "optimize", "../../etc"]).await.refused("no model called");
    run(state.path(), ["models", "optimize", "qwen3-8b"]).await.refused("models pull qwen3-8b");
    run(state.path(), ["models", "optimize", ENGLISH_MODEL, "--to", "q3"]).await.refused("--help");
}

/// `ONEIROS_TEST_SMALL_DISK` names a folder on a file system of about 150 MB.
#[tokio::test]
#[ignore = "needs a small file system of its own"]
async fn a_full_disk_is_told_as_such_and_leaves_nothing() {
    let Some(disk) = std::env::var_os("ONEIROS_TEST_SMALL_DISK").map(std::path::PathBuf::from) else { return };
    let original = crate::support::state::pulled().join(ARTEFACTS).join(ENGLISH_MODEL);
    let own = disk.join(ARTEFACTS).join(ENGLISH_MODEL);
    fs::create_dir_all(&own).expect("folder");
    for entry in fs::read_dir(original).expect("the model").map(|entry| entry.expect("entry")) {
        fs::copy(entry.path(), own.join(entry.file_name())).expect("a copy");
    }
    // A command that was started as root gives that up before it writes.
    fs::set_permissions(disk.join(ARTEFACTS), std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("mode");
    let ended = run(&disk, ["models", "optimize", ENGLISH_MODEL, "--to", "q4_0", "--yes"]).await;
    ended.refused("free some");
    assert_eq!((artefacts(&disk).len(), staged(&disk).len()), (1, 0), "{}", ended.stderr);
}
