//! What is known of a dream before a model is asked: its images, dreams like it, what comes back, what the dreamer told.
//!
//! Whatever else is found out about a dream by then (its content analysis, the moon of its night) belongs here, with the line that
//! it gives the model.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use super::{Association, SimilarDream, feelings::LikelyFeelings, prompts::Wording, reader::Depth};
use crate::features::lore::{Found, Lens, Lore};

/// How many lines of one sort a model is given, by its depth.
const ASSOCIATIONS: (usize, usize) = (2, 8);
const TRADITIONS: (usize, usize) = (3, 6);
const RECURRING: (usize, usize) = (0, 3);
const SIMILAR: (usize, usize) = (0, 2);
/// From that likeness on a dream is told to the model as similar.
const ALIKE: f32 = 0.85;
/// Letters of a similar dream that the model is given.
const SIMILAR_LETTERS: usize = 120;

/// All of it.
#[derive(Default)]
pub struct Findings {
    /// Images of the dictionary, in order of the text.
    pub found: Vec<Found>,
    /// The owner's own dreams that are most like this one, nearest first.
    pub similar: Vec<SimilarDream>,
    /// Images that other dreams of the owner hold, too, with how many of them.
    pub recurring: Vec<(String, u32)>,
    /// What the dreamer told about this dream's images, here or in earlier dreams.
    pub associations: Vec<Association>,
    /// Images of the dictionary in what the dreamer told.
    pub of_notes: Vec<Found>,
    /// For a model that chooses among them.
    pub feelings: LikelyFeelings,
}

/// In whose words the lines are.
#[derive(Clone, Copy)]
pub struct Speech<'a> {
    pub wording: &'a Wording,
    pub lore: &'a Lore,
    pub lens: &'a Lens,
    /// Of the answer.
    pub language: &'a str,
}

impl Findings {
    /// The ids of the images that dream and dreamer speak of.
    pub fn images(&self) -> HashSet<String> {
        self.found.iter().chain(&self.of_notes).map(|found| found.symbol.clone()).collect()
    }

    /// The dream with what the dreamer told of it and how often its images come back: numbers that stand there are known.
    pub fn told(&self, dream: &str) -> String {
        let notes = self.associations.iter().map(|own| own.note.clone());
        let counts = self.recurring.iter().map(|(_, count)| count.to_string());
        [dream.to_owned()].into_iter().chain(notes).chain(counts).collect::<Vec<_>>().join("\n")
    }

    /// The same, each once, in order of the text.
    pub fn different_images(&self) -> Vec<String> {
        let mut known = HashSet::new();
        self.found.iter().map(|found| found.symbol.clone()).filter(|id| known.insert(id.clone())).collect()
    }

    /// Lines for the model, the most important first: the dreamer's own words come before any tradition.
    pub fn hints(&self, speech: Speech<'_>, depth: Depth) -> Vec<String> {
        let Speech { wording, lore, lens, language } = speech;
        let hints = &wording.hints;
        let named = |id: &str| lore.dictionary().name(id, language).map_or_else(|| id.to_owned(), str::to_lowercase);
        let most = |(short, full): (usize, usize)| depth.pick(short, full);
        let associations = self.associations.iter().take(most(ASSOCIATIONS));
        let associations =
            associations.map(|own| hints.association.replace("{symbol}", &named(&own.symbol)).replace("{note}", &one_line(&own.note)));
        let traditions = self.different_images().into_iter().filter_map(|id| {
            let theme = lore.dictionary().theme(&id, &lens.id, language)?;
            Some(hints.tradition.replace("{symbol}", &named(&id)).replace("{theme}", theme.text))
        });
        let recurring = self.recurring.iter().take(most(RECURRING));
        let recurring = recurring.map(|(id, count)| hints.recurring.replace("{symbol}", &named(id)).replace("{count}", &count.to_string()));
        let similar = self.similar.iter().filter(|similar| similar.similarity >= ALIKE).take(most(SIMILAR));
        let similar = similar.map(|similar| hints.similar.replace("{title}", &beginning(&similar.dream.text)));
        associations.chain(traditions.take(most(TRADITIONS))).chain(recurring).chain(similar).collect()
    }

    /// What makes two readings of the same dream different although model and prompt are the same: what the dreamer told. Empty
    /// when nothing was told.
    pub fn context(&self) -> String {
        if self.associations.is_empty() {
            return String::new();
        }
        let mut hash = Sha256::new();
        for own in &self.associations {
            hash.update(&own.symbol);
            hash.update([0]);
            hash.update(&own.note);
            hash.update([0]);
        }
        hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first words of a text.
fn beginning(text: &str) -> String {
    let text = one_line(text);
    if text.chars().count() <= SIMILAR_LETTERS {
        return text;
    }
    let cut: String = text.chars().take(SIMILAR_LETTERS).collect();
    format!("{} …", cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words))
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::{super::prompts::Prompts, *};

    fn association(symbol: &str, note: &str) -> Association {
        Association { symbol: symbol.into(), note: note.into(), updated_at: OffsetDateTime::UNIX_EPOCH }
    }

    fn findings() -> Findings {
        let text = "I crossed the river by the old bridge and saw a horse.";
        Findings {
            found: Lore::embedded().dictionary().find(text, "en"),
            recurring: vec![("river".into(), 3)],
            associations: vec![association("river", "my childhood\nat home")],
            ..Findings::default()
        }
    }

    #[test]
    fn the_dreamer_comes_before_any_tradition() {
        let (prompts, lore) = (Prompts::embedded(), Lore::embedded());
        let lens = lore.lens(&"jungian".parse().unwrap()).unwrap();
        let speech = Speech { wording: prompts.wording("en"), lore: &lore, lens, language: "en" };
        let lines = findings().hints(speech, Depth::Full);
        assert!(lines[0].contains("river") && lines[0].contains("my childhood at home"), "{lines:?}");
        assert!(lines.iter().any(|line| line.contains("bridge")), "{lines:?}");
        assert!(lines.iter().any(|line| line.contains('3')), "{lines:?}");
        assert!(findings().hints(speech, Depth::Short).len() < lines.len(), "a small model is given less");
    }

    #[test]
    fn what_the_dreamer_tells_makes_another_reading() {
        assert_eq!(Findings::default().context(), "");
        let told = findings();
        let other = Findings { associations: vec![association("river", "a border")], ..findings() };
        assert_ne!(told.context(), other.context());
        assert_eq!(told.context(), findings().context());
    }
}
