//! `oneiros models optimize`: other weights for a language model, measured here; the operator chooses.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::signal::unix::{SignalKind, signal};

use super::say;
use crate::{
    app::library::Library,
    config::Config,
    engine::parse::{Course, WeightType},
    models::{
        ArtifactStore, CatalogEntry, Manifest, ModelError, Variant,
        optimize::{Candidate, best, main_weights, median, text_for},
        variant_id,
    },
};

/// Rounds of each model; the median is told.
const ROUNDS: u16 = 5;
const PROMPT_TOKENS: u32 = 256;
const GENERATED_TOKENS: u32 = 48;

#[derive(Debug, Args)]
pub struct OptimizeArguments {
    /// A language model that is here.
    id: String,
    /// The weights to try; `auto` tries all that the model does not have yet.
    #[arg(long, value_enum, default_value_t = To::Auto)]
    to: To,
    /// Do not ask: use the weights named with `--to`, or what is advised.
    #[arg(long)]
    yes: bool,
    /// Keep what was made even if it is not used.
    #[arg(long)]
    keep: bool,
    /// Use the original again.
    #[arg(long, conflicts_with_all = ["to", "yes", "keep"])]
    revert: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum To {
    Auto,
    #[value(name = "q4_0")]
    Q4_0,
    #[value(name = "q8_0")]
    Q8_0,
    #[value(name = "q4_k")]
    Q4K,
}

impl To {
    fn types(self, present: &str) -> Vec<WeightType> {
        match self {
            Self::Auto => WeightType::ALL.into_iter().filter(|to| to.tensor_type() != present).collect(),
            Self::Q4_0 => vec![WeightType::Q4_0],
            Self::Q8_0 => vec![WeightType::Q8_0],
            Self::Q4K => vec![WeightType::Q4K],
        }
    }
}

pub(super) async fn run(library: &Library, config: &Config, arguments: OptimizeArguments, json: bool) -> anyhow::Result<ExitCode> {
    let entry = library.language_model(&arguments.id)?;
    if arguments.revert {
        return revert(library.store(), &entry.id, json);
    }
    let mut work = Work { store: library.store(), entry: &entry, threads: config.models.threads, json, made: Vec::new() };
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let outcome = tokio::select! {
        outcome = work.measure_all(arguments.to) => outcome.map(Some),
        _ = interrupt.recv() => Ok(None),
        _ = terminate.recv() => Ok(None),
    };
    match outcome {
        Ok(Some(measured)) => work.settle(&measured, &arguments).await,
        Ok(None) => {
            work.discard(None).await?;
            bail!("stopped; what was made is removed, and the original is used as before");
        }
        Err(error) => {
            work.discard(None).await?;
            Err(error)
        }
    }
}

fn revert(store: &ArtifactStore, id: &str, json: bool) -> anyhow::Result<ExitCode> {
    let reverted = store.revert_variant(id)?;
    let text = match reverted {
        true => {
            format!("{id} itself is used again, from the next start of the server on; `oneiros models remove` frees its variants' space")
        }
        false => format!("{id} itself is used already"),
    };
    say(json, &json!({ "id": id, "reverted": reverted }), &text)?;
    Ok(ExitCode::SUCCESS)
}

struct Work<'a> {
    store: &'a ArtifactStore,
    entry: &'a CatalogEntry,
    threads: u16,
    json: bool,
    /// Ids of what was made now.
    made: Vec<String>,
}

struct Measured {
    original: Manifest,
    weights: String,
    candidates: Vec<Candidate>,
}

