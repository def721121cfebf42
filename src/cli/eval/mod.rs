//! `oneiros eval`: how good the readings of a model are, and how well what stands beside them (confidence, care) does its work.
//!
//! One file a question. `oneiros bench` tells how fast something is; nothing here does more than mention it.

mod calibration;
mod care;
mod confidence;
mod dreams;
mod feelings;
mod fit;
mod labelled;
mod metrics;
mod readings;
mod shown;
mod table;
mod traits;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::Config;

#[derive(Args)]
pub struct EvalArguments {
    #[command(subcommand)]
    what: Eval,
}

#[derive(Subcommand)]
enum Eval {
    /// Fixed dreams through every lens, by any model: what of the readings can be measured
    Readings(readings::ReadingsArguments),
    /// What stated confidence is worth, on readings that people judged
    Confidence(confidence::ConfidenceArguments),
    /// How well the embedding model tells what is felt in a dream
    Feelings(feelings::FeelingsArguments),
    /// How often the care check hears what it should, and speaks where it should not
    Care(care::CareArguments),
}

pub async fn run(arguments: EvalArguments, config: Config) -> anyhow::Result<ExitCode> {
    match arguments.what {
        Eval::Readings(arguments) => readings::run(arguments, config).await,
        Eval::Confidence(arguments) => confidence::run(&arguments),
        Eval::Feelings(arguments) => feelings::run(arguments, config).await,
        Eval::Care(arguments) => care::run(arguments, config).await,
    }
}
