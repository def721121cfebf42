//! How a server ends, in order or not, and what it leaves behind: nothing but its data.

use std::{sync::Arc, time::Duration};

use crate::support::{
    api::DREAMS,
    command_line::run,
    processes::{self, Signal},
    reading,
    server::Server,
    state::ENGLISH_MODEL,
    texts, turn,
};

const ORDERLY: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_server_that_is_told_to_stop_leaves_no_process() {
    let _turn = turn::alone().await;
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start().await;
        let all = server.processes();
        assert!(all.len() >= 6, "a server, four engines and a database: {all:?}");
        let status = server.end(signal, ORDERLY).await;
        assert_eq!(status.code(), Some(0), "{signal:?}: {status}\n{}", server.log());
        processes::gone(&all, Duration::from_secs(1)).await.unwrap_or_else(|left| panic!("left behind: {}", named(&left)));
        assert!(!server.state.path().join("oneiros.sock").exists(), "its socket is left");
    }
}

fn named(pids: &[i32]) -> String {
    pids.iter().map(|&pid| format!("{pid} {}", processes::name(pid))).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_in_mid_answer_ends_in_time_and_keeps_the_dream() {
    let _turn = turn::alone().await;
    let mut server = Server::start().await;
    let state = Arc::clone(&server.state);
    let mut events = server.api().stream(&reading::request(texts::HORSE)).await;
    let dream = events.expect("dream").await.data;
    events.until("delta").await.expect("the answer begins");
    let all = server.processes();
    let status = server.end(Signal::TERM, ORDERLY).await;
    assert_eq!(status.code(), Some(0), "{status}\n{}", server.log());
    processes::gone(&all, Duration::from_secs(1)).await.unwrap_or_else(|left| panic!("left behind: {}", named(&left)));
    drop(server);
    let server = Server::start_in(&state).await;
    let kept = server.api().get(&format!("{DREAMS}/{}", dream["id"].as_str().expect("id"))).await;
    assert_eq!(kept.status, 200, "the dream is gone");
}

#[tokio::test]
async fn a_killed_server_takes_its_engines_along_and_the_next_one_takes_over() {
    let _turn = turn::alone().await;
    let mut server = Server::start().await;
    let state = Arc::clone(&server.state);
    let mut events = server.api().stream(&reading::request(texts::TRAIN)).await;
    let dream = events.expect("dream").await.data;
    events.until("delta").await.expect("the answer begins");
    let engines: Vec<i32> = server.api().engines().await.into_iter().filter_map(|engine| engine.pid).collect();
    server.end(Signal::KILL, ORDERLY).await;
    processes::gone(&engines, Duration::from_secs(2)).await.unwrap_or_else(|left| panic!("engines outlive the server: {left:?}"));
    drop(server);

    let server = Server::start_in(&state).await;
    let kept = server.api().get(&format!("{DREAMS}/{}", dream["id"].as_str().expect("id"))).await;
    assert_eq!(kept.status, 200, "the dream is gone");
    let databases = processes::of_directory(state.path()).into_iter().filter(|&pid| processes::name(pid) == "postgres");
    let first = processes::postmaster(state.path()).expect("a database");
    let strangers: Vec<i32> = databases.filter(|&pid| pid != first && processes::parent(pid) != Some(first)).collect();
    assert!(strangers.is_empty(), "a second database runs: {strangers:?}");
    reading::check(&reading::obtain(&server.api(), &reading::request(texts::TRAIN)).await["interpretation"], texts::TRAIN);
}

#[tokio::test]
async fn a_server_and_its_database_killed_together_start_again() {
    let _turn = turn::alone().await;
    let mut server = Server::start().await;
    let state = Arc::clone(&server.state);
    let (dream, _) = server.api().keep(texts::GARDEN).await;
    let all = server.processes();
    all.iter().for_each(|&pid| processes::signal(pid, Signal::KILL));
    server.end(Signal::KILL, ORDERLY).await;
    drop(server);
    let server = Server::start_in(&state).await;
    let kept = server.api().get(&format!("{DREAMS}/{}", dream["id"].as_str().expect("id"))).await;
    assert_eq!(kept.status, 200, "the dream is gone");
}

#[tokio::test]
async fn without_a_server_a_command_runs_engines_of_its_own_and_leaves_none() {
    let _turn = turn::together().await;
    let state = crate::support::state::StateDirectory::with_models();
    let ended = run(state.path(), ["embed", "A dream of the sea", "--sealed", "--profile", "starter"]).await;
    ended.succeeded();
    let left = processes::of_directory(state.path());
    processes::gone(&left, Duration::from_secs(2)).await.unwrap_or_else(|left| panic!("left behind: {}", named(&left)));
    assert!(state.artefact(ENGLISH_MODEL).is_dir());
}
