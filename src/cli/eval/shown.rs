//! A reading as people read it, whole.

use std::fmt::Write as _;

use crate::features::dreams::Interpretation;

/// Everything that the dreamer would read. Nothing of how sure the server is: whoever judges a reading is not to know.
pub fn in_words(reading: &Interpretation) -> String {
    let mut text = format!("{}\n\n{}\n\n{}\n", reading.title, reading.summary, reading.interpretation);
    for symbol in &reading.symbols {
        let _ = write!(text, "\n• {} (“{}”): {}", symbol.name, symbol.quote, symbol.meaning);
        if let Some(tradition) = &symbol.tradition {
            let _ = write!(text, "\n  [{}]", tradition.text);
        }
    }
    let feelings: Vec<String> = reading.emotions.iter().map(|emotion| format!("{} {:.1}", emotion.name, emotion.intensity)).collect();
    let _ = write!(text, "\n\n{:?}; {}", reading.mood, feelings.join(", "));
    if !reading.archetypes.is_empty() {
        let _ = write!(text, "; {}", reading.archetypes.join(", "));
    }
    let rest = [&reading.advice].into_iter().filter(|advice| !advice.is_empty()).chain(&reading.questions).chain(&reading.notices);
    for line in rest {
        let _ = write!(text, "\n– {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::traits::testing::reading, *};

    #[test]
    fn everything_is_there_but_how_sure_the_server_is() {
        let text = in_words(&reading(json!({"archetypes": ["the Traveller"], "notices": ["The dream is long."]})));
        for part in [
            "The Bridge",
            "a dark river",
            "help is near",
            "• lantern (“lantern”)",
            "Anxious; fear 0.5; the Traveller",
            "You could speak",
            "How did",
            "is long",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("0.7"), "{text}");
    }
}
