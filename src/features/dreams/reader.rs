//! The models that the feature works with, and which of them reads a dream.

use std::sync::Arc;

use super::language::FALLBACK;
use crate::engine::{Embedder, TextGenerator};

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
    pub engine: Arc<dyn TextGenerator>,
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
    /// The first reader that lists the language; else the first for English; `None` when there is neither.
    pub fn choose(&self, language: &str) -> Option<Choice<'_>> {
        let lists = |wanted: &str| self.readers.iter().find(|reader| reader.languages.iter().any(|code| code == wanted));
        let choice = |wanted: &str| lists(wanted).map(|reader| Choice { reader, language: wanted.to_owned() });
        choice(language).or_else(|| choice(FALLBACK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Asker, EventStream, GenerationEvent, GenerationRequest};

    struct Silent;

    impl TextGenerator for Silent {
        fn generate(&self, _request: GenerationRequest, _: Asker) -> EventStream<GenerationEvent> {
            tokio::sync::mpsc::channel(1).1
        }
    }

    fn reader(id: &str, languages: &[&str]) -> Reader {
        let languages = languages.iter().map(ToString::to_string).collect();
        Reader { id: id.into(), languages, instruct: true, context_length: 2048, engine: Arc::new(Silent) }
    }

    #[test]
    fn the_first_that_lists_the_language_reads_and_english_is_the_fallback() {
        let models = DreamModels { readers: vec![reader("small", &["en"]), reader("wide", &["en", "ru"])], embedding: None, coming: None };
        let chosen = |language| models.choose(language).map(|choice| (choice.reader.id.clone(), choice.language));
        assert_eq!(chosen("en"), Some(("small".into(), "en".into())));
        assert_eq!(chosen("ru"), Some(("wide".into(), "ru".into())));
        assert_eq!(chosen("fr"), Some(("small".into(), "en".into())));
        assert!(DreamModels::default().choose("en").is_none());
    }
}
