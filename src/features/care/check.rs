//! The check itself: rules first, then the classifier.

use serde::Serialize;

use super::{
    CareTopic,
    classifier::Judgement,
    files::LANGUAGES,
    learning::{self, Learning},
    message,
    model::{CareMessage, CarePage},
    reading::{Parts, Reading},
    resources::Resources,
    rules::{Rules, Weight},
};
use crate::engine::{Asker, Embedder, EngineError};

/// How sure the classifier must be where no rule says anything. Alone it is heard only where all of a short text says awake and denies
/// nothing: plain dreams, which it was not taught, it takes for cries for help. Thresholds were found on our own sentences.
const SURE: f32 = 0.8;
/// Below it a hint is taken back.
const LEAST_FOR_HINT: f32 = 0.2;
/// Below it even a plain word is.
const LEAST_FOR_PLAIN: f32 = 0.05;

/// The embedding model that helps, on somebody's behalf.
pub struct CareEmbedder<'a> {
    pub model_id: &'a str,
    pub engine: &'a dyn Embedder,
    pub asker: Asker,
}

/// What spoke for and against in one text. For those who tune the check: no answer to anybody holds it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Evidence {
    /// What a rule says, and whether plainly or as a hint.
    pub found: Option<(CareTopic, Weight)>,
    /// Nothing is found, and something is said not to be so, or in a turn of speech.
    pub denied: bool,
    /// All of it says awake, and it is short.
    pub awake: bool,
    /// How sure the classifier is that help is needed; `None` without a model that learned the language.
    pub care: Option<f32>,
    /// What the two come to.
    pub topic: Option<CareTopic>,
}

/// Looks at texts. Keeps nothing of them.
pub struct CareCheck {
    resources: Resources,
    country: Option<String>,
    instead: bool,
    learning: Learning,
}

impl CareCheck {
    pub fn new(resources: Resources) -> Self {
        Self { resources, country: None, instead: false, learning: Learning::default() }
    }

    /// Where people are when they do not say; ISO 3166.
    #[must_use]
    pub fn of_country(self, country: Option<String>) -> Self {
        Self { country, ..self }
    }

    /// Whether the message comes in place of a reading, not beside it.
    #[must_use]
    pub fn instead_of_readings(self, instead: bool) -> Self {
        Self { instead, ..self }
    }

    pub fn comes_instead(&self) -> bool {
        self.instead
    }

    /// What somebody awake may need help with. Without an embedding model, or while it fails, the rules are alone.
    pub async fn look(&self, text: &str, language: &str, embedder: Option<CareEmbedder<'_>>) -> Option<CareTopic> {
        self.weigh(text, language, embedder).await?.topic
    }

    /// The same, with what it rests on; `None` for a text without words.
    pub async fn weigh(&self, text: &str, language: &str, embedder: Option<CareEmbedder<'_>>) -> Option<Evidence> {
        let (text, of) = (text.to_owned(), language.to_owned());
        // Milliseconds of pure work.
        let reading = tokio::task::spawn_blocking(move || Reading::of(&text, &of)).await.ok()??;
        let judged = match &embedder {
            Some(embedder) => self.judged(&reading.parts, language, embedder).await,
            None => None,
        };
        let topic = decided(&reading, judged, LANGUAGES.contains(&language));
        let Reading { found, denied, awake, .. } = reading;
        Some(Evidence { found, denied, awake, care: judged.map(|judged| judged.care), topic })
    }

    /// Compiles the rules, which takes a good part of a second, before somebody waits for them.
    pub fn warm_up() {
        Rules::compile_all();
    }

    /// Learns from all examples now, so that the classifier is there for the next text. Whether the model is of any use.
    pub async fn learn(&self, embedder: &CareEmbedder<'_>) -> Result<bool, EngineError> {
        Ok(self.learning.learn(embedder).await?.is_some())
    }

