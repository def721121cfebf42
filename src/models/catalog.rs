//! The catalogue: what models and parts there are, where they come from, and which of them a profile holds.
//!
//! `models/catalog.toml` is embedded; files in the state directory's `catalog.d/` add to it or replace entries by id.

mod source;

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use super::{ModelError, Profile};

pub use source::{Assembly, FilePart, FolderPart, HubFile, HubFolder, HubSource, Member, PipSource, Source, Wheel, WheelTarget};

/// The entry that ONNX models need.
/// The licence of a model that the operator brought: his own affair.
const IMPORTED: &str = "LicenseRef-Imported";
const ONNXRUNTIME: &str = "onnxruntime";
const EMBEDDED: &str = include_str!("../../models/catalog.toml");

/// What an artefact is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    Llm,
    Embedding,
    Asr,
    Database,
    Onnxruntime,
}

/// What an artefact is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactFormat {
    /// llama.cpp's format.
    Gguf,
    /// whisper.cpp's format.
    Ggml,
    /// A folder: the model for ONNX Runtime, and what belongs to it.
    Onnx,
    /// A folder: the model for candle, and what belongs to it.
    Safetensors,
    Directory,
    SharedLibrary,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// An SPDX identifier, or a `LicenseRef-…` with the text at `url`.
    pub spdx: String,
    pub url: String,
}

/// What a user of vectors must know of an embedding model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingFacts {
    pub dimensions: u32,
    /// Put before a question.
    #[serde(default)]
    pub query_prefix: String,
    /// Put before a stored text.
    #[serde(default)]
    pub passage_prefix: String,
}

