//! What the model filled in: which of it may be shown, what has to be written anew, and the parts of a reading that come of it.

use std::collections::{HashMap, HashSet};

use super::{
    Emotion, FailureReason, Mood, Source, Symbol, Tradition, checks,
    composing::Composer,
    form::{Choices, Form, read_symbol_line},
    language,
    passages::Candidate,
    prompts::Wording,
};
use crate::features::lore::{Lens, Lore, SymbolKind};

/// Kinds of images that a retelling may not bring in …
const RETOLD: [SymbolKind; 5] = [SymbolKind::Animals, SymbolKind::People, SymbolKind::Places, SymbolKind::Objects, SymbolKind::Nature];
/// … and those that are no figure of speech in an interpretation either: a road, a key or a light often is.
const INTERPRETED: [SymbolKind; 1] = [SymbolKind::Animals];
/// Kinds of images that a model takes over from the examples that it was shown.
pub const COPIED: [SymbolKind; 2] = [SymbolKind::Animals, SymbolKind::People];

/// The slots that hold text which is shown while it is written.
pub fn is_prose(slot: &str) -> bool {
    matches!(slot, "title" | "summary" | "interpretation" | "advice") || slot.starts_with("questions.") || slot.ends_with(".meaning")
}

/// The filled slots of one form.
#[derive(Default)]
pub struct Draft {
    /// As the model wrote them, for a repair to go on from.
    written: HashMap<String, String>,
    /// The fields' text, with the words that were written for the model.
    fields: HashMap<String, String>,
}

/// A piece of prose, as far as it may be shown.
pub struct Kept {
    pub text: String,
    /// Why something of it was left out.
    pub left_out: Option<FailureReason>,
}

/// A slot that has to be written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub slot: String,
    pub reason: FailureReason,
}

/// What came of a draft.
pub struct Reading {
    pub title: String,
    pub summary: String,
    pub interpretation: String,
    pub symbols: Vec<Symbol>,
    pub emotions: Vec<Emotion>,
    pub mood: Mood,
    pub archetypes: Vec<String>,
    pub advice: String,
    pub questions: Vec<String>,
    /// Quotes that the model gave, and those of them that are in the dream.
    pub quotes: (usize, usize),
    /// Fields that the server composed.
    pub composed: Vec<String>,
    /// Why something was left out or composed.
    pub left_out: Vec<FailureReason>,
}

/// What a draft is judged by.
pub struct Standard<'a> {
    pub form: &'a Form,
    pub wording: &'a Wording,
    pub lore: &'a Lore,
    pub lens: &'a Lens,
    pub candidates: &'a [Vec<Candidate>],
    /// The dream, whole.
    pub dream: &'a str,
    /// The dream with whatever else was told of it: numbers that stand there may be spoken of.
    pub told: &'a str,
    /// The images of the dictionary that dream and dreamer spoke of, by id; `None` where the dictionary does not know their language.
    pub images: Option<&'a HashSet<String>>,
    /// Images of the examples that the model was shown and that the dream does not hold: told of, they were copied.
    pub of_examples: &'a HashSet<String>,
    /// What the model chose among; `None` when it writes.
    pub choices: Option<&'a Choices<'a>>,
    /// The dream's language.
    pub dream_language: &'a str,
    /// The language of the answer.
    pub language: &'a str,
}

impl Draft {
    /// Keeps a finished slot, with the words that were written for the model before it. Returns the field's text.
    pub fn put(&mut self, form: &Form, slot: String, written: &str) -> String {
        let text = match form.openings.get(&slot) {
            Some(opening) => format!("{opening} {}", written.trim()),
            None => written.trim().to_owned(),
        };
        self.written.insert(slot.clone(), written.to_owned());
        self.fields.insert(slot, text.clone());
        text
    }

    /// The slots as the model wrote them.
    pub fn written(&self) -> &HashMap<String, String> {
        &self.written
    }

    /// Takes what was written anew.
    pub fn take(&mut self, repair: Self) {
        self.written.extend(repair.written);
        self.fields.extend(repair.fields);
    }

