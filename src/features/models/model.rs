//! The feature's types as the API shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::models::{ArtifactFormat, ArtifactKind, CatalogEntry, Licence, Manifest, Variant};

/// The SPDX word for a licence that nobody stated: an imported model brings none.
const NO_LICENCE_STATED: &str = "NOASSERTION";

/// What `GET /api/v1/models` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelList {
    /// The profile in force, such as `starter`.
    pub profile: String,
    /// Nothing may leave this machine: models cannot be pulled.
    pub sealed: bool,
    pub disk_free_bytes: u64,
    /// The catalogue, then what was imported.
    pub models: Vec<ModelInfo>,
}

/// A model or run-time part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelInfo {
    pub id: String,
    pub kind: ArtifactKind,
    pub format: ArtifactFormat,
    /// For people; an imported model's file name.
    pub title: String,
    /// `NOASSERTION` and no address for what was imported.
    pub licence: Licence,
    /// ISO 639-1 codes of the languages it serves, best first.
    pub languages: Vec<String>,
    /// On disk; absent where nobody states it before the pull.
    pub bytes: Option<u64>,
    /// When it is loaded; 0 where it is not known.
    pub memory_bytes: u64,
    /// Whether it is here, whole.
    pub present: bool,
    pub in_profile: bool,
    /// An engine or the database uses it: it cannot be removed now.
    pub in_use: bool,
    /// Where it came from, in words.
    pub source: Option<String>,
    /// The pull under way, or the last one that failed.
    pub pull: Option<PullState>,
    /// What engines load in its place, since the operator chose it.
    pub variant: Option<VariantInfo>,
    /// The model that this is a variant of: the same with other weights, made here.
    pub variant_of: Option<String>,
}

/// The same model with other weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VariantInfo {
    /// Its own id among the models.
    pub id: String,
    /// Why it is used, in a sentence with what was measured.
    pub reason: String,
}

impl From<Variant> for VariantInfo {
    fn from(variant: Variant) -> Self {
        Self { id: variant.id, reason: variant.reason }
    }
}

/// How far a pull is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PullState {
    pub stage: PullStage,
    /// The source that it is downloaded from, or why it failed.
    pub detail: Option<String>,
    /// Of this stage.
    pub bytes_done: u64,
    pub bytes_total: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PullStage {
    /// Other pulls come first.
    Waiting,
    Downloading,
    /// Joining, converting, unpacking.
    Assembling,
    Verifying,
    Failed,
}

impl ModelInfo {
    pub(super) fn of_catalog(entry: &CatalogEntry, here: Option<&Manifest>) -> Self {
        Self {
            id: entry.id.clone(),
            kind: entry.kind,
            format: entry.format,
            title: entry.title.clone(),
            licence: entry.licence.clone(),
            languages: entry.languages.clone(),
            bytes: here.map(|manifest| manifest.bytes).or_else(|| entry.bytes()),
            memory_bytes: entry.memory_bytes,
            present: here.is_some(),
            in_profile: false,
            in_use: false,
            source: here.map(|manifest| manifest.source.clone()),
            pull: None,
            variant: None,
            variant_of: None,
        }
    }

    pub(super) fn imported(manifest: &Manifest) -> Self {
        Self {
            id: manifest.id.clone(),
            kind: manifest.kind,
            format: manifest.format,
            title: manifest.file.clone(),
            licence: Licence { spdx: NO_LICENCE_STATED.into(), url: String::new() },
            languages: Vec::new(),
            bytes: Some(manifest.bytes),
            memory_bytes: 0,
            present: true,
            in_profile: false,
            in_use: false,
            source: Some(manifest.source.clone()),
            pull: None,
            variant: None,
            variant_of: manifest.derived_from.as_ref().map(|original| original.id.clone()),
        }
    }
}
