//! What the model filled in, checked and made into the parts of a reading.

use std::collections::HashMap;

use unicode_segmentation::UnicodeSegmentation;

use super::{
    Emotion, FailureReason, InterpretationFailure, Mood, Symbol,
    checks::{self, Signals},
    form::{Form, read_symbol_line},
    language,
    prompts::Wording,
};

/// The slots that hold text which is shown while it is written.
pub fn is_prose(slot: &str) -> bool {
    matches!(slot, "title" | "summary" | "interpretation" | "advice") || slot.starts_with("questions.") || slot.ends_with(".meaning")
}

/// The filled slots of one form.
#[derive(Default)]
pub struct Draft {
    slots: HashMap<String, String>,
}

/// A draft that passed.
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
    pub confidence: f32,
    pub grounding: f32,
}

/// What a draft is judged by.
pub struct Standard<'a> {
    pub form: &'a Form,
    pub wording: &'a Wording,
    /// The dream, whole.
    pub dream: &'a str,
    /// The language of the answer.
    pub language: &'a str,
}

fn failure(reason: FailureReason, detail: &str) -> InterpretationFailure {
    InterpretationFailure { reason, detail: detail.to_owned() }
}

impl Draft {
    /// Keeps a finished slot, with the words that were written for the model before it. Returns the field's text.
    pub fn put(&mut self, form: &Form, slot: String, text: &str) -> String {
        let text = match form.openings.get(&slot) {
            Some(opening) => format!("{opening} {}", text.trim()),
            None => text.trim().to_owned(),
        };
        self.slots.insert(slot, text.clone());
        text
    }

    fn text(&self, slot: &str) -> String {
        self.slots.get(slot).cloned().unwrap_or_default()
    }

    fn prose(&self, slot: &str) -> String {
        checks::whole_sentences(&self.text(slot))
    }

    /// The reading, or why it may not be shown.
    pub fn judge(&self, standard: &Standard<'_>) -> Result<Reading, InterpretationFailure> {
        let (form, wording) = (standard.form, standard.wording);
        let (symbols, offered, grounded) = self.symbols(standard);
        let grounding = checks::share(grounded, offered);
        let reading = Reading {
            title: self.text("title").trim_end_matches(['.', ',']).to_owned(),
            summary: self.prose("summary"),
            interpretation: self.prose("interpretation"),
            emotions: self.emotions(wording),
            mood: self.mood(wording).ok_or_else(|| failure(FailureReason::Incomplete, "the model chose no mood"))?,
            archetypes: numbered(form.archetypes, |number| self.text(&format!("archetypes.{number}"))),
            advice: self.prose("advice"),
            questions: numbered(form.questions, |number| self.question(number)),
            confidence: 0.0,
            grounding,
            symbols,
        };
        if reading.title.is_empty() || reading.summary.is_empty() || reading.interpretation.is_empty() {
            return Err(failure(FailureReason::Incomplete, "the model left the title, the summary or the interpretation empty"));
        }
        if reading.symbols.len() < form.symbols.min(2) {
            return Err(match grounded < form.symbols.min(2) {
                true => failure(FailureReason::Ungrounded, "too few of the quotes are in the dream"),
                false => failure(FailureReason::Incomplete, "too few of the symbols got a meaning"),
            });
        }
        let repetition = reading.check_prose(standard)?;
        let completeness = reading.completeness(form);
        let dream_words = standard.dream.unicode_words().count();
        let confidence = checks::confidence(Signals { grounding, completeness, repetition, dream_words });
        Ok(Reading { confidence, ..reading })
    }

    /// The symbols that stand, how many were offered, and how many of those are grounded in the dream.
    fn symbols(&self, standard: &Standard<'_>) -> (Vec<Symbol>, usize, usize) {
        let lines: Vec<_> = (0..standard.form.symbols).map(|number| (number, self.text(&format!("symbols.{number}")))).collect();
        let offered: Vec<_> = lines.iter().filter_map(|(number, line)| Some((number, read_symbol_line(line)?))).collect();
        let grounded: Vec<_> = offered.iter().filter(|(_, (_, quote))| checks::is_grounded(quote, standard.dream)).collect();
        let symbols = grounded.iter().filter_map(|(number, (name, quote))| {
            let meaning = self.prose(&format!("symbols.{number}.meaning"));
            (!meaning.is_empty()).then(|| Symbol { name: (*name).to_owned(), quote: (*quote).to_owned(), meaning })
        });
        (symbols.collect(), offered.len(), grounded.len())
    }

    fn emotions(&self, wording: &Wording) -> Vec<Emotion> {
        let mut emotions: Vec<Emotion> = Vec::new();
        for number in 0.. {
            let Some(name) = self.slots.get(&format!("emotions.{number}.name")) else { break };
            let intensity = self.text(&format!("emotions.{number}.intensity")).parse().unwrap_or(0.5);
            if wording.vocabulary.emotions.contains(name) && emotions.iter().all(|emotion| emotion.name != *name) {
                emotions.push(Emotion { name: name.clone(), intensity });
            }
        }
        emotions
    }

    /// The mood that was chosen, if any.
    pub fn mood(&self, wording: &Wording) -> Option<Mood> {
        let chosen = self.slots.get("mood")?;
        wording.vocabulary.moods.iter().find(|mood| mood.word == *chosen).map(|mood| mood.mood)
    }

    fn question(&self, number: usize) -> String {
        let text = self.text(&format!("questions.{number}"));
        if text.ends_with(['?', '؟', '？']) { text } else { String::new() }
    }
}

