//! A reading by a model that is too small to write: what it is offered, and how what is composed around its choices is told.

use super::{
    draft::Reading,
    form::Choices,
    passages::Candidate,
    prompts::Wording,
    reading::Task,
    telling::{EventSink, ReadingEvent},
};
use crate::features::lore::SymbolKind;

/// How many passages a model is offered for one image.
const OFFERED_IMAGES: usize = 3;

/// What a model chooses among that does not write, where people wrote something to choose in the language of the answer.
pub fn choices<'a>(task: &Task<'a>, wording: &'a Wording) -> Option<Choices<'a>> {
    let chosen = wording.chosen.as_ref().filter(|_| !task.reader.writes())?;
    let likely = &task.findings.feelings;
    let (likely_moods, likely_words) = (likely.moods(), likely.words(task.language));
    let moods = wording.vocabulary.moods.iter().filter(|mood| likely_moods.is_empty() || likely_moods.contains(&mood.mood));
    Some(Choices {
        chosen,
        moods: moods.map(|mood| mood.word.clone()).collect(),
        feelings: if likely_words.is_empty() { wording.vocabulary.emotions.clone() } else { likely_words },
        archetypes: task.lens.archetypes_seen_in(&task.findings.images(), task.language),
        turn: turn(task),
        recurring: task.findings.recurring.clone(),
        noted: task.findings.associations.iter().map(|own| own.symbol.clone()).collect(),
    })
}

/// A number of this dream through this lens.
fn turn(task: &Task<'_>) -> usize {
    // The low bits of a version 7 id are random.
    let of_dream = task.dream.id.as_bytes().iter().rev().take(2).fold(0, |sum, byte| sum * 256 + usize::from(*byte));
    task.lens.id.as_str().bytes().fold(of_dream, |sum, letter| sum + usize::from(letter))
}

/// Of a slot's passages those of which the dictionary says something through the lens, if there are any, or those that it knows: what
/// happens first, and a few only.
pub fn prefer_known(task: &Task<'_>, candidates: &mut Vec<Candidate>) {
    let dictionary = task.lore.dictionary();
    let kind = |candidate: &Candidate| candidate.symbol.as_deref().and_then(|id| dictionary.kind(id));
    let is_told =
        |candidate: &Candidate| candidate.symbol.as_deref().is_some_and(|id| dictionary.theme(id, &task.lens.id, task.language).is_some());
    if candidates.iter().any(is_told) {
        candidates.retain(is_told);
    } else if candidates.iter().any(|candidate| candidate.symbol.is_some()) {
        candidates.retain(|candidate| candidate.symbol.is_some());
    }
    candidates.sort_by_key(|candidate| kind(candidate) != Some(SymbolKind::Events));
    candidates.truncate(OFFERED_IMAGES);
}

/// What is composed around what was chosen comes all at once.
pub fn tell_composed(reading: &Reading, sink: &EventSink) {
    let tell = |field: &str, text: &str| sink.send(ReadingEvent::Delta { field: field.to_owned(), text: text.to_owned() });
    tell("title", &reading.title);
    tell("summary", &reading.summary);
    for (place, symbol) in reading.symbols.iter().enumerate() {
        tell(&format!("symbols.{place}.meaning"), &symbol.meaning);
    }
    tell("interpretation", &reading.interpretation);
}
