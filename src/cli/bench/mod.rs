//! `oneiros bench`: how fast this machine is at what the server does, and beside another server.
//!
//! One file a measurement. Each yields sections of figures ([`report`]); nothing here decides whether they are good. A new
//! one is a module, a variant of [`Bench`] and a line in [`run::Run::everything`].

mod appliance;
mod asr;
mod chat;
mod embedding;
pub(super) mod engines;
mod executable;
mod interpretation;
mod interrupt;
mod journal;
mod llm;
pub(super) mod machine;
mod memory;
pub(super) mod progress;
mod prompts;
pub(super) mod report;
mod run;
mod search;
mod target;
mod texts;
mod transcription;
mod vectors;
mod wire;
mod words;

use std::{path::PathBuf, process::ExitCode};

use anyhow::ensure;
use clap::{Args, Subcommand};

use self::{
    asr::AsrArguments,
    embedding::EmbeddingArguments,
    interpretation::InterpretationArguments,
    interrupt::{Interrupt, Interrupted},
    llm::LlmArguments,
    machine::Machine,
    report::Report,
    run::{Found, Run},
    search::SearchArguments,
};
use super::output::{print_json, print_line};
use crate::{config::Config, engine::Asker};

const MOST_ROUNDS: usize = 1000;

/// Clients at once: an engine's queue has 72 places, the Unix socket takes 64 connections.
const MOST_CLIENTS: usize = 64;

/// Each client is somebody else: one asker may hold but half of an engine's queue.
fn asker(client: usize) -> Asker {
    Asker::named(&name_of_client(client))
}

fn name_of_client(client: usize) -> String {
    format!("bench {client}")
}

fn ensure_clients(what: &str, numbers: &[usize], most: usize) -> anyhow::Result<()> {
    ensure!(
        !numbers.is_empty() && numbers.iter().all(|number| (1..=most).contains(number)),
        "{what} go from 1 to {most}: the queue of an engine has 72 places, and a server's Unix socket takes {MOST_CLIENTS} connections"
    );
    Ok(())
}

#[derive(Args)]
pub struct BenchArguments {
    /// What to measure [default: everything]
    #[command(subcommand)]
    what: Option<Bench>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Args)]
struct Common {
    /// How often everything is measured; the median is told
    #[arg(long, global = true, default_value_t = 5, value_name = "N")]
    rounds: usize,
    /// Print the report as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Measure the server at this address [default: the one of this state directory; where none runs, one is started]
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// Put the same load on another OpenAI-compatible server, in turns, and print ratios
    #[arg(long, global = true, value_name = "URL")]
    against: Option<String>,
    /// The other server's model [default: the first that it lists]
    #[arg(long, global = true, value_name = "NAME", requires = "against")]
    against_model: Option<String>,
    /// The other server's embedding model [default: the one that it tells of, or its only model]
    #[arg(long, global = true, value_name = "NAME", requires = "against")]
    against_embedding_model: Option<String>,
    /// The other server's speech model [default: the one that it tells of, or its only model]
    #[arg(long, global = true, value_name = "NAME", requires = "against")]
    against_speech_model: Option<String>,
    /// `false`: no server is asked to write on where its model would end, by a field that is not OpenAI's
    #[arg(long, global = true, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    ignore_eos: bool,
    /// File with the other server's API key
    #[arg(long, global = true, value_name = "FILE", requires = "against")]
    against_key_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
enum Bench {
    /// Chat completions by number of clients, prompt speed, structured output
    Llm(LlmCommand),
    /// Texts a second of an embedding model
    Embedding(EmbeddingArguments),
    /// Likeness search in many vectors: latency and recall
    Search(SearchArguments),
    /// Dreams read as the web page has them read, new ones and known ones
    Interpretation(InterpretationArguments),
    /// Seconds that recordings take to become text, and words heard wrong
    Asr(AsrArguments),
    /// What the way to an engine and the server around it cost
    Wire,
    /// Memory of each process, size of the executable
    Memory,
}

#[derive(Debug, Clone, Args)]
struct LlmCommand {
    /// The model's name [default: the server's first language model]
    model: Option<String>,
    #[command(flatten)]
    load: LlmArguments,
}

pub async fn run(arguments: BenchArguments, config: Config) -> anyhow::Result<ExitCode> {
    let interrupt = Interrupt::watch()?;
    match measure(arguments, config, interrupt).await {
        Err(error) if error.is::<Interrupted>() => Ok(ExitCode::from(interrupt::EXIT_CODE)),
        ended => ended,
    }
}

async fn measure(arguments: BenchArguments, config: Config, interrupt: Interrupt) -> anyhow::Result<ExitCode> {
    let BenchArguments { what, common } = arguments;
    ensure!((1..=MOST_ROUNDS).contains(&common.rounds), "rounds go from 1 to {MOST_ROUNDS}");
    let compared = matches!(what, None | Some(Bench::Llm(_) | Bench::Embedding(_) | Bench::Asr(_)));
    ensure!(
        compared || common.against.is_none() && common.url.is_none(),
        "another server can be measured with llm, embedding and asr only"
    );
    let machine = Machine::here();
    let run = Run { config, common, interrupt };
    let Found { sections, failed } = match what {
        None => run.everything().await?,
        Some(Bench::Llm(command)) => run.llm(command).await?.into(),
        Some(Bench::Embedding(arguments)) => run.embedding(&arguments).await?.into(),
        Some(Bench::Search(arguments)) => run.search(&arguments).await?.into(),
        Some(Bench::Interpretation(arguments)) => run.interpretation(&arguments).await?.into(),
        Some(Bench::Asr(arguments)) => run.asr(&arguments).await?.into(),
        Some(Bench::Wire) => run.wire().await?.into(),
        Some(Bench::Memory) => run.memory().await?.into(),
    };
    let all = failed.is_empty();
    let report = Report { version: env!("CARGO_PKG_VERSION"), machine, against: run.common.against.clone(), sections, failed };
    if run.common.json {
        print_json(&report)?
    } else {
        print_line(&report.in_words()?)?
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
