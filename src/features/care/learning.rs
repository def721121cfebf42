//! What is learned from the examples, for each embedding model once.
//!
//! For models of the catalogue it comes with the executable (`assets/care/learned.toml`, made by `oneiros eval care --learn vectors`). Any
//! other learns a little with each text that is looked at, so that nobody waits long; until it has learned, the rules are alone.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use serde::Deserialize;

use super::{
    CareEmbedder, CareTopic,
    classifier::{CLASSES, Classifier, Space, features_of},
    examples::{self, Example},
    files::{LANGUAGES, LEARNED},
    fit::{Fitting, fit},
};
use crate::{
    engine::{EmbeddingRequest, EmbeddingRole, EngineError},
    features::learned::{packed_numbers, unpacked_numbers},
};

/// Texts that are learned from with each text that is looked at.
const AT_ONCE: usize = 32;
/// Every so many examples one is kept back, to see whether the model's vectors tell anything.
const KEPT_BACK: usize = 5;
/// Share of those that must be told rightly, in a language, for the model to be listened to in it. Counterparts that look alike leave
/// a good model at three of four; guesses are at half.
const LEAST_RIGHT: f32 = 0.66;
/// Every so many examples one is shown to a model: with the others its vectors tell little more, and they are for the words.
const SHOWN: usize = 3;
/// Found on our own sentences.
const ROUNDS: u16 = 200;
const FREEDOM: f32 = 0.75;

/// The classifiers of the models that were met.
#[derive(Default)]
pub struct Learning {
    known: Mutex<HashMap<String, Option<Arc<Classifier>>>>,
    /// One model learns at a time.
    pupil: tokio::sync::Mutex<Option<Pupil>>,
}

/// A model that still learns.
struct Pupil {
    model: String,
    examples: Vec<Example>,
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
}

impl Learning {
    /// The classifier of a model, as soon as there is one.
    pub async fn classifier(&self, embedder: &CareEmbedder<'_>) -> Option<Arc<Classifier>> {
        if let Some(known) = self.known(embedder.model_id) {
            return known;
        }
        // Somebody else's text teaches it a little at this moment.
        let mut pupil = self.pupil.try_lock().ok()?;
        // Where the engine is busy or gone, the next text teaches.
        self.teach(&mut pupil, embedder, AT_ONCE).await.ok()?
    }

    /// The same, however long it takes.
    pub async fn learn(&self, embedder: &CareEmbedder<'_>) -> Result<Option<Arc<Classifier>>, EngineError> {
        let mut pupil = self.pupil.lock().await;
        loop {
            if let Some(known) = self.known(embedder.model_id) {
                return Ok(known);
            }
            self.teach(&mut pupil, embedder, AT_ONCE).await?;
        }
    }

    fn known(&self, model: &str) -> Option<Option<Arc<Classifier>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(model)
            && let Some(classifier) = embedded().get(model)
        {
            known.insert(model.to_owned(), Some(Arc::clone(classifier)));
        }
        known.get(model).cloned()
    }

    async fn teach(
        &self,
        pupil: &mut Option<Pupil>,
        embedder: &CareEmbedder<'_>,
        texts: usize,
    ) -> Result<Option<Arc<Classifier>>, EngineError> {
        if pupil.as_ref().is_none_or(|pupil| pupil.model != embedder.model_id) {
            *pupil = Some(Pupil::new(embedder.model_id));
        }
        let Some(learning) = pupil.as_mut() else { return Ok(None) };
        let from = learning.vectors.len();
        let next = learning.texts[from..].iter().take(texts).cloned().collect();
        learning.vectors.append(&mut embed(embedder, next).await?);
        if learning.vectors.len() < learning.texts.len() {
            return Ok(None);
        }
        let Some(pupil) = pupil.take() else { return Ok(None) };
        let model = pupil.model.clone();
        let classifier = tokio::task::spawn_blocking(move || pupil.finish()).await.ok().flatten().map(Arc::new);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(model, classifier.clone());
        Ok(classifier)
    }
}

/// One vector for each text.
pub async fn embed(embedder: &CareEmbedder<'_>, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EngineError> {
    let count = texts.len();
    let embeddings = embedder.engine.embed(EmbeddingRequest { texts, role: EmbeddingRole::Query }, embedder.asker.clone()).await?;
    match embeddings.vectors.len() == count {
        true => Ok(embeddings.vectors),
        false => Err(EngineError::Failed("there are not as many vectors as texts".into())),
    }
}

impl Pupil {
    fn new(model: &str) -> Self {
        let examples: Vec<Example> = examples::all().into_iter().step_by(SHOWN).collect();
        let mut texts: Vec<String> = examples.iter().flat_map(|example| example.reading.parts.texts()).map(str::to_owned).collect();
        texts.sort_unstable();
        texts.dedup();
        Self { model: model.to_owned(), examples, texts, vectors: Vec::new() }
    }