    /// What a model learns from the examples, as an entry of `assets/care/learned.toml`; `None` when it is of no use.
    pub async fn learned_anew(embedder: &CareEmbedder<'_>) -> Result<Option<String>, EngineError> {
        let (unknown, learning) = (format!("{} anew", embedder.model_id), Learning::default());
        let anew = CareEmbedder { model_id: &unknown, engine: embedder.engine, asker: embedder.asker.clone() };
        Ok(learning.learn(&anew).await?.map(|classifier| learning::as_entry(embedder.model_id, &classifier)))
    }

    async fn judged(&self, parts: &Parts, language: &str, embedder: &CareEmbedder<'_>) -> Option<Judgement> {
        let classifier = self.learning.classifier(embedder).await?;
        if LANGUAGES.contains(&language) && !classifier.languages.iter().any(|known| known == language) {
            return None;
        }
        let texts = parts.texts();
        let vectors = learning::embed(embedder, texts.iter().map(ToString::to_string).collect()).await.ok()?;
        let vectors = texts.into_iter().zip(vectors.iter().map(Vec::as_slice)).collect();
        Some(classifier.judge(&classifier.space.features(parts, &vectors)?))
    }

    /// What is said about a topic, or to anybody; English in languages that nobody wrote it in.
    pub fn message(&self, topic: Option<CareTopic>, language: &str, country: Option<&str>) -> CareMessage {
        let country = country.map(str::to_uppercase).or_else(|| self.country.clone());
        let words = message::of(topic, language);
        let resources = self.resources.of(country.as_deref(), topic, words.language);
        CareMessage { title: words.title.clone(), text: words.text.clone(), language: words.language.into(), country, resources }
    }

    /// What is said to anybody who looks for help.
    pub fn page(&self, language: &str, country: Option<&str>) -> CarePage {
        CarePage { message: self.message(None, language, country), countries: self.resources.countries() }
    }
}

fn decided(reading: &Reading, judged: Option<Judgement>, learned_language: bool) -> Option<CareTopic> {
    match (reading.found, judged) {
        (None, None) => None,
        (Some((topic, _)), None) => Some(topic),
        (None, Some(judged)) => (reading.awake && !reading.denied && judged.care > SURE).then_some(judged.topic),
        (Some((topic, weight)), Some(judged)) => {
            let least = if weight == Weight::Plain { LEAST_FOR_PLAIN } else { LEAST_FOR_HINT };
            (!learned_language || judged.care > least).then_some(topic)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_PARTS: Parts = Parts { whole: String::new(), last: String::new(), awake: Vec::new(), some_dreamt: false };

    fn judged(care: f32) -> Judgement {
        Judgement { care, topic: CareTopic::Abuse }
    }

    /// What a text comes to in which the rules found that.
    fn decided_on(found: Option<(CareTopic, Weight)>, care: Option<f32>, learned_language: bool) -> Option<CareTopic> {
        decided(&Reading { found, denied: false, awake: false, parts: NO_PARTS }, care.map(judged), learned_language)
    }

    #[test]
    fn the_classifier_adds_what_is_awake_where_rules_are_silent() {
        let adds = |awake, denied, care| decided(&Reading { found: None, denied, awake, parts: NO_PARTS }, Some(judged(care)), true);
        assert_eq!(adds(true, false, 0.85), Some(CareTopic::Abuse));
        assert_eq!(adds(true, false, 0.6), None);
        assert_eq!(adds(true, true, 0.99), None);
        assert_eq!(adds(false, false, 0.99), None);
    }

    #[test]
    fn the_classifier_takes_back_hints_before_plain_words() {
        let (hint, plain) = (Some((CareTopic::SelfHarm, Weight::Hint)), Some((CareTopic::SelfHarm, Weight::Plain)));
        assert_eq!(decided_on(hint, Some(0.15), true), None);
        assert_eq!(decided_on(plain, Some(0.15), true), Some(CareTopic::SelfHarm));
        assert_eq!(decided_on(plain, Some(0.05), true), None);
        assert_eq!(decided_on(plain, Some(0.05), false), Some(CareTopic::SelfHarm));
        assert_eq!(decided_on(hint, None, true), Some(CareTopic::SelfHarm));
    }
}
