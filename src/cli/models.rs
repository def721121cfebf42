//! `oneiros models`: what there is, and bringing it here.

mod fit;
mod optimize;

use std::{io::Write, path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    app::library::Library,
    config::Config,
    egress::LogSink,
    engine::{parse::ParseRunner, supervisor::Spawner},
    models::{
        ArtifactKind, ArtifactStore, Catalog, CatalogEntry, Manifest, NoProgress, PullOutcome, PullProgress, Pulled, Variant, for_stderr,
    },
};

/// Models and run-time parts.
#[derive(Debug, Args)]
pub struct ModelsArguments {
    #[command(subcommand)]
    command: ModelsCommand,
    /// Answer as JSON on standard output.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// What the catalogue holds and what is here.
    List,
    /// Fetch models: those named, or all of a profile.
    Pull {
        /// Ids, as `list` shows them; none means the whole profile (`--profile`).
        ids: Vec<String>,
    },
    /// Take in a model from a file: GGUF, whisper.cpp, or ONNX or safetensors with its tokenizer.json and config.json beside it.
    Import {
        /// The model's file, or the folder of a sentence encoder.
        file: PathBuf,
        /// Its id here; made of the file's name otherwise.
        #[arg(long)]
        id: Option<String>,
    },
    /// Read every byte again and compare checksums.
    Verify {
        /// Ids; none means everything that is here.
        ids: Vec<String>,
    },
    /// Delete a model.
    Remove { id: String },
    /// Compute the memory that a language model would take, and what would fit if it does not.
    Fit {
        /// A language model that is here.
        id: String,
        /// Tokens that its conversations share; the settings' `context_length` otherwise.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        context: Option<u32>,
    },
    /// Make a language model's weights over for this processor, measure speed and loss, and choose.
    Optimize(optimize::OptimizeArguments),
}

/// Does what was asked. The exit code is not 0 when anything of it failed.
pub async fn run(arguments: ModelsArguments, config: Config) -> anyhow::Result<ExitCode> {
    let json = arguments.json;
    let progress: Arc<dyn PullProgress> = if json { Arc::new(NoProgress) } else { for_stderr() };
    let spawner = Spawner::new().context("the thread that starts engines cannot be started")?;
    let parse = ParseRunner::new(spawner, config.server.allow_unsandboxed);
    let library = Library::open(&config, parse, Arc::new(LogSink), progress)?;
    match arguments.command {
        ModelsCommand::List => list(&library, json),
        ModelsCommand::Pull { ids } => pull(&library, &ids, json).await,
        ModelsCommand::Import { file, id } => {
            let manifest = library.store().import(&file, id.as_deref()).await?;
            let text = format!("{} is here as {} ({})", file.display(), manifest.id, kind_name(manifest.kind));
            say(json, &manifest, &text)?;
            Ok(ExitCode::SUCCESS)
        }
        ModelsCommand::Verify { ids } => verify(library.store(), ids, json).await,
        ModelsCommand::Remove { id } => {
            library.store().remove(&id).await?;
            say(json, &serde_json::json!({ "removed": id }), &format!("{id} is removed"))?;
            Ok(ExitCode::SUCCESS)
        }
        ModelsCommand::Fit { id, context } => fit::run(&library, &config, &id, context, json).await,
        ModelsCommand::Optimize(arguments) => optimize::run(&library, &config, arguments, json).await,
    }
}

/// One line of `list`.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    kind: ArtifactKind,
    title: &'a str,
    licence: Option<&'a str>,
    /// As far as it is known before a pull.
    bytes: Option<u64>,
    languages: &'a [String],
    memory_bytes: u64,
    here: bool,
    in_profile: bool,
    source: Option<&'a str>,
    /// What engines load in its place, and why.
    variant: Option<Variant>,
    variant_of: Option<&'a str>,
}

fn list(library: &Library, json: bool) -> anyhow::Result<ExitCode> {
    let here = library.store().list()?;
    let (catalog, chosen) = (library.catalog(), library.best_profile().profile);
    let entries = library.entries(chosen)?;
    let profile: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    let find = |id: &str| here.iter().find(|manifest| manifest.id == id);
    let mut lines: Vec<Listed<'_>> = catalog.entries().iter().map(|entry| from_catalog(entry, find(&entry.id), &profile)).collect();
    let imported = here.iter().filter(|manifest| catalog.entry(&manifest.id).is_none());
    lines.extend(imported.map(|manifest| Listed {
        id: &manifest.id,
        kind: manifest.kind,
        title: &manifest.file,
        licence: None,
        bytes: Some(manifest.bytes),
        languages: &[],
        memory_bytes: 0,
        here: true,
        in_profile: false,
        source: Some(&manifest.source),
        variant: None,
        variant_of: manifest.derived_from.as_ref().map(|original| original.id.as_str()),
    }));
    for line in &mut lines {
        line.variant = library.store().chosen_variant(line.id);
    }
    let text: Vec<String> = lines.iter().map(line).collect();
    let head = format!("{:5} {:28} {:12} {:>10}  {:22} TITLE (* in the profile {})", "HERE", "ID", "KIND", "SIZE", "LICENCE", chosen);
    say(json, &lines, &format!("{head}\n{}", text.join("\n")))?;
    Ok(ExitCode::SUCCESS)
}

