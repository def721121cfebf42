//! A minute of everything at once: afterwards the server is as it was.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    api::{Api, DREAMS, INTERPRET},
    reading,
    server::Server,
    speech, texts,
};

const CLIENTS: usize = 8;
const LENGTH: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(10);
/// Growth that caches and allocator arenas may keep.
const MEMORY_MARGIN: u64 = 96 * 1024 * 1024;
const DESCRIPTOR_MARGIN: usize = 12;

/// How often each kind of request was served.
#[derive(Default, Debug)]
struct Counts {
    read: AtomicUsize,
    hung_up: AtomicUsize,
    listed: AtomicUsize,
    transcribed: AtomicUsize,
    refused: AtomicUsize,
    busy: AtomicUsize,
}

#[tokio::test]
async fn after_a_minute_of_mixed_load_memory_and_descriptors_are_back() {
    let server = Server::start().await;
    let api = server.api();
    // Warm: every way has been gone once.
    reading::obtain(&api, &reading::request(texts::HORSE)).await;
    let recording = Arc::new(speech::spoken("The moon was made of glass."));
    api.transcribe("dream.wav", &recording).await.ok();
    let engines = api.engines().await;
    let (memory, open) = (own_memory(server.pid()), descriptors(server.pid()));

    let counts = Arc::new(Counts::default());
    let end = Instant::now() + LENGTH;
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(load(server.api(), client, end, Arc::clone(&recording), Arc::clone(&counts)));
    }
    while let Some(client) = clients.join_next().await {
        client.expect("a client");
    }
    tokio::time::sleep(IDLE).await;

    let (memory_after, open_after) = (own_memory(server.pid()), descriptors(server.pid()));
    println!(
        "{}",
        json!({
            "load": format!("{counts:?}"), "memory_before": memory, "memory_after": memory_after,
            "descriptors_before": open, "descriptors_after": open_after,
        })
    );
    assert_eq!(api.engines().await, engines, "an engine was restarted");
    assert!(memory_after <= memory + MEMORY_MARGIN, "memory grew from {memory} to {memory_after} bytes");
    assert!(open_after <= open + DESCRIPTOR_MARGIN, "descriptors grew from {open} to {open_after}");
    assert!(counts.read.load(Relaxed) > 0 && counts.listed.load(Relaxed) > 0, "{counts:?}");
}

async fn load(api: Api, client: usize, end: Instant, recording: Arc<Vec<u8>>, counts: Arc<Counts>) {
    for number in 0.. {
        if Instant::now() >= end {
            return;
        }
        let text = texts::numbered(client * 10_000 + number);
        let (counter, status) = match (client + number) % 5 {
            0 => (&counts.read, api.post_json(INTERPRET, &reading::request(&text)).await.status),
            1 => (&counts.hung_up, hang_up(&api, &text).await),
            2 => (&counts.listed, api.get(&format!("{DREAMS}?limit=50")).await.status),
            3 => (&counts.transcribed, api.transcribe("dream.wav", &recording).await.status),
            _ => (&counts.refused, api.post_json(INTERPRET, &json!({ "text": "Short." })).await.status),
        };
        match status {
            200..=299 => counter.fetch_add(1, Relaxed),
            422 | 400 if std::ptr::eq(counter, &counts.refused) => counter.fetch_add(1, Relaxed),
            429 => counts.busy.fetch_add(1, Relaxed),
            other => panic!("status {other} under load"),
        };
    }
}

/// Hangs up after the first words.
async fn hang_up(api: &Api, text: &str) -> u16 {
    let mut events = api.stream(&reading::request(text)).await;
    if events.status() == 200 {
        events.until("delta").await;
    }
    events.status()
}

/// Memory in RAM that is the process's own, in bytes. Pages of mapped files do not count.
fn own_memory(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = text.lines().find(|line| line.starts_with("RssAnon:")).expect("RssAnon");
    line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).expect("kB") * 1024
}

fn descriptors(pid: i32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("the process runs").count()
}
