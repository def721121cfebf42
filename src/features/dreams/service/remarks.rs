//! What a dreamer says of a dream and its readings: opinions, associations, and questions with their answers.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DreamService, ENGINE_RETRY, helping::with_care};
use crate::{
    error::{Error, Result},
    features::{
        accounts::{Principal, UserId},
        dreams::{
            Association, AssociationRequest, DialogAnswer, DialogRequest, DialogTurn, Dream, Interpretation, Opinion, OpinionRequest,
            dialog::{Inquiry, named_images},
            store::{self, NO_READING},
            telling::EventSink,
            validate,
        },
        lore::LensId,
    },
    models::DreamTask,
};

/// Length of what a dreamer says, in grapheme clusters.
const SYMBOL_LENGTH: std::ops::RangeInclusive<usize> = 1..=64;
const NOTE_LENGTH: std::ops::RangeInclusive<usize> = 1..=500;
const QUESTION_LENGTH: std::ops::RangeInclusive<usize> = 2..=500;
/// How many dreams are shown of an image.
const DREAMS_OF_SYMBOL: u16 = 20;
/// How long an answer may go on once the server is stopping.
const LAST_WORDS: Duration = Duration::from_secs(8);

/// A question and what it is about.
struct Question {
    dream: Dream,
    reading: Interpretation,
    earlier: Vec<DialogTurn>,
    lens: LensId,
    text: String,
}

impl DreamService {
    /// Keeps what is thought of the reading of a dream through a lens.
    pub async fn think(&self, owner: UserId, dream: Uuid, lens: &LensId, request: &OpinionRequest) -> Result<Opinion> {
        if request.rating.flatten().is_some_and(|rating| !(1..=5).contains(&rating)) {
            return Err(Error::invalid("rating", "must be 1 to 5, or null"));
        }
        self.store.keep_opinion(owner, dream, lens, request).await
    }

    /// Keeps what comes to the dreamer's mind about an image of a dream.
    pub async fn associate(&self, owner: UserId, dream: Uuid, symbol: &str, request: &AssociationRequest) -> Result<Association> {
        let symbol = symbol_named(symbol)?;
        let note = validate::line("note", &request.note, NOTE_LENGTH)?;
        self.store.keep_association(owner, dream, &symbol, &note).await
    }

    /// Forgets it again.
    pub async fn forget_association(&self, owner: UserId, dream: Uuid, symbol: &str) -> Result<()> {
        let symbol = symbol_named(symbol)?;
        if self.store.forget_association(owner, dream, &symbol).await? { Ok(()) } else { Err(Error::NotFound("association")) }
    }

    /// The owner's newest dreams that hold an image of the dictionary.
    pub async fn dreams_with(&self, owner: UserId, symbol: &str) -> Result<Vec<Dream>> {
        self.store.dreams_with(owner, &symbol_named(symbol)?, DREAMS_OF_SYMBOL).await
    }

    /// Forgets all questions about a dream's readings with their answers.
    pub async fn forget_dialog(&self, owner: UserId, dream: Uuid) -> Result<()> {
        self.store.forget_dialog(owner, dream).await
    }

    /// Answers a question about a reading. It counts as a reading does. Dropping the future frees the engine.
    pub async fn ask(&self, principal: &Principal, dream: Uuid, request: &DialogRequest) -> Result<DialogAnswer> {
        let question = self.question(principal.user, dream, request).await?;
        let care = self.words_of_help(principal.user, &question.text, &question.dream.language).await;
        if care.is_some() && self.care.comes_instead() {
            return Ok(DialogAnswer { turn: None, care });
        }
        let turn = self.admitted_answer(principal, question).await.map_err(|cause| with_care(care.as_ref(), cause))?;
        Ok(DialogAnswer { turn: Some(turn), care })
    }

    async fn admitted_answer(&self, principal: &Principal, question: Question) -> Result<DialogTurn> {
        let _place = self.places.take(&principal.asker()).map_err(|retry_after| Error::Busy { retry_after })?;
        let counted = self.accounts.admit_reading(principal).await?;
        let out_of_time = async {
            self.stopping.cancelled().await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        let turn = tokio::select! {
            turn = self.answered(principal.user, question) => turn,
            () = out_of_time => Err(Error::Unavailable { what: "the server is stopping".into(), retry_after: ENGINE_RETRY }),
        };
        if counted && turn.is_err() {
            self.accounts.give_reading_back(principal.user).await;
        }
        turn
    }

    async fn question(&self, owner: UserId, dream: Uuid, request: &DialogRequest) -> Result<Question> {
        let text = validate::line("question", &request.question, QUESTION_LENGTH)?;
        let found = self.store.find(owner, dream).await?.ok_or(Error::NotFound("dream"))?;
        let reading = found.interpretations.into_iter().find(|reading| reading.lens == request.lens).ok_or(Error::NotFound(NO_READING))?;
        let earlier = self.store.dialog(owner, dream).await?;
        store::see_room(earlier.len())?;
        Ok(Question { dream: found.dream, reading, earlier, lens: request.lens.clone(), text })
    }

    /// The question with the model's answer, kept.
    async fn answered(&self, owner: UserId, asked: Question) -> Result<DialogTurn> {
        let lore = self.lore.current().await?;
        let lens = lore.lens(&asked.lens).ok_or(Error::NotFound("lens any more: its pack was removed"))?;
        let models = self.loaded_models(&EventSink::none()).await?;
        let choice = models
            .choose(&asked.dream.language, DreamTask::Dialog)
            .ok_or_else(|| Error::Unavailable { what: "no language model is here; see /readyz".into(), retry_after: ENGINE_RETRY })?;
        let named = named_images(&lore, &asked.text, &choice.language);
        let associations = self.store.associations_for(owner, asked.dream.id, &named).await?;
        let inquiry = Inquiry {
            prompts: &self.prompts,
            lore: &lore,
            lens,
            dream: &asked.dream,
            reading: &asked.reading,
            associations: &associations,
            earlier: &asked.earlier,
            question: &asked.text,
            reader: choice.reader,
            language: &choice.language,
            asker: owner.asker(),
        };
        let answer = inquiry.answer().await?;
        let turn = DialogTurn {
            id: Uuid::now_v7(),
            lens: asked.lens,
            question: asked.text,
            answer,
            language: choice.language,
            model: choice.reader.id.clone(),
            created_at: OffsetDateTime::now_utc(),
        };
        self.store.keep_turn(owner, asked.dream.id, turn).await
    }
}

/// An image's id or word, as it is kept.
fn symbol_named(symbol: &str) -> Result<String> {
    Ok(validate::line("symbol", symbol, SYMBOL_LENGTH)?.to_lowercase())
}