fn from_catalog<'a>(entry: &'a CatalogEntry, manifest: Option<&'a Manifest>, profile: &[&str]) -> Listed<'a> {
    Listed {
        id: &entry.id,
        kind: entry.kind,
        title: &entry.title,
        licence: Some(&entry.licence.spdx),
        bytes: manifest.map(|manifest| manifest.bytes).or_else(|| entry.bytes()),
        languages: &entry.languages,
        memory_bytes: entry.memory_bytes,
        here: manifest.is_some(),
        in_profile: profile.contains(&entry.id.as_str()),
        source: manifest.map(|manifest| manifest.source.as_str()),
        variant: None,
        variant_of: None,
    }
}

fn line(listed: &Listed<'_>) -> String {
    let here = if listed.here { "yes" } else { "-" };
    let id = format!("{}{}", listed.id, if listed.in_profile { " *" } else { "" });
    let size = listed.bytes.map_or_else(|| "?".to_owned(), |bytes| indicatif::HumanBytes(bytes).to_string());
    let mut line =
        format!("{here:5} {id:28} {:12} {size:>10}  {:22} {}", kind_name(listed.kind), listed.licence.unwrap_or("?"), listed.title);
    if let Some(variant) = &listed.variant {
        line.push_str(&format!("\n{:6}used as {}: {}", "", variant.id, variant.reason));
    }
    line
}

fn kind_name(kind: ArtifactKind) -> &'static str {
    match kind {
        ArtifactKind::Llm => "llm",
        ArtifactKind::Embedding => "embedding",
        ArtifactKind::Asr => "asr",
        ArtifactKind::Database => "database",
        ArtifactKind::Onnxruntime => "onnxruntime",
    }
}

async fn pull(library: &Library, ids: &[String], json: bool) -> anyhow::Result<ExitCode> {
    let entries = wanted(library, ids, json).await?;
    let mut pulled = library.puller().pull(entries).await;
    pulled.sort_by(|left, right| left.id.cmp(&right.id));
    let failed = pulled.iter().any(|pulled| pulled.outcome.is_err());
    let outcomes: Vec<serde_json::Value> = pulled.iter().map(describe).collect();
    let text: Vec<String> = pulled.iter().map(sentence).collect();
    say(json, &outcomes, &text.join("\n"))?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn wanted(library: &Library, ids: &[String], json: bool) -> anyhow::Result<Vec<CatalogEntry>> {
    if ids.is_empty() {
        let choice = library.choose().await?;
        if !json {
            eprintln!("profile {}: {}", choice.profile, choice.reason);
        }
        return library.entries(choice.profile);
    }
    let known = |id: &String| match library.catalog().entry(id) {
        Some(entry) => Ok(entry.clone()),
        None => bail!("the catalogue has no {id:?}; {}", suggestion(library.catalog(), id)),
    };
    let entries = ids.iter().map(known).collect::<Result<_, _>>()?;
    Ok(library.catalog().with_needs(entries))
}

/// The ids that somebody may have meant.
fn suggestion(catalog: &Catalog, id: &str) -> String {
    let start: String = id.to_lowercase().chars().take(4).collect();
    let near: Vec<&str> = catalog.entries().iter().map(|entry| entry.id.as_str()).filter(|known| known.starts_with(&start)).collect();
    if near.is_empty() { "`oneiros models list` shows what there is".into() } else { format!("did you mean {}?", near.join(" or ")) }
}

fn describe(pulled: &Pulled) -> serde_json::Value {
    match &pulled.outcome {
        Ok(outcome) => serde_json::json!({ "id": pulled.id, "here": true, "fetched": *outcome == PullOutcome::Fetched }),
        Err(error) => serde_json::json!({ "id": pulled.id, "here": false, "error": error.to_string() }),
    }
}

fn sentence(pulled: &Pulled) -> String {
    match &pulled.outcome {
        Ok(PullOutcome::AlreadyHere) => format!("{} was here already", pulled.id),
        Ok(PullOutcome::Fetched) => format!("{} is here", pulled.id),
        Err(error) => error.to_string(),
    }
}

async fn verify(store: &ArtifactStore, ids: Vec<String>, json: bool) -> anyhow::Result<ExitCode> {
    let ids = if ids.is_empty() { store.list()?.into_iter().map(|manifest| manifest.id).collect() } else { ids };
    let mut outcomes = Vec::new();
    let mut text = Vec::new();
    let mut failed = false;
    for id in ids {
        match store.verify(&id).await {
            Ok(_) => {
                text.push(format!("{id} is what it should be"));
                outcomes.push(serde_json::json!({ "id": id, "valid": true }));
            }
            Err(error) => {
                failed = true;
                text.push(error.to_string());
                outcomes.push(serde_json::json!({ "id": id, "valid": false, "error": error.to_string() }));
            }
        }
    }
    if text.is_empty() {
        text.push("nothing is here yet".into());
    }
    say(json, &outcomes, &text.join("\n"))?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Prints one answer. A reader that has gone away is no error of ours.
fn say(json: bool, value: &impl Serialize, text: &str) -> anyhow::Result<()> {
    let out = if json { serde_json::to_string_pretty(value).context("the answer is no JSON")? } else { text.to_owned() };
    match writeln!(std::io::stdout(), "{out}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("the answer could not be written"),
        _ => Ok(()),
    }
}
