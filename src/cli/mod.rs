//! The roles of the executable.

pub mod database;
pub mod doctor;
pub mod embed;
pub mod engine;
pub mod interpret;
pub mod models;
pub mod selfcheck;
pub mod serve;
pub mod transcribe;

use clap::Parser;

#[derive(Parser)]
enum Command {
    #[command(hide = true)]
    Engine(engine::EngineArguments),
    Selfcheck(selfcheck::SelfcheckArguments),
}

/// Runs what the command line asks for.
pub fn main() -> std::process::ExitCode {
    match Command::parse() {
        Command::Engine(arguments) => engine::run(&arguments),
        Command::Selfcheck(arguments) => selfcheck::run(arguments).unwrap_or_else(|error| {
            eprintln!("{error:#}");
            std::process::ExitCode::FAILURE
        }),
    }
}