/// What a language model does with dreams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DreamTask {
    /// Fill a reading's form.
    Reading,
    /// Answer questions about a reading.
    Dialog,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogEntry {
    pub id: String,
    pub kind: ArtifactKind,
    pub format: ArtifactFormat,
    pub title: String,
    pub licence: Licence,
    /// Name of the file (or folder) inside the artefact's own folder.
    pub file: String,
    /// ISO 639-1 codes of the languages it serves, best first.
    #[serde(default)]
    pub languages: Vec<String>,
    /// Memory that it takes when loaded, in bytes, context included.
    #[serde(default)]
    pub memory_bytes: u64,
    /// What of dreams' work a language model is meant for; empty: all of it.
    #[serde(default)]
    pub tasks: Vec<DreamTask>,
    /// A language model that follows instructions; a base model wants examples.
    #[serde(default)]
    pub instruct: bool,
    /// Tokens that it was trained for.
    #[serde(default)]
    pub context_length: Option<u32>,
    #[serde(default)]
    pub embedding: Option<EmbeddingFacts>,
    /// Ids of what must be here too.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Tried in order.
    pub sources: Vec<Source>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogFile {
    #[serde(default)]
    artefacts: Vec<CatalogEntry>,
    #[serde(default)]
    profiles: BTreeMap<Profile, Vec<String>>,
}

/// All entries and profiles.
#[derive(Debug, Clone)]
pub struct Catalog {
    entries: Vec<CatalogEntry>,
    profiles: BTreeMap<Profile, Vec<String>>,
}

impl Catalog {
    /// The catalogue that this executable was built with.
    pub fn embedded() -> Result<Self, ModelError> {
        let mut catalog = Self { entries: Vec::new(), profiles: BTreeMap::new() };
        catalog.extend("the embedded catalogue", EMBEDDED)?;
        Ok(catalog)
    }

    /// The embedded catalogue and the operator's extensions, `<state>/catalog.d/*.toml` in order of name.
    pub fn load(state: &Path) -> Result<Self, ModelError> {
        let mut catalog = Self::embedded()?;
        let folder = state.join("catalog.d");
        let Ok(found) = std::fs::read_dir(&folder) else { return Ok(catalog) };
        let mut files: Vec<_> = found.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        files.sort();
        for path in files {
            let text = std::fs::read_to_string(&path).map_err(|error| ModelError::io("read", &path, error))?;
            catalog.extend(&path.display().to_string(), &text)?;
        }
        Ok(catalog)
    }

    /// Adds entries; one of an id that is there already takes its place.
    pub fn extend(&mut self, name: &str, text: &str) -> Result<(), ModelError> {
        let wrong = |reason: String| ModelError::Catalog(format!("{name} is not a valid catalogue: {reason}"));
        let file: CatalogFile = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        for entry in file.artefacts {
            entry.validate().map_err(|reason| wrong(format!("{}: {reason}", entry.id)))?;
            self.entries.retain(|known| known.id != entry.id);
            self.entries.push(entry);
        }
        self.profiles.extend(file.profiles);
        let unknown = |id: &&String| self.entry(id).is_none();
        if let Some(id) = self.profiles.values().flatten().find(unknown) {
            return Err(wrong(format!("a profile names {id}, which is no entry")));
        }
        match self.entries.iter().flat_map(|entry| &entry.needs).find(unknown) {
            Some(id) => Err(wrong(format!("an entry needs {id}, which is no entry"))),
            None => Ok(()),
        }
    }

    pub fn entries(&self) -> &[CatalogEntry] {
        &self.entries
    }

    pub fn entry(&self, id: &str) -> Option<&CatalogEntry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// What a profile holds, in order of preference. `Profile::Auto` holds nothing: [`super::choose`] it first.
    pub fn profile(&self, profile: Profile) -> Vec<&CatalogEntry> {
        self.profiles.get(&profile).into_iter().flatten().filter_map(|id| self.entry(id)).collect()
    }

    /// The entries and, behind them, what they need.
    pub fn with_needs(&self, mut entries: Vec<CatalogEntry>) -> Vec<CatalogEntry> {
        let mut at = 0;
        while let Some(entry) = entries.get(at) {
            let lacking = entry.needs.iter().filter(|id| entries.iter().all(|there| there.id != **id));
            let needed: Vec<CatalogEntry> = lacking.filter_map(|id| self.entry(id)).cloned().collect();
            entries.extend(needed);
            at += 1;
        }
        entries
    }

    /// The profile's language model for a language: the first that lists it. `None`: answer in another language.
    pub fn language_model(&self, profile: Profile, language: &str) -> Option<&CatalogEntry> {
        let serves = |entry: &&CatalogEntry| entry.kind == ArtifactKind::Llm && entry.languages.iter().any(|code| code == language);
        self.profile(profile).into_iter().find(serves)
    }
}

impl CatalogEntry {
    /// What is known of a model that the operator imported.
    pub fn imported(manifest: &super::Manifest) -> Self {
        let needs = if manifest.format == ArtifactFormat::Onnx { vec![ONNXRUNTIME.to_owned()] } else { Vec::new() };
        Self {
            id: manifest.id.clone(),
            kind: manifest.kind,
            format: manifest.format,
            title: manifest.id.clone(),
            licence: Licence { spdx: IMPORTED.into(), url: String::new() },
            file: manifest.file.clone(),
            languages: Vec::new(),
            memory_bytes: manifest.bytes,
            tasks: Vec::new(),
            instruct: false,
            context_length: None,
            embedding: None,
            needs,
            sources: Vec::new(),
        }
    }

    /// Whether it is a model of the operator's own, of which no catalogue tells.
    pub fn is_imported(&self) -> bool {
        self.licence.spdx == IMPORTED
    }

    /// Size on disk in bytes, of the first source that states one.
    pub fn bytes(&self) -> Option<u64> {
        self.sources.iter().find_map(|source| match source {
            Source::Hub(hub) => hub.bytes,
            Source::HubFolder(folder) => folder.files.iter().map(|file| file.bytes).sum(),
            Source::Pip(pip) => Some(pip.bytes),
            Source::File { .. } => None,
        })
    }

    fn validate(&self) -> Result<(), String> {
        if !is_identifier(&self.id) {
            return Err("an id is made of a–z, 0–9, '.', '_' and '-' and begins with a letter or digit".into());
        }
        if !is_plain_name(&self.file) || self.file == super::manifest::FILE_NAME {
            return Err(format!("{:?} is no plain file name", self.file));
        }
        if (self.kind == ArtifactKind::Embedding) != self.embedding.is_some() {
            return Err("an embedding model, and nothing else, states its `embedding`".into());
        }
        self.sources.iter().try_for_each(Source::validate)
    }
}

/// Fit for a folder's name and for the command line.
pub(super) fn is_identifier(id: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    id.len() <= 80 && id.bytes().all(inner) && id.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// One path component of harmless characters.
fn is_plain_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
    !name.is_empty() && name.len() <= 200 && name.bytes().all(inner) && !name.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests;
