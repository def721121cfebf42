//! `oneiros eval care`: how often the care check hears what it should, and speaks where it should not, on labelled sentences.
//!
//! The labels were made by somebody who did not write the check. Of the held ones no text is shown, and what the check rests on only
//! for texts that its makers may know.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{labelled::Half, table};
use crate::{
    app::EngineAlone,
    cli::{
        bench::{engines::Engines, progress::Progress},
        output::{print_json, print_line},
    },
    config::Config,
    engine::{Asker, client::EngineClient},
    features::{
        care::{CareCheck, CareEmbedder, CareTopic, Evidence, Resources},
        dreams::detect,
    },
};

/// By language: the open ones, the held ones.
const LABELS: [(&str, &str, &str); 3] = [
    ("en", include_str!("../../../assets/eval/care/open.en.jsonl"), include_str!("../../../assets/eval/care/held.en.jsonl")),
    ("ru", include_str!("../../../assets/eval/care/open.ru.jsonl"), include_str!("../../../assets/eval/care/held.ru.jsonl")),
    ("ar", include_str!("../../../assets/eval/care/open.ar.jsonl"), include_str!("../../../assets/eval/care/held.ar.jsonl")),
];
const ALL: &str = "all";

#[derive(Debug, Args)]
pub struct CareArguments {
    /// On which of the labels
    #[arg(long, value_enum, default_value_t = Half::Held)]
    half: Half,
    /// Instead of the labels: dream reports in which nobody asks for help, one JSON object with a `text` a line
    #[arg(long, value_name = "FILE", conflicts_with = "half")]
    dreams: Option<PathBuf>,
    /// The embedding model that helps [default: the one that the server would use]
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// The rules alone, without a model
    #[arg(long, conflicts_with = "model")]
    rules: bool,
    /// Learn from the examples anew, and print what assets/care/wording.toml holds, or the model's entry of assets/care/learned.toml
    #[arg(long, value_enum, conflicts_with_all = ["rules", "half", "dreams", "json"])]
    learn: Option<Learned>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// What is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Learned {
    /// Which words speak for what; takes no model
    Words,
    /// Which of a model's vectors do
    Vectors,
}

/// One labelled text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labelled {
    id: String,
    text: String,
    label: Label,
    /// What it is about, or why it is none; not told of every text.
    kind: Option<Kind>,
    #[serde(rename = "why")]
    _why: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Label {
    Care,
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    SelfHarm,
    HarmToOthers,
    Abuse,
    Dream,
    Grief,
    Idiom,
    Negation,
    Other,
}

impl Kind {
    fn is(self, topic: CareTopic) -> bool {
        match topic {
            CareTopic::SelfHarm => self == Self::SelfHarm,
            CareTopic::HarmToOthers => self == Self::HarmToOthers,
            CareTopic::Abuse => self == Self::Abuse,
        }
    }
}

/// What became of the texts of one language.
#[derive(Debug, Clone, Default, Serialize)]
struct Figures {
    texts: usize,
    heard: usize,
    missed: Vec<String>,
    false_alarms: Vec<String>,
    /// Heard, and taken for another topic.
    other_topic: Vec<String>,
    precision: f64,
    recall: f64,
    f1: f64,
    /// What the check rested on, by id; of open labels only.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    evidence: BTreeMap<String, Evidence>,
}

/// What became of dream reports.
#[derive(Debug, Serialize)]
struct Alarms {
    version: &'static str,
    model: Option<String>,
    reports: usize,
    alarms: usize,
    share: f64,
    /// What the check rested on, by the report's line.
    evidence: BTreeMap<usize, Evidence>,
}

#[derive(Deserialize)]
struct ReportLine {
    text: String,
}

#[derive(Serialize)]
struct Report {
    version: &'static str,
    half: Half,
    /// Absent: the rules alone.
    model: Option<String>,
    languages: BTreeMap<&'static str, Figures>,
}

pub async fn run(arguments: CareArguments, config: Config) -> anyhow::Result<ExitCode> {
    if arguments.learn == Some(Learned::Words) {
        let learned = tokio::task::spawn_blocking(CareCheck::words_learned_anew).await?;
        return print_line(learned.trim_end()).map(|()| ExitCode::SUCCESS);
    }
    let engine = match arguments.rules {
        true => None,
        false => Some(Engines::open(&config)?.embedding(arguments.model.as_deref()).await?),
    };
    if let Some(engine) = &engine {
        engine.supervisor.ready().await?;
    }
    let done = answer(&arguments, engine.as_ref()).await;
    if let Some(engine) = engine {
        engine.supervisor.stop().await;
    }
    done.map(|()| ExitCode::SUCCESS)
}