    fn text(&self, slot: &str) -> &str {
        self.fields.get(slot).map(String::as_str).unwrap_or_default()
    }

    /// The mood that was chosen, if any.
    pub fn mood(&self, wording: &Wording) -> Option<Mood> {
        let chosen = self.fields.get("mood")?;
        wording.vocabulary.moods.iter().find(|mood| mood.word == *chosen).map(|mood| mood.mood)
    }

    /// What of a prose field may be shown.
    fn kept(&self, slot: &str, standard: &Standard<'_>) -> Kept {
        standard.kept(slot, self.text(slot))
    }

    /// The prose slots that cannot be shown as they are: first those that cannot stand by themselves, else those that make the whole
    /// go round in circles or leave its language.
    pub fn faults(&self, standard: &Standard<'_>) -> Vec<Fault> {
        let slots: Vec<&str> = standard.form.prose().collect();
        let mut faults: Vec<Fault> = Vec::new();
        let mut whole = String::new();
        for slot in &slots {
            let kept = self.kept(slot, standard);
            if kept.text.is_empty() {
                faults.push(Fault { slot: (*slot).to_owned(), reason: kept.left_out.unwrap_or(FailureReason::Incomplete) });
            } else if checks::is_looping(&format!("{whole}\n{}", standard.own(slot, &kept.text))) {
                faults.push(Fault { slot: (*slot).to_owned(), reason: FailureReason::Repetitive });
            } else {
                whole.push('\n');
                whole.push_str(standard.own(slot, &kept.text));
            }
        }
        if !whole.is_empty() && !language::is_written_in(&whole, standard.language) {
            return slots.into_iter().map(|slot| Fault { slot: slot.to_owned(), reason: FailureReason::WrongLanguage }).collect();
        }
        faults
    }

    /// The reading. What is at `fault` still is composed from the dictionary or left out.
    pub fn finish(&self, standard: &Standard<'_>, mood: Mood) -> Reading {
        let mut making = Making { draft: self, standard, faults: self.faults(standard), composed: Vec::new(), left_out: Vec::new() };
        let (symbols, quotes) = making.symbols();
        let composer =
            Composer { wording: standard.wording, symbols: &symbols, names: symbols.iter().map(|symbol| standard.name(symbol)).collect() };
        let (emotions, mood_word) = (self.emotions(standard.wording), self.text("mood"));
        let opening = &standard.lens.wording(standard.language).opening;
        let title = making.or_composed("title", "title", || composer.title());
        let summary = making.or_composed("summary", "summary", || match standard.choices {
            Some(choices) => composer.chosen_summary(choices, mood_word),
            None => composer.summary(),
        });
        let interpretation = making.or_composed("interpretation", "interpretation", || match standard.choices {
            Some(choices) => composer.chosen_interpretation(choices, opening, &emotions),
            None => composer.interpretation(),
        });
        let advice = making.or_nothing("advice");
        let questions = (0..standard.form.questions).map(|number| making.question(number));
        let questions = different(questions.collect());
        // A name that was cut at its end is none.
        let known = &standard.lens.wording(standard.language).archetypes;
        let archetypes = (0..standard.form.archetypes).map(|number| self.text(&format!("archetypes.{number}")).to_owned());
        let archetypes = archetypes.filter(|name| known.contains(name));
        Reading {
            title: title.trim_end_matches(['.', ',']).to_owned(),
            summary,
            interpretation,
            emotions,
            mood,
            archetypes: different(archetypes.collect()),
            advice,
            questions,
            quotes,
            composed: making.composed,
            left_out: making.left_out,
            symbols,
        }
    }

