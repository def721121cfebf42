//! What a child in an attacker's hands can do to the server: nothing but end.
//!
//! The children here are shell scripts that speak the wire's protocol wrongly.

use std::{
    fs,
    io::Read,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::*;
use crate::engine::wire::MAX_ANSWER_BYTES;
use crate::engine::{
    EventStream, GenerationEvent,
    confinement::ConfinementReport,
    parse::{ParseOutcome, ParseRequest, ParseRunner},
    tools::AnswerStyle,
    wire::{Event, FromChild, Request, blocking},
};

/// A child that says `ready`, waits for a request, then does what `script` says in the folder of these files.
pub(super) fn child(ready: &[FromChild], files: &[(&str, &[FromChild])], script: &str) -> (TempDir, Spawner) {
    let folder = tempfile::tempdir().unwrap();
    for (name, messages) in [("ready", ready)].iter().chain(files) {
        fs::write(folder.path().join(name), bytes(messages)).unwrap();
    }
    let program = folder.path().join("child");
    let path = folder.path().display();
    write_program(&program, &format!("#!/bin/sh\ncd {path}\ncat ready >&0\nhead -c 1 <&0 >/dev/null\n{script}\nexec sleep 20\n"));
    (folder, Spawner::with_executable(program).unwrap())
}

/// Written under another name by another process: a thread that forks meanwhile would hold the file open, and the kernel
/// runs no program that is open for writing.
fn write_program(path: &Path, text: &str) {
    let source = path.with_extension("source");
    fs::write(&source, text).unwrap();
    fs::set_permissions(&source, fs::Permissions::from_mode(0o755)).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a copy of a file")]
    let copied = std::process::Command::new("cp").arg(&source).arg(path).status().unwrap();
    assert!(copied.success());
}

fn bytes(messages: &[FromChild]) -> Vec<u8> {
    let (mut reader, writer) = UnixStream::pair().unwrap();
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    });
    for message in messages {
        blocking::send(&writer, message).unwrap();
    }
    drop(writer);
    reading.join().unwrap()
}

pub(super) fn ready() -> FromChild {
    let confinement = ConfinementReport {
        profile: "parse".into(),
        no_new_privileges: true,
        seccomp: true,
        landlock_files: true,
        landlock_network: true,
        landlock_scopes: true,
        landlock_abi: 7,
        uid: 1,
    };
    let answers = AnswerStyle::default();
    FromChild::Ready(ReadyReport { confinement, context_length: 0, dimensions: 0, has_chat_template: false, answers, places: 1 })
}

fn delta(id: u64, bytes: usize) -> FromChild {
    FromChild::Event {
        id,
        event: Event::Generation(GenerationEvent::Delta { slot: "s".into(), text: "x".repeat(bytes), logprobs: Vec::new() }),
    }
}

fn start(spawner: &Spawner, patience: Patience) -> Supervisor {
    start_present(spawner, patience, Presence::Always)
}

pub(super) fn start_present(spawner: &Spawner, patience: Patience, presence: Presence) -> Supervisor {
    let options = EngineOptions { threads: 1, ..EngineOptions::default() };
    let confinement = Confinement::Parse;
    let (model_id, backend) = ("evil".into(), Backend::default());
    let spec =
        EngineSpec { kind: EngineKind::Parse, model_id, model: None, backend, confinement, options, allow_unsandboxed: false, presence };
    Supervisor::start_with(spec, spawner.clone(), patience)
}

fn ask(engine: &Supervisor) -> EventStream<Event> {
    ask_of(&engine.client())
}

pub(super) fn ask_of(client: &EngineClient) -> EventStream<Event> {
    client.request(Request::Parse(ParseRequest::ListZip), Vec::new(), Asker::named("a test"))
}

