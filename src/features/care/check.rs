//! The check itself: what rules find, and what was learned of words and of an embedding model's vectors.

use serde::Serialize;

use super::{
    CareTopic,
    classifier::Judgement,
    examples,
    files::LANGUAGES,
    learning::{self, Learning},
    message,
    model::{CareMessage, CarePage},
    reading::{Parts, Reading},
    resources::Resources,
    rules::{Rules, Weight},
    wording::Wording,
};
use crate::engine::{Asker, Embedder, EngineError};

/// How sure what was learned must be where no rule says anything, in a text that is not long.
/// Thresholds were found on sentences of our own and on dream reports.
const SURE: f32 = 0.5;
/// The same where something is denied or said in a turn of speech, or a dream seems to hold every sentence.
const SURE_OF_DOUBTFUL: f32 = 0.7;
/// Below it a hint is taken back.
const LEAST_FOR_HINT: f32 = 0.4;
/// Below it even a plain word is.
const LEAST_FOR_PLAIN: f32 = 0.25;

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
    /// It is so long that rules alone are heard.
    pub long: bool,
    /// A dream holds every sentence.
    pub dreamed: bool,
    /// How likely help is needed by its words; `None` in a language without examples.
    pub by_words: Option<f32>,
    /// The same by its vectors; `None` without a model that learned the language.
    pub by_vectors: Option<f32>,
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
        let (reading, by_words) = tokio::task::spawn_blocking(move || {
            let reading = Reading::of(&text, &of)?;
            let wording = Wording::embedded().filter(|_| LANGUAGES.contains(&of.as_str()));
            let by_words = wording.map(|wording| wording.judge(&reading.places));
            Some((reading, by_words))
        })
        .await
        .ok()??;
        let by_vectors = match &embedder {
            Some(embedder) => self.judged(&reading.parts, language, embedder).await,
            None => None,
        };
        let topic = decided(&reading, by_words, by_vectors);
        let Reading { found, denied, long, .. } = reading;
        let dreamed = reading.parts.awake.is_empty();
        let [by_words, by_vectors] = [by_words, by_vectors].map(|judged| judged.map(|judged| judged.care()));
        Some(Evidence { found, denied, long, dreamed, by_words, by_vectors, topic })
    }

    /// Compiles the rules and unpacks what was learned, which takes a good part of a second, before somebody waits for them.
    pub fn warm_up() {
        Rules::compile_all();
        Wording::embedded();
    }

    /// Learns from all examples now, so that the classifier is there for the next text. Whether the model is of any use.
    pub async fn learn(&self, embedder: &CareEmbedder<'_>) -> Result<bool, EngineError> {
        Ok(self.learning.learn(embedder).await?.is_some())
    }

    /// What is learned of words from the examples, as `assets/care/wording.toml`. Takes its time.
    pub fn words_learned_anew() -> String {
        let examples = examples::all().into_iter().map(|example| (example.reading.places, learning::class_of(example.topic)));
        Wording::of(examples.collect()).as_file(&examples::version())
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

fn decided(reading: &Reading, by_words: Option<Judgement>, by_vectors: Option<Judgement>) -> Option<CareTopic> {
    // Words alone are not heard: of a short text they know too little, and take back what is said outright.
    let Some(vectors) = by_vectors else { return reading.found.map(|(topic, _)| topic) };
    let judged = by_words.map_or(vectors, |words| words.with(vectors));
    match reading.found {
        None => {
            let sure = if reading.denied || reading.parts.awake.is_empty() { SURE_OF_DOUBTFUL } else { SURE };
            (!reading.long && judged.care() > sure).then(|| judged.topic())
        }
        // Vectors alone are of a language without examples.
        Some((topic, weight)) => (by_words.is_none() || judged.care() > least_for(weight)).then_some(topic),
    }
}

fn least_for(weight: Weight) -> f32 {
    match weight {
        Weight::Plain => LEAST_FOR_PLAIN,
        Weight::Hint => LEAST_FOR_HINT,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::wording::Places, *};

    fn judged(care: f32) -> Option<Judgement> {
        Some(Judgement([1.0 - care, 0.0, 0.0, care]))
    }

    /// What a text comes to in which the rules found that.
    fn decided_on(
        found: Option<(CareTopic, Weight)>,
        long: bool,
        by_words: Option<Judgement>,
        by_vectors: Option<Judgement>,
    ) -> Option<CareTopic> {
        let parts = Parts { whole: "I".into(), last: "I".into(), awake: vec!["I".into()], some_dreamt: false };
        decided(&Reading { found, denied: false, long, parts, places: Places::of(&[]) }, by_words, by_vectors)
    }

    #[test]
    fn what_was_learned_adds_to_the_rules_in_a_short_text() {
        let adds = |long, care| decided_on(None, long, judged(care), judged(care));
        assert_eq!(adds(false, 0.85), Some(CareTopic::Abuse));
        assert_eq!(adds(false, 0.45), None);
        assert_eq!(adds(true, 0.99), None);
        assert_eq!(decided_on(None, false, None, judged(0.9)), Some(CareTopic::Abuse));
        assert_eq!(decided_on(None, false, judged(0.99), None), None, "words alone are not heard");
    }

    #[test]
    fn alone_it_must_be_surer_where_something_is_denied_or_all_is_dreamed() {
        let reading = |text| Reading::of(text, "en").unwrap();
        let alone = |text, care| decided(&Reading { found: None, ..reading(text) }, judged(care), judged(care));
        for doubtful in ["I do not want to die.", "I dreamed of a river."] {
            assert_eq!(alone(doubtful, 0.65), None, "{doubtful}");
            assert_eq!(alone(doubtful, 0.75), Some(CareTopic::Abuse), "{doubtful}");
        }
        assert_eq!(alone("I dreamed of a river. Today it rains.", 0.65), Some(CareTopic::Abuse));
    }

    #[test]
    fn what_was_learned_takes_back_hints_before_plain_words() {
        let (hint, plain) = (Some((CareTopic::SelfHarm, Weight::Hint)), Some((CareTopic::SelfHarm, Weight::Plain)));
        let of = |found, care| decided_on(found, true, judged(care), judged(care));
        assert_eq!(of(hint, 0.35), None);
        assert_eq!(of(plain, 0.35), Some(CareTopic::SelfHarm));
        assert_eq!(of(plain, 0.03), None);
        assert_eq!(decided_on(plain, false, None, judged(0.03)), Some(CareTopic::SelfHarm));
        assert_eq!(decided_on(hint, false, judged(0.03), None), Some(CareTopic::SelfHarm));
    }
}