    /// The feelings that were named, each once.
    pub fn emotions(&self, wording: &Wording) -> Vec<Emotion> {
        let mut emotions: Vec<Emotion> = Vec::new();
        for number in 0.. {
            let Some(name) = self.fields.get(&format!("emotions.{number}.name")) else { break };
            let intensity = self.text(&format!("emotions.{number}.intensity")).parse().unwrap_or(0.5);
            if wording.vocabulary.emotions.contains(name) && emotions.iter().all(|emotion| emotion.name != *name) {
                emotions.push(Emotion { name: name.clone(), intensity });
            }
        }
        emotions
    }
}

impl Reading {
    /// The running text, a field a line.
    pub fn prose(&self) -> String {
        let meanings = self.symbols.iter().map(|symbol| symbol.meaning.as_str());
        let rest = [self.summary.as_str(), &self.interpretation, &self.advice];
        rest.into_iter().chain(meanings).chain(self.questions.iter().map(String::as_str)).collect::<Vec<_>>().join("\n")
    }

    /// Share of the form's fields that came out whole, as the model was asked for them.
    pub fn completeness(&self, form: &Form) -> f32 {
        // The mood is always there, and a symbol with its meaning counts once.
        let there = 4
            + self.symbols.len()
            + usize::from(!self.emotions.is_empty())
            + self.archetypes.len()
            + usize::from(!self.advice.is_empty())
            + self.questions.len();
        let lost = if form.is_chosen { 0 } else { self.composed.len() };
        checks::share(there.saturating_sub(lost), 4 + form.symbols + 1 + form.archetypes + 1 + form.questions)
    }
}

impl Standard<'_> {
    /// What of a piece of prose may be shown: its whole sentences without those that say what they may not.
    pub fn kept(&self, slot: &str, text: &str) -> Kept {
        // People wrote what a model only chose.
        if self.form.is_chosen {
            return Kept { text: text.to_owned(), left_out: None };
        }
        let whole = if slot == "title" { text.to_owned() } else { checks::whole_sentences(text) };
        let mut left_out = None;
        let good: Vec<&str> = checks::sentences(&whole)
            .into_iter()
            .filter(|sentence| match self.fault_of(slot, sentence) {
                Some(reason) => {
                    left_out = Some(reason);
                    false
                }
                None => true,
            })
            .collect();
        let text = good.join(" ");
        let shown = self.wording.examples.iter().flat_map(super::prompts::Example::prose);
        if slot != "title" && checks::is_copied(self.own(slot, &text), shown) {
            return Kept { text: String::new(), left_out: Some(FailureReason::Copied) };
        }
        // What is left after the head that was given must say something.
        if self.own(slot, &text).trim().is_empty() { Kept { text: String::new(), left_out } } else { Kept { text, left_out } }
    }

    /// What an image is called: as the dictionary has it, else as the dream does.
    fn name(&self, symbol: &Symbol) -> String {
        let known = symbol.id.as_deref().and_then(|id| self.lore.dictionary().name(id, self.language));
        known.map_or_else(|| symbol.name.clone(), str::to_lowercase)
    }

    /// Whether a sentence of that field may be shown, as far as it can be told from itself.
    pub fn may_show(&self, slot: &str, sentence: &str) -> bool {
        self.fault_of(slot, sentence).is_none()
    }

    fn fault_of(&self, slot: &str, sentence: &str) -> Option<FailureReason> {
        if self.wording.forbidden.holds(sentence) {
            return Some(FailureReason::Forbidden);
        }
        let kinds: &[SymbolKind] = match slot {
            "title" | "summary" => &RETOLD,
            _ => &INTERPRETED,
        };
        if !self.of_examples.is_empty()
            && self.lore.dictionary().find(sentence, self.language).iter().any(|found| self.of_examples.contains(&found.symbol))
        {
            return Some(FailureReason::Copied);
        }
        // A retelling in the dream's own language is made of its words.
        if slot == "summary" && self.language == self.dream_language && checks::tells_of_something_else(sentence, self.dream, self.language)
        {
            return Some(FailureReason::Unsupported);
        }
        let unsupported = |images| checks::is_unsupported(sentence, self.language, self.lore.dictionary(), images, kinds);
        (self.images.is_some_and(unsupported) || checks::has_strange_number(sentence, self.told)).then_some(FailureReason::Unsupported)
    }

    /// A field without the words that were written for the model: what was given is neither its repetition nor its language.
    fn own<'t>(&self, slot: &str, text: &'t str) -> &'t str {
        let opening = self.form.openings.get(slot);
        opening.and_then(|opening| text.strip_prefix(opening.as_str())).unwrap_or(text)
    }
}

