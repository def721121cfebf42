//! `oneiros bench embedding`: texts a second of an embedding model, through the engine that the server would use; with
//! `--against`, of both servers through `/v1/embeddings`.

use std::{path::PathBuf, time::Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{
    engines::Engines,
    llm::Peer,
    report::{Section, Whose},
    target::Connection,
    texts,
};
use crate::{
    config::Config,
    engine::{Embedder, EmbeddingRequest, EmbeddingRole},
};

/// How many texts one measurement takes.
const TEXTS_EACH: usize = 64;

#[derive(Debug, Clone, Args)]
pub struct EmbeddingArguments {
    /// The model [default: the one that the server would use]
    pub model: Option<String>,
    /// File with one text a line [default: eight dreams of about 90 tokens, over and over]
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
    /// Texts in one request; each size is measured by itself
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32])]
    sizes: Vec<usize>,
}

impl EmbeddingArguments {
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.sizes.is_empty() && self.sizes.iter().all(|size| (1..=1024).contains(size)), "sizes go from 1 to 1024");
        Ok(())
    }

    fn texts(&self) -> anyhow::Result<Vec<String>> {
        match &self.texts {
            Some(path) => texts::of_file(path),
            None => Ok(texts::DREAMS.lines().cycle().take(TEXTS_EACH).map(str::to_owned).collect()),
        }
    }
}

fn section(size: usize) -> Section {
    Section::new(format!("embedding, {size} texts in a request")).about("texts in a request", size)
}

/// The engine by itself, without a server around it.
pub async fn measure(arguments: &EmbeddingArguments, config: &Config, rounds: usize) -> anyhow::Result<Vec<Section>> {
    let texts = arguments.texts()?;
    let engine = Engines::open(config)?.embedding(arguments.model.as_deref()).await?;
    let dimensions = engine.supervisor.ready().await?.dimensions;
    let client = engine.supervisor.client();
    let tokens = embed(&client, &texts[..1], 1).await? as usize * texts.len();
    let mut sections = Vec::new();
    for size in &arguments.sizes {
        eprintln!("embedding: {size} texts in a request, {rounds} rounds");
        let mut section = section(*size)
            .about("model", engine.model.as_str())
            .about("back end", engine.backend)
            .about("threads", config.models.threads)
            .about("dimensions", dimensions)
            .about("texts", texts.len());
        let mut tokens = tokens;
        for _ in 0..rounds {
            let start = Instant::now();
            tokens = embed(&client, &texts, *size).await? as usize;
            section.ours("texts a second", "texts/s", texts.len() as f64 / start.elapsed().as_secs_f64());
        }
        sections.push(section.about("tokens in a text", tokens / texts.len()));
    }
    engine.supervisor.stop().await;
    Ok(sections)
}

/// Embeds all texts and returns how many tokens they were.
pub async fn embed(client: &impl Embedder, texts: &[String], at_once: usize) -> anyhow::Result<u32> {
    let mut tokens = 0;
    for some in texts.chunks(at_once) {
        tokens += client.embed(EmbeddingRequest { texts: some.to_vec(), role: EmbeddingRole::Passage }, super::asker()).await?.tokens;
    }
    Ok(tokens)
}

/// Servers in turns.
pub async fn compare(arguments: &EmbeddingArguments, peers: &[Peer], rounds: usize) -> anyhow::Result<Vec<Section>> {
    let texts = arguments.texts()?;
    let mut sections: Vec<Section> = arguments.sizes.iter().map(|size| section(*size).about("texts", texts.len())).collect();
    for peer in peers {
        // Loads what is loaded at the first request.
        ask(&mut peer.target.connect().await?, &peer.model, &texts[..1]).await?;
    }
    for round in 1..=rounds {
        for peer in peers {
            eprintln!("embedding: round {round} of {rounds}, {:?}", peer.whose);
            let mut connection = peer.target.connect().await?;
            for (size, section) in arguments.sizes.iter().zip(&mut sections) {
                let start = Instant::now();
                for some in texts.chunks(*size) {
                    ask(&mut connection, &peer.model, some).await?;
                }
                section.add(peer.whose, "texts a second", "texts/s", texts.len() as f64 / start.elapsed().as_secs_f64());
            }
        }
    }
    debug_assert!(peers.iter().any(|peer| peer.whose == Whose::Ours), "without ours there is no ratio");
    Ok(sections)
}

async fn ask(connection: &mut Connection, model: &str, texts: &[String]) -> anyhow::Result<()> {
    let request = json!({ "model": model, "input": texts, "encoding_format": "float" });
    let answer = connection.post("/v1/embeddings", &Bytes::from(request.to_string())).await?.whole().await?;
    let answer: Value = serde_json::from_slice(&answer).context("the answer of /v1/embeddings is not JSON")?;
    let vectors = answer["data"].as_array().map_or(0, Vec::len);
    ensure!(vectors == texts.len(), "{vectors} vectors came for {} texts", texts.len());
    Ok(())
}
