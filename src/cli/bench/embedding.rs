//! `oneiros bench embedding`: texts a second of an embedding model, through the engine that the server would use; with
//! `--against`, of both servers through `/v1/embeddings`.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use futures_util::future::try_join_all;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{
    MOST_CLIENTS,
    engines::Engines,
    ensure_clients,
    llm::Peer,
    progress::Progress,
    prompts::Sender,
    report::{Section, Whose},
    target::{Connection, is_not_offered},
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
    /// Clients that ask at the same time; each number is measured by itself
    #[arg(long, value_delimiter = ',', default_values_t = [1])]
    clients: Vec<usize>,
}

impl EmbeddingArguments {
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.sizes.is_empty() && self.sizes.iter().all(|size| (1..=1024).contains(size)), "sizes go from 1 to 1024");
        ensure_clients("clients", &self.clients, MOST_CLIENTS)
    }

    /// Texts in a request, and clients.
    fn loads(&self) -> impl Iterator<Item = (usize, usize)> {
        self.clients.iter().flat_map(|clients| self.sizes.iter().map(|size| (*size, *clients)))
    }

    fn texts(&self) -> anyhow::Result<Vec<String>> {
        match &self.texts {
            Some(path) => texts::of_file(path),
            None => Ok(texts::DREAMS.lines().cycle().take(TEXTS_EACH).map(str::to_owned).collect()),
        }
    }
}

fn section((size, clients): (usize, usize)) -> Section {
    let title = if clients == 1 { String::new() } else { format!(", {clients} clients") };
    Section::new(format!("embedding, {size} texts in a request{title}")).about("texts in a request", size).about("clients", clients)
}

/// The engine by itself, without a server around it.
pub async fn measure(arguments: &EmbeddingArguments, config: &Config, rounds: usize) -> anyhow::Result<Vec<Section>> {
    let texts = arguments.texts()?;
    let engine = Engines::open(config)?.embedding(arguments.model.as_deref()).await?;
    let dimensions = engine.supervisor.ready().await?.dimensions;
    let client = engine.supervisor.client();
    let tokens = embed(&client, &texts[..1], 1, 1).await? as usize * texts.len();
    let progress = Progress::new("embedding", arguments.loads().count());
    let mut sections = Vec::new();
    for (size, clients) in arguments.loads() {
        progress.begin(&format!("{size} texts in a request, {clients} clients, {rounds} rounds"));
        let mut section = section((size, clients))
            .about("model", engine.model.as_str())
            .about("back end", engine.backend)
            .about("threads", config.models.threads)
            .about("dimensions", dimensions)
            .about("texts", texts.len());
        let mut tokens = tokens;
        for _ in 0..rounds {
            let start = Instant::now();
            tokens = embed(&client, &texts, size, clients).await? as usize;
            section.ours("texts a second", "texts/s", texts.len() as f64 / start.elapsed().as_secs_f64());
        }
        sections.push(section.about("tokens in a text", tokens / texts.len()));
        progress.step();
    }
    engine.supervisor.stop().await;
    Ok(sections)
}

/// Embeds all texts, so many in a request and by so many clients, and returns how many tokens they were.
async fn embed(client: &impl Embedder, texts: &[String], at_once: usize, clients: usize) -> anyhow::Result<u32> {
    let requests: Vec<&[String]> = texts.chunks(at_once).collect();
    let next = AtomicUsize::new(0);
    let asking = (0..clients).map(async |number| {
        let mut tokens = 0;
        while let Some(texts) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
            let request = EmbeddingRequest { texts: texts.to_vec(), role: EmbeddingRole::Passage };
            tokens += client.embed(request, super::asker(number)).await?.tokens;
        }
        anyhow::Ok(tokens)
    });
    Ok(try_join_all(asking).await?.into_iter().sum())
}

/// Servers in turns. One that makes no vectors is told of and left out.
pub async fn compare(arguments: &EmbeddingArguments, peers: &[Peer], rounds: usize) -> anyhow::Result<Vec<Section>> {
    let texts = arguments.texts()?;
    let mut sections: Vec<Section> = arguments.loads().map(|load| section(load).about("texts", texts.len())).collect();
    let mut embedding = Vec::new();
    for peer in peers {
        // Loads what is loaded at the first request.
        match ask(&mut peer.target.connect().await?, peer.client(0), &texts[..1]).await {
            Err(error) if peer.whose == Whose::Theirs && is_not_offered(&error) => {
                sections = sections.into_iter().map(|section| section.not_offered(&error)).collect();
            }
            asked => {
                asked.with_context(|| format!("{} makes no vectors with the model {}", peer.whose, peer.model))?;
                sections.iter_mut().for_each(|section| section.set_about(peer.whose.model(), peer.model.as_str()));
                embedding.push(peer);
            }
        }
    }
    let progress = Progress::new("embedding", rounds * embedding.len());
    for round in 1..=rounds {
        for peer in &embedding {
            progress.begin(&format!("round {round} of {rounds}, {}", peer.whose));
            for ((size, clients), section) in arguments.loads().zip(&mut sections) {
                let mut connections = try_join_all((0..clients).map(|_| peer.target.connect())).await?;
                let start = Instant::now();
                ask_all(&mut connections, peer, &texts.chunks(size).collect::<Vec<_>>()).await?;
                section.add(peer.whose, "texts a second", "texts/s", texts.len() as f64 / start.elapsed().as_secs_f64());
            }
            progress.step();
        }
    }
    Ok(sections)
}

/// Each connection takes the next of the requests when it has its answer.
async fn ask_all(connections: &mut [Connection], peer: &Peer, requests: &[&[String]]) -> anyhow::Result<()> {
    let next = AtomicUsize::new(0);
    let clients = connections.iter_mut().enumerate().map(async |(client, connection)| {
        while let Some(texts) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
            ask(connection, peer.client(client), texts).await?;
        }
        anyhow::Ok(())
    });
    try_join_all(clients).await.map(|_| ())
}

async fn ask(connection: &mut Connection, Sender { model, client }: Sender<'_>, texts: &[String]) -> anyhow::Result<()> {
    let user = super::name_of_client(client);
    let request = json!({ "model": model, "input": texts, "encoding_format": "float", "user": user });
    let answer = connection.post("/v1/embeddings", &Bytes::from(request.to_string())).await?.whole().await?;
    let answer: Value = serde_json::from_slice(&answer).context("the answer of /v1/embeddings is not JSON")?;
    let vectors = answer["data"].as_array().map_or(0, Vec::len);
    ensure!(vectors == texts.len(), "{vectors} vectors came for {} texts", texts.len());
    Ok(())
}