/// A reading in the making.
struct Making<'a> {
    draft: &'a Draft,
    standard: &'a Standard<'a>,
    faults: Vec<Fault>,
    composed: Vec<String>,
    left_out: Vec<FailureReason>,
}

impl Making<'_> {
    /// The field's text as far as it may be shown; empty when the slot is at fault.
    fn or_nothing(&mut self, slot: &str) -> String {
        let fault = self.faults.iter().find(|fault| fault.slot == slot).map(|fault| fault.reason);
        let kept = self.draft.kept(slot, self.standard);
        self.left_out.extend(fault.or(kept.left_out));
        if fault.is_some() { String::new() } else { kept.text }
    }

    /// The same, composed where it is empty. `field` is the slot's name in the finished reading.
    fn or_composed(&mut self, slot: &str, field: &str, compose: impl FnOnce() -> String) -> String {
        let text = self.or_nothing(slot);
        if !text.is_empty() {
            return text;
        }
        self.composed.push(field.to_owned());
        compose()
    }

    fn question(&mut self, number: usize) -> String {
        let slot = format!("questions.{number}");
        let text = self.or_nothing(&slot);
        if text.ends_with(['?', '؟', '？']) { text } else { String::new() }
    }

    /// The symbols whose quotes are in the dream, and how many quotes were asked for and kept.
    fn symbols(&mut self) -> (Vec<Symbol>, (usize, usize)) {
        let lines: Vec<_> =
            (0..self.standard.form.symbols).map(|number| self.draft.text(&format!("symbols.{number}")).to_owned()).collect();
        let given: Vec<_> = lines.iter().enumerate().filter_map(|(number, line)| Some((number, read_symbol_line(line)?))).collect();
        let dream = self.standard.dream;
        let grounded: Vec<_> = given.iter().filter(|(_, (_, quote))| checks::is_grounded(quote, dream)).copied().collect();
        let symbols =
            grounded.iter().enumerate().map(|(place, (number, (name, quote)))| self.symbol((*number, place), name, quote)).collect();
        (symbols, (self.standard.form.symbols, grounded.len()))
    }

    /// Of a slot's number and its place in the finished reading.
    fn symbol(&mut self, (number, place): (usize, usize), name: &str, quote: &str) -> Symbol {
        let known = self.standard.candidates.iter().flatten().find(|candidate| candidate.name == name && candidate.quote == quote);
        let id = known.and_then(|candidate| candidate.symbol.clone());
        let tradition = id.as_deref().and_then(|id| tradition(self.standard, id));
        let wording = self.standard.wording;
        let (slot, field) = (format!("symbols.{number}.meaning"), format!("symbols.{place}.meaning"));
        let meaning = self.or_composed(&slot, &field, || Composer::meaning(wording, tradition.as_ref()));
        Symbol { name: name.to_owned(), quote: quote.to_owned(), meaning, id, tradition }
    }
}

/// What the dictionary says of an image through this lens, with where it was said.
fn tradition(standard: &Standard<'_>, id: &str) -> Option<Tradition> {
    let theme = standard.lore.dictionary().theme(id, &standard.lens.id, standard.language)?;
    // A pack may say what no reading may.
    if standard.wording.forbidden.holds(theme.text) {
        return None;
    }
    let sources = theme.sources.iter().filter_map(|id| standard.lore.source(id));
    Some(Tradition { text: theme.text.to_owned(), sources: sources.map(Source::from).collect() })
}

/// The texts that are not empty, each once.
fn different(all: Vec<String>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for text in all {
        if !text.is_empty() && !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

#[cfg(test)]
mod tests;
