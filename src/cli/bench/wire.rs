//! `oneiros bench wire`: what the way to an engine and the server around it cost.

use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use hyper::body::Bytes;
use serde_json::json;

use super::{
    appliance::Appliance,
    chat,
    engines::Engines,
    machine::available_memory,
    progress::Progress,
    report::{Section, percentile},
    target::Target,
};
use crate::{
    config::Config,
    engine::{
        ChatMessage, ChatRole, Constraint, Embedder, EmbeddingRequest, EmbeddingRole, EngineError, FormPart, GenerationEvent,
        GenerationRequest, Prompt, Sampling, Slot, TextGenerator,
        client::EngineClient,
        wire::{EngineKind, Request},
    },
    features::system::SystemReport,
};

/// Requests of one round, of those that take less than a millisecond and of those that compute.
const EMPTY_REQUESTS: usize = 300;
const SHORT_REQUESTS: usize = 30;
const GENERATIONS: usize = 3;
const TOKENS: u32 = 64;
const SHORT_TEXT: &str = "I was flying.";
const USER: &str = "I was flying over a wide river at night and could not land.";

/// Engines of the same models as the server's, loaded a second time, and the server: measured in turns.
struct Bench<'a> {
    embedding: EngineClient,
    llm: EngineClient,
    server: &'a Target,
    generation: &'a Bytes,
}

pub async fn measure(appliance: &Appliance, config: &Config, rounds: usize) -> anyhow::Result<Vec<Section>> {
    let model = appliance.model(EngineKind::Llm).await?.context("the server runs no language model")?;
    room_for_a_second_copy(&appliance.report().await?)?;
    let engines = Engines::open(config)?;
    let (embedding, llm) = (engines.embedding(None).await?, engines.llm(&model).await?);
    embedding.supervisor.ready().await?;
    llm.supervisor.ready().await?;
    let generation = chat::bytes(&chat::request(&model, &chat::system_prompt(), USER, TOKENS));
    let server = &appliance.target;
    let bench = Bench { embedding: embedding.supervisor.client(), llm: llm.supervisor.client(), server, generation: &generation };
    let sections = [
        Section::new("wire, to an engine and back").about("model", embedding.model.as_str()).about("language model", model.as_str()),
        Section::new("wire, through the server").about("in another process", appliance.is_another_process()),
        Section::new("wire, what the server adds"),
    ];
    let measured = bench.rounds(sections, rounds).await;
    embedding.supervisor.stop().await;
    llm.supervisor.stop().await;
    measured
}

/// Rather no figure than a server whose engines the kernel ends for want of memory.
fn room_for_a_second_copy(report: &SystemReport) -> anyhow::Result<()> {
    let loaded = |id: &str| report.snapshot.engines.iter().any(|engine| engine.model == id);
    let needed: u64 = report.snapshot.models.iter().filter(|model| loaded(&model.id)).map(|model| model.bytes * 3 / 2).sum();
    let free = available_memory().unwrap_or(u64::MAX);
    ensure!(
        free > needed,
        "the models are loaded a second time to be measured without the server, and there is no memory for that: {} MiB are free, about {} \
         MiB are needed",
        free >> 20,
        needed >> 20
    );
    Ok(())
}

