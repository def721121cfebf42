//! A real language model under supervision. `ONEIROS_TEST_STATE` names a state directory with models.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use oneiros::engine::{
    Asker, Constraint, EngineError, EngineOptions, EventStream, FormPart, GenerationEvent, GenerationRequest, Prompt, Sampling, Slot,
    TextGenerator,
    backend::Backend,
    client::EngineClient,
    confinement::Confinement,
    supervisor::{EngineSpec, Patience, Presence, Spawner, Supervisor},
    wire::EngineKind,
};
use rustix::process::{Pid, Signal, kill_process};

/// SmolLM2 under whatever folder of the state directory the store keeps it in.
fn model() -> PathBuf {
    let state = std::env::var_os("ONEIROS_TEST_STATE").expect("ONEIROS_TEST_STATE names a state directory with models");
    find(Path::new(&state)).expect("the state directory holds SmolLM2")
}

fn find(folder: &Path) -> Option<PathBuf> {
    let entries: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        path.is_file() && name.contains("smollm2") && name.ends_with(".gguf")
    };
    entries.iter().find(|path| named(path)).cloned().or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path)))
}

async fn engine() -> (Supervisor, EngineClient) {
    let model = model();
    let spec = EngineSpec {
        kind: EngineKind::Llm,
        model_id: "smollm2".into(),
        confinement: Confinement::Cpu { readable: vec![model.clone()] },
        model: Some(model),
        backend: Backend::default(),
        options: EngineOptions { threads: 2, context_length: 4096, ..EngineOptions::default() },
        allow_unsandboxed: false,
        presence: Presence::Always,
    };
    let spawner = Spawner::with_executable(PathBuf::from(env!("CARGO_BIN_EXE_oneiros"))).unwrap();
    let patience = Patience { first_restart: Duration::from_millis(50), attempts: 100, ..Patience::default() };
    let engine = Supervisor::start_with(spec, spawner, patience);
    assert!(engine.ready().await.unwrap().confinement.is_confined());
    let client = engine.client();
    (engine, client)
}

fn tell(client: &EngineClient, words: usize) -> EventStream<GenerationEvent> {
    let slot = Slot { name: "story".into(), constraint: Constraint::Free, max_tokens: 1000, stop: Vec::new() };
    let prompt = Prompt::Text(format!("Once upon a time {}", "a quiet river ran to the sea and ".repeat(words / 8)));
    client.generate(GenerationRequest { prompt, form: vec![FormPart::Slot(slot)], sampling: Sampling::default() }, Asker::named("a test"))
}

async fn some_text(stream: &mut EventStream<GenerationEvent>, deltas: usize) {
    for _ in 0..deltas {
        let event = stream.recv().await.unwrap().unwrap();
        assert!(matches!(event, GenerationEvent::Delta { .. }), "the model ended early: {event:?}");
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
