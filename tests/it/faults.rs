//! What is killed comes back, and what was told to the server is still there.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    api::{Api, DREAMS, Engine},
    processes::{self, Signal},
    reading,
    server::Server,
    speech,
    state::{EMBEDDING_MODEL, ENGLISH_MODEL, OTHER_MODEL, SPEECH_MODEL},
    texts, turn,
};

/// How soon a killed engine must be there again.
const BACK: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_language_model_killed_in_mid_answer_is_told_within_a_second_and_comes_back() {
    let _turn = turn::alone().await;
    let server = Server::start().await;
    let api = server.api();
    for (text, model) in [(texts::HORSE, ENGLISH_MODEL), (texts::RUSSIAN, OTHER_MODEL)] {
        let others: Vec<Engine> = api.engines().await.into_iter().filter(|engine| engine.model != model).collect();
        let pid = api.engine_pid(model).await;
        let mut events = api.stream(&reading::request(text)).await;
        let dream = events.expect("dream").await.data;
        for _ in 0..3 {
            events.until("delta").await.expect("the answer grows");
        }
        processes::signal(pid, Signal::KILL);
        let killed = Instant::now();
        let error = events.until("error").await.expect("the stream tells of the fault");
        assert!(error.at - killed < Duration::from_secs(1), "told only after {:?}", error.at - killed);
        assert!(error.data.to_string().len() > 20, "the error says something: {}", error.data);

        let kept = api.get(&format!("{DREAMS}/{}", dream["id"].as_str().expect("id"))).await.ok();
        assert!(kept.to_string().contains(dream["id"].as_str().expect("id")), "{kept}");
        back(&api, model, pid, killed).await;
        reading::check(&reading::obtain(&api, &reading::request(text)).await["interpretation"], text);
        let unhurt = api.engines().await;
        assert!(others.iter().all(|engine| unhurt.contains(engine)), "other engines were restarted: {others:?}, now {unhurt:?}");
    }
}

