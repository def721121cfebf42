//! A real language model under supervision. `ONEIROS_TEST_STATE` names a state directory with models.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use oneiros::engine::{
    Asker, Constraint, Embedder as _, EmbeddingRequest, EmbeddingRole, EngineError, EngineOptions, EventStream, FormPart, GenerationEvent,
    GenerationRequest, Prompt, Sampling, Slot, TextGenerator,
    backend::Backend,
    client::EngineClient,
    confinement::Confinement,
    pool::{Footprint, Pool},
    supervisor::{EngineSpec, EngineState, Patience, Presence, Spawner, Supervisor},
    wire::EngineKind,
};
use rustix::process::{Pid, Signal, kill_process};

/// The model's file under whatever folder of the state directory the store keeps it in.
fn model(name: &str) -> PathBuf {
    let state = std::env::var_os("ONEIROS_TEST_STATE").expect("ONEIROS_TEST_STATE names a state directory with models");
    find(Path::new(&state), name).unwrap_or_else(|| panic!("the state directory holds no {name}"))
}

fn find(folder: &Path, model: &str) -> Option<PathBuf> {
    let entries: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        path.is_file() && name.contains(model) && name.ends_with(".gguf")
    };
    let deeper = || entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path, model));
    entries.iter().find(|path| named(path)).cloned().or_else(deeper)
}

fn start(name: &str, presence: Presence) -> Supervisor {
    start_as(EngineKind::Llm, name, presence)
}

fn start_as(kind: EngineKind, name: &str, presence: Presence) -> Supervisor {
    let model = model(name);
    let spec = EngineSpec {
        kind,
        model_id: name.into(),
        confinement: Confinement::Cpu { readable: vec![model.clone()] },
        model: Some(model),
        backend: Backend::default(),
        options: EngineOptions { threads: 2, context_length: 4096, ..EngineOptions::default() },
        allow_unsandboxed: false,
        presence,
    };
    let spawner = Spawner::with_executable(PathBuf::from(env!("CARGO_BIN_EXE_oneiros"))).unwrap();
    let patience = Patience { first_restart: Duration::from_millis(50), attempts: 100, ..Patience::default() };
    Supervisor::start_with(spec, spawner, patience)
}

async fn engine() -> (Supervisor, EngineClient) {
    let engine = start("smollm2", Presence::Always);
    assert!(engine.ready().await.unwrap().confinement.is_confined());
    let client = engine.client();
    (engine, client)
}

fn tell(client: &EngineClient, words: usize) -> EventStream<GenerationEvent> {
    tell_at_most(client, words, 1000)
}

fn tell_at_most(client: &EngineClient, words: usize, max_tokens: u32) -> EventStream<GenerationEvent> {
    let slot = Slot { name: "story".into(), constraint: Constraint::Free, max_tokens, stop: Vec::new() };
    let prompt = Prompt::Text(format!("Once upon a time {}", "a quiet river ran to the sea and ".repeat(words / 8)));
    client.generate(GenerationRequest { prompt, form: vec![FormPart::Slot(slot)], sampling: Sampling::default() }, Asker::named("a test"))
}

async fn some_text(stream: &mut EventStream<GenerationEvent>, deltas: usize) {
    let mut heard = 0;
    while heard < deltas {
        match stream.recv().await.unwrap().unwrap() {
            GenerationEvent::Delta { .. } => heard += 1,
            GenerationEvent::Waiting(_) | GenerationEvent::Reading { .. } => {}
            event => panic!("the model ended early: {event:?}"),
        }
    }
}

#[tokio::test]
async fn a_model_killed_ten_times_in_mid_answer_tells_each_time_within_a_second_and_comes_back() {
    let (engine, client) = engine().await;
    for kill in 1..=10 {
        let mut stream = tell(&client, 8);
        some_text(&mut stream, kill).await;
        let killed = Instant::now();
        kill_process(Pid::from_raw(engine.status().pid.unwrap().cast_signed()).unwrap(), Signal::KILL).unwrap();
        let mut last = None;
        while let Some(event) = stream.recv().await {
            last = Some(event);
        }
        assert!(matches!(last, Some(Err(EngineError::Died(_)))), "{last:?}");
        assert!(killed.elapsed() < Duration::from_secs(1));
        engine.ready().await.unwrap();
    }
    some_text(&mut tell(&client, 8), 3).await;
    engine.stop().await;
}

