//! Words of help for somebody who may need it: before a model, a queue or a limit is asked.

use std::time::Duration;

use super::DreamService;
use crate::{
    error::Error,
    features::{
        accounts::UserId,
        care::{CareEmbedder, CareMessage},
        dreams::language,
    },
};

/// How long the embedding engine is waited for: without it the rules decide.
const PATIENCE: Duration = Duration::from_secs(3);

impl DreamService {
    /// Words of help, where the text says that somebody awake may need it. It is looked at as one in the language that is told and as
    /// one in the language that it seems to be in. Nothing of it is kept or told to anybody else.
    pub(super) async fn words_of_help(&self, owner: UserId, text: &str, told: &str) -> Option<CareMessage> {
        let seeming = Some(language::detect(text)).filter(|seeming| seeming != told);
        for language in seeming.as_deref().into_iter().chain([told]) {
            let models = self.models();
            let embedder = models.embedding.as_ref();
            let embedder = embedder.map(|model| CareEmbedder { model_id: &model.id, engine: model.engine.as_ref(), asker: owner.asker() });
            let topic = match tokio::time::timeout(PATIENCE, self.care.look(text, language, embedder)).await {
                Ok(topic) => topic,
                Err(_) => self.care.look(text, language, None).await,
            };
            if let Some(topic) = topic {
                return Some(self.care.message(Some(topic), language, None));
            }
        }
        None
    }
}

/// An error that brings words of help along: they are not to be lost with what failed.
pub(super) fn with_care(care: Option<&CareMessage>, cause: Error) -> Error {
    match care.and_then(|care| serde_json::to_value(care).ok()) {
        Some(care) => Error::Cared { care, cause: Box::new(cause) },
        None => cause,
    }
}
