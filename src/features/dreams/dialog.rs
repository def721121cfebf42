//! A question about a reading, and an answer that may be shown: in the same bounds as the reading itself.
//!
//! Whatever the question asks for, the answer is a few sentences in the letters of its language that go on from words of ours, and
//! they are judged as a reading's are. Where none may be shown, a fixed sentence says so.

mod prompt;

use std::collections::HashSet;

use super::{
    Association, DialogTurn, Dream, Interpretation, checks,
    draft::{Draft, Standard},
    form::Form,
    language,
    prompts::{Chosen, Prompts, Wording},
    reader::Reader,
};
use crate::{
    engine::{Asker, EngineError, GenerationEvent, GenerationRequest, Sampling},
    features::lore::{Lens, Lore, SymbolKind},
};

/// A first answer and one repair.
const ATTEMPTS: u32 = 2;
/// The form's one slot.
const SLOT: &str = "answer";
/// Kinds of images that an answer tells of only where the dream, the reading or the question do.
const STRANGE: [SymbolKind; 1] = [SymbolKind::Animals];

/// How many images a composed answer speaks of.
const IMAGES: usize = 2;

/// A question and all that its answer leans on.
pub struct Inquiry<'a> {
    pub prompts: &'a Prompts,
    pub lore: &'a Lore,
    pub lens: &'a Lens,
    pub dream: &'a Dream,
    /// Of this dream through this lens.
    pub reading: &'a Interpretation,
    /// What the dreamer told about images, here and in other dreams.
    pub associations: &'a [Association],
    /// What was asked about this dream before, oldest first.
    pub earlier: &'a [DialogTurn],
    pub question: &'a str,
    pub reader: &'a Reader,
    /// Of the answer, ISO 639-1.
    pub language: &'a str,
    pub asker: Asker,
}

/// The ids of the images that a question names, in this language or in the one that it seems to be in: a few words seldom tell.
pub fn named_images(lore: &Lore, question: &str, language: &str) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for language in [language, &language::detect(question)] {
        for found in lore.dictionary().find(question, language) {
            if !named.contains(&found.symbol) {
                named.push(found.symbol);
            }
        }
    }
    named
}

