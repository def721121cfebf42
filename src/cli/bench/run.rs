//! One run of `oneiros bench`: which servers are measured, and that what was started for it is stopped again.

use anyhow::{Context as _, bail};
use clap::{Args, Parser};

use super::{
    Common, LlmCommand,
    appliance::Appliance,
    asr::{self, AsrArguments},
    embedding::{self, EmbeddingArguments},
    interpretation::{self, InterpretationArguments},
    interrupt::{Interrupt, Interrupted},
    llm::{self, Peer},
    memory,
    report::{Failed, Section, Whose},
    search::{self, SearchArguments},
    target::Target,
    transcription, wire,
};
use crate::{config::Config, engine::wire::EngineKind};

/// What all measurements of one run share.
pub struct Run {
    pub config: Config,
    pub common: Common,
    pub interrupt: Interrupt,
}

/// What was measured, and what could not be.
#[derive(Default)]
pub struct Found {
    pub sections: Vec<Section>,
    pub failed: Vec<Failed>,
}

impl From<Vec<Section>> for Found {
    fn from(sections: Vec<Section>) -> Self {
        Self { sections, failed: Vec::new() }
    }
}

impl Found {
    /// One measurement that fails does not take the others with it; an interruption does.
    fn take(&mut self, what: &'static str, measured: anyhow::Result<Vec<Section>>) -> anyhow::Result<()> {
        match measured {
            Ok(sections) => self.sections.extend(sections),
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => {
                eprintln!("{what}: not measured: {error:#}");
                self.failed.push(Failed { what, why: format!("{error:#}") });
            }
        }
        Ok(())
    }
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

impl Run {
    /// A server at an address is measured by what all such servers have.
    pub async fn everything(&self) -> anyhow::Result<Found> {
        // Before minutes are spent: is the other one there at all?
        self.other(EngineKind::Llm).await?;
        let mut found = Found::default();
        found.take("llm", self.llm(LlmCommand { model: None, load: defaults() }).await)?;
        if self.common.url.is_none() {
            found.take("interpretation", self.interpretation(&defaults()).await)?;
        }
        found.take("embedding", self.embedding(&defaults()).await)?;
        found.take("asr", self.asr(&defaults()).await)?;
        if self.common.url.is_none() {
            found.take("search", self.search(&defaults()).await)?;
            found.take("wire", self.wire().await)?;
            found.take("memory", self.memory().await)?;
        }
        Ok(found)
    }

