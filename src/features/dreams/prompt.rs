//! The prompt: what the model reads before it fills the form.
//!
//! Small models follow examples, not instructions, so both kinds are shown filled forms. The examples come first and the
//! dream last: what is the same for every dream stays in the engine's cache.

use std::fmt::Write as _;

use super::{
    form::filled,
    language,
    prompts::Wording,
    reader::{Depth, Reader},
};
use crate::{
    engine::{ChatMessage, ChatRole, Prompt},
    features::lore::Lens,
};

/// Tokens kept free for the answer with its labels.
const SHORT_ANSWER_TOKENS: u32 = 700;
const FULL_ANSWER_TOKENS: u32 = 1400;
/// Hints may take one part in that many of what the dream and they share.
const HINTS_SHARE: u32 = 4;

/// What a prompt is made from.
pub struct Material<'a> {
    pub wording: &'a Wording,
    pub lens: &'a Lens,
    /// The language of the answer, ISO 639-1.
    pub language: &'a str,
    pub text: &'a str,
    /// Lines that the model is given beside the dream, the most important first.
    pub hints: &'a [String],
    pub reader: &'a Reader,
    /// The model chooses and does not write.
    pub is_chosen: bool,
}

/// A prompt and what had to be left out for it.
pub struct Fitted {
    pub prompt: Prompt,
    /// Only the dream's beginning is in it.
    pub shortened: bool,
    /// How many hints are in it.
    pub hints: usize,
    /// Tokens, about.
    pub tokens: u32,
}

impl Material<'_> {
    /// The prompt within the model's context. Hints give way first, then the dream is cut after whole sentences.
    pub fn fit(&self) -> Fitted {
        let frame = estimate_tokens(&texts(&self.render("", &[])).concat());
        let answer = self.reader.depth().pick(SHORT_ANSWER_TOKENS, FULL_ANSWER_TOKENS);
        let room = self.reader.context_length.saturating_sub(answer + frame);
        let mut hints = self.hints;
        let cost = |hints: &[String]| hints.iter().map(|hint| estimate_tokens(hint)).sum::<u32>();
        while let [rest @ .., _] = hints
            && (cost(hints) > room / HINTS_SHARE)
        {
            hints = rest;
        }
        let (text, shortened) = shorten(self.text, room.saturating_sub(cost(hints)));
        let prompt = self.render(text, hints);
        let tokens = estimate_tokens(&texts(&prompt).concat());
        Fitted { prompt, shortened, hints: hints.len(), tokens }
    }

    fn render(&self, text: &str, hints: &[String]) -> Prompt {
        let (wording, label) = (self.wording, &self.wording.labels.dream);
        let stance = &self.lens.wording(self.language).stance;
        let fill = |template: &str| template.replace("{stance}", stance).replace("{language}", &language::name(self.language));
        let filled = |example| filled(wording, self.lens, self.language, (example, self.is_chosen));
        let told = [text].into_iter().chain(hints.iter().map(String::as_str)).collect::<Vec<_>>().join("\n");
        if self.reader.instruct {
            let system = if self.reader.depth() == Depth::Full { &wording.full_system } else { &wording.system };
            let mut messages = vec![ChatMessage::new(ChatRole::System, fill(system))];
            for example in &wording.examples {
                messages.push(ChatMessage::new(ChatRole::User, format!("{label}: {}", example.dream)));
                messages.push(ChatMessage::new(ChatRole::Assistant, filled(example)));
            }
            messages.push(ChatMessage::new(ChatRole::User, format!("{label}: {told}")));
            return Prompt::Chat(messages.into());
        }
        let mut prompt = fill(&wording.preface);
        for example in &wording.examples {
            let _ = write!(prompt, "\n\n{label}: {}\n{}", example.dream, filled(example));
        }
        let _ = write!(prompt, "\n\n{label}: {told}\n");
        Prompt::Text(prompt)
    }
}

/// The texts of a prompt, in order.
pub fn texts(prompt: &Prompt) -> Vec<&str> {
    match prompt {
        Prompt::Text(text) | Prompt::Rendered(text) => vec![text],
        Prompt::Chat(chat) => chat.messages.iter().map(|message| message.content.as_str()).collect(),
    }
}

