//! `oneiros bench search`: how fast and how completely the nearest of many vectors are found, by the very queries of the
//! product, in a database that is thrown away.

use std::{collections::HashMap, path::PathBuf, time::Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use uuid::Uuid;

use super::{
    engines::Engines,
    progress::Progress,
    report::{Section, percentile},
    texts,
    vectors::{Noise, Vectors},
};
use crate::{
    config::Config,
    db::ThrowawayCluster,
    engine::{Embedder as _, EmbeddingRequest, EmbeddingRole},
    features::{
        accounts::UserId,
        dreams::{DreamStore, SearchTrial, SimilarDream, TrialDream},
    },
};

/// How many dreams a search returns, and what recall is told of.
const NEAREST: u16 = 10;
/// Shares of all vectors that owners of whom it is told have, in hundredths.
const SHARES_TOLD: [u32; 7] = [50, 20, 10, 7, 5, 3, 1];
/// The rest belongs to so many others, in equal parts.
const OTHER_OWNERS: usize = 93;
const MODEL: &str = "bench";

#[derive(Debug, Clone, Args)]
pub struct SearchArguments {
    /// How many vectors are searched; each number is measured by itself
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000])]
    sizes: Vec<usize>,
    /// File with one text a line, whose vectors are the real ones [default: texts made of sentences written for this]
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
    /// The model that makes the vectors [default: the one that the server would use]
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// Real vectors among those searched; the rest are perturbed copies of them
    #[arg(long, default_value_t = 600)]
    real: usize,
    /// Real vectors to search with, which are not among those searched
    #[arg(long, default_value_t = 100)]
    queries: usize,
    /// How copies differ from what they copy: along the difference of two other real vectors, or in any direction
    #[arg(long, value_enum, default_value_t = Noise::Differences)]
    noise: Noise,
    /// Least and greatest length of that difference; vectors have length 1
    #[arg(long, value_delimiter = ',', num_args = 2, default_values_t = [0.1, 0.4])]
    noise_length: Vec<f32>,
}

impl SearchArguments {
    fn check(&self) -> anyhow::Result<()> {
        ensure!(self.sizes.iter().all(|size| (100..=1_000_000).contains(size)), "sizes go from 100 to 1000000");
        ensure!(self.sizes.is_sorted(), "sizes must grow");
        ensure!(
            (3..=100_000).contains(&self.real) && (1..=10_000).contains(&self.queries),
            "take 3 or more real vectors and 1 or more queries"
        );
        let [least, most] = self.noise_length[..] else { anyhow::bail!("name the least and the greatest length of the noise") };
        ensure!(least >= 0.0 && most >= least && most <= 10.0, "the length of the noise goes from 0 to 10, the least first");
        Ok(())
    }
}

pub async fn measure(arguments: &SearchArguments, config: &Config, rounds: usize) -> anyhow::Result<Vec<Section>> {
    arguments.check()?;
    let binaries = config.server.database_binaries();
    ensure!(binaries.join("bin/postgres").is_file(), "there is no PostgreSQL here: fetch it with `oneiros models pull postgresql-18`");
    let (texts, real, model) = real_vectors(arguments, config).await?;
    let (queries, real) = real.split_at(arguments.queries.min(real.len().saturating_sub(3)));
    let mut vectors = Vectors::new(real, arguments.noise, [arguments.noise_length[0], arguments.noise_length[1]]);
    let cluster = ThrowawayCluster::start(&binaries).await?;
    let (owner, application) = cluster.pools().await?;
    let trial = SearchTrial::new(owner.clone(), application.clone(), MODEL.into());
    let mut library = LibraryOfDreams {
        dreams: Vec::new(),
        places: HashMap::new(),
        owners: (0..SHARES_TOLD.len() + OTHER_OWNERS).map(|_| UserId(Uuid::now_v7())).collect(),
    };
    let progress = Progress::new("search", arguments.sizes.len());
    let mut sections = Vec::new();
    for size in &arguments.sizes {
        progress.begin(&format!("filling {size} vectors"));
        let added = library.grow(*size, &mut vectors, &texts);
        let indexes = trial.keep(&library.dreams[added..]).await?;
        let mut index = Section::new(format!("search, index of {size} vectors"))
            .about("dimensions", queries[0].len())
            .about("model", model.as_str())
            .about("real vectors", real.len())
            .about(
                "noise",
                format!("{:?}, {} to {}", arguments.noise, arguments.noise_length[0], arguments.noise_length[1]).to_lowercase(),
            );
        index.ours("size", "MiB", mebibytes(indexes.everyone_bytes));
        index.ours("size, owner by owner", "MiB", mebibytes(indexes.owners_bytes));
        index.ours("time to build", "s", indexes.build_time.as_secs_f64());
        sections.push(index);
        progress.begin(&format!("searching {size} vectors"));
        sections.extend(searches(&library, trial.store(), queries, rounds).await?);
        progress.step();
    }
    owner.close().await;
    application.close().await;
    cluster.stop().await?;
    Ok(sections)
}

