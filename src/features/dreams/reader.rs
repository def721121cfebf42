//! The models that the feature works with, and which of them reads a dream.

use std::sync::Arc;

use super::language::FALLBACK;
use crate::{
    engine::{Embedder, TextGenerator},
    models::DreamTask,
};

/// A language model that can read dreams.
#[derive(Clone)]
pub struct Reader {
    /// Its catalogue id.
    pub id: String,
    /// What it writes, ISO 639-1.
    pub languages: Vec<String>,
    /// Whether it follows instructions; a base model is shown examples instead.
    pub instruct: bool,
    /// Tokens.
    pub context_length: u32,
    /// Weights, about; 0 where that is not known.
    pub parameters: u64,
    /// What the catalogue means it for; empty: for everything.
    pub tasks: Vec<DreamTask>,
    pub engine: Arc<dyn TextGenerator>,
}

/// How much a model is asked for. Structure and grounding are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// One short line at a time, few hints.
    Short,
    /// The whole prompt, longer prose.
    Full,
}

impl Depth {
    /// Below that many weights a model loses its way in a long prompt.
    const FULL_FROM: u64 = 1_500_000_000;
    /// Below that many weights a model's sentences are mostly nonsense: of 36 that a careful reader judged, 4 held.
    const WRITES_FROM: u64 = 500_000_000;
    /// Tokens that the whole prompt with a long dream and its answer need.
    const FULL_CONTEXT: u32 = 4096;

    /// The value for this depth.
    pub fn pick<T>(self, short: T, full: T) -> T {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }

    /// As people see it.
    pub fn name(self) -> &'static str {
        self.pick("short", "full")
    }
}

impl Reader {
    /// How much this model is asked for.
    pub fn depth(&self) -> Depth {
        let able = self.instruct && self.parameters >= Depth::FULL_FROM && self.context_length >= Depth::FULL_CONTEXT;
        if able { Depth::Full } else { Depth::Short }
    }

    /// Whether its sentences can be read; a smaller one chooses among what people wrote.
    pub fn writes(&self) -> bool {
        self.parameters == 0 || self.parameters >= Depth::WRITES_FROM
    }

    fn does(&self, task: DreamTask) -> bool {
        self.tasks.is_empty() || self.tasks.contains(&task)
    }
}

/// The model whose vectors make dreams comparable.
#[derive(Clone)]
pub struct EmbeddingModel {
    /// Its catalogue id.
    pub id: String,
    /// Length of a vector.
    pub dimensions: u32,
    pub engine: Arc<dyn Embedder>,
}

/// What is ready now. Models come while the server runs, so this is watched, not kept.
#[derive(Clone, Default)]
pub struct DreamModels {
    /// In order of preference.
    pub readers: Vec<Reader>,
    pub embedding: Option<EmbeddingModel>,
    /// The models are still being fetched or loaded: how far that is, for people. Readers come all at once, so that none
    /// serves a language that another one serves better.
    pub coming: Option<String>,
}

/// Who reads a dream, and in which language.
pub struct Choice<'a> {
    pub reader: &'a Reader,
    pub language: String,
}

impl DreamModels {
    /// The first reader for the task that lists the language; else the first for English; `None` when there is neither.
    pub fn choose(&self, language: &str, task: DreamTask) -> Option<Choice<'_>> {
        let mut able = self.readers.iter().filter(|reader| reader.does(task)).peekable();
        // A profile that means its models for other things still reads with them.
        let able: Vec<&Reader> = if able.peek().is_some() { able.collect() } else { self.readers.iter().collect() };
        let lists = |wanted: &str| able.iter().find(|reader| reader.languages.iter().any(|code| code == wanted)).copied();
        let choice = |wanted: &str| lists(wanted).map(|reader| Choice { reader, language: wanted.to_owned() });
        choice(language).or_else(|| choice(FALLBACK))
    }
}

#[cfg(test)]
pub mod testing {
    //! A reader that never answers.

    use super::*;
    use crate::engine::{Asker, EventStream, GenerationEvent, GenerationRequest};

    struct Silent;

    impl TextGenerator for Silent {
        fn generate(&self, _request: GenerationRequest, _: Asker) -> EventStream<GenerationEvent> {
            tokio::sync::mpsc::channel(1).1
        }
    }

    /// A small chat model.
    pub fn reader(id: &str, languages: &[&str]) -> Reader {
        let languages = languages.iter().map(ToString::to_string).collect();
        let engine = Arc::new(Silent);
        Reader { id: id.into(), languages, instruct: true, context_length: 8192, parameters: 1_000_000_000, tasks: Vec::new(), engine }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::reader, *};

    #[test]
    fn the_first_that_lists_the_language_reads_and_english_is_the_fallback() {
        let models = DreamModels { readers: vec![reader("small", &["en"]), reader("wide", &["en", "ru"])], embedding: None, coming: None };
        let chosen = |language| models.choose(language, DreamTask::Reading).map(|choice| (choice.reader.id.clone(), choice.language));
        assert_eq!(chosen("en"), Some(("small".into(), "en".into())));
        assert_eq!(chosen("ru"), Some(("wide".into(), "ru".into())));
        assert_eq!(chosen("fr"), Some(("small".into(), "en".into())));
        assert!(DreamModels::default().choose("en", DreamTask::Reading).is_none());
    }

    #[test]
    fn the_catalogue_may_mean_a_model_for_one_task() {
        let talker = Reader { tasks: vec![DreamTask::Dialog], ..reader("talker", &["en"]) };
        let models = DreamModels { readers: vec![talker.clone(), reader("any", &["en"])], embedding: None, coming: None };
        assert_eq!(models.choose("en", DreamTask::Reading).map(|choice| choice.reader.id.as_str()), Some("any"));
        assert_eq!(models.choose("en", DreamTask::Dialog).map(|choice| choice.reader.id.as_str()), Some("talker"));
        let alone = DreamModels { readers: vec![talker], embedding: None, coming: None };
        assert!(alone.choose("en", DreamTask::Reading).is_some());
    }

    #[test]
    fn a_large_model_is_asked_for_more() {
        assert_eq!(reader("small", &["en"]).depth(), Depth::Short);
        assert!(reader("small", &["en"]).writes() && Reader { parameters: 0, ..reader("unknown", &["en"]) }.writes());
        assert!(!Reader { parameters: 270_000_000, ..reader("tiny", &["en"]) }.writes());
        assert_eq!(Reader { parameters: 8_000_000_000, ..reader("large", &["en"]) }.depth(), Depth::Full);
        assert_eq!(Reader { parameters: 8_000_000_000, context_length: 2048, ..reader("narrow", &["en"]) }.depth(), Depth::Short);
        assert_eq!(Reader { parameters: 8_000_000_000, instruct: false, ..reader("base", &["en"]) }.depth(), Depth::Short);
    }
}
