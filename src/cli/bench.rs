//! `oneiros bench`: how fast a model is on this machine, through the engine that the server would use.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::{print_json, print_line};
use crate::{
    app::{self, library::Library},
    config::Config,
    egress::LogSink,
    engine::{Asker, Embedder, EmbeddingRequest, EmbeddingRole, parse::ParseRunner, supervisor::Spawner},
    models::NoProgress,
};

/// Dreams of about 90 tokens, written for this.
const TEXTS: &str = include_str!("bench_texts.txt");
/// How many of them one measurement takes.
const TEXTS_EACH: usize = 64;

#[derive(Args)]
pub struct BenchArguments {
    #[command(subcommand)]
    what: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Texts a second of an embedding model
    Embedding(EmbeddingArguments),
    /// Seconds that recordings take to become text
    Asr(super::bench_asr::AsrArguments),
}

#[derive(Args)]
struct EmbeddingArguments {
    /// The model [default: the one that the server would use]
    model: Option<String>,
    /// File with one text a line [default: eight dreams of about 90 tokens, over and over]
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
    /// Texts in one request; each size is measured by itself
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32])]
    sizes: Vec<usize>,
    /// Measurements of each size, of which the median is told
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Serialize)]
struct EmbeddingReport {
    model: String,
    backend: &'static str,
    threads: u16,
    dimensions: u32,
    texts: usize,
    tokens_per_text: f64,
    sizes: Vec<SizeReport>,
}

#[derive(Serialize)]
struct SizeReport {
    texts_in_a_request: usize,
    texts_per_second: f64,
    /// Every measurement, in order.
    rounds: Vec<f64>,
}

pub async fn run(arguments: BenchArguments, config: Config) -> anyhow::Result<ExitCode> {
    let arguments = match arguments.what {
        Bench::Embedding(arguments) => arguments,
        Bench::Asr(arguments) => return super::bench_asr::run(arguments, config).await,
    };
    ensure!(
        arguments.rounds > 0 && arguments.sizes.iter().all(|size| (1..=1024).contains(size)),
        "rounds and sizes begin at 1; sizes end at 1024"
    );
    let texts = texts(arguments.texts.as_ref())?;
    let spawner = Spawner::new().context("the thread that starts engines cannot be started")?;
    let parse = ParseRunner::new(spawner.clone(), config.server.allow_unsandboxed);
    let library = Library::open(&config, parse, Arc::new(LogSink), Arc::new(NoProgress))?;
    let engine = app::embedding_engine(&library, &config, &spawner, arguments.model.as_deref()).await?;
    let dimensions = engine.supervisor.ready().await?.dimensions;
    let client = engine.supervisor.client();
    let (mut sizes, mut tokens) = (Vec::new(), 0);
    for texts_in_a_request in arguments.sizes {
        let mut rounds = Vec::new();
        for _ in 0..arguments.rounds {
            let start = Instant::now();
            tokens = embed(&client, &texts, texts_in_a_request).await?;
            rounds.push(texts.len() as f64 / start.elapsed().as_secs_f64());
        }
        sizes.push(SizeReport { texts_in_a_request, texts_per_second: median(&rounds), rounds });
    }
    let tokens_per_text = f64::from(tokens) / texts.len() as f64;
    let (model, backend, threads) = (engine.model, engine.backend, config.models.threads);
    let report = EmbeddingReport { model, backend, threads, dimensions, texts: texts.len(), tokens_per_text, sizes };
    engine.supervisor.stop().await;
    if arguments.json {
        print_json(&report)?
    } else {
        print_line(&in_words(&report)?)?
    }
    Ok(ExitCode::SUCCESS)
}

fn texts(file: Option<&PathBuf>) -> anyhow::Result<Vec<String>> {
    let Some(path) = file else { return Ok(TEXTS.lines().cycle().take(TEXTS_EACH).map(str::to_owned).collect()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read as text", path.display()))?;
    let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    ensure!(!lines.is_empty(), "{} holds no text", path.display());
    Ok(lines)
}

/// Embeds all texts and returns how many tokens they were.
async fn embed(client: &impl Embedder, texts: &[String], at_once: usize) -> anyhow::Result<u32> {
    let mut tokens = 0;
    for some in texts.chunks(at_once) {
        tokens +=
            client.embed(EmbeddingRequest { texts: some.to_vec(), role: EmbeddingRole::Passage }, Asker::named("bench")).await?.tokens;
    }
    Ok(tokens)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[middle - 1], sorted[middle]) } else { sorted[middle] }
}

fn in_words(report: &EmbeddingReport) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let EmbeddingReport { model, backend, threads, dimensions, texts, tokens_per_text, sizes } = report;
    writeln!(text, "{model} through {backend}, {threads} threads, {dimensions} dimensions; {texts} texts of {tokens_per_text:.0} tokens")?;
    for size in sizes {
        let SizeReport { texts_in_a_request, texts_per_second, rounds } = size;
        let (least, most) = rounds.iter().fold((f64::MAX, 0.0_f64), |(least, most), value| (least.min(*value), most.max(*value)));
        writeln!(
            text,
            "{texts_in_a_request:4} texts in a request  {texts_per_second:7.1} texts/s  (median of {}, {least:.1} to {most:.1})",
            rounds.len()
        )?;
    }
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }
}
