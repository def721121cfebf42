//! The form that a model fills: labels that are given, slots that are bounded, in the order people read.
//!
//! A reading's JSON is valid by construction because the model never writes JSON: it writes the text of one field at a
//! time. A slot's alphabet is that of the language, so an answer in another script cannot be written; a symbol is chosen
//! among passages of the dream. Every slot begins with its space, as tokenizers like it.

use std::{collections::HashMap, fmt::Write as _};

use super::{
    draft::is_prose,
    language::{WritingSystem, script_of},
    passages::Candidate,
    prompts::{Chosen, Example, Wording},
    reader::Depth,
};
use crate::{
    engine::{Constraint, FormPart, Slot},
    features::lore::Lens,
};

/// What stands between a symbol's name and its quote.
const QUOTE_OPENS: &str = " — “";
const QUOTE_CLOSES: &str = "”";
const INTENSITIES: [&str; 8] = ["0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"];
/// Those that a model chooses among that does not write: the feelings that it is offered are not weak in the dream.
const LIKELY_INTENSITIES: [&str; 4] = ["0.5", "0.6", "0.7", "0.8"];
/// Tokens that a line which is chosen may take: some tokenizers spell other scripts letter by letter.
const LINE_TOKENS: u32 = 120;
/// How many emotions are asked for.
const EMOTIONS: usize = 2;
/// How many of the likeliest feelings the first one is chosen among; the second among all that are offered.
const FIRST_AMONG: usize = 2;
/// How many advices, and questions of each sort, a model is offered.
const OFFERED_LINES: usize = 4;

/// A form, and what its slots mean.
pub struct Form {
    pub parts: Vec<FormPart>,
    /// Slot name → words written for the model that belong to the field's text.
    pub openings: HashMap<String, String>,
    /// How many symbols, archetypes and questions it asks for.
    pub symbols: usize,
    pub archetypes: usize,
    pub questions: usize,
    /// The model chooses everything and writes nothing.
    pub is_chosen: bool,
}

/// What a model chooses among that does not write: what people wrote, and the moods and feelings that are likely in this dream.
pub struct Choices<'a> {
    pub chosen: &'a Chosen,
    pub moods: Vec<String>,
    /// The likeliest first.
    pub feelings: Vec<String>,
    /// Those that may be seen in the dream's images.
    pub archetypes: Vec<String>,
    /// Which of the lines that people wrote are offered: the same for the same dream and lens, others for others.
    pub turn: usize,
    /// The dream's images that other dreams of the owner hold, too, with how many of them.
    pub recurring: Vec<(String, u32)>,
    /// Images that the dreamer has noted something of.
    pub noted: Vec<String>,
}

impl Choices<'_> {
    /// Some of these lines.
    fn offered(&self, lines: &[String]) -> Vec<String> {
        lines.iter().cycle().skip(self.turn % lines.len().max(1)).take(OFFERED_LINES.min(lines.len())).cloned().collect()
    }
}

/// Builds a form line by line.
struct Builder<'a> {
    form: Form,
    script: WritingSystem,
    depth: Depth,
    /// Tokens a word takes, about: tokenizers know fewer words of other scripts.
    tokens_per_word: u32,
    pending: String,
    wording: &'a Wording,
}

impl Form {
    /// The form for a dream whose symbols may be `candidates` (one list for each symbol), answered in `language` by a model that writes.
    pub fn new(wording: &Wording, lens: &Lens, language: &str, candidates: &[Vec<Candidate>], depth: Depth) -> Self {
        let questions = wording.openings.questions.len();
        let form = Self { symbols: candidates.len(), archetypes: lens.archetypes, questions, ..Self::empty() };
        let mut builder = Builder::new(form, wording, language, depth);
        builder.opening_lines();
        builder.symbols(candidates);
        builder.feelings([&wording.vocabulary.emotions; EMOTIONS], &INTENSITIES);
        builder.archetypes(&lens.wording(language).archetypes, lens.archetypes);
        builder.closing_lines(lens, language);
        builder.form
    }

    /// The same for a model that chooses.
    pub fn of_choices(wording: &Wording, lens: &Lens, language: &str, candidates: &[Vec<Candidate>], choices: &Choices<'_>) -> Self {
        let questions = choices.chosen.questions.len();
        let archetypes = lens.archetypes.min(choices.archetypes.len());
        let form = Self { symbols: candidates.len(), archetypes, questions, is_chosen: true, ..Self::empty() };
        let mut builder = Builder::new(form, wording, language, Depth::Short);
        builder.text(&format!("{}:", wording.labels.mood));
        builder.one_of("mood", &choices.moods, 12);
        builder.chosen_symbols(candidates);
        let first = if choices.feelings == wording.vocabulary.emotions { choices.feelings.len() } else { FIRST_AMONG };
        let first = &choices.feelings[..first.min(choices.feelings.len())];
        builder.feelings([first, &choices.feelings], &LIKELY_INTENSITIES);
        builder.archetypes(&choices.archetypes, archetypes);
        builder.chosen_lines(lens, language, choices);
        builder.form
    }

