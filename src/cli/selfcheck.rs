//! `oneiros selfcheck`: shows that what is promised holds on this machine.

use std::{
    ffi::OsStr,
    fmt::Write,
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;

use crate::config::ServerConfig;
use crate::engine::{
    backend::{Backend, TextPrefixes},
    child::privileges,
    parse::encoder_files,
    selfcheck::{CheckedModel, ProfileReport, SandboxCheck, SandboxReport},
    supervisor::Spawner,
    wire::EngineKind,
};

/// What to check.
#[derive(Debug, clap::Args)]
pub struct SelfcheckArguments {
    #[command(subcommand)]
    pub check: Check,
}

#[derive(Debug, clap::Subcommand)]
pub enum Check {
    /// Engine children of every profile try every way out; then a plain process tries the same.
    Sandbox(SandboxArguments),
}

#[derive(Debug, clap::Args)]
pub struct SandboxArguments {
    /// A GGUF model for the engines that hold one; else one of each format from the state directory.
    #[arg(long)]
    pub model: Option<PathBuf>,
    /// What the model given is for.
    #[arg(long, default_value = "embedding", requires = "model")]
    pub kind: EngineKind,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the check; the exit code is not 0 when a confined attempt succeeded.
///
/// Call it before the process has any other thread: as root it first becomes another user.
pub fn run(arguments: SelfcheckArguments, config: &ServerConfig) -> anyhow::Result<ExitCode> {
    let Check::Sandbox(arguments) = arguments.check;
    let scratch = std::env::temp_dir().join(format!("oneiros-selfcheck-{}", std::process::id()));
    DirBuilder::new().mode(0o700).create(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
    let outcome = check(&arguments, config, &scratch);
    // What is left behind is an empty folder in the system's temporary one.
    let _ = std::fs::remove_dir_all(&scratch);
    let report = outcome?;
    let text = if arguments.json { serde_json::to_string_pretty(&report)? } else { in_words(&report)? };
    println!("{text}");
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A private folder stands in for a state directory that does not exist yet.
fn check(arguments: &SandboxArguments, config: &ServerConfig, scratch: &Path) -> anyhow::Result<SandboxReport> {
    privileges::drop_root(&config.user, scratch)?;
    let (cache, stand_in) = (scratch.join("cache"), scratch.join("state"));
    std::fs::create_dir(&cache)?;
    std::fs::create_dir(&stand_in)?;
    let state_directory = if config.state_directory.is_dir() { config.state_directory.clone() } else { stand_in };
    let models = match &arguments.model {
        Some(model) => vec![CheckedModel { kind: arguments.kind, path: model.clone(), backend: Backend::Ggml }],
        None => find_models(&state_directory),
    };
    let check = SandboxCheck { spawner: Spawner::new()?, state_directory, models, cache };
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(check.run())
}

/// One model of the state directory for each back end: the smallest of its format.
fn find_models(state_directory: &Path) -> Vec<CheckedModel> {
    let mut found = Vec::new();
    collect_files(state_directory, 4, &mut found);
    let smallest = |wanted: &dyn Fn(&str) -> bool| {
        found.iter().filter(|(_, path)| path.file_name().and_then(OsStr::to_str).is_some_and(wanted)).min().map(|(_, path)| path.clone())
    };
    let encoder = |file: PathBuf, backend| Some(CheckedModel { kind: EngineKind::Embedding, path: file.parent()?.to_owned(), backend });
    let prefixes = TextPrefixes::default;
    let gguf = smallest(&|name| name.ends_with(".gguf")).and_then(gguf_model);
    let safetensors = smallest(&|name| name == encoder_files::SAFETENSORS);
    let safetensors = safetensors.and_then(|file| encoder(file, Backend::Safetensors { prefixes: prefixes() }));
    let library = smallest(&|name| name.starts_with("libonnxruntime.so"));
    let onnx = smallest(&|name| name == encoder_files::ONNX).zip(library);
    let onnx = onnx.and_then(|(file, library)| encoder(file, Backend::Onnx { library, prefixes: prefixes() }));
    [gguf, safetensors, onnx].into_iter().flatten().collect()
}

/// An embedding model by its architecture.
fn gguf_model(path: PathBuf) -> Option<CheckedModel> {
    let mut start = [0; 512];
    let read = std::io::Read::read(&mut std::fs::File::open(&path).ok()?, &mut start).ok()?;
    // `general.architecture` comes first in every file that llama.cpp's tools or ours write.
    let embeds = start[..read].windows(4).any(|window| window == b"bert");
    Some(CheckedModel { kind: if embeds { EngineKind::Embedding } else { EngineKind::Llm }, path, backend: Backend::Ggml })
}

fn collect_files(folder: &Path, depth: u32, found: &mut Vec<(u64, PathBuf)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            // What is still on its way.
            Ok(kind) if kind.is_dir() && entry.file_name().to_string_lossy().starts_with('.') => {}
            Ok(kind) if kind.is_dir() && depth > 0 => collect_files(&path, depth - 1, found),
            Ok(kind) if kind.is_file() => {
                found.push((entry.metadata().map_or(u64::MAX, |metadata| metadata.len()), path));
            }
            _ => {}
        }
    }
}

fn in_words(report: &SandboxReport) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for profile in &report.profiles {
        let confinement = &profile.confinement;
        writeln!(text, "{} — had answered with {}", confinement.profile, profile.answered)?;
        writeln!(
            text,
            "  enforced: no new privileges {}, seccomp {}, Landlock (ABI {}): files {}, TCP {}, scopes {}; user {}",
            yes(confinement.no_new_privileges),
            yes(confinement.seccomp),
            confinement.landlock_abi,
            yes(confinement.landlock_files),
            yes(confinement.landlock_network),
            yes(confinement.landlock_scopes),
            confinement.uid
        )?;
        attempts_in_words(&mut text, profile, |permitted, denied| match (permitted, denied) {
            (false, true) => "denied",
            (true, false) => "allowed, as it should",
            (true, true) => "DENIED, BUT SHOULD NOT BE",
            (false, false) => "ALLOWED, BUT MUST NOT BE",
        })?;
    }
    writeln!(
        text,
        "the same attempts by a process of the same program and user (user {}) without confinement",
        report.unconfined.confinement.uid
    )?;
    attempts_in_words(
        &mut text,
        &report.unconfined,
        |_, denied| if denied { "refused by this system to anybody like it" } else { "allowed" },
    )?;
    write!(text, "{}", if report.passed { "The sandbox holds." } else { "THE SANDBOX DOES NOT HOLD." })?;
    Ok(text)
}

fn attempts_in_words(text: &mut String, profile: &ProfileReport, verdict: fn(bool, bool) -> &'static str) -> std::fmt::Result {
    for attempt in &profile.attempts {
        writeln!(text, "  {:<52} {} ({})", attempt.attempt, verdict(attempt.permitted, attempt.denied), attempt.outcome)?;
    }
    Ok(())
}

fn yes(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}