impl Inquiry<'_> {
    /// The answer, or the sentence that stands in the place of one. Dropping the future cancels the engine's work.
    pub async fn answer(&self) -> Result<String, EngineError> {
        if let Some(chosen) = self.wording().chosen.as_ref().filter(|_| !self.reader.writes()) {
            return Ok(self.composed(chosen));
        }
        let form = Form::answer(self.wording(), self.language, self.reader.depth());
        let prompt = prompt::prompt(self);
        let mut said_before = None;
        for attempt in 0..ATTEMPTS {
            let request = GenerationRequest { prompt: prompt.clone(), form: form.parts.clone(), sampling: self.sampling(attempt) };
            let text = Draft::default().put(&form, SLOT.to_owned(), &self.written(request).await?);
            match self.shown(&form, &text) {
                Some(answer) if !self.was_said(&answer) => return Ok(answer),
                // Better than none, should the model find no other words.
                Some(answer) => said_before = Some(answer),
                None => tracing::info!(dream = %self.dream.id, model = self.reader.id, attempt, "an answer was refused"),
            }
        }
        Ok(said_before.unwrap_or_else(|| self.wording().dialog.nothing.clone()))
    }

    /// What the dictionary says through other lenses of the images that the question names, else of those of the reading, and that
    /// was not said before.
    fn composed(&self, chosen: &Chosen) -> String {
        let dictionary = self.lore.dictionary();
        let named = self.named();
        let of_reading = || self.reading.symbols.iter().filter_map(|symbol| symbol.id.clone()).collect();
        let images: Vec<String> = if named.is_empty() { of_reading() } else { named };
        let was_said = |theme: &str| self.earlier.iter().any(|turn| turn.answer.contains(theme));
        let others = || self.lore.lenses().filter(|lens| lens.id != self.lens.id);
        let told = images.iter().filter_map(|id| {
            let name = dictionary.name(id, self.language)?;
            let (lens, theme) = others().find_map(|lens| {
                let theme = dictionary.theme(id, &lens.id, self.language)?.text;
                (!was_said(theme) && !self.wording().forbidden.holds(theme)).then_some((lens, theme))
            })?;
            let sentence = chosen.answer.replace("{symbol}", &name.to_lowercase()).replace("{theme}", theme);
            Some(sentence.replace("{lens}", lens.name(self.language)))
        });
        let sentences: Vec<String> = told.take(IMAGES).collect();
        if sentences.is_empty() { chosen.no_answer.clone() } else { sentences.join(" ") }
    }

    fn wording(&self) -> &Wording {
        self.prompts.wording(self.language)
    }

    /// The images that the question names.
    fn named(&self) -> Vec<String> {
        named_images(self.lore, self.question, self.language)
    }

    fn sampling(&self, attempt: u32) -> Sampling {
        // The low bits of a version 7 id are random; the same question asked again is another turn.
        let of_dream = u32::try_from(self.dream.id.as_u128() & u128::from(u32::MAX)).unwrap_or_default();
        let turn = u32::try_from(self.earlier.len()).unwrap_or(u32::MAX);
        let seed = of_dream.wrapping_add(turn.wrapping_mul(ATTEMPTS)).wrapping_add(attempt);
        let temperature = if attempt == 0 { 0.45 } else { 0.6 };
        Sampling { seed, temperature, min_p: 0.1, ..Sampling::default() }
    }

    /// One pass of the model over the form.
    async fn written(&self, request: GenerationRequest) -> Result<String, EngineError> {
        let mut events = self.reader.engine.generate(request, self.asker.clone());
        let mut written = String::new();
        while let Some(event) = events.recv().await {
            match event? {
                GenerationEvent::SlotFinished { text, .. } => written = text,
                GenerationEvent::Finished(_) => return Ok(written),
                GenerationEvent::Waiting(_) | GenerationEvent::Delta { .. } | GenerationEvent::Reading { .. } => {}
            }
        }
        Err(EngineError::Died("it ended its answer early".into()))
    }

    /// What of an answer may be shown.
    fn shown(&self, form: &Form, text: &str) -> Option<String> {
        let images = self.images();
        // What the question and the dreamer's notes tell of may be spoken of, too.
        let notes: String = self.associations.iter().map(|own| format!("\n{}", own.note)).collect();
        let known = format!("{}\n{}{notes}", self.dream.text, self.question);
        let standard = Standard {
            choices: None,
            form,
            wording: self.wording(),
            lore: self.lore,
            lens: self.lens,
            candidates: &[],
            dream: &self.dream.text,
            told: &known,
            images: Some(&images),
            // None are shown before a question.
            of_examples: &HashSet::new(),
            dream_language: &self.dream.language,
            language: self.language,
        };
        let answer = standard.kept(SLOT, text).text;
        // What is left of an answer that lost its beginning answers nothing.
        let own = answer.strip_prefix(&self.wording().dialog.opening)?;
        let strange = |sentence: &str| checks::is_unsupported(sentence, self.language, self.lore.dictionary(), &images, &STRANGE);
        let good = !answer.is_empty()
            && !checks::is_looping(own)
            && language::is_written_in(own, self.language)
            && !checks::sentences(&answer).into_iter().any(strange);
        good.then_some(answer)
    }

    /// The images that dream, reading or question hold.
    fn images(&self) -> HashSet<String> {
        let dictionary = self.lore.dictionary();
        let of_dream = dictionary.find(&self.dream.text, &self.dream.language).into_iter().map(|found| found.symbol);
        let of_reading = self.reading.symbols.iter().filter_map(|symbol| symbol.id.clone());
        let of_notes = self.associations.iter().flat_map(|own| named_images(self.lore, &own.note, self.language));
        of_dream.chain(of_reading).chain(of_notes).chain(self.named()).collect()
    }

    /// Whether the reading or an earlier answer says it already.
    fn was_said(&self, answer: &str) -> bool {
        let answers = self.earlier.iter().map(|turn| turn.answer.as_str());
        checks::is_copied(answer, answers.chain([self.reading.interpretation.as_str(), &self.reading.summary]))
    }
}

#[cfg(test)]
mod tests;