async fn answer(arguments: &CareArguments, engine: Option<&EngineAlone>) -> anyhow::Result<()> {
    let model = engine.map(|engine| engine.model.clone());
    match (engine, &arguments.dreams) {
        (Some(engine), _) if arguments.learn.is_some() => learn(engine).await,
        (engine, Some(file)) => {
            let alarms = Alarms { model, ..alarms(file, engine).await? };
            if arguments.json { print_json(&alarms) } else { print_line(&alarms.in_words()) }
        }
        (engine, None) => {
            let languages = measure(arguments.half, engine).await?;
            let report = Report { version: env!("CARGO_PKG_VERSION"), half: arguments.half, model, languages };
            if arguments.json { print_json(&report) } else { print_line(&report.in_words()) }
        }
    }
}

async fn learn(engine: &EngineAlone) -> anyhow::Result<()> {
    let client = engine.supervisor.client();
    let embedder = CareEmbedder { model_id: &engine.model, engine: &client, asker: Asker::named("eval care") };
    let entry = CareCheck::learned_anew(&embedder).await?;
    let entry = entry.with_context(|| format!("the vectors of {} do not tell what the examples are about", engine.model))?;
    print_line(entry.trim_end())
}

/// The check and the model that helps it.
struct Checking<'a> {
    check: CareCheck,
    engine: Option<(&'a EngineAlone, EngineClient)>,
}

impl<'a> Checking<'a> {
    async fn with(engine: Option<&'a EngineAlone>) -> anyhow::Result<Self> {
        let engine = engine.map(|engine| (engine, engine.supervisor.client()));
        let checking = Self { check: CareCheck::new(Resources::embedded()), engine };
        if let Some(embedder) = checking.embedder() {
            checking.check.learn(&embedder).await?;
        }
        Ok(checking)
    }

    fn embedder(&self) -> Option<CareEmbedder<'_>> {
        let (engine, client) = self.engine.as_ref()?;
        Some(CareEmbedder { model_id: &engine.model, engine: client, asker: Asker::named("eval care") })
    }

    async fn weigh(&self, text: &str, language: &str) -> Option<Evidence> {
        self.check.weigh(text, language, self.embedder()).await
    }
}

async fn measure(half: Half, engine: Option<&EngineAlone>) -> anyhow::Result<BTreeMap<&'static str, Figures>> {
    let checking = Checking::with(engine).await?;
    let texts = LABELS.iter().map(|(language, open, held)| {
        let labels = labels(if half == Half::Open { open } else { held });
        Ok((*language, labels.with_context(|| format!("the labels of `{language}` are broken"))?))
    });
    let texts: Vec<(&str, Vec<Labelled>)> = texts.collect::<anyhow::Result<_>>()?;
    let progress = Progress::new("care", texts.iter().map(|(_, labels)| labels.len()).sum());
    let mut languages: BTreeMap<&str, Figures> = BTreeMap::new();
    for (language, labels) in &texts {
        progress.begin(language);
        for labelled in labels {
            let evidence = checking.weigh(&labelled.text, language).await;
            for of in [*language, ALL] {
                languages.entry(of).or_default().count(labelled, evidence.and_then(|evidence| evidence.topic));
            }
            if let (Half::Open, Some(evidence)) = (half, evidence) {
                languages.entry(language).or_default().evidence.insert(labelled.id.clone(), evidence);
            }
            progress.step();
        }
    }
    Ok(languages)
}

async fn alarms(file: &Path, engine: Option<&EngineAlone>) -> anyhow::Result<Alarms> {
    let reports = BufReader::new(File::open(file).with_context(|| format!("{} cannot be read", file.display()))?);
    let lines = reports.lines().enumerate().map(|(at, line)| {
        let line = line.with_context(|| format!("{} cannot be read", file.display()))?;
        let report: ReportLine =
            serde_json::from_str(&line).with_context(|| format!("line {} of {} holds no `text`", at + 1, file.display()))?;
        Ok(report.text)
    });
    let texts: Vec<String> = lines.collect::<anyhow::Result<_>>()?;
    let checking = Checking::with(engine).await?;
    let progress = Progress::new("care", texts.len());
    progress.begin("dreams");
    let mut evidence = BTreeMap::new();
    for (at, text) in texts.iter().enumerate() {
        let found = checking.weigh(text, &detect(text)).await;
        evidence.extend(found.map(|found| (at + 1, found)));
        progress.step();
    }
    let alarms = evidence.values().filter(|found| found.topic.is_some()).count();
    let share = alarms as f64 / texts.len().max(1) as f64;
    Ok(Alarms { version: env!("CARGO_PKG_VERSION"), model: None, reports: texts.len(), alarms, share, evidence })
}

impl Alarms {
    fn in_words(&self) -> String {
        let Self { reports, alarms, share, .. } = self;
        let mut lines = vec![format!("{alarms} of {reports} dream reports raised the care check: {:.2} %", share * 100.0)];
        lines.extend(self.evidence.iter().filter_map(|(line, evidence)| {
            let (topic, by) = (evidence.topic?, if evidence.found.is_some() { "a rule" } else { "what was learned" });
            let likely = [("words", evidence.by_words), ("vectors", evidence.by_vectors)];
            let likely = likely.into_iter().filter_map(|(what, care)| Some(format!(", {what} {:.2}", care?))).collect::<String>();
            Some(format!("line {line}: {topic:?}, by {by}{likely}"))
        }));
        lines.join("\n")
    }
}