    /// The form for an answer to a question about a reading.
    pub fn answer(wording: &Wording, language: &str, depth: Depth) -> Self {
        let mut builder = Builder::new(Self::empty(), wording, language, depth);
        builder.text(&format!("{}:", wording.dialog.label_answer));
        let (least, most) = depth.pick((1, 3), (2, 6));
        builder.prose("answer", &wording.dialog.opening, Sentences { least_words: 4, most_words: 26, least, most });
        builder.form
    }

    fn empty() -> Self {
        Self { parts: Vec::new(), openings: HashMap::new(), symbols: 0, archetypes: 0, questions: 0, is_chosen: false }
    }

    /// The slots of running text that the model writes, in order.
    pub fn prose(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            FormPart::Slot(slot) if is_prose(&slot.name) && matches!(slot.constraint, Constraint::Regex(_)) => Some(slot.name.as_str()),
            _ => None,
        })
    }

    /// The same form with every slot but `anew` given as it was filled, up to the last of them: what a repair asks for.
    pub fn only(&self, anew: &[String], filled: &HashMap<String, String>) -> Vec<FormPart> {
        let wanted = |part: &FormPart| matches!(part, FormPart::Slot(slot) if anew.contains(&slot.name));
        let end = self.parts.iter().rposition(wanted).map_or(0, |last| last + 1);
        let mut parts: Vec<FormPart> = Vec::new();
        for part in &self.parts[..end] {
            let text = match part {
                FormPart::Slot(slot) if anew.contains(&slot.name) => {
                    parts.push(part.clone());
                    continue;
                }
                FormPart::Slot(slot) => filled.get(&slot.name).cloned().unwrap_or_default(),
                FormPart::Literal(text) => text.clone(),
            };
            match parts.last_mut() {
                Some(FormPart::Literal(before)) => before.push_str(&text),
                _ => parts.push(FormPart::Literal(text)),
            }
        }
        parts
    }
}

impl<'a> Builder<'a> {
    fn new(form: Form, wording: &'a Wording, language: &str, depth: Depth) -> Self {
        let script = script_of(language);
        let latin = script.first == script_of("en").first;
        Self { form, script, depth, tokens_per_word: if latin { 2 } else { 3 }, pending: String::new(), wording }
    }

    fn opening_lines(&mut self) {
        let labels = &self.wording.labels;
        self.text(&format!("{}:", labels.title));
        self.slot("title", Constraint::Regex(self.title()), 8 * self.tokens_per_word);
        self.text(&format!("\n{}:", labels.summary));
        let opening = self.wording.openings.summary.clone();
        let most = self.depth.pick(1, 2);
        self.prose("summary", &opening, Sentences { least_words: 5, most_words: 24, least: 1, most });
        // Before what follows, so that the rest agrees with it.
        self.text(&format!("\n{}:", labels.mood));
        let moods: Vec<String> = self.wording.vocabulary.moods.iter().map(|mood| mood.word.clone()).collect();
        self.one_of("mood", &moods, 12);
    }

    fn symbols(&mut self, candidates: &[Vec<Candidate>]) {
        self.text(&format!("\n{}:", self.wording.labels.symbols));
        let opening = self.wording.openings.meaning.clone();
        for (number, list) in candidates.iter().enumerate() {
            self.symbol(number, list);
            self.text(".");
            let most = self.depth.pick(1, 2);
            self.prose(&format!("symbols.{number}.meaning"), &opening, Sentences { least_words: 4, most_words: 20, least: 1, most });
        }
    }

    fn symbol(&mut self, number: usize, candidates: &[Candidate]) {
        self.text(&format!("\n{}.", number + 1));
        let lines: Vec<String> = candidates.iter().map(|candidate| symbol_line(&candidate.name, &candidate.quote)).collect();
        self.one_of(&format!("symbols.{number}"), &lines, LINE_TOKENS);
    }

    fn chosen_symbols(&mut self, candidates: &[Vec<Candidate>]) {
        self.text(&format!("\n{}:", self.wording.labels.symbols));
        candidates.iter().enumerate().for_each(|(number, list)| self.symbol(number, list));
    }