/// Texts with their vectors, and the model's name.
async fn real_vectors(arguments: &SearchArguments, config: &Config) -> anyhow::Result<(Vec<String>, Vec<Vec<f32>>, String)> {
    let wanted = arguments.real + arguments.queries;
    let mut texts = match &arguments.texts {
        Some(path) => texts::of_file(path)?,
        None => texts::recombined(wanted),
    };
    texts.truncate(wanted);
    ensure!(texts.len() > 3, "four texts or more are needed");
    let engine = Engines::open(config)?.embedding(arguments.model.as_deref()).await?;
    engine.supervisor.ready().await?;
    eprintln!("search: making the vectors of {} texts", texts.len());
    let request = EmbeddingRequest { texts: texts.clone(), role: EmbeddingRole::Passage };
    let answer = engine.supervisor.client().embed(request, super::asker(0)).await;
    engine.supervisor.stop().await;
    let real = answer?.vectors.into_iter().map(|vector| super::vectors::of_length_one(&vector)).collect();
    Ok((texts, real, engine.model))
}

/// What is in the database, as this process knows it: the truth that searches are held against.
struct LibraryOfDreams {
    dreams: Vec<TrialDream>,
    places: HashMap<Uuid, usize>,
    owners: Vec<UserId>,
}

impl LibraryOfDreams {
    /// Returns where the new ones begin.
    fn grow(&mut self, size: usize, vectors: &mut Vectors<'_>, texts: &[String]) -> usize {
        let begin = self.dreams.len();
        for number in begin..size {
            let owner = self.owners[vectors.random().owner(&SHARES_TOLD, OTHER_OWNERS)];
            let id = Uuid::now_v7();
            let text = format!("{} ({number})", texts[number % texts.len()]);
            self.dreams.push(TrialDream { id, owner, text, vector: vectors.next() });
            self.places.insert(id, number);
        }
        begin
    }

    fn of(&self, owner: Option<UserId>) -> Vec<usize> {
        (0..self.dreams.len()).filter(|place| owner.is_none_or(|owner| self.dreams[*place].owner == owner)).collect()
    }
}

async fn searches(library: &LibraryOfDreams, store: &DreamStore, queries: &[Vec<f32>], rounds: usize) -> anyhow::Result<Vec<Section>> {
    let likeness: Vec<Vec<f32>> =
        queries.iter().map(|query| library.dreams.iter().map(|dream| dot(query, &dream.vector)).collect()).collect();
    let owners = SHARES_TOLD.iter().zip(&library.owners).map(Some);
    let mut sections = Vec::new();
    for scope in std::iter::once(None).chain(owners) {
        let owner = scope.map(|(_, owner)| *owner);
        let rows = library.of(owner);
        if rows.len() < usize::from(NEAREST) {
            continue;
        }
        let total = library.dreams.len();
        let name = match scope {
            None => format!("search in {total} vectors of everyone"),
            Some((share, _)) => format!("search in {total} vectors, those of the owner of {share} %"),
        };
        let mut section = Section::new(name).about("rows of the scope", rows.len());
        let truth: Vec<f32> = likeness.iter().map(|likeness| least_of_nearest(&rows, likeness)).collect();
        for round in 0..=rounds {
            let (mut times, mut found) = (Vec::new(), 0);
            for (query, (likeness, least)) in queries.iter().zip(likeness.iter().zip(&truth)) {
                let start = Instant::now();
                let similar = match owner {
                    None => store.similar_of_everyone(MODEL, query, NEAREST).await?,
                    Some(owner) => store.similar_of_owner(owner, MODEL, query, None, NEAREST).await?,
                };
                times.push(start.elapsed().as_secs_f64() * 1e3);
                found += right(library, owner, &similar, likeness, *least)?;
            }
            // The first round warms up.
            if round > 0 {
                section.ours("latency, p50", "ms", percentile(&times, 0.5));
                section.ours("latency, p95", "ms", percentile(&times, 0.95));
                section.ours("recall@10", "", found as f64 / (queries.len() * usize::from(NEAREST)) as f64);
            }
        }
        sections.push(section);
    }
    Ok(sections)
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// How like the least like of the nearest is.
fn least_of_nearest(rows: &[usize], likeness: &[f32]) -> f32 {
    let mut all: Vec<f32> = rows.iter().map(|row| likeness[*row]).collect();
    let (_, least, _) = all.select_nth_unstable_by(usize::from(NEAREST) - 1, |left, right| right.total_cmp(left));
    *least
}

/// How many of the found are among the nearest. A dream of another owner would be worse than a slow search.
fn right(
    library: &LibraryOfDreams,
    owner: Option<UserId>,
    similar: &[SimilarDream],
    likeness: &[f32],
    least: f32,
) -> anyhow::Result<usize> {
    let mut right = 0;
    for found in similar {
        let place = *library.places.get(&found.dream.id).context("a dream was found that nobody kept")?;
        ensure!(owner.is_none_or(|owner| library.dreams[place].owner == owner), "a search within an owner's dreams found another's");
        // Equal but for rounding: ours here is one sum, the database's another.
        right += usize::from(likeness[place] >= least - 1e-6);
    }
    Ok(right)
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    // Eight sums side by side, which the processor adds at once.
    let mut sums = [0.0_f32; 8];
    for (left, right) in left.chunks_exact(8).zip(right.chunks_exact(8)) {
        for lane in 0..8 {
            sums[lane] += left[lane] * right[lane];
        }
    }
    sums.iter().sum()
}
