//! `oneiros bench wire`: what the way to an engine and the server around it cost.

use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use hyper::body::Bytes;
use serde_json::json;

use super::{
    appliance::Appliance,
    chat,
    engines::Engines,
    report::{Section, percentile},
};
use crate::{
    config::Config,
    engine::{
        ChatMessage, ChatRole, Constraint, Embedder, EmbeddingRequest, EmbeddingRole, EngineError, FormPart, GenerationEvent,
        GenerationRequest, Prompt, Sampling, Slot, TextGenerator, client::EngineClient, wire::Request,
    },
};

/// Requests of one round, of those that take less than a millisecond and of those that compute.
const EMPTY_REQUESTS: usize = 300;
const SHORT_REQUESTS: usize = 30;
const TOKENS: u32 = 64;
const SHORT_TEXT: &str = "I was flying.";
const USER: &str = "I was flying over a wide river at night and could not land.";

/// The way to an engine without a server.
pub async fn of_engine(config: &Config, rounds: usize) -> anyhow::Result<Vec<Section>> {
    let engines = Engines::open(config)?;
    Ok(vec![embedding_alone(&engines, rounds).await?, llm_alone(&engines, rounds).await?])
}

async fn embedding_alone(engines: &Engines<'_>, rounds: usize) -> anyhow::Result<Section> {
    let engine = engines.embedding(None).await?;
    engine.supervisor.ready().await?;
    let client = engine.supervisor.client();
    let mut section = Section::new("wire, to an engine and back").about("model", engine.model.as_str());
    for round in 0..=rounds {
        let empty = times(EMPTY_REQUESTS, || nothing(&client)).await?;
        let short = times(SHORT_REQUESTS, || async { short_text(&client).await }).await?;
        // The first round warms up.
        if round > 0 {
            section.ours("a request for nothing, p50", "µs", percentile(&empty, 0.5));
            section.ours("a request for nothing, p99", "µs", percentile(&empty, 0.99));
            section.ours("a short text's vector, p50", "µs", percentile(&short, 0.5));
        }
    }
    engine.supervisor.stop().await;
    Ok(section)
}

/// A request that the engine answers without computing, since it refuses it: what remains is the wire.
async fn nothing(client: &EngineClient) -> anyhow::Result<()> {
    let request = EmbeddingRequest { texts: Vec::new(), role: EmbeddingRole::Passage };
    let mut answer = client.request(Request::Embed(request), Vec::new(), super::asker());
    match answer.recv().await.context("the engine gave no answer")? {
        Ok(_) | Err(EngineError::InvalidRequest(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn short_text(client: &impl Embedder) -> anyhow::Result<()> {
    client.embed(EmbeddingRequest { texts: vec![SHORT_TEXT.into()], role: EmbeddingRole::Passage }, super::asker()).await?;
    Ok(())
}

/// Microseconds of each.
async fn times<F: Future<Output = anyhow::Result<()>>>(count: usize, mut each: impl FnMut() -> F) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        each().await?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(times)
}

async fn llm_alone(engines: &Engines<'_>, rounds: usize) -> anyhow::Result<Section> {
    let engine = engines.llm().await?;
    engine.supervisor.ready().await?;
    let client = engine.supervisor.client();
    let mut section = Section::new("wire, an engine's generation without the server").about("model", engine.model.as_str());
    generation_speed(&client).await?;
    for _ in 0..rounds {
        section.ours("generation", "tokens/s", generation_speed(&client).await?);
    }
    engine.supervisor.stop().await;
    Ok(section)
}

/// Tokens a second from the first token on.
async fn generation_speed(client: &impl TextGenerator) -> anyhow::Result<f64> {
    let dialog = vec![ChatMessage::new(ChatRole::System, chat::system_prompt()), ChatMessage::new(ChatRole::User, USER)];
    let slot = Slot { name: "answer".into(), constraint: Constraint::Free, max_tokens: TOKENS, stop: Vec::new() };
    let request = GenerationRequest {
        prompt: Prompt::Chat(dialog.into()),
        form: vec![FormPart::Slot(slot)],
        sampling: Sampling { temperature: 0.0, repeat_penalty: 1.0, dry_multiplier: 0.0, ignore_eos: true, ..Sampling::default() },
    };
    let mut events = client.generate(request, super::asker());
    let (mut first, mut last) = (None, Instant::now());
    while let Some(event) = events.recv().await {
        match event? {
            GenerationEvent::Delta { .. } => {
                last = Instant::now();
                first.get_or_insert(last);
            }
            GenerationEvent::Finished(usage) => {
                let seconds = first.map_or(0.0, |first| last.duration_since(first).as_secs_f64());
                ensure!(seconds > 0.0 && usage.generated_tokens > 1, "the model wrote nothing to measure");
                return Ok(f64::from(usage.generated_tokens - 1) / seconds);
            }
            _ => {}
        }
    }
    bail!("the engine ended without an answer")
}

/// The same through the server.
pub async fn of_server(appliance: &Appliance, model: &str, rounds: usize) -> anyhow::Result<Vec<Section>> {
    let mut connection = appliance.target.connect().await?;
    let mut requests = Section::new("wire, through the server").about("in another process", appliance.is_another_process());
    let short = Bytes::from(json!({ "texts": [SHORT_TEXT], "role": "passage" }).to_string());
    let generation = chat::bytes(&chat::request(model, &chat::system_prompt(), USER, TOKENS));
    chat::ask(&mut connection, &generation, || ()).await?;
    for round in 0..=rounds {
        let (mut health, mut vectors) = (Vec::new(), Vec::new());
        for _ in 0..EMPTY_REQUESTS {
            let start = Instant::now();
            connection.get("/healthz").await?;
            health.push(start.elapsed().as_secs_f64() * 1e6);
        }
        for _ in 0..SHORT_REQUESTS {
            let start = Instant::now();
            connection.post("/api/v1/embeddings", &short).await?.whole().await?;
            vectors.push(start.elapsed().as_secs_f64() * 1e6);
        }
        if round > 0 {
            requests.ours("a request for nothing, p50", "µs", percentile(&health, 0.5));
            requests.ours("a short text's vector, p50", "µs", percentile(&vectors, 0.5));
            let told = chat::ask(&mut connection, &generation, || ()).await?;
            requests.ours("generation", "tokens/s", told.generation_speed().context("the model wrote nothing to measure")?);
        }
    }
    Ok(vec![requests])
}
