//! `oneiros models fit`: what a language model would take of this machine's memory, and what would fit instead.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::json;

use super::say;
use crate::{
    app::{library::Library, room},
    config::Config,
    engine::{CacheType, KEPT_SEQUENCES, MAX_STEP_TOKENS, parse::ModelShape},
    features::system::Hardware,
    models::{
        ArtifactKind, CatalogEntry, Variant,
        fit::{self, Facts, FitError, Machine, Memory, Misfit, Plan, Wish},
        optimize::main_weights,
    },
};

/// Everything that the answer is made of.
struct Question {
    entry: CatalogEntry,
    variant: Option<Variant>,
    shape: Box<ModelShape>,
    weights: String,
    machine: Machine,
    wish: Wish,
    trained: Option<u64>,
}

/// The exit code says whether it fits.
pub(super) async fn run(library: &Library, config: &Config, id: &str, context: Option<u32>, json: bool) -> anyhow::Result<ExitCode> {
    let entry = library.language_model(id)?;
    let used = library.store().ensure_valid_used(id).await?;
    let header = used.artifact.header.as_ref();
    let shape =
        header.and_then(|header| header.shape.clone()).with_context(|| format!("{id} does not tell its shape: it is no language model"))?;
    let mut llm = config.models.llm.clone();
    llm.context_length = context.or(llm.context_length);
    let question = Question {
        wish: room::wish_of(&entry, &llm),
        machine: room::Room::of_this_machine(&Hardware::of_this_machine()).machine(),
        trained: header.and_then(|header| header.context_length),
        weights: header.map_or("F32", main_weights).to_owned(),
        variant: used.variant,
        entry,
        shape,
    };
    let outcome = room::planned(header, &question.machine, &question.wish).context("the header tells no shape")?;
    match outcome {
        Ok(plan) => {
            say(json, &json!({ "id": id, "fits": true, "machine": question.machine, "plan": plan }), &question.fits(&plan)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(FitError::Misfit(misfit)) => {
            let smaller = smaller_models(library, &question.entry, &misfit, &question.machine);
            let value = json!({
                "id": id, "fits": false, "machine": question.machine, "plan": misfit.needed, "place": misfit.place,
                "remedies": misfit.remedies, "smaller_models": smaller,
            });
            say(json, &value, &question.does_not_fit(&misfit, &smaller)?)?;
            Ok(ExitCode::FAILURE)
        }
        Err(FitError::Impossible) => bail!("{id}: {}", FitError::Impossible),
    }
}

/// A model of the catalogue that the machine holds, by the catalogue's own estimate.
#[derive(Debug, Serialize)]
struct Smaller {
    id: String,
    memory_bytes: u64,
}

/// Largest first.
fn smaller_models(library: &Library, entry: &CatalogEntry, misfit: &Misfit, machine: &Machine) -> Vec<Smaller> {
    let needed = misfit.needed.memory.total().saturating_add(misfit.needed.gpu_memory.total());
    let fits = |other: &&CatalogEntry| {
        let language_model = other.kind == ArtifactKind::Llm && other.id != entry.id;
        language_model && (1..needed.min(machine.available_bytes)).contains(&other.memory_bytes)
    };
    let found = library.catalog().entries().iter().filter(fits);
    let mut found: Vec<Smaller> = found.map(|other| Smaller { id: other.id.clone(), memory_bytes: other.memory_bytes }).collect();
    found.sort_by_key(|other| std::cmp::Reverse(other.memory_bytes));
    found.truncate(3);
    found
}

impl Question {
    fn fits(&self, plan: &Plan) -> Result<String, std::fmt::Error> {
        let mut text = self.table(plan)?;
        write!(text, "It fits: {} of memory are free.", bytes(self.machine.available_bytes))?;
        for cache_type in CacheType::ALL.into_iter().skip_while(|cache_type| *cache_type != plan.cache_type).skip(1) {
            let wish = Wish { cache_type, ..self.wish };
            if let Some(cache) = self.cache_with(&wish) {
                write!(text, "\n`cache_type = \"{}\"` would keep the cache in {}.", cache_type.name(), bytes(cache))?;
            }
        }
        Ok(text)
    }

    fn cache_with(&self, wish: &Wish) -> Option<u64> {
        let trained_context_length = self.trained.and_then(|length| u32::try_from(length).ok());
        let plan = fit::plan(&Facts { shape: &self.shape, trained_context_length }, &self.machine, wish).ok()?;
        Some(plan.memory.cache + plan.gpu_memory.cache)
    }

    fn does_not_fit(&self, misfit: &Misfit, smaller: &[Smaller]) -> Result<String, std::fmt::Error> {
        let mut text = self.table(&misfit.needed)?;
        write!(text, "It does not fit: {misfit}.")?;
        if !smaller.is_empty() {
            let each: Vec<String> = smaller.iter().map(|other| format!("{} (about {})", other.id, bytes(other.memory_bytes))).collect();
            write!(text, "\nSmaller models of the catalogue that fit: {}.", each.join(", "))?;
        }
        Ok(text)
    }

    fn table(&self, plan: &Plan) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let asked = self.wish.context_length.unwrap_or(plan.context_length);
        let Plan { context_length, slots, cache_type, .. } = plan;
        writeln!(text, "{}: {slots} conversations at once share a context of {context_length} tokens", self.entry.id)?;
        if asked > *context_length {
            writeln!(text, "({asked} tokens were asked for; the model was trained for {context_length})")?;
        }
        if let Some(variant) = &self.variant {
            writeln!(text, "(its variant {} is used: {})", variant.id, variant.reason)?;
        }
        let layers = self.shape.layers.len();
        let kept = self.shape.layers.iter().filter(|layer| layer.key_width > 0).count();
        let recurrent = self.shape.layers.iter().filter(|layer| layer.state_width > 0).count();
        let windowed = self.shape.sliding_window.map(|window| format!(", kept whole though some look back {window} tokens only"));
        let rows = [
            ("weights", format!("{layers} layers and the vocabulary, most of it {}", self.weights)),
            ("cache", format!("keys and values of {kept} layers in {}{}", cache_type.name(), windowed.unwrap_or_default())),
            ("states", format!("what {recurrent} recurrent layers keep of each conversation")),
            ("kept", format!("up to {KEPT_SEQUENCES} conversations of the past, of half as many tokens as the context has")),
            ("buffers", format!("where a step of up to {MAX_STEP_TOKENS} tokens is computed; reserved, and touched as it is needed")),
            ("outputs", format!("opinions of the next token, {} for each conversation", self.shape.vocabulary)),
            ("engine", "the engine's own process".to_owned()),
        ];
        let (memory, gpu) = (parts(&plan.memory), parts(&plan.gpu_memory));
        let on_gpu = plan.gpu_layers > 0;
        for (index, (name, why)) in rows.iter().enumerate() {
            if memory[index] + gpu[index] > 0 {
                let there = if on_gpu { format!("{:>12}", bytes(gpu[index])) } else { String::new() };
                writeln!(text, "  {name:9}{:>12}{there}  {why}", bytes(memory[index]))?;
            }
        }
        let there = if on_gpu {
            format!("{:>12}  on the GPU, {} layers of it", bytes(plan.gpu_memory.total()), plan.gpu_layers)
        } else {
            String::new()
        };
        writeln!(text, "  {:9}{:>12}{there}", "together", bytes(plan.memory.total()))?;
        Ok(text)
    }
}

fn parts(memory: &Memory) -> [u64; 7] {
    let Memory { weights, cache, states, kept, buffers, outputs, program } = *memory;
    [weights, cache, states, kept, buffers, outputs, program]
}

fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