impl Work<'_> {
    async fn measure_all(&mut self, to: To) -> anyhow::Result<Measured> {
        let (artifact, header) = self.store.original(&self.entry.id).await?;
        let weights = main_weights(&header).to_owned();
        let mut candidates = Vec::new();
        for to in to.types(&weights) {
            let variant = self.make(to, artifact.manifest.bytes).await?;
            candidates.push(self.measure(variant).await?);
        }
        Ok(Measured { original: artifact.manifest, weights, candidates })
    }

    async fn make(&mut self, to: WeightType, bytes: u64) -> anyhow::Result<Manifest> {
        let own = variant_id(&self.entry.id, to);
        // Before it is made: it may have landed when an interruption comes.
        if self.store.manifest(&own).is_err() {
            self.made.push(own);
        }
        let bar = self.bar(&format!("{}: writing {}", self.entry.id, to.name()), Some(bytes));
        let variant = self.store.make_variant(&self.entry.id, to, self.threads, &mut |written| bar.set_position(written)).await?;
        bar.finish_and_clear();
        Ok(variant)
    }

    async fn measure(&self, variant: Manifest) -> anyhow::Result<Candidate> {
        let bar = self.bar(&format!("{}: measuring beside the original", variant.id), None);
        let course = Course { threads: self.threads, rounds: ROUNDS, prompt_tokens: PROMPT_TOKENS, generated_tokens: GENERATED_TOKENS };
        let measured = self.store.measure_variant(variant, course, text_for(&self.entry.languages)).await;
        bar.finish_and_clear();
        Ok(measured?)
    }

    /// A bar, or a wheel where the end is not known; a line where nobody watches.
    fn bar(&self, what: &str, bytes: Option<u64>) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            if !self.json {
                eprintln!("{what}");
            }
            return ProgressBar::hidden();
        }
        let (bar, template) = match bytes {
            Some(bytes) => (ProgressBar::new(bytes), "{msg} {bar:30} {bytes:>10}"),
            None => (ProgressBar::new_spinner(), "{msg} {spinner} {elapsed}"),
        };
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar.with_message(what.to_owned())
    }

    /// Removes what was made now, but for one.
    async fn discard(&self, but: Option<&str>) -> anyhow::Result<()> {
        for id in self.made.iter().filter(|id| Some(id.as_str()) != but) {
            match self.store.remove(id).await {
                Err(ModelError::Missing { .. }) | Ok(()) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn settle(&self, measured: &Measured, arguments: &OptimizeArguments) -> anyhow::Result<ExitCode> {
        let advised = best(&measured.candidates);
        // Of weights that the operator named the operator decides, advised or not.
        let named = measured.candidates.first().filter(|_| arguments.to != To::Auto);
        let offered = advised.or(named);
        let table = measured.table()?;
        if !self.json {
            say(false, &(), &table)?;
        }
        let used = match offered {
            Some(candidate) if arguments.yes => Some(candidate),
            Some(candidate) if !self.json && ask(candidate, advised.is_some())? => Some(candidate),
            _ => None,
        };
        if let Some(candidate) = used {
            self.choose(&measured.original, candidate)?;
        }
        let used = used.map(|candidate| candidate.manifest.id.as_str());
        if !arguments.keep {
            self.discard(used.or(self.store.chosen_variant(&self.entry.id).map(|variant| variant.id).as_deref())).await?;
        }
        let text = self.outcome(used, advised, arguments);
        say(self.json, &measured.value(&self.entry.id, advised, used), &text)?;
        Ok(ExitCode::SUCCESS)
    }

    fn choose(&self, original: &Manifest, candidate: &Candidate) -> anyhow::Result<()> {
        let variant = Variant {
            id: candidate.manifest.id.clone(),
            to: candidate.to,
            original_sha256: original.sha256.clone().unwrap_or_default(),
            reason: candidate.reason(),
            chosen_at: OffsetDateTime::now_utc(),
        };
        Ok(self.store.choose_variant(&self.entry.id, &variant)?)
    }

    fn outcome(&self, used: Option<&str>, advised: Option<&Candidate>, arguments: &OptimizeArguments) -> String {
        let id = &self.entry.id;
        match (used, advised) {
            (Some(used), _) => format!(
                "{used} is used in place of {id} from the next start of the server on; the original is kept, and \
                 `oneiros models optimize {id} --revert` goes back to it"
            ),
            (None, Some(advised)) if !arguments.yes => {
                let to = advised.to.name();
                format!("nothing was changed; `oneiros models optimize {id} --to {to} --yes` uses {to}")
            }
            (None, _) => "nothing was changed: nothing of this is faster here without losing too much".to_owned(),
        }
    }
}

/// Asks a person; without one the answer is no.
fn ask(candidate: &Candidate, advised: bool) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let advice = if advised { "advised" } else { "not advised" };
    eprint!("Use {} from now on ({advice}; the original is kept)? [y/N] ", candidate.manifest.id);
    std::io::stderr().flush().context("the question could not be asked")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("the answer could not be read")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

impl Measured {
    fn table(&self) -> Result<String, std::fmt::Error> {
        let mut text = format!(
            "{:12}{:>12}{:>16}{:>16}{:>12}{:>12}{:>12}\n",
            "WEIGHTS", "SIZE", "PROMPT tok/s", "WRITING tok/s", "DIVERGENCE", "SAME TOKEN", "PERPLEXITY"
        );
        if let Some(first) = self.candidates.first() {
            let (speed, size) = (&first.comparison.original, HumanBytes(self.original.bytes).to_string());
            let (prompt, generation) = (median(&speed.prompt), median(&speed.generation));
            let perplexity = first.comparison.loss.original_perplexity;
            writeln!(text, "{:12}{size:>12}{prompt:>16.0}{generation:>16.1}{:>12}{:>12}{perplexity:>12.2}", self.weights, "-", "-")?;
        }
        for candidate in &self.candidates {
            let ((prompt_gain, gain), loss) = (candidate.gains(), &candidate.comparison.loss);
            let speed = &candidate.comparison.candidate;
            let prompt = format!("{:.0} ({prompt_gain:.2}×)", median(&speed.prompt));
            let generation = format!("{:.1} ({gain:.2}×)", median(&speed.generation));
            let size = HumanBytes(candidate.manifest.bytes).to_string();
            let same = format!("{:.1} %", loss.top_agreement * 100.0);
            writeln!(
                text,
                "{:12}{size:>12}{prompt:>16}{generation:>16}{:>12.4}{same:>12}{:>12.2}",
                candidate.to.tensor_type(),
                loss.mean_divergence,
                loss.candidate_perplexity
            )?;
        }
        write!(
            text,
            "Medians of {ROUNDS} in turns; × against the original in the same minute. Divergence: Kullback–Leibler, nats a token, on a fixed text."
        )?;
        Ok(text)
    }

    fn value(&self, id: &str, advised: Option<&Candidate>, used: Option<&str>) -> Value {
        let candidate = |candidate: &Candidate| {
            let (prompt_gain, generation_gain) = candidate.gains();
            json!({
                "id": candidate.manifest.id, "weights": candidate.to, "bytes": candidate.manifest.bytes,
                "prompt_gain": prompt_gain, "generation_gain": generation_gain, "measured": candidate.comparison,
            })
        };
        json!({
            "id": id,
            "original": { "weights": self.weights, "bytes": self.original.bytes },
            "candidates": self.candidates.iter().map(candidate).collect::<Vec<_>>(),
            "advised": advised.map(|candidate| &candidate.manifest.id),
            "used": used,
        })
    }
}
