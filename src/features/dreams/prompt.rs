//! The prompt: what the model reads before it fills the form.
//!
//! Small models follow examples, not instructions, so both kinds are shown filled forms. The examples come first and the
//! dream last: what is the same for every dream stays in the engine's cache.

use std::fmt::Write as _;

use super::{
    form::filled,
    language,
    prompts::{LensWording, Wording},
};
use crate::engine::{ChatMessage, ChatRole, Prompt};

/// Tokens kept free for the answer with its labels.
const ANSWER_TOKENS: u32 = 700;

/// What a prompt is made from.
pub struct Material<'a> {
    pub wording: &'a Wording,
    pub lens: &'a LensWording,
    /// The language of the answer, ISO 639-1.
    pub language: &'a str,
    pub text: &'a str,
    /// Whether the model is asked in a chat or given one text to go on with (base models).
    pub instruct: bool,
    /// Tokens.
    pub context_length: u32,
}

impl Material<'_> {
    /// The prompt, and whether the dream had to be shortened for it. The text is cut after whole sentences.
    pub fn prompt(&self) -> (Prompt, bool) {
        let frame = self.render("");
        let room = self.context_length.saturating_sub(ANSWER_TOKENS + estimate_tokens(&texts(&frame).concat()));
        let (text, shortened) = shorten(self.text, room);
        (self.render(text), shortened)
    }

    fn render(&self, text: &str) -> Prompt {
        let (wording, label) = (self.wording, &self.wording.labels.dream);
        let fill = |template: &str| template.replace("{stance}", &self.lens.stance).replace("{language}", &language::name(self.language));
        let examples = || wording.examples.iter().map(|example| (example.dream.as_str(), filled(wording, self.lens, example)));
        if self.instruct {
            let mut messages = vec![ChatMessage::new(ChatRole::System, fill(&wording.system))];
            for (dream, reading) in examples() {
                messages.push(ChatMessage::new(ChatRole::User, format!("{label}: {dream}")));
                messages.push(ChatMessage::new(ChatRole::Assistant, reading));
            }
            messages.push(ChatMessage::new(ChatRole::User, format!("{label}: {text}")));
            return Prompt::Chat(messages.into());
        }
        let mut prompt = fill(&wording.preface);
        for (dream, reading) in examples() {
            let _ = write!(prompt, "\n\n{label}: {dream}\n{reading}");
        }
        let _ = write!(prompt, "\n\n{label}: {text}\n");
        Prompt::Text(prompt)
    }
}

fn texts(prompt: &Prompt) -> Vec<&str> {
    match prompt {
        Prompt::Text(text) | Prompt::Rendered(text) => vec![text],
        Prompt::Chat(chat) => chat.messages.iter().map(|message| message.content.as_str()).collect(),
    }
}

/// At least as many tokens as a text has: English takes a token for about four letters, other scripts for about two; the
/// server holds no tokenizer, so it errs on the long side.
fn estimate_tokens(text: &str) -> u32 {
    let thirds: usize = text.chars().map(|letter| if letter.is_ascii() { 2 } else { 4 }).sum();
    u32::try_from(thirds / 6 + 16).unwrap_or(u32::MAX)
}

/// As many whole sentences from the start as fit; at least the first one's start.
fn shorten(text: &str, room: u32) -> (&str, bool) {
    if estimate_tokens(text) <= room {
        return (text, false);
    }
    let mut end = 0;
    for (at, letter) in text.char_indices() {
        let after = at + letter.len_utf8();
        if matches!(letter, '.' | '!' | '?' | '…' | '؟' | '\n' | '。') && estimate_tokens(&text[..after]) <= room {
            end = after;
        }
    }
    if end == 0 {
        // One endless sentence: cut at a word.
        let cut = text.char_indices().map(|(at, _)| at).take_while(|at| estimate_tokens(&text[..*at]) <= room).last().unwrap_or(0);
        end = text[..cut].rfind(' ').unwrap_or(cut);
    }
    (text[..end].trim_end(), true)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Lens, prompts::Prompts},
        *,
    };

    fn prompt(text: &str, language: &str, instruct: bool, context_length: u32) -> (String, bool) {
        let prompts = Prompts::embedded();
        let wording = prompts.wording(language);
        let lens = wording.lens(Lens::Islamic);
        let (prompt, shortened) = Material { wording, lens, language, text, instruct, context_length }.prompt();
        (texts(&prompt).concat(), shortened)
    }

    #[test]
    fn a_short_dream_is_given_whole_and_the_frame_stays_small() {
        let (text, shortened) = prompt("I walked along the river and saw my house.", "en", true, 2048);
        assert!(text.contains("saw my house.") && text.contains("Ibn Sirin") && !shortened);
        assert!(estimate_tokens(&text) < 1000, "{}", estimate_tokens(&text));
        assert!(!text.contains("{stance}"));
    }

    #[test]
    fn a_base_model_sees_examples_in_its_language() {
        let (text, _) = prompt("Мне снился дом у реки.", "ru", false, 4096);
        assert!(text.contains("Птица на калитке") && text.ends_with("Сон: Мне снился дом у реки.\n"), "{text}");
        let (text, _) = prompt("J'ai rêvé d'une maison.", "fr", false, 4096);
        assert!(text.contains("Der Vogel am Tor"), "{text}");
    }

    #[test]
    fn a_long_dream_is_cut_after_a_sentence() {
        let dream = "I walked along the wide river and looked for my house. ".repeat(70);
        let (text, shortened) = prompt(&dream, "en", true, 2048);
        assert!(shortened && text.ends_with("looked for my house."), "{text}");
        let endless = "river ".repeat(660);
        assert!(prompt(endless.trim(), "en", true, 2048).1);
    }
}
