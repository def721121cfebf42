//! `oneiros eval feelings`: how often the feeling and the mood that the embedding model finds likeliest in the fixed dreams are among
//! those that a careful reader found there (`assets/eval/feelings.jsonl`). That reader had not seen the sentences that it learns from.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use serde::{Deserialize, Serialize};

use super::{dreams, table};
use crate::{
    app::EngineAlone,
    cli::{
        bench::engines::Engines,
        output::{print_json, print_line},
    },
    config::Config,
    engine::Asker,
    features::dreams::{
        Mood,
        feelings::{LikelyFeelings, learned_anew},
    },
};

const LABELS: &str = include_str!("../../../assets/eval/feelings.jsonl");
const ALL: &str = "all";

#[derive(Debug, Args)]
pub struct FeelingsArguments {
    /// The embedding model [default: the one that the server would use]
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// Learn from the examples anew and print the model's entry of assets/prompts/feelings.learned.toml
    #[arg(long, conflicts_with = "json")]
    learn: bool,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// What a reader found in a fixed dream.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labelled {
    id: String,
    moods: Vec<Mood>,
    feelings: Vec<String>,
}

/// Of the dreams of one language.
#[derive(Debug, Default, Serialize)]
struct Figures {
    dreams: usize,
    /// The likeliest feeling is one that the reader found.
    feeling: usize,
    /// The likeliest mood is one that the reader found.
    mood: usize,
    /// The reader found glad moods only and the likeliest is a dark one, or the other way round.
    opposite: usize,
    /// Of the figures above, what chance would come to.
    feeling_by_chance: f64,
    mood_by_chance: f64,
}

#[derive(Serialize)]
struct Report {
    version: &'static str,
    model: String,
    languages: BTreeMap<String, Figures>,
}

pub async fn run(arguments: FeelingsArguments, config: Config) -> anyhow::Result<ExitCode> {
    let engine = Engines::open(&config)?.embedding(arguments.model.as_deref()).await?;
    engine.supervisor.ready().await?;
    let done = answer(&arguments, &engine).await;
    engine.supervisor.stop().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn answer(arguments: &FeelingsArguments, engine: &EngineAlone) -> anyhow::Result<()> {
    let client = engine.supervisor.client();
    if arguments.learn {
        let entry = learned_anew(&engine.model, &client, Asker::named("oneiros eval")).await?;
        return print_line(entry.with_context(|| format!("{} gave no vectors", engine.model))?.trim_end());
    }
    let labels = labels()?;
    let mut languages: BTreeMap<String, Figures> = BTreeMap::new();
    for dream in dreams::fixed()? {
        let labelled = labels.iter().find(|labelled| labelled.id == dream.id).with_context(|| format!("{} has no label", dream.id))?;
        let likely = LikelyFeelings::of(dream.text.trim(), &engine.model, &client, Asker::named("oneiros eval")).await?;
        for of in [dream.language.as_str(), ALL] {
            languages.entry(of.to_owned()).or_default().count(labelled, &likely);
        }
    }
    let report = Report { version: env!("CARGO_PKG_VERSION"), model: engine.model.clone(), languages };
    if arguments.json { print_json(&report) } else { print_line(&report.in_words()) }
}

fn labels() -> anyhow::Result<Vec<Labelled>> {
    let lines = LABELS.lines().enumerate();
    lines.map(|(at, line)| serde_json::from_str(line).with_context(|| format!("line {} of the labels is broken", at + 1))).collect()
}

/// Glad, dark, or neither.
fn side(mood: Mood) -> i8 {
    match mood {
        Mood::Joyful | Mood::Peaceful | Mood::Hopeful => 1,
        Mood::Neutral | Mood::Confused => 0,
        Mood::Sad | Mood::Anxious | Mood::Fearful | Mood::Angry => -1,
    }
}

impl Figures {
    const FEELINGS: f64 = 20.0;
    const MOODS: f64 = 9.0;

    fn count(&mut self, labelled: &Labelled, likely: &LikelyFeelings) {
        self.dreams += 1;
        self.feeling_by_chance += labelled.feelings.len() as f64 / Self::FEELINGS;
        self.mood_by_chance += labelled.moods.len() as f64 / Self::MOODS;
        self.feeling += usize::from(likely.first().is_some_and(|first| labelled.feelings.iter().any(|known| known == first)));
        let Some(mood) = likely.moods().first().copied() else { return };
        self.mood += usize::from(labelled.moods.contains(&mood));
        self.opposite += usize::from(labelled.moods.iter().all(|known| side(*known) * side(mood) < 0));
    }
}

impl Report {
    fn in_words(&self) -> String {
        let columns = self.languages.iter().map(|(language, figures)| {
            let share = |count: f64| format!("{:.0} %", 100.0 * count / figures.dreams.max(1) as f64);
            let rows = [figures.feeling as f64, figures.feeling_by_chance, figures.mood as f64, figures.mood_by_chance];
            let rows = rows.into_iter().chain([figures.opposite as f64]).map(share);
            (vec![language.clone()], [figures.dreams.to_string()].into_iter().chain(rows).collect())
        });
        let columns: Vec<(Vec<String>, Vec<String>)> = columns.collect();
        let rows = ["dreams", "feeling is in it", "by chance", "mood is in it", "by chance", "mood is the opposite"];
        format!("What {} finds likeliest in the fixed dreams\n\n{}", self.model, table::in_words(&rows, &columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixed_dream_is_labelled() {
        let labels = labels().unwrap();
        for dream in dreams::fixed().unwrap() {
            let labelled = labels.iter().find(|labelled| labelled.id == dream.id).unwrap_or_else(|| panic!("{}", dream.id));
            assert!(!labelled.moods.is_empty() && !labelled.feelings.is_empty(), "{}", dream.id);
        }
    }

    #[test]
    fn a_dark_mood_is_the_opposite_of_glad_ones_only() {
        let labelled = |moods: &[Mood]| Labelled { id: "a".into(), moods: moods.to_vec(), feelings: vec!["joy".into()] };
        let mut figures = Figures::default();
        figures.count(&labelled(&[Mood::Joyful]), &LikelyFeelings::default());
        assert_eq!((figures.dreams, figures.feeling, figures.mood, figures.opposite), (1, 0, 0, 0));
        assert!(side(Mood::Fearful) * side(Mood::Hopeful) < 0 && side(Mood::Neutral) * side(Mood::Sad) == 0);
    }
}