impl Bench<'_> {
    async fn rounds(self, mut sections: [Section; 3], rounds: usize) -> anyhow::Result<Vec<Section>> {
        let progress = Progress::new("wire", rounds + 1);
        for round in 0..=rounds {
            progress.begin(&if round == 0 { "warming up".into() } else { format!("round {round} of {rounds}") });
            let [alone, through, added] = &mut sections;
            // The first round warms up.
            let mut unheard = [Section::new(""), Section::new(""), Section::new("")];
            let [alone, through, added] = if round > 0 { [alone, through, added] } else { unheard.each_mut() };
            self.requests(alone, through, added).await?;
            self.generations(alone, through, added).await?;
            progress.step();
        }
        Ok(sections.into())
    }

    async fn requests(&self, alone: &mut Section, through: &mut Section, added: &mut Section) -> anyhow::Result<()> {
        let short = Bytes::from(json!({ "texts": [SHORT_TEXT], "role": "passage" }).to_string());
        let mut server = self.server.connect().await?;
        let (mut engine, mut health) = (Vec::new(), Vec::new());
        for _ in 0..EMPTY_REQUESTS {
            engine.push(microseconds(nothing(&self.embedding)).await?);
            health.push(microseconds(async { server.get("/healthz").await.map(drop) }).await?);
        }
        let (mut direct, mut served) = (Vec::new(), Vec::new());
        for _ in 0..SHORT_REQUESTS {
            direct.push(microseconds(short_text(&self.embedding)).await?);
            served.push(microseconds(async { server.post("/api/v1/embeddings", &short).await?.whole().await.map(drop) }).await?);
        }
        for (section, empty, texts) in [(alone, &engine, &direct), (through, &health, &served)] {
            section.ours("a request for nothing, p50", "µs", percentile(empty, 0.5));
            section.ours("a request for nothing, p99", "µs", percentile(empty, 0.99));
            section.ours("a short text's vector, p50", "µs", percentile(texts, 0.5));
        }
        let longer = percentile(&served, 0.5).zip(percentile(&direct, 0.5)).map(|(served, direct)| (served - direct) / 1e3);
        added.ours("to a request, p50", "ms", longer);
        Ok(())
    }

    async fn generations(&self, alone: &mut Section, through: &mut Section, added: &mut Section) -> anyhow::Result<()> {
        let (mut counted, mut direct, mut served) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..GENERATIONS {
            let Speeds { client, engine } = generation_speed(&self.llm).await?;
            direct.push(client);
            counted.extend(engine);
            // A server closes connections on which nothing is asked for long.
            let told = chat::ask(&mut self.server.connect().await?, self.generation, || ()).await?;
            served.push(told.generation_speed().context("the model wrote nothing to measure")?);
        }
        let [counted, direct, served] = [counted, direct, served].map(|speeds| percentile(&speeds, 0.5));
        alone.ours("generation, by the engine's own clock", "tokens/s", counted);
        alone.ours("generation", "tokens/s", direct);
        through.ours("generation", "tokens/s", served);
        let slower = |without: Option<f64>| without.zip(served).map(|(without, served)| (without / served - 1.0) * 100.0);
        added.ours("to the time of a token, wire and server", "%", slower(counted));
        added.ours("to the time of a token, server alone", "%", slower(direct));
        Ok(())
    }
}

/// A request that the engine answers without computing, since it refuses it: what remains is the wire.
async fn nothing(client: &EngineClient) -> anyhow::Result<()> {
    let request = EmbeddingRequest { texts: Vec::new(), role: EmbeddingRole::Passage };
    let mut answer = client.request(Request::Embed(request), Vec::new(), super::asker(0));
    match answer.recv().await.context("the engine gave no answer")? {
        Ok(_) | Err(EngineError::InvalidRequest(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn short_text(client: &impl Embedder) -> anyhow::Result<()> {
    client.embed(EmbeddingRequest { texts: vec![SHORT_TEXT.into()], role: EmbeddingRole::Passage }, super::asker(0)).await?;
    Ok(())
}

async fn microseconds(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<f64> {
    let start = Instant::now();
    work.await?;
    Ok(start.elapsed().as_secs_f64() * 1e6)
}

/// Tokens a second of one generation.
struct Speeds {
    client: f64,
    /// By the engine's own clock, which counts whole milliseconds.
    engine: Option<f64>,
}

/// Tokens a second from the first token on.
async fn generation_speed(client: &impl TextGenerator) -> anyhow::Result<Speeds> {
    let dialog = vec![ChatMessage::new(ChatRole::System, chat::system_prompt()), ChatMessage::new(ChatRole::User, USER)];
    let slot = Slot { name: "answer".into(), constraint: Constraint::Free, max_tokens: TOKENS, stop: Vec::new() };
    let request = GenerationRequest {
        prompt: Prompt::Chat(dialog.into()),
        form: vec![FormPart::Slot(slot)],
        sampling: Sampling { temperature: 0.0, repeat_penalty: 1.0, dry_multiplier: 0.0, ignore_eos: true, ..Sampling::default() },
    };
    let mut events = client.generate(request, super::asker(0));
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
                let (tokens, milliseconds) = (f64::from(usage.generated_tokens - 1), usage.generation_milliseconds);
                let engine = (milliseconds > 0).then(|| tokens / (milliseconds as f64 / 1e3));
                return Ok(Speeds { client: tokens / seconds, engine });
            }
            _ => {}
        }
    }
    bail!("the engine ended without an answer")
}