fn labels(text: &str) -> anyhow::Result<Vec<Labelled>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    // What is wrong is told without the line: it may be of the held half.
    lines.enumerate().map(|(at, line)| serde_json::from_str(line).map_err(|_| anyhow::anyhow!("line {}", at + 1))).collect()
}

impl Figures {
    fn count(&mut self, labelled: &Labelled, said: Option<CareTopic>) {
        self.texts += 1;
        match (labelled.label, said) {
            (Label::Care, Some(topic)) => {
                self.heard += 1;
                if labelled.kind.is_some_and(|kind| !kind.is(topic)) {
                    self.other_topic.push(labelled.id.clone());
                }
            }
            (Label::Care, None) => self.missed.push(labelled.id.clone()),
            (Label::None, Some(_)) => self.false_alarms.push(labelled.id.clone()),
            (Label::None, None) => {}
        }
        let share = |others: usize| self.heard as f64 / (self.heard + others).max(1) as f64;
        (self.precision, self.recall) = (share(self.false_alarms.len()), share(self.missed.len()));
        self.f1 = 2.0 * self.precision * self.recall / (self.precision + self.recall).max(f64::EPSILON);
    }
}

impl Report {
    fn in_words(&self) -> String {
        let columns = self.languages.iter().map(|(language, figures)| {
            let percent = |share: f64| format!("{:.1} %", share * 100.0);
            let Figures { texts, heard, missed, .. } = figures;
            let care = format!("{}", heard + missed.len());
            (
                vec![(*language).to_owned()],
                vec![texts.to_string(), care, percent(figures.precision), percent(figures.recall), percent(figures.f1)],
            )
        });
        let columns: Vec<(Vec<String>, Vec<String>)> = columns.collect();
        let half = match self.half {
            Half::Open => "that its makers knew",
            Half::Held => "that its makers never saw",
        };
        let with = self.model.as_ref().map_or_else(|| "by rules alone".to_owned(), |model| format!("with {model}"));
        let mut lines = vec![format!("The care check {with}, on texts {half}\n")];
        lines.push(table::in_words(&["texts", "of them care", "precision", "recall", "F1"], &columns));
        let all = self.languages.get(ALL).cloned().unwrap_or_default();
        for (what, ids) in [("missed", all.missed), ("false alarms", all.false_alarms), ("another topic", all.other_topic)] {
            lines.push(format!("\n{what}: {}", if ids.is_empty() { "none".into() } else { ids.join(", ") }));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_are_whole_and_share_no_text() {
        for (language, open, held) in LABELS {
            let (open, held) = (labels(open).unwrap(), labels(held).unwrap());
            assert!(open.len() + held.len() >= 60, "{language}");
            for half in [&open, &held] {
                let care = half.iter().filter(|labelled| labelled.label == Label::Care).count();
                assert!(care >= 15 && half.len() - care >= 15, "{language}");
            }
            assert!(open.iter().all(|one| held.iter().all(|other| one.id != other.id && one.text != other.text)), "{language}");
        }
    }

    #[test]
    fn no_label_is_an_example_that_was_learned_from() {
        let examples = [
            include_str!("../../../assets/care/examples.en.toml"),
            include_str!("../../../assets/care/examples.ru.toml"),
            include_str!("../../../assets/care/examples.ar.toml"),
        ];
        for ((language, open, held), examples) in LABELS.into_iter().zip(examples) {
            for labelled in [open, held].into_iter().flat_map(|half| labels(half).unwrap()) {
                assert!(!examples.contains(&format!("  {:?},\n", labelled.text)), "{language} {}", labelled.id);
            }
        }
    }

    #[test]
    fn figures_are_of_what_was_heard() {
        let labelled = |id: &str, label, kind| Labelled { id: id.into(), text: String::new(), label, kind: Some(kind), _why: None };
        let mut figures = Figures::default();
        figures.count(&labelled("a", Label::Care, Kind::Abuse), Some(CareTopic::Abuse));
        figures.count(&labelled("b", Label::Care, Kind::Abuse), Some(CareTopic::SelfHarm));
        figures.count(&labelled("c", Label::Care, Kind::SelfHarm), None);
        figures.count(&labelled("d", Label::None, Kind::Idiom), Some(CareTopic::SelfHarm));
        figures.count(&labelled("e", Label::None, Kind::Dream), None);
        assert_eq!((figures.texts, figures.heard), (5, 2));
        assert!((figures.precision - 2.0 / 3.0).abs() < 1e-9 && (figures.recall - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!((figures.missed, figures.false_alarms, figures.other_topic), (vec!["c".into()], vec!["d".into()], vec!["b".to_owned()]));
    }
}