    pub async fn llm(&self, command: LlmCommand) -> anyhow::Result<Vec<Section>> {
        command.load.check()?;
        let (load, ignore_eos, rounds) = (command.load, self.common.ignore_eos, self.common.rounds);
        let interrupt = self.interrupt.clone();
        self.with_peers(EngineKind::Llm, command.model, async move |peers| {
            // The generator has one thread, so that it takes no more of the processors than it must.
            let generator = std::thread::Builder::new().name("load".into()).spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(interrupt.or(llm::measure(&load, ignore_eos, &peers, rounds)))
            })?;
            tokio::task::spawn_blocking(move || generator.join()).await?.map_err(|_| anyhow::anyhow!("the load generator broke"))?
        })
        .await
    }

    pub async fn embedding(&self, arguments: &EmbeddingArguments) -> anyhow::Result<Vec<Section>> {
        arguments.check()?;
        let rounds = self.common.rounds;
        if !self.is_about_servers() {
            return self.interrupt.or(embedding::measure(arguments, &self.config, rounds)).await;
        }
        let compare = async |peers: Vec<Peer>| embedding::compare(arguments, &peers, rounds).await;
        self.with_peers(EngineKind::Embedding, arguments.model.clone(), compare).await
    }

    pub async fn asr(&self, arguments: &AsrArguments) -> anyhow::Result<Vec<Section>> {
        let rounds = self.common.rounds;
        if !self.is_about_servers() {
            return self.interrupt.or(asr::measure(arguments, &self.config, rounds)).await;
        }
        let spoken = asr::spoken(arguments, &self.config).await?;
        let language = arguments.listening().language;
        let compare = async |peers: Vec<Peer>| transcription::compare(&spoken, language.as_deref(), &peers, rounds).await;
        self.with_peers(EngineKind::Asr, arguments.model.clone(), compare).await
    }

    pub async fn search(&self, arguments: &SearchArguments) -> anyhow::Result<Vec<Section>> {
        // The database that is thrown away has a guard that removes it however this ends.
        self.interrupt.or(search::measure(arguments, &self.config, self.common.rounds)).await
    }

    pub async fn interpretation(&self, arguments: &InterpretationArguments) -> anyhow::Result<Vec<Section>> {
        arguments.check()?;
        let measure =
            async |appliance: &Appliance| interpretation::measure(arguments, appliance, self.common.rounds, &self.interrupt).await;
        self.with_appliance(measure).await
    }

    pub async fn wire(&self) -> anyhow::Result<Vec<Section>> {
        let measure = async |appliance: &Appliance| self.interrupt.or(wire::measure(appliance, &self.config, self.common.rounds)).await;
        self.with_appliance(measure).await
    }

    pub async fn memory(&self) -> anyhow::Result<Vec<Section>> {
        self.with_appliance(async |appliance: &Appliance| memory::measure(appliance, &self.config).await).await
    }

    /// Servers are compared as clients see them; one of ours alone is measured nearer to its engines.
    fn is_about_servers(&self) -> bool {
        self.common.against.is_some() || self.common.url.is_some()
    }

    /// Measures the server of this state directory and leaves it as it was.
    async fn with_appliance(&self, measure: impl AsyncFnOnce(&Appliance) -> anyhow::Result<Vec<Section>>) -> anyhow::Result<Vec<Section>> {
        let appliance = Appliance::reach(&self.config, &self.interrupt).await?;
        let measured = measure(&appliance).await;
        let left = appliance.leave().await;
        let sections = measured?;
        left?;
        Ok(sections)
    }

    /// Measures ours, and the other server where there is one, and leaves ours as it was.
    async fn with_peers(
        &self,
        kind: EngineKind,
        model: Option<String>,
        measure: impl AsyncFnOnce(Vec<Peer>) -> anyhow::Result<Vec<Section>>,
    ) -> anyhow::Result<Vec<Section>> {
        // The other one first: it is the one that may not be there.
        let theirs = self.other(kind).await?;
        let measure = async |ours: Peer| self.interrupt.or(measure(std::iter::once(ours).chain(theirs).collect())).await;
        if let Some(url) = &self.common.url {
            let target = Target::at(url, None, self.config.server.sealed)?;
            return measure(at_address(Whose::Ours, target, kind, model).await.with_context(|| cannot_be_measured(url))?).await;
        }
        self.with_appliance(async |appliance: &Appliance| {
            let Some(model) = model.or(appliance.model(kind).await?) else { bail!("the server has no model for that") };
            // Another process may have been started with other settings than ours.
            let slots = self.config.models.llm.slots.filter(|_| !appliance.is_another_process()).map(u64::from);
            measure(Peer { whose: Whose::Ours, target: appliance.target.clone(), model, slots }).await
        })
        .await
    }

    async fn other(&self, kind: EngineKind) -> anyhow::Result<Option<Peer>> {
        let Some(url) = &self.common.against else { return Ok(None) };
        let key = self.common.against_key_file.as_ref().map(|path| {
            std::fs::read_to_string(path)
                .map(|key| key.trim().to_owned())
                .with_context(|| format!("the key file {} cannot be read", path.display()))
        });
        let target = Target::at(url, key.transpose()?, self.config.server.sealed)?;
        let model = match kind {
            EngineKind::Embedding => &self.common.against_embedding_model,
            EngineKind::Asr => &self.common.against_speech_model,
            _ => &self.common.against_model,
        };
        at_address(Whose::Theirs, target, kind, model.clone()).await.with_context(|| cannot_be_measured(url)).map(Some)
    }
}

fn cannot_be_measured(url: &str) -> String {
    format!("the server at {url} cannot be measured")
}

/// A server at an address with the model that was named, or the one that can only be meant.
async fn at_address(whose: Whose, target: Target, kind: EngineKind, model: Option<String>) -> anyhow::Result<Peer> {
    let option = match (whose, kind) {
        (Whose::Theirs, EngineKind::Embedding) => "--against-embedding-model",
        (Whose::Theirs, EngineKind::Asr) => "--against-speech-model",
        (Whose::Theirs, _) => "--against-model",
        (Whose::Ours, EngineKind::Embedding) => "oneiros bench embedding MODEL",
        (Whose::Ours, EngineKind::Asr) => "oneiros bench asr --model ID",
        (Whose::Ours, _) => "oneiros bench llm MODEL",
    };
    let model = match model {
        Some(model) => model,
        None => target.model_for(kind, option).await?,
    };
    let slots = if kind == EngineKind::Llm { target.slots().await } else { None };
    Ok(Peer { whose, target, model, slots })
}
