//! `oneiros bench` on a real server: each measurement with small settings, figures that a wrong unit would give away, and
//! nothing left behind, also where it is interrupted.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    bench::{Speaker, figure, median, report},
    support::{
        api::list,
        command_line::{Ended, oneiros, run},
        processes::{self, Signal},
        server::{Launch, Server, shared},
        speech,
        state::{DATABASE, EMBEDDING_MODEL, ENGLISH_MODEL, ONNX_MODEL, ONNX_RUNTIME, SPEECH_MODEL, StateDirectory},
        turn,
    },
};

const PATIENCE: Duration = Duration::from_secs(120);
const INTERRUPTED: Option<i32> = Some(130);

/// The median of a figure, which must lie between two bounds.
#[track_caller]
fn within(report: &Value, section: &str, name: &str, (least, most): (f64, f64)) -> f64 {
    let found = figure(report, section, name);
    let value = median(found);
    assert!(value.is_finite() && (least..=most).contains(&value), "{section}, {name}: {value} is not from {least} to {most}: {found:#}");
    value
}

async fn bench(server: &Server, arguments: &[&str]) -> Ended {
    run(server.state.path(), ["bench"].iter().chain(arguments).chain(&["--profile", "starter"])).await
}

/// The command as somebody at a terminal starts it, to be interrupted.
fn begin(arguments: &[&str], environment: &[(&str, &str)]) -> tokio::process::Child {
    let mut command = oneiros(&[]);
    command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    tokio::process::Command::from(command).kill_on_drop(true).spawn().expect("the executable starts")
}

