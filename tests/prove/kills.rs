//! Kills by the dozen: nothing that was acknowledged is lost.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::support::{
    api::{Api, DREAMS},
    processes::{self, Signal},
    reading,
    server::Server,
    speech,
    state::{EMBEDDING_MODEL, ENGLISH_MODEL, OTHER_MODEL, SPEECH_MODEL, StateDirectory},
    texts,
};

const ENGINE_KILLS: usize = 10;
const SERVER_KILLS: usize = 50;
const WRITERS: usize = 4;
const BACK: Duration = Duration::from_secs(15);

#[tokio::test]
async fn each_engine_is_killed_in_mid_answer_ten_times() {
    let server = Server::start().await;
    let api = server.api();
    let mut acknowledged = Vec::new();
    for (model, dream) in [(ENGLISH_MODEL, texts::HORSE), (OTHER_MODEL, texts::RUSSIAN)] {
        let mut slowest = Duration::ZERO;
        for round in 0..ENGINE_KILLS {
            let pid = api.engine_pid(model).await;
            let mut events = api.stream(&reading::request(&format!("{dream} {round}."))).await;
            acknowledged.push(id(&events.expect("dream").await.data));
            for _ in 0..=round {
                events.until("delta").await.expect("the answer grows");
            }
            processes::signal(pid, Signal::KILL);
            let killed = Instant::now();
            let error = events.until("error").await.expect("the stream tells of the fault");
            slowest = slowest.max(error.at - killed);
            back(&api, model, pid, killed).await;
        }
        println!("{model}: killed {ENGINE_KILLS} times in mid-answer, told within {slowest:?}");
        assert!(slowest < Duration::from_secs(1), "told only after {slowest:?}");
    }
    kill_while_embedding(&api, &mut acknowledged).await;
    kill_while_listening(&api).await;
    all_there(&api, &acknowledged).await;
    println!("{} dreams acknowledged, all there", acknowledged.len());
    reading::obtain(&api, &reading::request(texts::MOUNTAIN)).await;
}

async fn kill_while_embedding(api: &Api, acknowledged: &mut Vec<String>) {
    for round in 0..ENGINE_KILLS {
        // One that falls as soon as it stands would be started again later each time, and at last only when asked for.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let pid = api.engine_pid(EMBEDDING_MODEL).await;
        let long = texts::HORSE.repeat(15);
        let mut events = api.stream(&reading::request(&format!("{round}. {long}"))).await;
        processes::signal(pid, Signal::KILL);
        let killed = Instant::now();
        if let Some(event) = events.next().await.filter(|event| event.name == "dream") {
            acknowledged.push(id(&event.data));
        }
        drop(events);
        back(api, EMBEDDING_MODEL, pid, killed).await;
    }
    println!("{EMBEDDING_MODEL}: killed {ENGINE_KILLS} times");
}

async fn kill_while_listening(api: &Api) {
    let recording = speech::spoken(&[texts::HORSE, texts::TRAIN, texts::LIBRARY, texts::TEETH].join(" "));
    let mut slowest = Duration::ZERO;
    for round in 0..ENGINE_KILLS {
        let pid = api.engine_pid(SPEECH_MODEL).await;
        let asked = {
            let (api, recording) = (api.clone(), recording.clone());
            tokio::spawn(async move { (api.transcribe("long.wav", &recording).await, Instant::now()) })
        };
        tokio::time::sleep(Duration::from_millis(300 + 60 * round as u64)).await;
        processes::signal(pid, Signal::KILL);
        let killed = Instant::now();
        let (answer, at) = asked.await.expect("an answer");
        answer.is_unavailable();
        slowest = slowest.max(at - killed);
        back(api, SPEECH_MODEL, pid, killed).await;
    }
    println!("{SPEECH_MODEL}: killed {ENGINE_KILLS} times, told within {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "told only after {slowest:?}");
}

async fn back(api: &Api, model: &str, before: i32, since: Instant) {
    while api.engine(model).await.pid.is_none_or(|pid| pid == before) || !api.is_ready().await {
        assert!(since.elapsed() < BACK, "{model} is not back after {BACK:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn id(dream: &serde_json::Value) -> String {
    dream["id"].as_str().unwrap_or_else(|| panic!("no id in {dream}")).to_owned()
}

async fn all_there(api: &Api, ids: &[String]) {
    for id in ids {
        let answer = api.get(&format!("{DREAMS}/{id}")).await;
        assert_eq!(answer.status, 200, "{id} was acknowledged and is lost: {}", answer.text());
    }
}

#[tokio::test]
async fn the_server_is_killed_in_mid_write_fifty_times() {
    let state = StateDirectory::with_models();
    let acknowledged = Arc::new(Mutex::new(Vec::<String>::new()));
    let mut checked = 0;
    for round in 0..SERVER_KILLS {
        let mut server = Server::start_in(&state).await;
        let known = acknowledged.lock().expect("no writer panics").clone();
        all_there(&server.api(), &known[checked..]).await;
        checked = known.len();
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| tokio::spawn(write(server.api(), round, writer, Arc::clone(&acknowledged)))).collect();
        // Spread over the time that a write takes, differently in each round.
        tokio::time::sleep(Duration::from_millis(40 + (round as u64 * 137) % 900)).await;
        let engines: Vec<i32> =
            processes::descendants(server.pid()).into_iter().filter(|&pid| processes::name(pid) != "postgres").collect();
        server.end(Signal::KILL, Duration::from_secs(5)).await;
        processes::gone(&engines, Duration::from_secs(2)).await.unwrap_or_else(|left| panic!("engines outlive the server: {left:?}"));
        for writer in writers {
            writer.await.expect("a writer");
        }
    }
    let server = Server::start_in(&state).await;
    let known = acknowledged.lock().expect("no writer panics").clone();
    all_there(&server.api(), &known).await;
    println!("the server was killed {SERVER_KILLS} times in mid-write: {} dreams acknowledged, all there", known.len());
    assert!(known.len() >= SERVER_KILLS, "too few writes were under way to prove anything: {}", known.len());
    reading::obtain(&server.api(), &reading::request(texts::MOUNTAIN)).await;
}

/// Tells dreams until the server is gone and notes each one that was acknowledged.
async fn write(api: Api, round: usize, writer: usize, acknowledged: Arc<Mutex<Vec<String>>>) {
    for number in 0.. {
        let text = texts::numbered(round * 100_000 + writer * 10_000 + number);
        let Ok(mut events) = api.try_stream(&reading::request(&text)).await else { return };
        match events.next().await {
            Some(event) if event.name == "dream" => acknowledged.lock().expect("no writer panics").push(id(&event.data)),
            Some(_) => {}
            None if events.status() == 200 => return,
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