/// Reads to the end without keeping anything: bytes of text and the error.
pub(super) async fn read(mut events: EventStream<Event>) -> (usize, String) {
    let mut told = 0;
    while let Some(event) = events.recv().await {
        match event {
            Ok(Event::Generation(GenerationEvent::Delta { text, .. })) => told += text.len(),
            Ok(_) => {}
            Err(error) => return (told, error.to_string()),
        }
    }
    (told, String::new())
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_cut_off_though_nobody_reads_it() {
    let (_folder, spawner) = child(&[ready()], &[("flood", &[delta(1, 60_000)])], "while cat flood >&0; do :; done");
    let engine = start(&spawner, Patience { attempts: 1, ..Patience::default() });
    engine.ready().await.unwrap();
    let events = ask(&engine);
    let Err(EngineError::Unavailable(why)) = until_failed(&engine).await else { panic!("it serves on") };
    assert!(why.contains("its answer does not end"), "{why}");
    let (told, error) = read(events).await;
    assert!(told <= MAX_ANSWER_BYTES && error.contains("its answer does not end"), "{told} bytes, {error}");
}

#[tokio::test]
async fn a_frame_larger_than_an_answer_is_refused_by_its_header() {
    let (_folder, spawner) = child(&[ready()], &[("large", &[delta(1, MAX_ANSWER_BYTES + 1)])], "cat large >&0");
    let engine = start(&spawner, Patience { attempts: 1, ..Patience::default() });
    engine.ready().await.unwrap();
    let (told, error) = read(ask(&engine)).await;
    assert!(told == 0 && error.contains("a frame announces"), "{error}");
}

#[tokio::test]
async fn a_child_that_starts_again_although_it_is_ready_is_ended() {
    let (_folder, spawner) = child(&[ready()], &[("again", &[FromChild::Loading { fraction: 0.5 }])], "cat again >&0");
    let engine = start(&spawner, Patience { attempts: 1, ..Patience::default() });
    engine.ready().await.unwrap();
    let (_, error) = read(ask(&engine)).await;
    assert!(error.contains("it starts although it is ready"), "{error}");
}

#[tokio::test]
async fn telling_the_same_progress_again_and_again_is_hanging() {
    let loading = || FromChild::Loading { fraction: 0.5 };
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("child");
    fs::write(folder.path().join("loading"), bytes(&[loading(), FromChild::Loading { fraction: f32::NAN }])).unwrap();
    write_program(&program, &format!("#!/bin/sh\nwhile cat {}/loading >&0; do sleep 0.05; done\n", folder.path().display()));
    let spawner = Spawner::with_executable(program).unwrap();
    let engine = start(&spawner, Patience { attempts: 1, start: Duration::from_millis(500), ..Patience::default() });
    let waited = Instant::now();
    let Err(EngineError::Unavailable(why)) = engine.ready().await else { panic!("it is ready") };
    assert!(why.contains("it hung while loading") && waited.elapsed() < Duration::from_secs(5), "{why}");
}

#[tokio::test]
async fn a_cancelled_request_is_not_kept_alive_by_more_of_its_answer() {
    let (_folder, spawner) = child(&[ready()], &[("drip", &[delta(1, 1), delta(77, 1)])], "while cat drip >&0; do sleep 0.05; done");
    let engine = start(&spawner, Patience { attempts: 1, cancel: Duration::from_millis(500), ..Patience::default() });
    engine.ready().await.unwrap();
    let mut events = ask(&engine);
    events.recv().await.unwrap().unwrap();
    drop(events);
    let Err(EngineError::Unavailable(why)) = until_failed(&engine).await else { panic!("it serves on") };
    assert!(why.contains("it hung on a request"), "{why}");
}

#[tokio::test]
async fn events_of_no_request_do_not_pass_for_work() {
    let (_folder, spawner) = child(&[ready()], &[("drip", &[delta(77, 1)])], "while cat drip >&0; do sleep 0.05; done");
    let engine = start(&spawner, Patience { attempts: 1, answer: Duration::from_millis(500), ..Patience::default() });
    engine.ready().await.unwrap();
    let (_, error) = read(ask(&engine)).await;
    assert!(error.contains("it hung on a request"), "{error}");
}

#[tokio::test]
async fn a_parse_child_gets_no_more_memory_of_the_server_than_its_job_needs() {
    let outcome = || FromChild::Event { id: 1, event: Event::Parsed(ParseOutcome::Written(vec![7; MAX_ANSWER_BYTES + 1])) };
    let (_folder, spawner) = child(&[ready()], &[("large", &[outcome()])], "cat large >&0");
    let runner = ParseRunner::new(spawner, false);
    let error = runner.run(ParseRequest::ListZip, Vec::new()).await.unwrap_err();
    assert!(matches!(error, EngineError::Died(_)), "{error}");
}

/// Waits until the engine has given up.
async fn until_failed(engine: &Supervisor) -> Result<(), EngineError> {
    for _ in 0..500 {
        if let EngineState::Failed { reason } = engine.status().state {
            return Err(EngineError::Unavailable(reason));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