    fn chosen_lines(&mut self, lens: &Lens, language: &str, choices: &Choices<'_>) {
        let labels = &self.wording.labels;
        self.text(&format!("\n{}:", labels.advice));
        self.opened("advice", &lens.wording(language).advice);
        self.one_of("advice", &choices.offered(&choices.chosen.advice), LINE_TOKENS);
        self.text(&format!("\n{}:", labels.questions));
        for (number, questions) in choices.chosen.questions.iter().enumerate() {
            self.text("\n-");
            self.one_of(&format!("questions.{number}"), &choices.offered(questions), LINE_TOKENS);
        }
    }

    /// A slot that holds one of these words or lines.
    fn one_of(&mut self, name: &str, choices: &[String], max_tokens: u32) {
        self.slot(name, Constraint::OneOf(choices.iter().map(|choice| format!(" {choice}")).collect()), max_tokens);
    }

    fn feelings(&mut self, names: [&[String]; EMOTIONS], intensities: &[&str]) {
        self.text(&format!("\n{}:", self.wording.labels.emotions));
        for (number, names) in names.into_iter().enumerate() {
            if number > 0 {
                self.text(",");
            }
            self.one_of(&format!("emotions.{number}.name"), names, 12);
            self.text(" (");
            let intensities = intensities.iter().map(ToString::to_string).collect();
            self.slot(&format!("emotions.{number}.intensity"), Constraint::OneOf(intensities), 6);
            self.text(")");
        }
    }

    fn archetypes(&mut self, words: &[String], count: usize) {
        for number in 0..count {
            self.text(&if number == 0 { format!("\n{}:", self.wording.labels.archetypes) } else { ",".to_owned() });
            self.one_of(&format!("archetypes.{number}"), words, 24);
        }
    }

    fn closing_lines(&mut self, lens: &Lens, language: &str) {
        let (labels, openings, lens) = (&self.wording.labels, &self.wording.openings, lens.wording(language));
        self.text(&format!("\n{}:", labels.interpretation));
        self.prose("interpretation", &lens.opening, Sentences { least_words: 5, most_words: 26, least: 2, most: self.depth.pick(3, 7) });
        self.text(&format!("\n{}:", labels.advice));
        self.prose("advice", &lens.advice, Sentences { least_words: 4, most_words: 22, least: 1, most: self.depth.pick(1, 2) });
        self.text(&format!("\n{}:", labels.questions));
        for (number, opening) in openings.questions.iter().enumerate() {
            self.text("\n-");
            self.opened(&format!("questions.{number}"), opening);
            let pattern = format!("{}{}", self.clause(opening.is_empty(), 3, 16), regex_text(self.script.question_mark));
            self.slot(&format!("questions.{number}"), Constraint::Regex(pattern), 18 * self.tokens_per_word);
        }
    }

    /// Text that is given. Neighbouring pieces become one literal.
    fn text(&mut self, text: &str) {
        self.pending.push_str(text);
    }

    fn slot(&mut self, name: &str, constraint: Constraint, max_tokens: u32) {
        let literal = std::mem::take(&mut self.pending);
        if !literal.is_empty() {
            self.form.parts.push(FormPart::Literal(literal));
        }
        self.form.parts.push(FormPart::Slot(Slot { name: name.to_owned(), constraint, max_tokens, stop: vec!["\n".to_owned()] }));
    }

    fn opened(&mut self, name: &str, opening: &str) {
        if !opening.is_empty() {
            let _ = write!(self.pending, " {opening}");
            self.form.openings.insert(name.to_owned(), opening.to_owned());
        }
    }

    fn prose(&mut self, name: &str, opening: &str, sentences: Sentences) {
        self.opened(name, opening);
        let stop = regex_text(self.script.full_stop);
        let head = format!("{}{stop}", self.clause(opening.is_empty(), sentences.least_words, sentences.most_words));
        let pattern = if sentences.most > 1 {
            let next = format!("{}{stop}", self.clause(true, sentences.least_words, sentences.most_words));
            format!("{head}({next}){{{},{}}}", sentences.least - 1, sentences.most - 1)
        } else {
            head
        };
        self.slot(name, Constraint::Regex(pattern), sentences.most * sentences.most_words * self.tokens_per_word);
    }

