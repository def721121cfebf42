//! `oneiros bench`: how fast this machine is at what the server does, and beside another server.
//!
//! One file a measurement. Each yields sections of figures ([`report`]); nothing here decides whether they are good. A new
//! one is a module, a variant of [`Bench`] and a line in [`Run::everything`].

mod appliance;
mod asr;
mod chat;
mod embedding;
mod engines;
mod llm;
mod machine;
mod memory;
mod report;
mod search;
mod target;
mod texts;
mod vectors;
mod wire;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Parser, Subcommand};

use self::{
    appliance::Appliance,
    embedding::EmbeddingArguments,
    llm::{LlmArguments, Peer},
    machine::Machine,
    report::{Report, Section, Whose},
    search::SearchArguments,
    target::Target,
};
use super::output::{print_json, print_line};
use crate::{
    config::Config,
    engine::{Asker, wire::EngineKind},
};

const MOST_ROUNDS: usize = 1000;

/// On whose behalf it measures.
fn asker() -> Asker {
    Asker::named("bench")
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
    /// Seconds that recordings take to become text
    Asr(asr::AsrArguments),
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

/// The measurements' own defaults.
#[derive(Parser)]
struct Defaults<T: Args> {
    #[command(flatten)]
    arguments: T,
}

fn defaults<T: Args>() -> T {
    Defaults::<T>::parse_from(["bench"]).arguments
}

pub async fn run(arguments: BenchArguments, config: Config) -> anyhow::Result<ExitCode> {
    let BenchArguments { what, common } = arguments;
    ensure!((1..=MOST_ROUNDS).contains(&common.rounds), "rounds go from 1 to {MOST_ROUNDS}");
    let compared = matches!(what, None | Some(Bench::Llm(_) | Bench::Embedding(_)));
    ensure!(compared || common.against.is_none() && common.url.is_none(), "another server can be measured with llm and embedding only");
    let machine = Machine::here();
    let bench = Run { config, common };
    let sections = match what {
        None => bench.everything().await?,
        Some(Bench::Llm(command)) => bench.llm(command).await?,
        Some(Bench::Embedding(arguments)) => bench.embedding(&arguments).await?,
        Some(Bench::Search(arguments)) => search::measure(&arguments, &bench.config, bench.common.rounds).await?,
        Some(Bench::Asr(arguments)) => return asr::run(arguments, bench.common.rounds, bench.common.json, &bench.config).await,
        Some(Bench::Wire) => bench.wire().await?,
        Some(Bench::Memory) => bench.memory().await?,
    };
    let report = Report { version: env!("CARGO_PKG_VERSION"), machine, against: bench.common.against.clone(), sections };
    if bench.common.json {
        print_json(&report)?
    } else {
        print_line(&report.in_words()?)?
    }
    Ok(ExitCode::SUCCESS)
}

/// What all measurements of one run share.
struct Run {
    config: Config,
    common: Common,
}

impl Run {
    async fn everything(&self) -> anyhow::Result<Vec<Section>> {
        let mut sections = self.llm(LlmCommand { model: None, load: defaults() }).await?;
        sections.extend(match self.embedding(&defaults()).await {
            // Servers of language models often make no vectors.
            Err(error) if self.common.against.is_some() => {
                eprintln!("embedding: only ours is measured, since {error:#}");
                embedding::measure(&defaults(), &self.config, self.common.rounds).await?
            }
            measured => measured?,
        });
        sections.extend(search::measure(&defaults(), &self.config, self.common.rounds).await?);
        sections.extend(self.wire().await?);
        sections.extend(self.memory().await?);
        Ok(sections)
    }

    async fn llm(&self, command: LlmCommand) -> anyhow::Result<Vec<Section>> {
        command.load.check()?;
        let (load, rounds) = (command.load, self.common.rounds);
        self.with_peers(EngineKind::Llm, command.model, async move |peers| {
            // The generator has one thread, so that it takes no more of the processors than it must.
            let generator = std::thread::Builder::new().name("load".into()).spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(llm::measure(&load, &peers, rounds))
            })?;
            tokio::task::spawn_blocking(move || generator.join()).await?.map_err(|_| anyhow::anyhow!("the load generator broke"))?
        })
        .await
    }

    async fn embedding(&self, arguments: &EmbeddingArguments) -> anyhow::Result<Vec<Section>> {
        arguments.check()?;
        if self.common.against.is_none() && self.common.url.is_none() {
            return embedding::measure(arguments, &self.config, self.common.rounds).await;
        }
        let rounds = self.common.rounds;
        self.with_peers(EngineKind::Embedding, arguments.model.clone(), async |peers| embedding::compare(arguments, &peers, rounds).await)
            .await
    }

    async fn wire(&self) -> anyhow::Result<Vec<Section>> {
        let mut sections = wire::of_engine(&self.config, self.common.rounds).await?;
        let appliance = Appliance::reach(&self.config).await?;
        let through = async {
            let model = appliance.model(EngineKind::Llm).await?.context("the server runs no language model")?;
            wire::of_server(&appliance, &model, self.common.rounds).await
        };
        let through = through.await;
        appliance.leave().await?;
        sections.extend(through?);
        Ok(sections)
    }

    async fn memory(&self) -> anyhow::Result<Vec<Section>> {
        let appliance = Appliance::reach(&self.config).await?;
        let measured = memory::measure(&appliance, &self.config).await;
        appliance.leave().await?;
        measured
    }

    /// Measures ours, and the other server where there is one, and leaves ours as it was.
    async fn with_peers(
        &self,
        kind: EngineKind,
        model: Option<String>,
        measure: impl AsyncFnOnce(Vec<Peer>) -> anyhow::Result<Vec<Section>>,
    ) -> anyhow::Result<Vec<Section>> {
        // The other one first: it is the one that may not be there.
        let theirs = self.other().await?;
        let appliance = if self.common.url.is_none() { Some(Appliance::reach(&self.config).await?) } else { None };
        let measured = async {
            let (target, serves) = match (&appliance, &self.common.url) {
                (Some(appliance), _) => (appliance.target.clone(), appliance.model(kind).await?),
                (None, Some(url)) => (Target::at(url, None, self.config.server.sealed)?, None),
                (None, None) => bail!("there is no server to measure"),
            };
            let model = match model.or(serves) {
                Some(model) => model,
                None => target.first_model().await.context("this server cannot be measured")?,
            };
            let ours = Peer { whose: Whose::Ours, target, model };
            measure(std::iter::once(ours).chain(theirs).collect()).await
        };
        let measured = measured.await;
        if let Some(appliance) = appliance {
            appliance.leave().await?;
        }
        measured
    }

    async fn other(&self) -> anyhow::Result<Option<Peer>> {
        let Some(url) = &self.common.against else { return Ok(None) };
        let key = self.common.against_key_file.as_ref().map(|path| {
            std::fs::read_to_string(path)
                .map(|key| key.trim().to_owned())
                .with_context(|| format!("the key file {} cannot be read", path.display()))
        });
        let target = Target::at(url, key.transpose()?, self.config.server.sealed)?;
        let model = match &self.common.against_model {
            Some(model) => model.clone(),
            None => target.first_model().await.with_context(|| format!("the server at {url} cannot be measured"))?,
        };
        Ok(Some(Peer { whose: Whose::Theirs, target, model }))
    }
}