async fn interrupted(child: tokio::process::Child) -> std::process::Output {
    processes::signal(i32::try_from(child.id().expect("it runs")).unwrap(), Signal::INT);
    let start = Instant::now();
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap();
    assert!(start.elapsed() < Duration::from_secs(60), "it took {:?} to end", start.elapsed());
    assert_eq!(ended.status.code(), INTERRUPTED, "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(ended.stdout.is_empty(), "half a report is no report: {}", String::from_utf8_lossy(&ended.stdout));
    ended
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < PATIENCE, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn dreams(server: &Server) -> Vec<Value> {
    list(&server.api().get("/api/v1/dreams").await.ok(), "dreams").to_vec()
}

/// Requests that engines serve or that wait for one.
async fn queued(server: &Server) -> u64 {
    let system = server.api().system().await;
    list(&system, "engines").iter().map(|engine| engine["queued"].as_u64().unwrap_or_else(|| panic!("no queue: {engine:#}"))).sum()
}

#[tokio::test]
async fn readings_are_measured_new_and_known_and_none_stays_in_the_journal() {
    let _turn = turn::alone().await;
    let server = Server::start().await;
    server.api().keep("A dream of my own: a lighthouse that turned its light to the land and looked for me.").await;
    let measured = bench(&server, &["interpretation", "--dreams", "1", "--rounds", "1", "--json"]).await;
    let measured = report(measured.succeeded());
    let whole = within(&measured, "a new dream", "whole reading, p50", (0.2, 120.0));
    let first = within(&measured, "a new dream", "first words, p50", (1.0, 60_000.0));
    assert!(first / 1e3 <= whole, "{first} ms to the first words, {whole} s to the last");
    within(&measured, "a new dream", "tokens of a reading, p50", (20.0, 2000.0));
    let known = within(&measured, "the same dream again", "whole reading, p95", (0.05, 5000.0));
    assert!(known / 1e3 < whole, "{known} ms from the cache, {whole} s anew");
    assert_eq!(measured["sections"][0]["about"]["model"], ENGLISH_MODEL);
    let left = dreams(&server).await;
    assert!(left.len() == 1 && left[0]["text"].as_str().unwrap().contains("lighthouse"), "{left:#?}");
}

#[tokio::test]
async fn an_interrupted_measurement_takes_its_dreams_with_it() {
    let _turn = turn::together().await;
    let server = Server::start().await;
    let state = server.state.path().to_str().unwrap().to_owned();
    let child = begin(&["bench", "interpretation", "--dreams", "100", "--json", "--state-dir", &state], &[]);
    until("a dream is kept", async || !dreams(&server).await.is_empty()).await;
    let ended = interrupted(child).await;
    assert!(String::from_utf8_lossy(&ended.stderr).contains("interrupted"));
    assert_eq!(dreams(&server).await, Vec::<Value>::new());
    until("the engines have nothing to do", async || queued(&server).await == 0).await;
}

#[tokio::test]
async fn an_interrupted_search_removes_its_database_and_an_interrupted_load_its_server() {
    let _turn = turn::together().await;
    let state = StateDirectory::with(&[EMBEDDING_MODEL, ONNX_MODEL, ONNX_RUNTIME, DATABASE]);
    let place = tempfile::Builder::new().prefix("oneiros-").tempdir_in("/tmp").unwrap();
    // As root the command works as another user.
    std::fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let (state, folder) = (state.path().to_str().unwrap().to_owned(), place.path().to_str().unwrap().to_owned());
    let search = ["bench", "search", "--model", ONNX_MODEL, "--real", "40", "--queries", "5", "--state-dir", &state];
    let child = begin(&search, &[("TMPDIR", &folder)]);
    let is_there =
        |name: &str| std::fs::read_dir(&folder).unwrap().flatten().any(|entry| entry.file_name().to_string_lossy().contains(name));
    until("the database is made", async || is_there("throwaway")).await;
    interrupted(child).await;
    until("the database is removed", async || !is_there("throwaway")).await;

    let state = StateDirectory::with_models();
    let path = state.path().to_str().unwrap().to_owned();
    let child = begin(&["bench", "llm", "--profile", "starter", "--rounds", "100", "--state-dir", &path], &[]);
    // The command itself, PostgreSQL and an engine at least.
    let server_runs = async || state.path().join("oneiros.sock").exists() && processes::of_directory(state.path()).len() > 3;
    until("its server runs", server_runs).await;
    interrupted(child).await;
    until("its engines and its database end", async || processes::of_directory(state.path()).is_empty()).await;
}

#[tokio::test]
async fn a_chat_model_is_measured_under_every_load_through_socket_and_address() {
    let server = shared().await;
    let small = ["llm", "--json", "--rounds", "1", "--tokens", "8", "--streams", "2", "--clients", "1,2"];
    let address = ["--url", &server.base];
    for more in [&[][..], &address] {
        let measured = report(bench(&server, &[&small[..], more].concat()).await.succeeded());
        for section in ["llm, 1 clients", "llm, 2 clients", "1 clients, new beginning"] {
            within(&measured, section, "tokens a second", (0.5, 20_000.0));
            within(&measured, section, "time to first token, p50", (0.1, 60_000.0));
        }
        within(&measured, "llm, long prompts", "prompt speed", (10.0, 500_000.0));
        let prompt =
            &measured["sections"].as_array().unwrap().iter().find(|section| section["name"] == "llm, long prompts").unwrap()["about"];
        assert!(prompt["prompt tokens"].as_u64().is_some_and(|tokens| (1000..2500).contains(&tokens)), "{prompt:#}");
        let half = within(&measured, "beside running streams", "gap between a stream's tokens, p50", (0.05, 20_000.0));
        within(&measured, "beside running streams", "gap between a stream's tokens, p99", (half, 60_000.0));
        within(&measured, "under a schema", "schema against free text", (0.05, 5.0));
    }
}

#[tokio::test]
async fn a_recording_of_its_own_and_one_that_is_given_are_heard_and_held_against_what_was_said() {
    let server = shared().await;
    let measured = report(bench(&server, &["asr", "--rounds", "1", "--json"]).await.succeeded());
    within(&measured, "asr, 26 s", "real-time factor", (0.001, 20.0));
    within(&measured, "asr, 26 s", "word error rate", (0.0, 0.25));
    let section = &measured["sections"][0];
    assert!(section["about"]["seconds long"].as_f64().is_some_and(|seconds| (25.0..27.0).contains(&seconds)), "{section:#}");
    assert!(section["details"]["text"].as_str().is_some_and(|text| text.contains("market")) && section["about"]["model"] == SPEECH_MODEL);

    let folder = tempfile::tempdir().unwrap();
    let (recording, said) = (folder.path().join("speech.wav"), folder.path().join("said.txt"));
    speech::say("The river ran backwards and my brother waved from the far side.", &recording);
    std::fs::write(&said, "Nothing of this was ever said by anybody here.\n").unwrap();
    let (recording, said) = (recording.to_str().unwrap(), said.to_str().unwrap());
    // Through the server's OpenAI interface, beside a server that hears nothing.
    let deaf = Speaker::new(Duration::from_millis(1)).start().await;
    let given = ["asr", recording, "--said", said, "--rounds", "1", "--json", "--url", &server.base, "--against", &deaf];
    let measured = report(bench(&server, &given).await.succeeded());
    within(&measured, "speech.wav", "word error rate", (0.8, 2.0));
    let taken = within(&measured, "speech.wav", "time taken", (0.01, 120.0));
    let factor = within(&measured, "speech.wav", "real-time factor", (0.001, 60.0));
    let long = measured["sections"][0]["about"]["seconds long"].as_f64().unwrap();
    assert!((taken / long - factor).abs() < 0.01 * factor && (2.0..10.0).contains(&long), "{taken} s, {long} s long, {factor}");
    let other = &measured["sections"][0]["about"]["the other server"];
    assert!(other.as_str().is_some_and(|said| said.contains("not offered") && said.contains("404")), "{other}");

    bench(&server, &["asr", "--said", said]).await.refused("name the recording");
    bench(&server, &["asr", recording, recording, "--said", said]).await.refused("one --said for each");
    bench(&server, &["asr", "/nonexistent.wav"]).await.refused("/nonexistent.wav");
    bench(&server, &["asr", said]).await.refused("recording");
    bench(&server, &["asr", "--model", ENGLISH_MODEL]).await.refused("no speech model");
}

#[tokio::test]
async fn what_the_server_adds_to_its_engines_is_milliseconds_and_not_seconds() {
    let server = shared().await;
    let measured = report(bench(&server, &["wire", "--rounds", "2", "--json"]).await.succeeded());
    within(&measured, "to an engine and back", "a request for nothing, p50", (5.0, 50_000.0));
    within(&measured, "through the server", "a request for nothing, p50", (5.0, 50_000.0));
    let alone = within(&measured, "to an engine and back", "a short text's vector, p50", (100.0, 5e6));
    within(&measured, "through the server", "a short text's vector, p50", (alone / 20.0, alone * 20.0));
    within(&measured, "what the server adds", "to a request, p50", (-500.0, 500.0));
    let own = within(&measured, "to an engine and back", "generation, by the engine's own clock", (1.0, 20_000.0));
    within(&measured, "to an engine and back", "generation", (own / 5.0, own * 5.0));
    within(&measured, "what the server adds", "to the time of a token, wire and server", (-90.0, 900.0));

    let measured = report(bench(&server, &["memory", "--json"]).await.succeeded());
    within(&measured, "memory, server", "in RAM (RSS)", (5.0, 400.0));
    let size = within(&measured, "executable", "size", (10.0, 2000.0));
    within(&measured, "executable", "size as it is installed", (10.0, size));
}

#[tokio::test]
async fn a_server_that_is_still_loading_its_models_is_waited_for() {
    let _turn = turn::together().await;
    let server = Launch::default().start_unready(&StateDirectory::with_models()).await;
    let measured = report(bench(&server, &["memory", "--json"]).await.succeeded());
    within(&measured, &format!("engine of {ENGLISH_MODEL}"), "in RAM (RSS)", (20.0, 4000.0));
}

#[tokio::test]
async fn a_model_that_is_not_there_and_a_server_of_another_kind_are_named() {
    let server = shared().await;
    let load = ["llm", "nobodys-model", "--rounds", "1", "--loads", "clients", "--clients", "1", "--tokens", "4"];
    bench(&server, &load).await.refused("nobodys-model");
    bench(&server, &[&load[..], &["--url", &server.base]].concat()).await.refused("nobodys-model");
    bench(&server, &["embedding", "nobodys-model", "--rounds", "1"]).await.refused("nobodys-model");
    // The page of the web app answers in HTML.
    let elsewhere = format!("{}/reference", server.base);
    bench(&server, &["llm", "--rounds", "1", "--url", &elsewhere]).await.refused("/reference");
    bench(&server, &["interpretation", "--url", &server.base]).await.refused("llm, embedding and asr only");
    bench(&server, &["interpretation", "--dreams", "0"]).await.refused("dreams");
}