    /// Words without the stop that ends them. A capital begins it unless it goes on from words that were given.
    fn clause(&self, capital: bool, least: u32, most: u32) -> String {
        let WritingSystem { first, letters, pause, .. } = self.script;
        if !self.script.spaced {
            return format!("{first}[{letters}]{{{},{}}}([{pause}][{letters}]{{2,{most}}}){{0,2}}", least * 2, most * 2);
        }
        let head = if capital { format!("{first}[{letters}]*") } else { format!("[{letters}]+") };
        format!(" {head}([{pause}]? [{letters}]+){{{},{}}}", least - 1, most - 1)
    }

    fn title(&self) -> String {
        let WritingSystem { first, letters, spaced, .. } = self.script;
        if spaced { format!(" {first}[{letters}]*( [{letters}]+){{1,5}}") } else { format!("{first}[{letters}]{{2,14}}") }
    }
}

/// How long a piece of prose may be.
struct Sentences {
    least_words: u32,
    most_words: u32,
    least: u32,
    most: u32,
}

fn regex_text(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii_punctuation() { format!(r"\{letter}") } else { letter.to_string() }).collect()
}

/// A symbol as the form shows it.
fn symbol_line(name: &str, quote: &str) -> String {
    format!("{name}{QUOTE_OPENS}{quote}{QUOTE_CLOSES}")
}

/// Name and quote of a symbol as the form shows it.
pub fn read_symbol_line(line: &str) -> Option<(&str, &str)> {
    let (name, quote) = line.trim().split_once(QUOTE_OPENS)?;
    Some((name, quote.strip_suffix(QUOTE_CLOSES)?))
}

/// An example, filled into the same form: that of a model that writes, or of one that chooses.
pub fn filled(wording: &Wording, lens: &Lens, language: &str, (example, is_chosen): (&Example, bool)) -> String {
    let labels = &wording.labels;
    let mut text = String::new();
    if !is_chosen {
        let _ = writeln!(text, "{}: {}\n{}: {}", labels.title, example.title, labels.summary, example.summary);
    }
    let _ = write!(text, "{}: {}\n{}:", labels.mood, example.mood, labels.symbols);
    for (number, symbol) in example.symbols.iter().enumerate() {
        let _ = write!(text, "\n{}. {}", number + 1, symbol_line(&symbol.name, &symbol.quote));
        if !is_chosen {
            let _ = write!(text, ". {}", symbol.meaning);
        }
    }
    let emotions: Vec<_> = example.emotions.iter().map(|emotion| format!("{} ({})", emotion.name, emotion.intensity)).collect();
    let _ = write!(text, "\n{}: {}", labels.emotions, emotions.join(", "));
    if lens.archetypes > 0 {
        let archetypes: Vec<_> = example.archetypes.iter().take(lens.archetypes).map(String::as_str).collect();
        let _ = write!(text, "\n{}: {}", labels.archetypes, archetypes.join(", "));
    }
    let lens = lens.wording(language);
    let joined = |opening: &str, rest: &str| if opening.is_empty() { rest.to_owned() } else { format!("{opening} {rest}") };
    if !is_chosen {
        let _ = write!(text, "\n{}: {}", labels.interpretation, joined(&lens.opening, &example.interpretation));
    }
    let _ = write!(text, "\n{}: {}", labels.advice, joined(&lens.advice, &example.advice));
    let _ = write!(text, "\n{}:\n- {}", labels.questions, example.questions.join("\n- "));
    text
}

#[cfg(test)]
mod tests {
    use super::{
        super::{passages, prompts::Prompts},
        *,
    };
    use crate::features::lore::{Found, Lore};

    const DREAM: &str = "I was crossing a narrow bridge over the dark river at night and my grandmother waited with a lantern.";

    fn form(language: &str, lens: &str) -> Form {
        let (prompts, lore) = (Prompts::embedded(), Lore::embedded());
        let wording = prompts.wording(language);
        let found: Vec<Found> = lore.dictionary().find(DREAM, "en");
        let candidates = passages::candidates(DREAM, "en", &wording.vocabulary, &found, 3);
        Form::new(wording, lore.lens(&lens.parse().unwrap()).unwrap(), language, &candidates, Depth::Short)
    }

    fn slots(form: &Form) -> Vec<&Slot> {
        form.parts.iter().filter_map(|part| if let FormPart::Slot(slot) = part { Some(slot) } else { None }).collect()
    }

    #[test]
    fn the_fields_come_in_the_order_people_read() {
        let form = form("en", "jungian");
        let names: Vec<_> = slots(&form).iter().map(|slot| slot.name.clone()).collect();
        assert_eq!(names[..4], ["title", "summary", "mood", "symbols.0"]);
        assert_eq!(names[names.len() - 4..], ["interpretation", "advice", "questions.0", "questions.1"]);
        assert!(names.contains(&"archetypes.1".to_owned()));
    }