/// At least as many tokens as a text has: English takes a token for about four letters, other scripts for about two; the
/// server holds no tokenizer, so it errs on the long side.
pub fn estimate_tokens(text: &str) -> u32 {
    let thirds: usize = text.chars().map(|letter| if letter.is_ascii() { 2 } else { 4 }).sum();
    u32::try_from(thirds / 6 + 16).unwrap_or(u32::MAX)
}

/// As many whole sentences from the start as fit; at least the first one's start.
pub fn shorten(text: &str, room: u32) -> (&str, bool) {
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
    use super::{super::prompts::Prompts, *};
    use crate::features::{dreams::reader::testing, lore::Lore};

    struct Case<'a> {
        text: &'a str,
        hints: &'a [String],
        language: &'a str,
        reader: Reader,
    }

    impl Case<'_> {
        fn fit(&self) -> (String, Fitted) {
            let (prompts, lore) = (Prompts::embedded(), Lore::embedded());
            let (wording, lens) = (prompts.wording(self.language), lore.lens(&"islamic".parse().unwrap()).unwrap());
            let material = Material {
                wording,
                lens,
                language: self.language,
                text: self.text,
                hints: self.hints,
                reader: &self.reader,
                is_chosen: false,
            };
            let fitted = material.fit();
            (texts(&fitted.prompt).concat(), fitted)
        }
    }

    fn small(context_length: u32) -> Reader {
        Reader { context_length, ..testing::reader("small", &["en"]) }
    }

    #[test]
    fn a_short_dream_is_given_whole_and_the_frame_stays_small() {
        let (text, fitted) =
            Case { text: "I walked along the river and saw my house.", hints: &[], language: "en", reader: small(2048) }.fit();
        assert!(text.contains("saw my house.") && text.contains("Ibn Sirin") && !fitted.shortened);
        assert!(estimate_tokens(&text) < 1000, "{}", estimate_tokens(&text));
        assert!(!text.contains("{stance}"));
    }

    #[test]
    fn a_base_model_sees_examples_in_its_language() {
        let base = || Reader { instruct: false, ..small(4096) };
        let (text, _) = Case { text: "Мне снился дом у реки.", hints: &[], language: "ru", reader: base() }.fit();
        assert!(text.contains("Птица на калитке") && text.ends_with("Сон: Мне снился дом у реки.\n"), "{text}");
        let (text, _) = Case { text: "J'ai rêvé d'une maison.", hints: &[], language: "fr", reader: base() }.fit();
        assert!(text.contains("Der Vogel am Tor"), "{text}");
    }

    #[test]
    fn a_long_dream_is_cut_after_a_sentence() {
        let dream = "I walked along the wide river and looked for my house. ".repeat(70);
        let (text, fitted) = Case { text: &dream, hints: &[], language: "en", reader: small(2048) }.fit();
        assert!(fitted.shortened && text.ends_with("looked for my house."), "{text}");
        let endless = "river ".repeat(660);
        assert!(Case { text: endless.trim(), hints: &[], language: "en", reader: small(2048) }.fit().1.shortened);
    }

    #[test]
    fn hints_stand_beside_the_dream_and_give_way_before_it() {
        let hints = [String::from("For the dreamer, river means: childhood"), "x".repeat(4000)];
        let (text, fitted) =
            Case { text: "I walked along the river and saw my house.", hints: &hints, language: "en", reader: small(2048) }.fit();
        assert!(text.contains("saw my house.\nFor the dreamer, river means: childhood"), "{text}");
        assert_eq!((fitted.hints, fitted.shortened), (1, false));
    }

    #[test]
    fn a_large_model_gets_the_whole_instruction() {
        let large = Reader { parameters: 8_000_000_000, ..small(8192) };
        let wording = Prompts::embedded();
        let (text, _) = Case { text: "I walked along the river and saw my house.", hints: &[], language: "en", reader: large }.fit();
        let beginning: String = wording.wording("en").full_system.chars().take(20).collect();
        assert!(text.starts_with(&beginning), "{text}");
    }
}
