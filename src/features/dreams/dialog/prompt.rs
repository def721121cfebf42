//! What the model reads before it answers: the dream, its reading, what was asked before, and last the question, with what the
//! dictionary and the dreamer say of the images that it names.

use std::fmt::Write as _;

use super::Inquiry;
use crate::{
    engine::{ChatMessage, ChatRole, Prompt},
    features::dreams::{
        DialogTurn, Symbol, checks, language,
        prompt::{estimate_tokens, shorten, texts},
        reader::Depth,
    },
};

/// Tokens kept free for the answer, by the model's depth.
const ANSWER_TOKENS: (u32, u32) = (250, 500);
/// How many earlier questions a model is given.
const TURNS: (usize, usize) = (2, 6);
/// How many images of a question it is told about.
const IMAGES: (usize, usize) = (1, 4);
/// Sentences of the interpretation that a small model is given.
const FIRST_SENTENCES: usize = 2;

/// The prompt within the model's context: earlier questions give way first, then the end of the dream.
pub fn prompt(inquiry: &Inquiry<'_>) -> Prompt {
    let (short, full) = ANSWER_TOKENS;
    let room = inquiry.reader.context_length.saturating_sub(inquiry.reader.depth().pick(short, full));
    let frame = |turns: &[&DialogTurn]| estimate_tokens(&texts(&render(inquiry, "", turns)).concat());
    let turns = earlier(inquiry);
    let mut turns = turns.as_slice();
    while let [_, later @ ..] = turns
        && frame(turns) > room / 2
    {
        turns = later;
    }
    let (text, _) = shorten(&inquiry.dream.text, room.saturating_sub(frame(turns)));
    render(inquiry, text, turns)
}

/// The last questions through this lens that were answered in this language, oldest first. What stood in the place of an answer
/// would only be said again.
fn earlier<'a>(inquiry: &Inquiry<'a>) -> Vec<&'a DialogTurn> {
    let nothing = &inquiry.prompts.wording(inquiry.language).dialog.nothing;
    let alike = |turn: &&DialogTurn| turn.lens == inquiry.lens.id && turn.language == inquiry.language && turn.answer != *nothing;
    let (short, full) = TURNS;
    let mut turns: Vec<&DialogTurn> = inquiry.earlier.iter().filter(alike).collect();
    turns.drain(..turns.len().saturating_sub(inquiry.reader.depth().pick(short, full)));
    turns
}

fn render(inquiry: &Inquiry<'_>, text: &str, turns: &[&DialogTurn]) -> Prompt {
    let wording = inquiry.wording();
    let dialog = &wording.dialog;
    let stance = &inquiry.lens.wording(inquiry.language).stance;
    let fill = |template: &str| template.replace("{stance}", stance).replace("{language}", &language::name(inquiry.language));
    let head = format!("{}: {text}\n{}: {}\n", wording.labels.dream, dialog.label_reading, reading(inquiry));
    let question = |asked: &str| format!("{}: {asked}", dialog.label_question);
    let answer = |said: &str| format!("{}: {said}", dialog.label_answer);
    let mut asked: Vec<String> = turns.iter().map(|turn| question(&turn.question)).collect();
    asked.push([hints(inquiry), question(inquiry.question)].concat());
    asked[0].insert_str(0, &head);
    if inquiry.reader.instruct {
        let system = if inquiry.reader.depth() == Depth::Full { &dialog.full_system } else { &dialog.system };
        let mut messages = vec![ChatMessage::new(ChatRole::System, fill(system))];
        let mut answers = turns.iter().map(|turn| answer(&turn.answer));
        for asked in asked {
            messages.push(ChatMessage::new(ChatRole::User, asked));
            messages.extend(answers.next().map(|said| ChatMessage::new(ChatRole::Assistant, said)));
        }
        return Prompt::Chat(messages.into());
    }
    let mut prompt = format!("{}\n\n", fill(&wording.preface));
    for (at, asked) in asked.iter().enumerate() {
        let _ = writeln!(prompt, "{asked}");
        if let Some(turn) = turns.get(at) {
            let _ = writeln!(prompt, "{}", answer(&turn.answer));
        }
    }
    Prompt::Text(prompt)
}

/// The reading as far as the model can keep it in mind.
fn reading(inquiry: &Inquiry<'_>) -> String {
    let reading = inquiry.reading;
    let all = inquiry.reader.depth() == Depth::Full;
    let sentences = checks::sentences(&reading.interpretation);
    let interpretation = sentences.iter().take(if all { sentences.len() } else { FIRST_SENTENCES }).copied().collect::<Vec<_>>().join(" ");
    let mut told = format!("{}. {} {interpretation}", reading.title, reading.summary);
    let named = inquiry.named();
    let asked_about = |symbol: &Symbol| symbol.id.as_ref().is_some_and(|id| named.contains(id)) || is_in(&symbol.name, inquiry.question);
    for symbol in reading.symbols.iter().filter(|symbol| all || asked_about(symbol)) {
        let _ = write!(told, "\n{}: {}", symbol.name, symbol.meaning);
    }
    told
}

/// A line each for what the dictionary and the dreamer say of the images that the question names.
fn hints(inquiry: &Inquiry<'_>) -> String {
    let (hints, dictionary) = (&inquiry.wording().hints, inquiry.lore.dictionary());
    let (short, full) = IMAGES;
    let most = inquiry.reader.depth().pick(short, full);
    let named = inquiry.named();
    let name = |id: &str| dictionary.name(id, inquiry.language).map_or_else(|| id.to_owned(), str::to_lowercase);
    let themes = named.iter().filter_map(|id| {
        let theme = dictionary.theme(id, &inquiry.lens.id, inquiry.language)?;
        Some(hints.tradition.replace("{symbol}", &name(id)).replace("{theme}", theme.text))
    });
    let own = inquiry.associations.iter().filter(|own| named.contains(&own.symbol) || is_in(&own.symbol, inquiry.question));
    let own = own.map(|own| hints.association.replace("{symbol}", &name(&own.symbol)).replace("{note}", &own.note));
    own.take(most).chain(themes.take(most)).map(|line| line + "\n").collect()
}

/// Whether a text names a word that is none of the dictionary's.
fn is_in(word: &str, text: &str) -> bool {
    text.to_lowercase().contains(&word.to_lowercase())
}