/// The texts that are not empty, each once.
fn numbered(count: usize, text: impl Fn(usize) -> String) -> Vec<String> {
    let mut texts = Vec::new();
    for text in (0..count).map(text) {
        if !text.is_empty() && !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

impl Reading {
    fn prose(&self) -> String {
        let meanings = self.symbols.iter().map(|symbol| symbol.meaning.as_str());
        let rest = [self.summary.as_str(), &self.interpretation, &self.advice];
        rest.into_iter().chain(meanings).chain(self.questions.iter().map(String::as_str)).collect::<Vec<_>>().join("\n")
    }

    /// How repetitive the prose is; fails when it loops, is in another language or was copied from an example.
    fn check_prose(&self, standard: &Standard<'_>) -> Result<f32, InterpretationFailure> {
        let openings: Vec<_> = standard.form.openings.values().map(String::as_str).collect();
        // What was written for the model is neither its repetition nor its language.
        let own = self.prose().lines().map(|line| without_opening(line, &openings)).collect::<Vec<_>>().join("\n");
        if checks::is_looping(&own) {
            return Err(failure(FailureReason::Repetitive, "the model went round in circles"));
        }
        if !language::is_written_in(&own, standard.language) {
            return Err(failure(FailureReason::WrongLanguage, "the model answered in another language"));
        }
        let examples = standard.wording.examples.iter();
        let shown = examples.flat_map(|example| {
            let meanings = example.symbols.iter().map(|symbol| symbol.meaning.as_str());
            [example.summary.as_str(), &example.interpretation, &example.advice].into_iter().chain(meanings)
        });
        if checks::is_copied(&own, shown) {
            return Err(failure(FailureReason::Ungrounded, "the model repeated an example in place of reading the dream"));
        }
        Ok(checks::repetition(&own))
    }

    fn completeness(&self, form: &Form) -> f32 {
        // Title, summary, interpretation and mood are there, else this is not reached.
        let there = 4
            + self.symbols.len()
            + usize::from(!self.emotions.is_empty())
            + self.archetypes.len()
            + usize::from(!self.advice.is_empty())
            + self.questions.len();
        checks::share(there, 4 + form.symbols + 1 + form.archetypes + 1 + form.questions)
    }
}

fn without_opening<'a>(line: &'a str, openings: &[&str]) -> &'a str {
    let longest = openings.iter().filter_map(|opening| line.strip_prefix(opening)).min_by_key(|rest| rest.len());
    longest.unwrap_or(line).trim_start()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Lens, passages, prompts::Prompts},
        *,
    };

    const DREAM: &str = "I was crossing a narrow bridge over the dark river at night. My grandmother stood on the other side with a \
        lantern. Then the bridge broke and I fell into the cold water.";

    fn fill(change: impl Fn(&str) -> Option<&'static str>) -> Result<Reading, InterpretationFailure> {
        let prompts = Prompts::embedded();
        let wording = prompts.wording("en");
        let candidates = passages::candidates(DREAM, "en", &wording.vocabulary);
        let form = Form::new(wording, wording.lens(Lens::Psychological), "en", &candidates);
        let mut draft = Draft::default();
        let line = |number: usize| format!(" {} — “{}”", candidates[number][0].name, candidates[number][0].quote);
        let (first, second) = (line(0), line(1));
        let filled = [
            ("title", " The Broken Bridge"),
            ("summary", " fall from a bridge while a loved one watches."),
            ("symbols.0", first.as_str()),
            ("symbols.0.meaning", " a step towards another part of life that feels unsafe."),
            ("symbols.1", second.as_str()),
            ("symbols.1.meaning", " guidance that is near but cannot be reached yet."),
            ("emotions.0.name", " fear"),
            ("emotions.0.intensity", "0.8"),
            ("emotions.1.name", " fear"),
            ("emotions.1.intensity", "0.3"),
            ("mood", " anxious"),
            ("interpretation", " a change you did not choose. The old way gives out before the new one holds."),
            ("advice", " ask somebody you trust what they would do."),
            ("questions.0", " would have happened on the other side?"),
            ("questions.1", " did the water feel?"),
        ];
        for (slot, text) in filled {
            draft.put(&form, slot.to_owned(), change(slot).unwrap_or(text));
        }
        draft.judge(&Standard { form: &form, wording, dream: DREAM, language: "en" })
    }

    #[test]
    fn a_whole_draft_becomes_a_reading() {
        let reading = fill(|_| None).unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(reading.title, "The Broken Bridge");
        assert!(reading.interpretation.starts_with("This dream may reflect a change"), "{}", reading.interpretation);
        assert!(reading.symbols.iter().all(|symbol| DREAM.contains(&symbol.quote)));
        assert_eq!(reading.emotions.len(), 1);
        assert_eq!(reading.questions[0], "What would have happened on the other side?");
        assert!((reading.grounding - 1.0).abs() < f32::EPSILON);
        assert!(reading.confidence > 0.6 && reading.confidence < 1.0);
    }

    fn reason(slot: &'static str, text: &'static str) -> FailureReason {
        fill(|name| (name == slot).then_some(text)).err().expect("it fails").reason
    }

    #[test]
    fn what_may_not_be_shown_is_named() {
        assert_eq!(reason("symbols.0", " dragon — “a dragon flew”"), FailureReason::Ungrounded);
        assert_eq!(reason("interpretation", " a change and"), FailureReason::Incomplete);
        assert_eq!(
            reason("interpretation", " the way is long. The way is long. The way is long. The way is long. The way is long."),
            FailureReason::Repetitive
        );
        assert_eq!(
            reason(
                "interpretation",
                " ein Wechsel, den du nicht gewählt hast und der dich mit großer Angst erfüllt. Der alte Weg bricht ab, bevor der neue Weg dich wirklich trägt, und du stehst ganz allein da, ohne dass dir jemand helfen könnte oder wollte."
            ),
            FailureReason::WrongLanguage
        );
    }
}
