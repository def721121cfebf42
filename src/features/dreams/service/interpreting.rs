//! A kept dream's way to its reading: language, care, images, memory, then the model.

use std::{sync::Arc, time::Duration};

use unicode_segmentation::UnicodeSegmentation as _;

use super::{DreamService, ENGINE_RETRY, KeptDream, helping::with_care};
use crate::{
    error::{Error, Result},
    features::{
        accounts::UserId,
        care::CareMessage,
        dreams::{
            Association, Dream, FailureReason, InterpretResponse, Interpretation, InterpretationFailure, SimilarDream, StepName,
            StepOutcome, WaitReason, WaitingEvent,
            feelings::LikelyFeelings,
            findings::Findings,
            reader::{Choice, DreamModels},
            reading::{self, Task},
            steps::Steps,
            store::{DreamInStore, ReadingKey},
            telling::{EventSink, ReadingEvent},
        },
        lore::{Found, How, Likeness},
    },
    models::DreamTask,
};

/// How long a reading may go on once the server is stopping.
const LAST_WORDS: Duration = Duration::from_secs(8);
/// How long a reading waits for models that are being fetched or loaded, while somebody hears how far that is …
const LISTENER_PATIENCE: Duration = Duration::from_secs(60 * 60);
/// … and when nobody does.
const UNHEARD_PATIENCE: Duration = Duration::from_secs(30);
/// How long a reading waits for images that no form names: without them it has those of the dictionary's forms.
const LIKENESS_PATIENCE: Duration = Duration::from_secs(3);
/// Readings through other lenses that a new one is compared with, at most.
const MOST_OTHERS: usize = 3;

