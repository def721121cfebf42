//! `oneiros bench interpretation`: dreams are sent as the web page sends them and their readings are followed to the end,
//! first of a dream that is new, then of the same dream again, which comes from the cache.
//!
//! A measured dream is kept like any other, so it is deleted as soon as it was measured ([`super::journal`]).

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::Value;

use super::{
    appliance::Appliance,
    interrupt::Interrupt,
    journal::{Journal, Reading},
    progress::Progress,
    report::{Section, percentile},
    texts,
};
use crate::features::lore::LensId;

/// How often a dream is sent again after its first reading.
const AGAIN: usize = 4;

#[derive(Debug, Clone, Args)]
pub struct InterpretationArguments {
    /// Dreams that are read in one round
    #[arg(long, default_value_t = 8)]
    dreams: usize,
    /// Through which eyes they are read
    #[arg(long, default_value_t = LensId::default())]
    lens: LensId,
}

impl InterpretationArguments {
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!((1..=1000).contains(&self.dreams), "dreams go from 1 to 1000");
        Ok(())
    }
}

/// Measures, and leaves the journal as it was, also when it is interrupted.
pub async fn measure(
    arguments: &InterpretationArguments,
    appliance: &Appliance,
    rounds: usize,
    interrupt: &Interrupt,
) -> anyhow::Result<Vec<Section>> {
    let mut journal = Journal::new(&appliance.target);
    let measured = interrupt.or(in_rounds(arguments, &mut journal, rounds)).await;
    let emptied = journal.clear().await;
    let sections = measured?;
    emptied?;
    Ok(sections)
}

async fn in_rounds(arguments: &InterpretationArguments, journal: &mut Journal, rounds: usize) -> anyhow::Result<Vec<Section>> {
    let progress = Progress::new("interpretation", rounds * arguments.dreams);
    // Fills the cache with the beginning that all prompts share.
    let mut dreams = Dreams::new()?;
    read(arguments, journal, &dreams.next()).await?;
    journal.clear().await?;
    let mut sections = [Section::new("interpretation, a new dream"), Section::new("interpretation, the same dream again")];
    for round in 1..=rounds {
        progress.begin(&format!("round {round} of {rounds}, {} dreams", arguments.dreams));
        let (mut new, mut again) = (Vec::new(), Vec::new());
        for _ in 0..arguments.dreams {
            let text = dreams.next();
            let reading = read(arguments, journal, &text).await?;
            // What could not be read is not in the cache.
            for _ in 0..if reading.outcome.is_some() { AGAIN } else { 0 } {
                again.push(from_cache(read(arguments, journal, &text).await?)?);
            }
            new.push(reading);
            journal.clear().await?;
            progress.step();
        }
        tell_new(&mut sections[0], &new);
        tell_cached(&mut sections[1], &again);
    }
    let lens = serde_json::to_value(&arguments.lens)?;
    Ok(sections.map(|section| section.about("lens", lens.clone()).about("dreams in a round", arguments.dreams)).into())
}

async fn read(arguments: &InterpretationArguments, journal: &mut Journal, text: &str) -> anyhow::Result<Reading> {
    journal.interpret(text, &arguments.lens).await.context("a dream could not be interpreted")
}

/// Dreams of about 110 tokens that nobody has told before, not even an earlier run that was killed and left some behind.
struct Dreams {
    run: u64,
    number: usize,
}

impl Dreams {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { run: texts::number_of_this_run()?, number: 0 })
    }

    /// The first words differ, so that no more of the prompt is known than what all prompts share.
    fn next(&mut self) -> String {
        self.number += 1;
        let dream = texts::DREAMS.lines().cycle().nth(self.number).unwrap_or_default();
        format!("In dream {} of night {}, written down at once: {dream}", self.number, self.run)
    }
}

fn from_cache(reading: Reading) -> anyhow::Result<Duration> {
    match &reading.outcome {
        Some(outcome) if outcome["cached"] == true => Ok(reading.taken),
        Some(_) => bail!("the same dream was read anew instead of coming from the cache"),
        None => bail!("a dream that was read could not be read again"),
    }
}

fn tell_new(section: &mut Section, readings: &[Reading]) {
    let read: Vec<(&Reading, &Value)> = readings.iter().filter_map(|reading| Some((reading, reading.outcome.as_ref()?))).collect();
    let seconds: Vec<f64> = read.iter().map(|(reading, _)| reading.taken.as_secs_f64()).collect();
    let first: Vec<f64> = read.iter().filter_map(|(reading, _)| Some(reading.first_words?.as_secs_f64() * 1e3)).collect();
    let tokens: Vec<f64> = read.iter().filter_map(|(_, outcome)| outcome["tokens"]["generated"].as_f64()).collect();
    if let Some((_, outcome)) = read.first() {
        section.set_about("model", outcome["model"].clone());
        section.ours("whole reading, p50", "s", percentile(&seconds, 0.5));
        section.ours("whole reading, p95", "s", percentile(&seconds, 0.95));
        section.ours("first words, p50", "ms", percentile(&first, 0.5));
        section.ours("tokens of a reading, p50", "tokens", percentile(&tokens, 0.5));
    }
    section.ours("dreams without a usable reading", "dreams", (readings.len() - read.len()) as f64);
}

fn tell_cached(section: &mut Section, taken: &[Duration]) {
    let milliseconds: Vec<f64> = taken.iter().map(|taken| taken.as_secs_f64() * 1e3).collect();
    if !milliseconds.is_empty() {
        section.ours("whole reading, p50", "ms", percentile(&milliseconds, 0.5));
        section.ours("whole reading, p95", "ms", percentile(&milliseconds, 0.95));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_dreams_begin_alike() {
        let mut dreams = Dreams::new().unwrap();
        let beginnings: std::collections::HashSet<String> = (0..100).map(|_| dreams.next().chars().take(14).collect()).collect();
        assert!(beginnings.len() == 100 && dreams.next().len() > 200);
    }
}
