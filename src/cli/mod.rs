//! The roles of the executable: what each subcommand takes and which part of the library it calls.
//!
//! An engine child must seal itself while it has one thread, and root must be given up before any thread exists, so
//! both happen here, before a runtime is built.

pub mod admin;
pub mod bench;
pub mod config;
pub mod database;
pub mod doctor;
pub mod embed;
pub mod engine;
pub mod eval;
pub mod healthcheck;
pub mod interpret;
pub mod models;
pub mod openapi;
pub mod packs;
pub mod selfcheck;
pub mod serve;
pub mod transcribe;

mod client;
mod output;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{
    config::{Config, RawConfig, UnusableSetting},
    engine::child::privileges,
};

/// The exit code that says: no restart will help, a setting is wrong (`EX_CONFIG` of sysexits.h). The systemd unit knows it.
const UNUSABLE_SETTINGS: u8 = 78;

/// A dream goes in, a reading comes out, on models that run on this machine and cannot reach a network.
#[derive(Parser)]
#[command(name = "oneiros", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    settings: RawConfig,
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Run the server: fetch what is missing, start the engines, listen
    Serve,
    /// Interpret a dream
    Interpret(interpret::InterpretArguments),
    /// Turn speech (WAV, MP3, FLAC, Ogg, WebM, M4A) into text
    Transcribe(transcribe::TranscribeArguments),
    /// Turn texts into vectors
    Embed(embed::EmbedArguments),
    /// List, fetch, import, verify and remove models
    Models(models::ModelsArguments),
    /// People and keys of the server that runs here
    Admin(admin::AdminArguments),
    /// Lenses and dream symbols that you add: list, check, import, export, remove
    Packs(packs::PacksArguments),
    /// Show hardware, models, database, and what the kernel enforces on each engine
    Doctor(doctor::DoctorArguments),
    /// Print the API document (OpenAPI) as JSON
    Openapi,
    /// Show the settings in force, explain them, print a file to begin with
    Config(config::ConfigArguments),
    /// Ask the running server whether it is well (for containers)
    Healthcheck(healthcheck::HealthcheckArguments),
    /// Measure a model on this very machine
    Bench(bench::BenchArguments),
    /// Judge a model's readings, what confidence is worth, the care check
    Eval(eval::EvalArguments),
    /// Prove a promise on this very machine
    Selfcheck(selfcheck::SelfcheckArguments),
    /// Work with the private database
    Database(database::DatabaseArguments),
    /// Hold one model (started by the server, not by people)
    #[command(hide = true)]
    Engine(engine::EngineArguments),
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Role::Engine(arguments) = cli.role {
        return engine::run(&arguments);
    }
    match run(cli, &matches) {
        Ok(code) => code,
        Err(error) => {
            output::print_error(&error);
            if error.is::<UnusableSetting>() { ExitCode::from(UNUSABLE_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}

fn run(cli: Cli, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    if matches!(cli.role, Role::Openapi) {
        return openapi::run();
    }
    output::start_log(matches!(cli.role, Role::Serve));
    if let Role::Config(arguments) = cli.role {
        return config::run(&arguments, &cli.settings, matches);
    }
    let config = match Config::resolve(cli.settings) {
        Ok(config) => config,
        Err(error) => {
            output::print_error(&error);
            return Ok(ExitCode::from(UNUSABLE_SETTINGS));
        }
    };
    match cli.role {
        // `exec` runs the operator's own command, as the operator.
        Role::Database(arguments) => database::run(arguments, &config.server),
        Role::Selfcheck(arguments) => selfcheck::run(arguments, &config.server),
        role => unprivileged(role, config),
    }
}

fn unprivileged(role: Role, config: Config) -> anyhow::Result<ExitCode> {
    privileges::drop_root(&config.server.user, &config.server.state_directory)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the threads of the server cannot be started")?;
    let code = runtime.block_on(dispatch(role, config));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code
}

async fn dispatch(role: Role, config: Config) -> anyhow::Result<ExitCode> {
    match role {
        Role::Serve => serve::run(config).await,
        Role::Interpret(arguments) => interpret::run(arguments, config).await,
        Role::Transcribe(arguments) => transcribe::run(arguments, config).await,
        Role::Embed(arguments) => embed::run(arguments, config).await,
        Role::Models(arguments) => models::run(arguments, config).await,
        Role::Admin(arguments) => admin::run(arguments, config).await,
        Role::Packs(arguments) => packs::run(arguments, config).await,
        Role::Doctor(arguments) => doctor::run(arguments, config).await,
        Role::Healthcheck(arguments) => healthcheck::run(arguments, config).await,
        Role::Bench(arguments) => bench::run(arguments, config).await,
        Role::Eval(arguments) => eval::run(arguments, config).await,
        Role::Engine(_) | Role::Openapi | Role::Config(_) | Role::Database(_) | Role::Selfcheck(_) => {
            unreachable!("these roles never get a runtime")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