    /// `None` when the vectors tell nothing in any language.
    fn finish(self) -> Option<Classifier> {
        let vectors: HashMap<&str, &[f32]> = self.texts.iter().map(String::as_str).zip(self.vectors.iter().map(Vec::as_slice)).collect();
        let space = Space::of(self.examples.iter().filter_map(|example| vectors.get(example.reading.parts.whole.as_str()).copied()));
        let told = self.examples.iter().map(|example| Some((space.features(&example.reading.parts, &vectors)?, class_of(example.topic))));
        let told: Vec<(Vec<f32>, usize)> = told.collect::<Option<_>>()?;
        let (kept_back, shown): (Vec<_>, Vec<_>) = told.iter().cloned().enumerate().partition(|(number, _)| number % KEPT_BACK == 0);
        let fitting = Fitting { width: features_of(space.mean.len()), rounds: ROUNDS, freedom: FREEDOM };
        let trial = Classifier { weights: fit(&without_numbers(shown), fitting), space: space.clone(), languages: Vec::new() };
        let right = kept_back
            .iter()
            .map(|(number, (features, class))| (self.examples[*number].language, (trial.judge(features).care() > 0.5) == (*class > 0)));
        let right: Vec<(&str, bool)> = right.collect();
        let languages = LANGUAGES.into_iter().filter(|language| share_right(&right, language) >= LEAST_RIGHT).map(str::to_owned);
        let languages: Vec<String> = languages.collect();
        (!languages.is_empty()).then(|| Classifier { weights: fit(&told, fitting), space, languages })
    }
}

fn without_numbers(numbered: Vec<(usize, (Vec<f32>, usize))>) -> Vec<(Vec<f32>, usize)> {
    numbered.into_iter().map(|(_, example)| example).collect()
}

/// A topic's place among the classes.
pub fn class_of(topic: Option<CareTopic>) -> usize {
    topic.and_then(|topic| CareTopic::ALL.iter().position(|one| *one == topic)).map_or(0, |place| place + 1)
}

fn share_right(right: &[(&str, bool)], language: &str) -> f32 {
    let of_it = || right.iter().filter(|(own, _)| *own == language);
    of_it().filter(|(_, right)| *right).count() as f32 / of_it().count().max(1) as f32
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LearnedFile {
    learned: Vec<LearnedEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LearnedEntry {
    model: String,
    /// The examples' version.
    examples: String,
    languages: Vec<String>,
    /// Mean, width, weights: little-endian, base64 in lines.
    values: String,
}

impl LearnedEntry {
    fn classifier(self) -> Option<Classifier> {
        let values = unpacked_numbers(&self.values)?;
        // As many as the mean has, one, and those of the classes.
        let dimensions = (0..values.len()).find(|dimensions| dimensions + 1 + CLASSES * features_of(*dimensions) >= values.len())?;
        let (mean, rest) = values.split_at_checked(dimensions)?;
        let (width, weights) = rest.split_first()?;
        let whole = weights.len() == CLASSES * features_of(dimensions);
        whole.then(|| Classifier {
            space: Space { mean: mean.to_vec(), width: *width },
            weights: weights.to_vec(),
            languages: self.languages,
        })
    }
}

/// What comes with the executable and was learned from the examples that come with it, too.
fn embedded() -> &'static HashMap<String, Arc<Classifier>> {
    static EMBEDDED: LazyLock<HashMap<String, Arc<Classifier>>> = LazyLock::new(|| {
        let file: LearnedFile = toml::from_str(LEARNED).expect("assets/care/learned.toml is checked by a test");
        let version = examples::version();
        let known = file.learned.into_iter().filter(|entry| entry.examples == version);
        known.filter_map(|entry| Some((entry.model.clone(), Arc::new(entry.classifier()?)))).collect()
    });
    &EMBEDDED
}

/// An entry of `assets/care/learned.toml`.
pub fn as_entry(model: &str, classifier: &Classifier) -> String {
    let Classifier { space, weights, languages } = classifier;
    let lines = packed_numbers(space.mean.iter().chain([&space.width]).chain(weights));
    let version = examples::version();
    format!("[[learned]]\nmodel = {model:?}\nexamples = {version:?}\nlanguages = {languages:?}\nvalues = \"\"\"\n{lines}\n\"\"\"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Asker, fakes::FakeEmbedder};

    #[test]
    fn what_comes_with_the_executable_was_learned_from_its_examples() {
        let file: LearnedFile = toml::from_str(LEARNED).unwrap();
        for entry in file.learned {
            let (model, learned_from) = (entry.model.clone(), entry.examples.clone());
            assert_eq!(learned_from, examples::version(), "{model}: make it anew with `oneiros eval care --learn vectors`");
            let classifier = entry.classifier().unwrap_or_else(|| panic!("{model}"));
            assert_eq!(classifier.languages, LANGUAGES, "{model}");
        }
        assert!(embedded().contains_key("multilingual-e5-small"));
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let space = Space { mean: vec![0.5, -0.25], width: 2.0 };
        let weights = (0..CLASSES * features_of(2)).map(|number| number as f32).collect();
        let classifier = Classifier { space, weights, languages: vec!["en".into()] };
        let mut file: LearnedFile = toml::from_str(&as_entry("m", &classifier)).unwrap();
        assert_eq!(file.learned.remove(0).classifier(), Some(classifier));
    }

    #[tokio::test]
    async fn a_model_learns_a_little_with_each_text_and_one_that_tells_nothing_is_not_listened_to() {
        // One dimension: every text has the same vector.
        let engine = FakeEmbedder { dimensions: 1 };
        let embedder = CareEmbedder { model_id: "counts nothing", engine: &engine, asker: Asker::named("somebody") };
        let learning = Learning::default();
        assert!(learning.classifier(&embedder).await.is_none());
        assert!(learning.known("counts nothing").is_none(), "it still learns");
        assert!(learning.learn(&embedder).await.unwrap().is_none());
        assert_eq!(learning.known("counts nothing"), Some(None));
    }
}