/// Waits until a model has another process than `before` and the server is ready; panics when that takes too long.
async fn back(api: &Api, model: &str, before: i32, since: Instant) {
    loop {
        let pid = api.engine(model).await.pid;
        if pid.is_some_and(|pid| pid != before) && api.is_ready().await {
            return;
        }
        assert!(since.elapsed() < BACK, "{model} is not back after {BACK:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_killed_embedding_engine_comes_back_and_no_dream_is_lost() {
    let _turn = turn::alone().await;
    let server = Server::start().await;
    let api = server.api();
    let pid = api.engine_pid(EMBEDDING_MODEL).await;
    let (first, _) = api.keep(texts::TRAIN).await;
    processes::signal(pid, Signal::KILL);
    let killed = Instant::now();
    // Told while the engine is away: taken, or refused for a moment, never a failure without a word.
    let mut events = api.stream(&reading::request(texts::LIBRARY)).await;
    let status = events.status();
    assert!(status == 200 || status == 503, "{status}");
    let told = events.next().await;
    drop(events);
    back(&api, EMBEDDING_MODEL, pid, killed).await;
    for id in
        [Some(first["id"].clone()), told.filter(|event| event.name == "dream").map(|event| event.data["id"].clone())].into_iter().flatten()
    {
        assert_eq!(api.get(&format!("{DREAMS}/{}", id.as_str().expect("id"))).await.status, 200);
    }
    let (_, similar) = api.keep("I missed the last train home, and the station was filling with sand, and a man gave me a key.").await;
    assert!(similar.to_string().contains(first["id"].as_str().expect("id")), "{similar}");
}

#[tokio::test]
async fn a_killed_speech_engine_is_told_at_once_and_comes_back() {
    let _turn = turn::alone().await;
    let server = Server::start().await;
    let api = server.api();
    let pid = api.engine_pid(SPEECH_MODEL).await;
    let recording = speech::spoken(&[texts::HORSE, texts::TRAIN, texts::LIBRARY, texts::TEETH].join(" "));
    let asked = {
        let api = api.clone();
        tokio::spawn(async move { (api.transcribe("long.wav", &recording).await, Instant::now()) })
    };
    tokio::time::sleep(Duration::from_millis(700)).await;
    let moon = speech::spoken("The moon was made of glass.");
    let waiting = {
        let (api, moon) = (api.clone(), moon.clone());
        tokio::spawn(async move { api.transcribe("waiting.wav", &moon).await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    processes::signal(pid, Signal::KILL);
    let killed = Instant::now();
    let (answer, at) = asked.await.expect("an answer");
    answer.is_unavailable();
    assert!(at - killed < Duration::from_secs(1), "told only after {:?}", at - killed);
    let heard_by_the_next = waiting.await.expect("an answer").ok();
    assert!(heard_by_the_next["text"].as_str().expect("text").to_lowercase().contains("moon"), "{heard_by_the_next}");
    back(&api, SPEECH_MODEL, pid, killed).await;
    let heard = api.transcribe("short.wav", &moon).await.ok();
    assert!(heard["text"].as_str().expect("text").to_lowercase().contains("moon"), "{heard}");
}

#[tokio::test]
async fn a_database_that_is_killed_or_stopped_comes_back_by_itself() {
    let _turn = turn::alone().await;
    let server = Server::start().await;
    let api = server.api();
    let mut kept = Vec::new();
    for (round, signal) in [Signal::KILL, Signal::INT, Signal::KILL].into_iter().enumerate() {
        let (dream, _) = api.keep(&texts::numbered(round)).await;
        kept.push(dream["id"].as_str().expect("id").to_owned());
        let postmaster = processes::postmaster(server.state.path()).expect("the server has a database of its own");
        processes::signal(postmaster, signal);
        let start = Instant::now();
        while processes::is_alive(postmaster) && start.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        recovered(&api, start).await;
        for id in &kept {
            assert_eq!(api.get(&format!("{DREAMS}/{id}")).await.status, 200, "a dream was lost after {signal:?}");
        }
        let answer = reading::obtain(&api, &reading::request(&texts::numbered(100 + round))).await;
        assert!(answer["dream"]["id"].is_string());
    }
}

/// Until the database is back every request gets 503 and when to come again; after that, its answer.
async fn recovered(api: &Api, since: Instant) {
    let mut in_a_row = 0;
    while in_a_row < 5 {
        let listed = api.get(DREAMS).await;
        match listed.status {
            200 => in_a_row += 1,
            _ => {
                in_a_row = 0;
                listed.is_unavailable();
                let told = api.post_json("/api/v1/dreams/interpret", &json!({ "text": texts::TEETH })).await;
                if told.status >= 400 {
                    told.is_unavailable();
                }
            }
        }
        assert!(since.elapsed() < Duration::from_secs(30), "the database is not back after 30 s: {}", listed.text());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn clients_that_hang_up_free_their_places() {
    let _turn = turn::alone().await;
    let server = Server::start().await;
    let api = server.api();
    let undisturbed = first_delta(&api, texts::BRIDGE).await;
    let long: String =
        [texts::HORSE, texts::TRAIN, texts::LIBRARY, texts::TEETH, texts::GARDEN].join(" ").chars().cycle().take(3900).collect();
    for wait_for in ["similar", "delta"] {
        let mut streams = Vec::new();
        for number in 0..6 {
            let text = format!("{wait_for} {number}. {long}");
            let mut events = api.stream(&reading::request(&text)).await;
            // The last ones may still be in the queue: they hang up there.
            if number < 2 {
                events.until(wait_for).await.expect("the answer begins");
            }
            streams.push(events);
        }
        drop(streams);
        let next = first_delta(&api, &format!("{} It was after {wait_for}.", texts::GARDEN)).await;
        let bound = undisturbed + Duration::from_secs(2);
        assert!(next <= bound, "after clients hung up at `{wait_for}` the next one waited {next:?}; undisturbed {undisturbed:?}");
    }
}

/// Time from the request to the first words of its answer.
async fn first_delta(api: &Api, text: &str) -> Duration {
    let start = Instant::now();
    let mut events = api.stream(&reading::request(text)).await;
    let first = events.until("delta").await.expect("an answer");
    first.at - start
}

#[tokio::test]
async fn many_at_once_are_served_or_told_to_come_again() {
    let _turn = turn::alone().await;
    let server = Server::start().await;
    let engines = server.api().engines().await;
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..60 {
        let api = server.api();
        asked.spawn(async move {
            let mut events = api.stream(&json!({ "text": texts::numbered(number) })).await;
            let status = events.status();
            let first = if status == 200 { events.until("similar").await.map(|event| event.name) } else { None };
            (status, first)
        });
    }
    let mut served = 0;
    while let Some(answer) = asked.join_next().await {
        let (status, first) = answer.expect("an answer");
        assert!(status == 200 || status == 429, "{status}");
        served += usize::from(status == 200 && first.is_some());
    }
    assert!(served >= 4, "only {served} of 60 were served");
    assert_eq!(server.api().engines().await, engines, "an engine was restarted");
    let answer: Value = reading::obtain(&server.api(), &reading::request(texts::MOUNTAIN)).await;
    reading::check(&answer["interpretation"], texts::MOUNTAIN);
}
