//! Variants: the same model with other weights, made here, beside the original that is always kept.
//!
//! A variant is an artefact like any other, named `ORIGINAL.TYPE`. Which one is used in place of the original, and why,
//! stands in `<state>/artefacts/.variants/ORIGINAL.json`; without that file the original is used.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{ArtifactStore, ModelError, ValidArtifact, catalog::is_identifier, files};
use crate::engine::parse::WeightType;

/// A record of choice is a few hundred bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// What is used in place of an original.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// The variant's own id in the store.
    pub id: String,
    pub to: WeightType,
    /// Of the original that it was made of: another original makes the choice void.
    pub original_sha256: String,
    /// Why it is used, in a sentence with the figures.
    pub reason: String,
    #[serde(with = "time::serde::rfc3339")]
    pub chosen_at: OffsetDateTime,
}

/// The file that an engine is to load for a model.
#[derive(Debug, Clone)]
pub struct Used {
    pub artifact: ValidArtifact,
    /// `None`: the original itself.
    pub variant: Option<Variant>,
}

/// The id of a model's variant.
pub fn variant_id(original: &str, to: WeightType) -> String {
    format!("{original}.{}", to.name())
}

impl ArtifactStore {
    fn choice_path(&self, id: &str) -> PathBuf {
        self.folder(".variants").join(format!("{id}.json"))
    }

    /// The variant that was chosen for a model, if it is here and was made of the original that is here.
    pub fn chosen_variant(&self, id: &str) -> Option<Variant> {
        let variant = self.read_choice(id)?;
        let void = |why: &str| tracing::warn!(model = id, variant = variant.id, why, "the original is used");
        match (self.manifest(id), self.manifest(&variant.id)) {
            (_, Err(error)) => void(&error.to_string()),
            (Ok(original), _) if original.sha256.as_ref() != Some(&variant.original_sha256) => void("it was made of another original"),
            _ => return Some(variant),
        }
        None
    }

    fn read_choice(&self, id: &str) -> Option<Variant> {
        let path = Some(self.choice_path(id)).filter(|_| is_identifier(id))?;
        if std::fs::metadata(&path).ok()?.len() > MAX_BYTES {
            return None;
        }
        let read = std::fs::read(&path).map_err(|error| error.to_string());
        match read.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string())) {
            Ok(variant) => Some(variant),
            Err(error) => {
                tracing::warn!(model = id, error, "the record of its variant cannot be read: the original is used");
                None
            }
        }
    }

    /// Uses a variant from now on; engines take it up when they are next started.
    pub fn choose_variant(&self, id: &str, variant: &Variant) -> Result<(), ModelError> {
        let text = serde_json::to_vec_pretty(variant).map_err(|error| ModelError::Catalog(error.to_string()))?;
        files::create_directory(&self.folder(".variants"))?;
        files::write_durably(&self.choice_path(id), &text)
    }

    /// Uses the original again. `false`: it was used already.
    pub fn revert_variant(&self, id: &str) -> Result<bool, ModelError> {
        if !is_identifier(id) {
            return Err(ModelError::Unknown(id.into()));
        }
        let path = self.choice_path(id);
        let chosen = path.exists();
        files::remove(&path)?;
        Ok(chosen)
    }

    /// What an engine is to load for this model: its chosen variant or itself. Either is checked as
    /// [`Self::ensure_valid`] does; a damaged variant gives way to the original.
    pub async fn ensure_valid_used(&self, id: &str) -> Result<Used, ModelError> {
        if let Some(variant) = self.chosen_variant(id) {
            match self.ensure_valid(&variant.id).await {
                Ok(artifact) => return Ok(Used { artifact, variant: Some(variant) }),
                Err(error) => tracing::warn!(model = id, %error, "its variant is of no use: the original is used"),
            }
        }
        Ok(Used { artifact: self.ensure_valid(id).await?, variant: None })
    }
}
