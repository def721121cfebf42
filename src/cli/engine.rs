//! `oneiros engine`, hidden: what the server starts its children with.

use std::process::ExitCode;

use crate::engine::child::{self, ChildArguments};

/// The command line of an engine child.
#[derive(Debug, clap::Args)]
pub struct EngineArguments {
    /// What the server tells this child, as JSON.
    #[arg(value_parser = parse_settings)]
    settings: ChildArguments,
}

/// Lives as an engine child. Call this before the process has any other thread.
pub fn run(arguments: &EngineArguments) -> ExitCode {
    child::main(&arguments.settings)
}

fn parse_settings(json: &str) -> Result<ChildArguments, serde_json::Error> {
    serde_json::from_str(json)
}
