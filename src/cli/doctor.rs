//! `oneiros doctor`: hardware, models, database, and what the kernel enforces on each engine.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use hyper::Method;

use super::{
    client::Client,
    output::{print_json, print_line},
};
use crate::{
    app,
    config::Config,
    engine::confinement::ConfinementReport,
    features::system::{EngineStatus, SystemReport},
};

#[derive(Args)]
pub struct DoctorArguments {
    /// Print the report as JSON, as `GET /api/v1/system` does
    #[arg(long)]
    json: bool,
}

/// The exit code is not 0 when something needs attention.
pub async fn run(arguments: DoctorArguments, config: Config) -> anyhow::Result<ExitCode> {
    let (report, running) = match Client::running(&config).await? {
        Some(mut client) => {
            let value = client.call(Method::GET, "/api/v1/system", None).await?;
            let report: SystemReport = serde_json::from_value(value).context("the running server is of another version: restart it")?;
            (report, true)
        }
        None => (app::survey(&config).await?, false),
    };
    if arguments.json {
        print_json(&report)?
    } else {
        print_line(&in_words(&report, running)?)?
    }
    let well = report.sandboxed && (!running || report.snapshot.tasks.iter().all(|task| task.ready) && report.snapshot.database.available);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn gibibytes(bytes: u64) -> String {
    const GIB: f64 = (1_u64 << 30) as f64;
    format!("{:.1} GiB", bytes as f64 / GIB)
}

fn in_words(report: &SystemReport, running: bool) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let hardware = &report.hardware;
    writeln!(text, "Oneiros {} — {}", report.version, if running { "the server is running" } else { "no server is running here" })?;
    writeln!(text, "hardware   {}, {} cores, {} of memory", hardware.cpu, hardware.cores, gibibytes(hardware.memory_bytes))?;
    for gpu in &hardware.gpus {
        writeln!(text, "           GPU {}", gpu.name)?;
    }
    let snapshot = &report.snapshot;
    if running {
        let server = gibibytes(report.server_memory_bytes);
        let engines = gibibytes(snapshot.engines.iter().filter_map(|engine| engine.memory_bytes).sum());
        writeln!(text, "memory     {server} for the server, {engines} for its engines")?;
    }
    if let Some(free) = snapshot.disk_free_bytes {
        writeln!(text, "disk       {} free where models and dreams are kept", gibibytes(free))?;
    }
    writeln!(text, "outward    {}", if snapshot.sealed { "sealed: nothing leaves" } else { "open for fetching models only" })?;
    for count in &snapshot.egress {
        writeln!(text, "           {}: {} requests left, {} refused, since the start", count.purpose, count.requests, count.refused)?;
    }
    for entry in snapshot.egress_log.iter().take(5) {
        writeln!(text, "           last: {} {} ({}), {}", entry.method, entry.destination, entry.purpose, entry.outcome)?;
    }
    writeln!(text, "models     profile {}", snapshot.profile)?;
    for model in &snapshot.models {
        writeln!(
            text,
            "           {:30} {:10} {:14} {}",
            model.id,
            model.kind,
            model.licence,
            if model.present { "here" } else { "not here" }
        )?;
    }
    let database = &snapshot.database;
    match (&database.version, &database.pgvector) {
        (Some(version), Some(pgvector)) => {
            let whose = if database.private { "private" } else { "your own" };
            writeln!(text, "database   PostgreSQL {version}, pgvector {pgvector}, {whose}")?;
        }
        _ => writeln!(text, "database   {}", database.detail.as_deref().unwrap_or("not running"))?,
    }
    for engine in &snapshot.engines {
        writeln!(text, "engine     {}", engine_in_words(engine))?;
        if let Some(confinement) = &engine.confinement {
            writeln!(text, "           {}", confinement_in_words(confinement))?;
        }
    }
    for job in &snapshot.jobs {
        writeln!(text, "job        {} {:?}, {} of {}", job.kind, job.state, job.progress_done, job.progress_total)?;
    }
    for warning in &report.warnings {
        writeln!(text, "warning    {warning}")?;
    }
    Ok(text.trim_end().to_owned())
}

fn engine_in_words(engine: &EngineStatus) -> String {
    let detail = engine.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
    let cached = match engine.prompt_tokens {
        0 => String::new(),
        tokens => format!(", {:.0} % of {tokens} prompt tokens were in its cache", 100.0 * engine.cached_tokens as f64 / tokens as f64),
    };
    format!("{:30} {:?}{detail}, restarted {} times{cached}", engine.model, engine.state, engine.restarts)
}

fn confinement_in_words(report: &ConfinementReport) -> String {
    let yes = |holds: bool| if holds { "yes" } else { "NO" };
    format!(
        "profile {}, user {}: no new privileges {}, seccomp {}, Landlock files {}, TCP {}, scopes {} (ABI {})",
        report.profile,
        report.uid,
        yes(report.no_new_privileges),
        yes(report.seccomp),
        yes(report.landlock_files),
        yes(report.landlock_network),
        yes(report.landlock_scopes),
        report.landlock_abi
    )
}
