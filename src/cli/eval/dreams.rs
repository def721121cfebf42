//! The fixed dreams that readings are compared on: `assets/eval/dreams.toml`, in our own words, the same for every model.

use anyhow::Context as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::features::dreams::Dream;

const DREAMS: &str = include_str!("../../../assets/eval/dreams.toml");

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedDream {
    pub id: String,
    /// ISO 639-1.
    pub language: String,
    pub text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DreamFile {
    #[serde(rename = "dream")]
    dreams: Vec<FixedDream>,
}

/// All of them, in order of the file.
pub fn fixed() -> anyhow::Result<Vec<FixedDream>> {
    let file: DreamFile = toml::from_str(DREAMS).context("assets/eval/dreams.toml is broken")?;
    Ok(file.dreams)
}

impl FixedDream {
    /// As a dream that is kept nowhere. What a model writes begins with chance that follows from the dream's id, so the same dream has
    /// the same one each time.
    pub fn told(&self) -> Dream {
        let digest: [u8; 32] = Sha256::digest(self.id.as_bytes()).into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        let text = self.text.trim().to_owned();
        Dream { id: Uuid::from_bytes(id), text, language: self.language.clone(), created_at: OffsetDateTime::UNIX_EPOCH }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use unicode_segmentation::UnicodeSegmentation as _;

    use super::*;
    use crate::features::dreams::{TEXT_LENGTH, is_written_in};

    #[test]
    fn each_first_class_language_has_dreams_that_the_server_would_take() {
        let dreams = fixed().unwrap();
        for language in ["en", "ru", "ar"] {
            assert!(dreams.iter().filter(|dream| dream.language == language).count() >= 5, "{language}");
        }
        let ids: HashSet<&str> = dreams.iter().map(|dream| dream.id.as_str()).collect();
        assert_eq!(ids.len(), dreams.len(), "an id is there twice");
        for dream in &dreams {
            let told = dream.told();
            assert!(TEXT_LENGTH.contains(&told.text.graphemes(true).count()), "{}", dream.id);
            assert!(is_written_in(&told.text, &dream.language), "{}", dream.id);
        }
    }

    #[test]
    fn the_same_dream_has_the_same_chance() {
        let dreams = fixed().unwrap();
        assert_eq!(dreams[0].told().id, dreams[0].told().id);
        assert_ne!(dreams[0].told().id, dreams[1].told().id);
    }
}
