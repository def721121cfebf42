//! `oneiros eval confidence`: what stated confidence is worth, on readings that people judged; `--fit` makes its weights anew.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{
    calibration::{Calibration, Judged},
    fit,
    labelled::{self, Half, Labelled},
};
use crate::{
    cli::output::{print_json, print_line},
    features::dreams::Weights,
};

#[derive(Debug, Args)]
pub struct ConfidenceArguments {
    /// On which half of the judged readings
    #[arg(long, value_enum, default_value_t = Half::Held)]
    half: Half,
    /// Fit the weights on the open half and print them as the file assets/prompts/confidence.toml
    #[arg(long, conflicts_with = "half")]
    fit: bool,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    version: &'static str,
    half: Half,
    #[serde(flatten)]
    calibration: Calibration,
}

pub fn run(arguments: &ConfidenceArguments) -> anyhow::Result<ExitCode> {
    if arguments.fit {
        fitted(arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let calibration = Calibration::of(&judged(&labelled::half(arguments.half)?, &Weights::embedded()));
    if arguments.json {
        print_json(&Report { version: env!("CARGO_PKG_VERSION"), half: arguments.half, calibration })?;
        return Ok(ExitCode::SUCCESS);
    }
    let half = match arguments.half {
        Half::Open => "that the weights were fitted on",
        Half::Held => "that the weights have not seen",
    };
    print_line(&format!("Confidence of {} readings {half}\n\n{}", calibration.readings, calibration.in_words()))?;
    Ok(ExitCode::SUCCESS)
}

fn fitted(json: bool) -> anyhow::Result<()> {
    let examples: Vec<fit::Example> = labelled::half(Half::Open)?.iter().map(|one| (one.signals, one.holds())).collect();
    let weights = fit::fit(&examples)?;
    if json { print_json(&weights) } else { print_line(fit::as_file(&weights, &examples).trim_end()) }
}

/// What the server says of each, and what people found.
fn judged(labelled: &[Labelled], weights: &Weights) -> Vec<Judged> {
    // To the two decimals that people are told, so that each lies in its own bin.
    let said = |one: &Labelled| (f64::from(weights.confidence(&one.signals)) * 100.0).round() / 100.0;
    labelled.iter().map(|one| Judged { confidence: said(one), holds: one.holds() }).collect()
}
