//! Ten minutes of everything at once, with clients that leave: memory stays flat, no place is lost, nothing fails.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    reports::percentile,
    support::{
        api::{Api, DREAMS, INTERPRET},
        reading,
        server::Server,
        speech,
        state::EMBEDDING_MODEL,
        texts,
    },
};

const CLIENTS: usize = 10;
const LENGTH: Duration = Duration::from_secs(600);
/// Caches, allocator arenas and the shelf of past conversations have grown to what they stay at.
const WARM: Duration = Duration::from_secs(180);
const SAMPLE: Duration = Duration::from_secs(15);
/// A vanished client's place is free within this.
const PLACES_FREE: Duration = Duration::from_secs(2);
/// What a process may take more in its last minutes than in those after [`WARM`].
const MEMORY_MARGIN: u64 = 48 * 1024 * 1024;
const DESCRIPTOR_MARGIN: usize = 16;
const CHAT: &str = "/v1/chat/completions";

/// What was asked, how it ended, and how long it took.
#[derive(Default)]
struct Log(Mutex<BTreeMap<&'static str, Kind>>);

#[derive(Default)]
struct Kind {
    served: usize,
    busy: usize,
    milliseconds: Vec<f64>,
}

impl Log {
    fn add(&self, kind: &'static str, status: u16, took: Duration) {
        let mut kinds = self.0.lock().expect("log");
        let kind = kinds.entry(kind).or_default();
        match status {
            200..=299 | 400 | 422 => {
                kind.served += 1;
                kind.milliseconds.push(took.as_secs_f64() * 1000.0);
            }
            429 => kind.busy += 1,
            other => panic!("status {other} under load"),
        }
    }

    fn report(&self) -> Value {
        let mut kinds = self.0.lock().expect("log");
        kinds
            .iter_mut()
            .map(|(name, kind)| {
                let [p50, p99] = [0.5, 0.99].map(|share| percentile(&mut kind.milliseconds, share).round());
                ((*name).to_owned(), json!({"served": kind.served, "busy": kind.busy, "p50_ms": p50, "p99_ms": p99}))
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn served(&self, kind: &str) -> usize {
        self.0.lock().expect("log").get(kind).map_or(0, |kind| kind.served)
    }
}

#[tokio::test]
async fn after_ten_minutes_of_mixed_load_with_cancellations_memory_is_flat_and_no_place_is_lost() {
    let server = Server::start().await;
    let api = server.api();
    let recording = Arc::new(speech::spoken("The moon was made of glass."));
    let engines = api.engines().await;
    let open = descriptors(server.pid());

    let (log, begin) = (Arc::new(Log::default()), Instant::now());
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(load(server.api(), client, begin + LENGTH, Arc::clone(&recording), Arc::clone(&log)));
    }
    let mut samples = Vec::new();
    while begin.elapsed() < LENGTH {
        tokio::time::sleep(SAMPLE).await;
        if begin.elapsed() > WARM {
            samples.push(memory(&api, server.pid()).await);
        }
    }
    while let Some(client) = clients.join_next().await {
        client.expect("a client");
    }
    let ended = Instant::now();
    while places(&api).await > 0 {
        assert!(ended.elapsed() < PLACES_FREE, "{} places stay taken", places(&api).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("{:#}", json!({"requests": log.report(), "memory_mib": in_mib(&samples), "minutes": LENGTH.as_secs() / 60}));
    assert_eq!(api.engines().await, engines, "an engine was restarted");
    let (early, late) = samples.split_at(samples.len() / 2);
    for process in early[0].keys() {
        let most = |samples: &[BTreeMap<String, u64>]| samples.iter().map(|sample| sample[process]).max().expect("a sample");
        assert!(most(late) <= most(early) + MEMORY_MARGIN, "{process} grew from {} to {} bytes", most(early), most(late));
    }
    let open_after = descriptors(server.pid());
    assert!(open_after <= open + DESCRIPTOR_MARGIN, "descriptors grew from {open} to {open_after}");
    for kind in ["read", "left", "chat", "chat left", "prompt left", "embedded", "listed", "heard", "refused"] {
        assert!(log.served(kind) > 3, "{kind}: {}", log.report());
    }
}

async fn load(api: Api, client: usize, end: Instant, recording: Arc<Vec<u8>>, log: Arc<Log>) {
    for number in 0.. {
        if Instant::now() >= end {
            return;
        }
        let text = texts::numbered(client * 10_000 + number);
        let began = Instant::now();
        let (kind, status) = match (client + number) % 9 {
            0 => ("read", api.post_json(INTERPRET, &reading::request(&text)).await.status),
            1 => ("left", hang_up(&api, &text).await),
            2 => ("listed", api.get(&format!("{DREAMS}?limit=50")).await.status),
            3 => ("heard", api.transcribe("dream.wav", &recording).await.status),
            4 => ("refused", api.post_json(INTERPRET, &json!({ "text": "Short." })).await.status),
            5 => ("chat", api.post_json(CHAT, &chat(&text, 48)).await.status),
            6 => ("chat left", leave_after(&api, &chat(&text, 400), Duration::from_millis(1500)).await),
            7 => ("prompt left", leave_after(&api, &chat(&format!("{number} {}", text.repeat(30)), 8), Duration::from_millis(300)).await),
            _ => ("embedded", api.post_json("/v1/embeddings", &json!({"model": EMBEDDING_MODEL, "input": vec![text; 8]})).await.status),
        };
        log.add(kind, status, began.elapsed());
    }
}

fn chat(text: &str, tokens: u32) -> Value {
    json!({"model": "gpt-4o-mini", "max_tokens": tokens, "ignore_eos": true, "messages": [{"role": "user", "content": text}]})
}

/// The connection is closed while the request is under way, wherever that is.
async fn leave_after(api: &Api, body: &Value, patience: Duration) -> u16 {
    tokio::time::timeout(patience, api.post_json(CHAT, body)).await.map_or(200, |answer| answer.status)
}

/// Hangs up after the first words.
async fn hang_up(api: &Api, text: &str) -> u16 {
    let mut events = api.stream(&reading::request(text)).await;
    if events.status() == 200 {
        events.until("delta").await;
    }
    events.status()
}

/// Requests that engines serve or hold.
async fn places(api: &Api) -> u64 {
    let system = api.system().await;
    system["engines"].as_array().expect("engines").iter().map(|engine| engine["queued"].as_u64().expect("a number")).sum()
}

/// Bytes in RAM: the server's own, and of each engine.
async fn memory(api: &Api, server: i32) -> BTreeMap<String, u64> {
    let system = api.system().await;
    let engines = system["engines"].as_array().expect("engines").iter();
    let mut memory: BTreeMap<String, u64> =
        engines.filter_map(|engine| Some((engine["model"].as_str()?.to_owned(), engine["memory_bytes"].as_u64()?))).collect();
    memory.insert("server".into(), own_memory(server));
    memory
}

fn in_mib(samples: &[BTreeMap<String, u64>]) -> Value {
    let names = samples.first().into_iter().flat_map(BTreeMap::keys);
    let row = |name: &String| samples.iter().map(|sample| sample.get(name).map_or(0, |bytes| bytes >> 20)).collect::<Vec<u64>>();
    names.map(|name| (name.clone(), json!(row(name)))).collect::<serde_json::Map<_, _>>().into()
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