#[tokio::test]
async fn an_asker_that_leaves_frees_the_engine_within_two_seconds_even_while_the_prompt_is_read() {
    let (engine, client) = engine().await;
    let mut stream = tell(&client, 8);
    some_text(&mut stream, 3).await;
    let reading = tell(&client, 1500);
    for stream in [stream, reading] {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let before = engine.status().queued;
        assert!(before > 0, "the request had ended already");
        drop(stream);
        let left = Instant::now();
        while engine.status().queued >= before {
            assert!(left.elapsed() < Duration::from_secs(2), "{before} places are still taken");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert_eq!(engine.status().restarts, 0);
    some_text(&mut tell(&client, 8), 3).await;
    engine.stop().await;
}

const GIB: u64 = 1 << 30;

/// One of two engines that need a GiB each, of which there is one.
fn one_of_two(name: &str, pool: &Arc<Pool>, keep_alive: Duration) -> Supervisor {
    let size = Footprint { memory: GIB, gpu_memory: 0 };
    start(name, Presence::OnDemand { share: Arc::new(pool.share(size, false).unwrap()), keep_alive })
}

fn pool(turn: Duration) -> Arc<Pool> {
    Pool::with_turn(Footprint { memory: GIB, gpu_memory: 0 }, turn)
}

/// How the answer ends.
async fn the_rest(mut stream: EventStream<GenerationEvent>) -> Option<Result<GenerationEvent, EngineError>> {
    let mut last = None;
    while let Some(event) = stream.recv().await {
        last = Some(event);
    }
    last
}

fn is_whole(last: &Option<Result<GenerationEvent, EngineError>>) -> bool {
    matches!(last, Some(Ok(GenerationEvent::Finished(_))))
}

async fn until(engine: &Supervisor, state: EngineState) {
    let since = Instant::now();
    while engine.status().state != state {
        assert!(since.elapsed() < Duration::from_secs(30), "{:?} instead of {state:?}", engine.status().state);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_model_is_loaded_when_it_is_asked_and_leaves_when_nobody_asks_any_more() {
    let pool = pool(Duration::from_secs(30));
    let engine = one_of_two("smollm2", &pool, Duration::from_millis(300));
    let client = engine.client();
    assert_eq!((engine.status().state, engine.status().pid), (EngineState::Resting, None));
    for _ in 0..2 {
        // An idle one leaves, and comes back for the next.
        let (one, other) = (tell_at_most(&client, 8, 100), tell_at_most(&client, 16, 100));
        assert!(is_whole(&the_rest(one).await) && is_whole(&the_rest(other).await));
        until(&engine, EngineState::Resting).await;
        assert_eq!((engine.status().pid, engine.status().restarts), (None, 0));
    }
    // A wish counts from the end of its request until the next.
    let wishes = |keep_alive| client.clone().keeping(Some(keep_alive));
    assert!(is_whole(&the_rest(tell_at_most(&wishes(Duration::from_secs(3600)), 8, 20)).await));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(engine.status().state, EngineState::Ready);
    assert!(is_whole(&the_rest(tell_at_most(&client, 8, 20)).await));
    until(&engine, EngineState::Resting).await;
    wishes(Duration::from_secs(3600)).load().await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(engine.status().state, EngineState::Ready);
    client.leave().await;
    assert_eq!((engine.status().state, engine.status().pid), (EngineState::Resting, None));
    engine.stop().await;
}

#[tokio::test]
async fn an_engine_that_another_needs_the_memory_of_ends_its_answers_first() {
    let pool = pool(Duration::from_millis(100));
    let (first, second) = (one_of_two("smollm2", &pool, Duration::from_secs(3600)), one_of_two("gemma", &pool, Duration::from_secs(3600)));
    let mut running = tell_at_most(&first.client(), 8, 300);
    some_text(&mut running, 5).await;
    let mut other = tell_at_most(&second.client(), 8, 100);
    // Asked after the other: it waits until the first model is back.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let late = tell_at_most(&first.client(), 16, 100);
    let running = the_rest(running).await;
    assert!(is_whole(&running), "{running:?}");
    some_text(&mut other, 1).await;
    assert_eq!((second.status().state, first.status().pid), (EngineState::Ready, None));
    let (other, late) = (the_rest(other).await, the_rest(late).await);
    assert!(is_whole(&other) && is_whole(&late), "{other:?} {late:?}");
    assert_eq!((first.status().restarts, second.status().restarts), (0, 0));
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn an_embedding_request_of_many_texts_keeps_the_memory_until_it_is_answered() {
    let pool = pool(Duration::from_secs(60));
    let size = Footprint { memory: GIB, gpu_memory: 0 };
    let presence = || Presence::OnDemand { share: Arc::new(pool.share(size, false).unwrap()), keep_alive: Duration::from_secs(3600) };
    let (embedding, other) = (start_as(EngineKind::Embedding, "e5", presence()), start("smollm2", presence()));
    let client = embedding.client();
    client.ready().await.unwrap();
    let texts = vec!["A bird on the roof".to_owned(); 400];
    let embedded = tokio::spawn(async move {
        let request = EmbeddingRequest { texts, role: EmbeddingRole::Passage };
        client.embed(request, Asker::named("a test")).await
    });
    while embedding.status().queued == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let pid = embedding.status().pid;
    let mut waiting = tell_at_most(&other.client(), 8, 20);
    assert_eq!(embedded.await.unwrap().unwrap().vectors.len(), 400);
    assert_eq!(embedding.status().pid, pid, "it had to leave between the parts of the request");
    some_text(&mut waiting, 1).await;
    embedding.stop().await;
    other.stop().await;
}
