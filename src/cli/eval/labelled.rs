//! Readings that people judged: `assets/eval/confidence.jsonl`, one a line.
//!
//! `oneiros eval readings --record FILE` writes the lines; a person who sees dream and reading, and nothing else, adds `label` (1 when
//! a careful reader finds that it holds) and `half`: weights are fitted on the open one, the held one tells how well they are met.

use std::{fs::File, io::Write as _, path::Path};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::shown;
use crate::features::{
    dreams::{Interpretation, Signals, StepName},
    lore::LensId,
};

const LABELLED: &str = include_str!("../../../assets/eval/confidence.jsonl");

/// A judged reading. What else a line holds (the dream's id, the reading's text) is for people.
#[derive(Debug, Clone, Deserialize)]
pub struct Labelled {
    pub id: String,
    pub signals: Signals,
    /// 1: it holds; 0: it does not.
    label: u8,
    pub half: Half,
}

/// The labelled set has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// The one that the weights are fitted on
    Open,
    /// The one that they have not seen
    Held,
}

impl Labelled {
    pub fn holds(&self) -> bool {
        self.label == 1
    }
}

/// The readings of one half.
pub fn half(half: Half) -> anyhow::Result<Vec<Labelled>> {
    of_half(LABELLED, half)
}

fn of_half(lines: &str, half: Half) -> anyhow::Result<Vec<Labelled>> {
    let mut all = read(lines)?;
    all.retain(|one| one.half == half);
    let holding = all.iter().filter(|one| one.holds()).count();
    ensure!(
        holding > 0 && holding < all.len(),
        "assets/eval/confidence.jsonl holds {} readings in the {} half, {holding} of which hold; both kinds are needed: write some with \
         `oneiros eval readings --record FILE`, give each line a \"label\" (1: it holds, 0: it does not) and a \"half\" (\"open\" or \
         \"held\"), put them into that file and build again",
        all.len(),
        if half == Half::Open { "open" } else { "held" },
    );
    Ok(all)
}

fn read(lines: &str) -> anyhow::Result<Vec<Labelled>> {
    let lines = lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let labelled = lines.map(|(number, line)| {
        let one: Labelled =
            serde_json::from_str(line).with_context(|| format!("line {} of assets/eval/confidence.jsonl is broken", number + 1))?;
        ensure!(one.label <= 1, "{} has the label {}: 1 says that a reading holds, 0 that it does not", one.id, one.label);
        Ok(one)
    });
    labelled.collect()
}

/// A line without the judgement.
#[derive(Serialize)]
struct Line<'a> {
    id: String,
    dream: &'a str,
    language: &'a str,
    model: &'a str,
    lens: &'a LensId,
    signals: Signals,
    text: String,
}

/// Where readings are written down to be judged.
pub struct Record(File);

impl Record {
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        Ok(Self(File::create(path).with_context(|| format!("{} cannot be written", path.display()))?))
    }

    /// `dream` is the id of the fixed dream.
    pub fn add(&mut self, dream: &str, reading: &Interpretation) -> anyhow::Result<()> {
        let Interpretation { language, model, lens, .. } = reading;
        let signals = signals(reading).context("the reading does not tell what its confidence is made of")?;
        let line = Line { id: format!("{model}/{dream}/{lens}"), dream, language, model, lens, signals, text: shown::in_words(reading) };
        writeln!(self.0, "{}", serde_json::to_string(&line)?).context("the readings cannot be written down")
    }
}

/// As the reading's own record tells them, with two decimals.
fn signals(reading: &Interpretation) -> Option<Signals> {
    let step = reading.steps.iter().find(|step| step.name == StepName::Confidence)?;
    let value = |value: &str| value.parse::<f64>().ok().map(serde_json::Value::from);
    let facts = step.facts.iter().filter_map(|fact| Some((fact.name.clone(), value(&fact.value)?)));
    serde_json::from_value(serde_json::Value::Object(facts.collect())).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::traits::testing::reading, *};

    fn line(id: &str, label: u8, half: &str) -> String {
        let signals =
            json!({"grounding": 1, "agreement": 0.5, "completeness": 0.9, "repetition": 0.2, "length": 1, "echo": 0.3, "full": 0});
        json!({"id": id, "language": "en", "model": "small", "lens": "folk", "signals": signals, "label": label, "half": half}).to_string()
    }

    #[test]
    fn the_set_in_this_executable_is_in_order() {
        read(LABELLED).unwrap();
    }

    #[test]
    fn each_half_is_by_itself() {
        let lines = [line("a", 1, "open"), line("b", 0, "open"), line("c", 1, "held"), String::new(), line("d", 0, "held")].join("\n");
        let ids = |half| of_half(&lines, half).unwrap().into_iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!((ids(Half::Open), ids(Half::Held)), (vec!["a".into(), "b".into()], vec!["c".into(), "d".into()]));
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        let said = |lines: &str| format!("{:#}", of_half(lines, Half::Held).unwrap_err());
        assert!(said("").contains("holds 0 readings in the held half") && said("").contains("--record"), "{}", said(""));
        assert!(said(&line("a", 1, "held")).contains("both kinds are needed"));
        assert!(said("{}").contains("line 1"), "{}", said("{}"));
        assert!(said(&line("a", 2, "held")).contains("label 2"));
    }

    #[test]
    fn a_recorded_reading_lacks_the_judgement_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut record = Record::create(file.path()).unwrap();
        record.add("en-1", &reading(json!({}))).unwrap();
        let mut told: Value = serde_json::from_str(&std::fs::read_to_string(file.path()).unwrap()).unwrap();
        assert_eq!((&told["id"], &told["dream"]), (&json!("scripted/en-1/psychological"), &json!("en-1")));
        assert!(told["text"].as_str().unwrap().contains("help is near"), "{told}");
        told["label"] = 1.into();
        told["half"] = "open".into();
        let labelled: Labelled = serde_json::from_value(told).unwrap();
        assert!(labelled.holds() && (labelled.signals.agreement - 0.75).abs() < 1e-6, "{labelled:?}");
    }
}