    #[test]
    fn a_model_that_chooses_is_asked_for_no_sentence() {
        let (prompts, lore) = (Prompts::embedded(), Lore::embedded());
        for language in ["en", "ru", "ar"] {
            let wording = prompts.wording(language);
            let found: Vec<Found> = lore.dictionary().find(DREAM, "en");
            let candidates = passages::candidates(DREAM, "en", &wording.vocabulary, &found, 3);
            let choices = Choices {
                chosen: wording.chosen.as_ref().unwrap(),
                moods: vec![wording.vocabulary.moods[0].word.clone()],
                feelings: wording.vocabulary.emotions[..3].to_vec(),
                archetypes: vec!["Hero".into(), "Child".into()],
                turn: 6,
                recurring: Vec::new(),
                noted: Vec::new(),
            };
            let form = Form::of_choices(wording, lore.lens(&"jungian".parse().unwrap()).unwrap(), language, &candidates, &choices);
            assert_eq!(form.prose().count(), 0, "{language}");
            assert!(slots(&form).iter().all(|slot| matches!(&slot.constraint, Constraint::OneOf(choices) if !choices.is_empty())));
            let names: Vec<_> = slots(&form).iter().map(|slot| slot.name.clone()).collect();
            assert_eq!((names[0].as_str(), names.contains(&"symbols.1".to_owned())), ("mood", true), "{names:?}");
            assert_eq!(names[names.len() - 3..], ["advice", "questions.0", "questions.1"]);
        }
    }

    #[test]
    fn an_answer_in_another_script_cannot_be_written() {
        for (language, sentence, wrong) in [
            ("ru", " человек стоит на мосту, а внизу бежит река.", " a man stands on a bridge above a river."),
            ("ar", " بيت قديم ونهر يجري تحت النافذة.", " a man stands on a bridge above a river."),
            ("en", " a man stands on a bridge, above a river.", " человек стоит на мосту, а внизу бежит река."),
        ] {
            let form = form(language, "psychological");
            let summary = slots(&form).into_iter().find(|slot| slot.name == "summary").unwrap().clone();
            let Constraint::Regex(pattern) = summary.constraint else { panic!("prose is bounded") };
            let pattern = regex::Regex::new(&format!("^(?:{pattern})$")).unwrap();
            assert!(pattern.is_match(sentence), "{language}: {pattern}");
            assert!(!pattern.is_match(wrong), "{language}");
        }
    }

    #[test]
    fn every_pattern_is_well_formed() {
        for language in ["en", "ru", "ar", "de", "ja", "el"] {
            for slot in slots(&form(language, "folk")) {
                if let Constraint::Regex(pattern) = &slot.constraint {
                    assert!(regex::Regex::new(pattern).is_ok(), "{language} {}: {pattern}", slot.name);
                }
            }
        }
    }

    #[test]
    fn a_symbol_line_reads_back() {
        let line = symbol_line("river", "the dark river");
        assert_eq!(read_symbol_line(&format!(" {line}")), Some(("river", "the dark river")));
        assert_eq!(read_symbol_line("river"), None);
    }

    #[test]
    fn a_repair_keeps_what_was_good() {
        let form = form("en", "psychological");
        let filled = slots(&form).iter().map(|slot| (slot.name.clone(), format!(" {}", slot.name))).collect();
        let parts = form.only(&["summary".to_owned(), "advice".to_owned()], &filled);
        let anew: Vec<_> =
            parts.iter().filter_map(|part| if let FormPart::Slot(slot) = part { Some(slot.name.as_str()) } else { None }).collect();
        assert_eq!(anew, ["summary", "advice"]);
        let Some(FormPart::Literal(first)) = parts.first() else { panic!("the title is given") };
        assert!(first.starts_with("Title: title\nSummary: You"), "{first}");
        assert!(matches!(parts.last(), Some(FormPart::Slot(slot)) if slot.name == "advice"), "nothing is written after it");
    }

    #[test]
    fn an_example_looks_like_the_form() {
        let (prompts, lore) = (Prompts::embedded(), Lore::embedded());
        let wording = prompts.wording("en");
        let text = filled(wording, lore.lens(&"psychological".parse().unwrap()).unwrap(), "en", (&wording.examples[0], false));
        assert!(text.starts_with("Title: The Bird"), "{text}");
        for part in form("en", "psychological").parts {
            if let FormPart::Literal(literal) = part {
                assert!(text.contains(literal.trim_start_matches(['.', ')', ','])), "{literal:?} is not in {text}");
            }
        }
    }
}
