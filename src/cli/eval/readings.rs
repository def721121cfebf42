//! `oneiros eval readings`: a fixed set of dreams through every lens, by any model, so that operators can compare models.
//!
//! A model's engine runs by itself, without database or server. Images are found by the dictionary alone, feelings by the embedding
//! model, and each reading is made as if it were the dream's only one.

use std::{
    collections::HashMap,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde::Serialize;

use super::{
    dreams::{self, FixedDream},
    labelled::Record,
    metrics::{Attempt, Figures},
    shown, table,
    traits::Traits,
};
use crate::{
    app::EngineAlone,
    cli::{
        bench::{engines::Engines, machine::Machine, progress::Progress},
        output::{print_json, print_line},
    },
    config::Config,
    engine::Asker,
    features::{
        dreams::{
            EventSink, Findings, Interpretation, InterpretationFailure, Prompts, Reader, Steps, Task, feelings::LikelyFeelings, read,
        },
        lore::{Lens, LensId, Lore},
    },
    models::CatalogEntry,
};

#[derive(Debug, Args)]
pub struct ReadingsArguments {
    /// A language model; may be given several times [default: those of the profile that suits this machine]
    #[arg(long = "model", value_name = "ID")]
    models: Vec<String>,
    /// Languages of the dreams, as en,ru,ar [default: those of them that the model lists]
    #[arg(long, value_delimiter = ',', value_name = "CODES")]
    languages: Vec<String>,
    /// Lenses, as jungian,folk [default: all that come with the executable]
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    lenses: Vec<LensId>,
    /// How many of the fixed dreams of each language [default: all]
    #[arg(long, value_name = "N")]
    dreams: Option<usize>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// Show each reading in full
    #[arg(long)]
    show: bool,
    /// Write each reading to a file as a line to be judged: what `oneiros eval confidence` is made from
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

pub async fn run(arguments: ReadingsArguments, config: Config) -> anyhow::Result<ExitCode> {
    let mut plan = Plan::new(&arguments)?;
    let engines = Engines::open(&config)?;
    // Without an embedding model, models that choose are offered every feeling.
    if let Ok(engine) = engines.embedding(None).await {
        engine.supervisor.ready().await?;
        plan.feelings = plan.feelings_of(&engine).await?;
        engine.supervisor.stop().await;
    }
    let models = match arguments.models.is_empty() {
        true => engines.llms_of_profile().await?,
        false => arguments.models.iter().map(|id| engines.language_model(id)).collect::<Result<_, _>>()?,
    };
    let models = models.into_iter().map(|model| Ok((plan.languages_of(&model)?, model))).collect::<anyhow::Result<Vec<_>>>()?;
    let readings = models.iter().flat_map(|(languages, _)| languages).map(|language| plan.dreams_in(language).count() * plan.lenses.len());
    let progress = Progress::new("readings", readings.sum());
    let mut record = arguments.record.as_deref().map(Record::create).transpose()?;
    let mut measured = Vec::new();
    for (languages, model) in models {
        let engine = engines.start(model).await?;
        let reader = engine.reader().await?;
        for language in &languages {
            measured.push(plan.measure(&reader, language, &progress, record.as_mut()).await?);
        }
        engine.supervisor.stop().await;
    }
    drop(progress);
    tell(&arguments, &plan, measured)?;
    Ok(ExitCode::SUCCESS)
}

/// What is read, and with what.
struct Plan {
    dreams: Vec<FixedDream>,
    lenses: Vec<LensId>,
    /// Those that were asked for; empty: as each model lists them.
    languages: Vec<String>,
    /// Of each language, at most.
    most: usize,
    prompts: Prompts,
    lore: Lore,
    /// By the dream's id.
    feelings: HashMap<String, LikelyFeelings>,
}

/// One model in one language.
struct Measured {
    model: String,
    language: String,
    depth: &'static str,
    attempts: Vec<Attempt>,
    made: Vec<Made>,
}

/// One dream through one lens.
#[derive(Serialize)]
struct Made {
    dream: String,
    lens: LensId,
    reading: Option<Interpretation>,
    failure: Option<InterpretationFailure>,
}

impl Plan {
    fn new(arguments: &ReadingsArguments) -> anyhow::Result<Self> {
        let (dreams, lore) = (dreams::fixed()?, Lore::embedded());
        let known: Vec<LensId> = lore.lenses().map(|lens| lens.id.clone()).collect();
        if let Some(unknown) = arguments.lenses.iter().find(|lens| !known.contains(lens)) {
            let known: Vec<&str> = known.iter().map(LensId::as_str).collect();
            anyhow::bail!("there is no lens `{unknown}`: choose among {}", known.join(", "));
        }
        for language in &arguments.languages {
            ensure!(
                dreams.iter().any(|dream| dream.language == *language),
                "there are no fixed dreams in `{language}`: choose among {}",
                all(&dreams).join(", ")
            );
        }
        ensure!(arguments.dreams != Some(0), "--dreams says how many dreams of a language are read: 1 at least");
        Ok(Self {
            lenses: if arguments.lenses.is_empty() { known } else { arguments.lenses.clone() },
            languages: arguments.languages.clone(),
            most: arguments.dreams.unwrap_or(usize::MAX),
            prompts: Prompts::embedded(),
            dreams,
            lore,
            feelings: HashMap::new(),
        })
    }

    fn languages_of(&self, model: &CatalogEntry) -> anyhow::Result<Vec<String>> {
        if !self.languages.is_empty() {
            return Ok(self.languages.clone());
        }
        let listed: Vec<String> = all(&self.dreams)
            .into_iter()
            .filter(|language| model.languages.iter().any(|code| code == language))
            .map(str::to_owned)
            .collect();
        let id = &model.id;
        ensure!(
            !listed.is_empty(),
            "{id} lists none of the languages that there are dreams in ({}): name some with --languages",
            all(&self.dreams).join(", ")
        );
        Ok(listed)
    }

    fn dreams_in<'a>(&'a self, language: &'a str) -> impl Iterator<Item = &'a FixedDream> {
        self.dreams.iter().filter(move |dream| dream.language == language).take(self.most)
    }

    /// All dreams of a language through all lenses.
    async fn measure(
        &self,
        reader: &Reader,
        language: &str,
        progress: &Progress,
        mut record: Option<&mut Record>,
    ) -> anyhow::Result<Measured> {
        let (mut attempts, mut made) = (Vec::new(), Vec::new());
        for dream in self.dreams_in(language) {
            for id in &self.lenses {
                progress.begin(&format!("{}, {}, {id}", reader.id, dream.id));
                let lens = self.lore.lens(id).context("the lens is gone")?;
                let (answer, taken) =
                    self.read(reader, dream, lens).await.with_context(|| format!("{} could not read {}", reader.id, dream.id))?;
                let (reading, failure) = match answer {
                    Ok(reading) => (Some(reading), None),
                    Err(failure) => (None, Some(failure)),
                };
                if let (Some(record), Some(reading)) = (record.as_mut(), &reading) {
                    record.add(&dream.id, reading)?;
                }
                let traits = reading.as_ref().map(|reading| Traits::of(reading, &dream.language, &self.prompts, lens));
                attempts.push(Attempt { dream: dream.id.clone(), seconds: taken.as_secs_f64(), traits });
                made.push(Made { dream: dream.id.clone(), lens: id.clone(), reading, failure });
                progress.step();
            }
        }
        Ok(Measured { model: reader.id.clone(), language: language.to_owned(), depth: reader.depth().name(), attempts, made })
    }

    /// What the embedding model finds in every dream before a language model is asked.
    async fn feelings_of(&self, engine: &EngineAlone) -> anyhow::Result<HashMap<String, LikelyFeelings>> {
        let client = engine.supervisor.client();
        let mut feelings = HashMap::new();
        for dream in &self.dreams {
            let likely = LikelyFeelings::of(dream.text.trim(), &engine.model, &client, Asker::named("oneiros eval")).await?;
            feelings.insert(dream.id.clone(), likely);
        }
        Ok(feelings)
    }

    async fn read(
        &self,
        reader: &Reader,
        fixed: &FixedDream,
        lens: &Lens,
    ) -> anyhow::Result<(Result<Interpretation, InterpretationFailure>, Duration)> {
        let (dream, started) = (fixed.told(), Instant::now());
        let found = self.lore.dictionary().find(&dream.text, &dream.language);
        let findings = Findings { found, feelings: self.feelings.get(&fixed.id).cloned().unwrap_or_default(), ..Findings::default() };
        let task = Task {
            dream: &dream,
            dream_language: &dream.language,
            prompts: &self.prompts,
            lore: &self.lore,
            lens,
            reader,
            asker: Asker::named("oneiros eval"),
            language: &dream.language,
            findings: &findings,
            others: &[],
            started,
        };
        let answer = read(&task, Steps::since(started), &EventSink::none()).await?;
        Ok((answer, started.elapsed()))
    }
}

/// The languages of the dreams, in their order.
fn all(dreams: &[FixedDream]) -> Vec<&str> {
    let mut languages: Vec<&str> = Vec::new();
    for dream in dreams {
        if !languages.contains(&dream.language.as_str()) {
            languages.push(&dream.language);
        }
    }
    languages
}

/// For programs.
#[derive(Serialize)]
struct Report<'a> {
    version: &'static str,
    machine: Machine,
    prompts: &'a str,
    lore: &'a str,
    lenses: &'a [LensId],
    results: Vec<ModelReport>,
}

#[derive(Serialize)]
struct ModelReport {
    model: String,
    language: String,
    depth: &'static str,
    figures: Figures,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    readings: Vec<Made>,
}

fn tell(arguments: &ReadingsArguments, plan: &Plan, measured: Vec<Measured>) -> anyhow::Result<()> {
    if !arguments.json {
        if arguments.show {
            measured.iter().flat_map(|one| &one.made).try_for_each(|made| print_line(&in_full(plan, made)))?;
        }
        return print_line(&in_words(plan, &measured));
    }
    let results = measured.into_iter().map(|Measured { model, language, depth, attempts, made }| {
        let readings = if arguments.show { made } else { Vec::new() };
        ModelReport { model, language, depth, figures: Figures::of(&attempts), readings }
    });
    print_json(&Report {
        version: env!("CARGO_PKG_VERSION"),
        machine: Machine::here(),
        prompts: plan.prompts.version(),
        lore: plan.lore.version(),
        lenses: &plan.lenses,
        results: results.collect(),
    })
}

fn in_words(plan: &Plan, measured: &[Measured]) -> String {
    let figures: Vec<_> = measured.iter().map(|one| Figures::of(&one.attempts).in_words()).collect();
    let names: Vec<&str> = figures.first().into_iter().flatten().map(|(name, _)| *name).collect();
    let columns = measured.iter().zip(&figures).map(|(one, figures)| {
        let head = vec![one.model.clone(), format!("{}, {} prompt", one.language, one.depth)];
        (head, figures.iter().map(|(_, value)| value.clone()).collect())
    });
    let lenses: Vec<&str> = plan.lenses.iter().map(LensId::as_str).collect();
    let about = format!(
        "Oneiros {} on {}\nLenses {}; prompts {}, lore {}",
        env!("CARGO_PKG_VERSION"),
        Machine::here().in_words(),
        lenses.join(", "),
        plan.prompts.version(),
        plan.lore.version()
    );
    format!("{about}\n\n{}", table::in_words(&names, &columns.collect::<Vec<_>>()))
}

/// A dream and what came of it.
fn in_full(plan: &Plan, made: &Made) -> String {
    let dream = plan.dreams.iter().find(|dream| dream.id == made.dream).map_or("", |dream| dream.text.trim());
    let told = match (&made.reading, &made.failure) {
        (Some(reading), _) => {
            let composed = if reading.composed.is_empty() { String::new() } else { format!("; composed: {}", reading.composed.join(", ")) };
            format!("{}\n({}, confidence {:.2}{composed})", shown::in_words(reading), reading.model, reading.confidence)
        }
        (None, failure) => format!("No reading: {}", failure.as_ref().map_or("", |failure| failure.detail.as_str())),
    };
    format!("━━ {}, {}\n{dream}\n\n{told}\n", made.dream, made.lens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(languages: &[&str], lenses: &[&str], dreams: Option<usize>) -> ReadingsArguments {
        let languages = languages.iter().map(ToString::to_string).collect();
        let lenses = lenses.iter().map(|id| id.parse().unwrap()).collect();
        ReadingsArguments { models: Vec::new(), languages, lenses, dreams, json: false, show: false, record: None }
    }

    #[test]
    fn what_there_is_not_is_said_with_what_there_is() {
        let said = |arguments| format!("{:#}", Plan::new(&arguments).err().unwrap());
        assert!(said(arguments(&["fr"], &[], None)).contains("choose among"));
        assert!(said(arguments(&[], &["astral"], None)).contains("psychological"));
        assert!(said(arguments(&[], &[], Some(0))).contains("1 at least"));
    }

    #[test]
    fn every_lens_and_every_dream_are_read_unless_fewer_are_asked_for() {
        let all = Plan::new(&arguments(&[], &[], None)).unwrap();
        assert_eq!(all.lenses.len(), all.lore.lenses().count());
        assert!(all.dreams_in("ru").count() >= 5);
        let few = Plan::new(&arguments(&["ru"], &["folk"], Some(2))).unwrap();
        assert_eq!((few.lenses.len(), few.dreams_in("ru").count()), (1, 2));
    }
}
