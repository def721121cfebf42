//! A thousand people who listen: little memory, heartbeats, each one's own news, and nothing left when they have gone.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use oneiros::features::accounts::{CSRF_COOKIE, SESSION_COOKIE, csrf_token};
use reqwest::{Client, Response};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    reads::{PEOPLE, claim, people, token},
    support::{api::INTERPRET, server::Server, texts},
};

const WATCHED: Duration = Duration::from_secs(60);
const LONGEST_SILENCE: Duration = Duration::from_secs(20);
const MOST_MEGABYTES: u64 = 150;
/// How many come at the same instant.
const AT_ONCE: usize = 64;
/// Of this process, for the other end of each stream.
const MOST_DESCRIPTORS: u64 = 8192;
/// Who tells a dream while all listen.
const TELLER: usize = 437;

/// One person's open stream, read by a task of its own.
struct Listener {
    heard: Arc<Mutex<Heard>>,
    reading: JoinHandle<()>,
}

/// What came, and when.
#[derive(Default)]
struct Heard {
    text: String,
    beats: Vec<Instant>,
}

impl Listener {
    async fn open(client: &Client, base: &str, person: usize) -> Self {
        let cookie = format!("{SESSION_COOKIE}={}", token(person));
        let answer = client.get(format!("{base}/api/v1/events")).header("cookie", cookie).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "the stream of person {person}");
        let heard = Arc::new(Mutex::default());
        Self { reading: tokio::spawn(read(answer, Arc::clone(&heard))), heard }
    }

    fn has(&self, text: &str) -> bool {
        self.heard.lock().expect("no reader panics").text.contains(text)
    }

    fn beats(&self) -> Vec<Instant> {
        self.heard.lock().expect("no reader panics").beats.clone()
    }
}

async fn read(mut answer: Response, heard: Arc<Mutex<Heard>>) {
    while let Ok(Some(piece)) = answer.chunk().await {
        let mut heard = heard.lock().expect("no reader panics");
        // A heartbeat is a comment: a line that begins with a colon.
        if piece.starts_with(b":") {
            heard.beats.push(Instant::now());
        }
        heard.text.push_str(&String::from_utf8_lossy(&piece));
    }
}

fn descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("the server is ours").count()
}

/// What of its memory the server has in use, in MB.
fn resident_megabytes(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has a size");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") * 1024 / 1_000_000
}

async fn until(what: &str, within: Duration, holds: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < within, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

/// Requests of many at once, so that the server has all the connections to its database that it ever has.
async fn warm_up(base: &str) {
    let client = client();
    let asked = (0..PEOPLE).map(|person| {
        let cookie = format!("{SESSION_COOKIE}={}", token(person));
        let request = client.get(format!("{base}/api/v1/dreams")).header("cookie", cookie);
        async move { request.send().await.expect("an answer").bytes().await.expect("a body") }
    });
    assert_eq!(stream::iter(asked).buffer_unordered(AT_ONCE).count().await, PEOPLE);
}

fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

/// Tells a dream as one person's page does, and leaves once it is kept.
async fn tell(base: &str, person: usize) {
    let (session, csrf) = (token(person), csrf_token(&token(person)));
    let request = client().post(format!("{base}{INTERPRET}")).header("accept", "text/event-stream");
    let request = request.header("cookie", format!("{SESSION_COOKIE}={session}; {CSRF_COOKIE}={csrf}")).header("x-csrf-token", csrf);
    let mut answer = request.json(&json!({ "text": texts::LIBRARY })).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.chunk().await.expect("it is open").expect("a first event");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_people_listen_and_leave_nothing_behind() {
    let server = Server::start().await;
    // The server has raised its own limit by now, which is not inherited from here.
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(maximum.map_or(MOST_DESCRIPTORS, |maximum| maximum.min(MOST_DESCRIPTORS)));
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("up to the hard limit");
    claim(&mut people(server.state.path()).await).await;
    warm_up(&server.base).await;
    let pid = server.pid();
    // Connections that were kept idle end after a while.
    tokio::time::sleep(Duration::from_secs(12)).await;
    let (before, megabytes_before) = (descriptors(pid), resident_megabytes(pid));

    let client = client();
    let start = Instant::now();
    let opening = (0..PEOPLE).map(|person| Listener::open(&client, &server.base, person));
    let listeners: Vec<Listener> = stream::iter(opening).buffered(AT_ONCE).collect().await;
    until("everybody hears `ready`", Duration::from_secs(10), || listeners.iter().all(|listener| listener.has("event: ready"))).await;
    let opened = start.elapsed();
    assert!(descriptors(pid) >= before + PEOPLE, "each stream has a connection");

    let since = Instant::now();
    tokio::time::sleep(WATCHED).await;
    let (fewest, longest) = heartbeats(&listeners, since);
    let megabytes = resident_megabytes(pid);

    tell(&server.base, TELLER).await;
    let told = until("the teller hears of the dream", Duration::from_secs(10), || listeners[TELLER].has("\"change\":\"kept\"")).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let hearing: Vec<usize> = (0..PEOPLE).filter(|&person| listeners[person].has("event: dreams")).collect();

    for listener in &listeners {
        listener.reading.abort();
    }
    drop((listeners, client));
    let closed = until("descriptors come back", Duration::from_secs(5), || descriptors(pid).abs_diff(before) <= 5).await;
    println!(
        "{:#}",
        json!({"people": PEOPLE, "opened_in_ms": opened.as_millis(), "watched_s": WATCHED.as_secs(), "fewest_heartbeats": fewest,
            "longest_silence_s": longest.as_secs_f64(), "resident_mb": {"before": megabytes_before, "all_open": megabytes},
            "told_in_ms": told.as_millis(), "descriptors": {"before": before, "after": descriptors(pid)}, "closed_in_ms": closed.as_millis()})
    );
    assert!(fewest >= 3, "{fewest} heartbeats in {WATCHED:?}");
    assert!(longest <= LONGEST_SILENCE, "silent for {longest:?}");
    assert!(megabytes <= MOST_MEGABYTES, "{megabytes} MB with all open");
    assert_eq!(hearing, [TELLER], "who hears of a dream");
}

/// The fewest heartbeats that anybody had since then, and the longest time that anybody was without.
fn heartbeats(listeners: &[Listener], since: Instant) -> (usize, Duration) {
    let mut worst = (usize::MAX, Duration::ZERO);
    for listener in listeners {
        let beats: Vec<Instant> = listener.beats().into_iter().filter(|beat| *beat >= since).collect();
        let marks = [vec![since], beats.clone(), vec![Instant::now()]].concat();
        let longest = marks.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
        worst = (worst.0.min(beats.len()), worst.1.max(longest));
    }
    worst
}