impl DreamService {
    /// Reads a kept dream. Every error says that the dream is kept. Dropping the future frees the engine.
    pub async fn interpret(&self, owner: UserId, kept: &KeptDream, sink: &EventSink) -> Result<InterpretResponse> {
        let out_of_time = async {
            self.stopping.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        sink.send(ReadingEvent::Dream(kept.dream.clone()));
        let mut steps = Steps::since(kept.started);
        steps.end(StepName::Language, StepOutcome::Done, &[("dream", kept.language.clone()), ("how", kept.known_by.to_owned())]);
        let care = self.words_of_help(owner, &kept.dream.text, &kept.language).await;
        steps.end(StepName::Care, StepOutcome::Done, &[]);
        if let Some(message) = &care {
            sink.send(ReadingEvent::Care(message.clone()));
        }
        let answer = tokio::select! {
            answer = self.answer(owner, kept, (care.as_ref(), steps), sink) => answer,
            () = out_of_time => Err(Error::Unavailable { what: "the server is stopping".into(), retry_after: ENGINE_RETRY }),
        };
        // A cached reading costs nothing, nor does one for which no model was asked.
        let asked = |failure: &InterpretationFailure| failure.reason != FailureReason::Ungrounded;
        let costs = |answer: &InterpretResponse| match (&answer.interpretation, &answer.failure) {
            (Some(reading), _) => !reading.cached,
            (None, failure) => failure.as_ref().is_some_and(asked),
        };
        if kept.counted && !answer.as_ref().is_ok_and(costs) {
            self.accounts.give_reading_back(owner).await;
        }
        answer.map_err(|cause| with_care(care.as_ref(), Error::DreamKept { dream_id: kept.dream.id, cause: Box::new(cause) }))
    }

    async fn answer(
        &self,
        owner: UserId,
        kept: &KeptDream,
        (care, mut steps): (Option<&CareMessage>, Steps),
        sink: &EventSink,
    ) -> Result<InterpretResponse> {
        let dream = &kept.dream;
        let similar = self.similar_if_possible(owner, dream, &self.models()).await;
        sink.send(ReadingEvent::Similar(similar.clone()));
        let response = |interpretation, failure| InterpretResponse {
            dream: dream.clone(),
            interpretation,
            failure,
            similar: similar.clone(),
            care: care.cloned(),
        };
        if care.is_some() && self.care.comes_instead() {
            return Ok(response(None, None));
        }
        let models = self.loaded_models(sink).await?;
        let choice = models
            .choose(&kept.language, DreamTask::Reading)
            .ok_or_else(|| Error::Unavailable { what: "no language model is here; see /readyz".into(), retry_after: ENGINE_RETRY })?;
        let findings = self.findings(owner, kept, &models, (&similar, &mut steps)).await?;
        let key = ReadingKey {
            lens: kept.lens.clone(),
            language: choice.language.clone(),
            model: choice.reader.id.clone(),
            prompt_version: reading::version(&self.prompts, &kept.lore),
            context: findings.context(),
        };
        if let Some(earlier) = self.store.cached(owner, dream.id, &key).await? {
            return Ok(response(Some(earlier), None));
        }
        let feelings = if choice.reader.writes() { LikelyFeelings::default() } else { self.feelings(owner, kept, &models).await };
        let findings = Findings { feelings, ..findings };
        match self.made(owner, kept, &choice, &findings, (steps, sink)).await? {
            Ok(reading) => {
                self.store.keep_reading(owner, dream.id, &reading, &key.context).await?;
                Ok(response(Some(reading), None))
            }
            Err(failure) => {
                self.store.keep_failure(owner, dream.id, &failure).await?;
                Ok(response(None, Some(failure)))
            }
        }
    }

    /// The reading that a model makes. What an engine's fault is is kept as the dream's failure as well.
    async fn made(
        &self,
        owner: UserId,
        kept: &KeptDream,
        choice: &Choice<'_>,
        findings: &Findings,
        (steps, sink): (Steps, &EventSink),
    ) -> Result<Result<Interpretation, InterpretationFailure>> {
        let lens = kept.lore.lens(&kept.lens).ok_or(Error::NotFound("lens"))?;
        let DreamInStore { mut interpretations, .. } = self.store.find(owner, kept.dream.id).await?.ok_or(Error::NotFound("dream"))?;
        interpretations.retain(|other| other.lens != kept.lens && other.language == choice.language);
        interpretations.truncate(MOST_OTHERS);
        let task = Task {
            dream: &kept.dream,
            dream_language: &kept.language,
            prompts: &self.prompts,
            lore: &kept.lore,
            lens,
            reader: choice.reader,
            asker: owner.asker(),
            language: &choice.language,
            findings,
            others: &interpretations,
            started: kept.started,
        };
        match reading::read(&task, steps, sink).await {
            Ok(made) => Ok(made),
            Err(error) => {
                let failure =
                    InterpretationFailure { reason: FailureReason::EngineUnavailable, detail: error.summary(), steps: Vec::new() };
                if let Err(unkept) = self.store.keep_failure(owner, kept.dream.id, &failure).await {
                    tracing::warn!(dream = %kept.dream.id, error = %unkept, "a reading's failure could not be kept");
                }
                Err(error.into())
            }
        }
    }

    /// What is known of the dream before a model is asked.
    async fn findings(
        &self,
        owner: UserId,
        kept: &KeptDream,
        models: &DreamModels,
        (similar, steps): (&[SimilarDream], &mut Steps),
    ) -> Result<Findings> {
        let dream = &kept.dream;
        let mut found = kept.lore.dictionary().find(&dream.text, &kept.language);
        let alike = self.alike(owner, kept, models, &found).await;
        let by_likeness = alike.len();
        found.extend(alike);
        found.sort_by_key(|found| found.range.start);
        let findings = Findings { found, ..Findings::default() };
        let images = findings.different_images();
        let outcome = if images.is_empty() { StepOutcome::Nothing } else { StepOutcome::Done };
        steps.end(StepName::Symbols, outcome, &[("found", images.join(", ")), ("by_likeness", by_likeness.to_string())]);
        self.store.keep_symbols(owner, dream.id, &images).await?;
        let recurring = self.store.recurring(owner, dream.id, &images).await?;
        // A note may be on a word that the dictionary does not know.
        let words = unnamed(dream, &findings.found).into_iter().map(|(_, word)| word);
        let associations = self.store.associations_for(owner, dream.id, &images.iter().cloned().chain(words).collect::<Vec<_>>()).await?;
        memory_step(steps, similar, &recurring, &associations);
        let of_notes = associations.iter().flat_map(|own| kept.lore.dictionary().find(&own.note, &kept.language)).collect();
        Ok(Findings { similar: similar.to_vec(), recurring, associations, of_notes, ..findings })
    }

    /// Feelings that are likely in the dream; without an embedding model those that it names.
    async fn feelings(&self, owner: UserId, kept: &KeptDream, models: &DreamModels) -> LikelyFeelings {
        let named = || LikelyFeelings::named_in(&kept.dream.text);
        let Some(embedding) = &models.embedding else { return named() };
        let asked = LikelyFeelings::of(&kept.dream.text, &embedding.id, embedding.engine.as_ref(), owner.asker());
        match tokio::time::timeout(LIKENESS_PATIENCE, asked).await {
            Ok(Ok(feelings)) => feelings,
            Ok(Err(error)) => {
                tracing::warn!(dream = %kept.dream.id, %error, "no feelings could be looked up by likeness");
                named()
            }
            Err(_) => named(),
        }
    }

    /// Images of the dictionary that the dream names by other words.
    async fn alike(&self, owner: UserId, kept: &KeptDream, models: &DreamModels, found: &[Found]) -> Vec<Found> {
        let Some(embedding) = &models.embedding else { return Vec::new() };
        let words = unnamed(&kept.dream, found);
        let asked = self.likeness.find_alike(&kept.lore, &words, &kept.language, &embedding.id, embedding.engine.as_ref(), owner.asker());
        match tokio::time::timeout(LIKENESS_PATIENCE, asked).await {
            Ok(Ok(alike)) => alike.into_iter().filter(|found| found.how == How::Likeness).collect(),
            Ok(Err(error)) => {
                tracing::warn!(dream = %kept.dream.id, %error, "no images could be looked up by likeness");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    /// Waits for the models while the appliance comes up: as long as somebody listens, else only a moment.
    pub(in crate::features::dreams) async fn loaded_models(&self, sink: &EventSink) -> Result<Arc<DreamModels>> {
        let missing = |what: &str| Error::Unavailable { what: what.into(), retry_after: ENGINE_RETRY };
        let mut models = self.models.clone();
        let loaded = async {
            loop {
                let now = models.borrow_and_update().clone();
                let Some(detail) = &now.coming else { return Ok(now) };
                let detail = Some(detail.clone()).filter(|detail| !detail.is_empty());
                sink.send(ReadingEvent::Waiting(WaitingEvent { reason: WaitReason::Loading, place: None, detail }));
                // Its sender goes without the models only when they could not be loaded.
                models.changed().await.map_err(|_| missing("the models could not be loaded; the server's log says why"))?;
            }
        };
        let patience = if sink.is_heard() { LISTENER_PATIENCE } else { UNHEARD_PATIENCE };
        let in_time = tokio::time::timeout(patience, loaded).await;
        in_time.unwrap_or_else(|_| Err(missing("the models are not loaded yet; see /readyz")))
    }
}

fn memory_step(steps: &mut Steps, similar: &[SimilarDream], recurring: &[(String, u32)], associations: &[Association]) {
    let nothing = similar.is_empty() && recurring.is_empty() && associations.is_empty();
    let recurring: Vec<String> = recurring.iter().map(|(id, count)| format!("{id} ({count})")).collect();
    steps.end(
        StepName::Memory,
        if nothing { StepOutcome::Nothing } else { StepOutcome::Done },
        &[("similar", similar.len().to_string()), ("recurring", recurring.join(", ")), ("associations", associations.len().to_string())],
    );
}

/// Words of the dream that no form of the dictionary names and that are long enough to be an image, from all over a long one.
fn unnamed(dream: &Dream, found: &[Found]) -> Vec<(std::ops::Range<usize>, String)> {
    let named = |start: usize| found.iter().any(|found| found.range.contains(&start));
    let stop: std::collections::HashSet<&str> = stop_words::lookup(&dream.language).unwrap_or_default().iter().copied().collect();
    let mut known = std::collections::HashSet::new();
    let words = dream.text.unicode_word_indices().filter(|(start, _)| !named(*start));
    let words = words.map(|(start, word)| (start..start + word.len(), word.to_lowercase()));
    let words =
        words.filter(|(_, word)| word.chars().count() > 3 && word.chars().all(char::is_alphabetic) && !stop.contains(word.as_str()));
    spread(words.filter(|(_, word)| known.insert(word.clone())).collect(), Likeness::MOST_WORDS)
}

/// So many at most, evenly spread over all.
fn spread<T: Clone>(all: Vec<T>, most: usize) -> Vec<T> {
    if all.len() <= most {
        return all;
    }
    (0..most).map(|place| all[place * all.len() / most].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_words_some_are_taken_from_everywhere() {
        assert_eq!(spread(vec![1, 2, 3], 3), [1, 2, 3]);
        assert_eq!(spread((0..10).collect(), 4), [0, 2, 5, 7]);
        assert!(spread(Vec::<u8>::new(), 4).is_empty());
    }
}
