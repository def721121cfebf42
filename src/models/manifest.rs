//! What the store knows of an artefact that is here: `manifest.json` beside its files.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{ArtifactFormat, ArtifactKind, ModelError, files};
use crate::engine::parse::WeightType;

pub const FILE_NAME: &str = "manifest.json";
/// A folder of PostgreSQL's size lists some thousand files.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub id: String,
    pub kind: ArtifactKind,
    pub format: ArtifactFormat,
    /// Name of the file or folder beside the manifest.
    pub file: String,
    /// Of all files together.
    pub bytes: u64,
    /// Of a single file; a folder's files each have their own.
    pub sha256: Option<String>,
    /// Where it came from, in words.
    pub source: String,
    #[serde(with = "time::serde::rfc3339")]
    pub landed_at: OffsetDateTime,
    pub files: Vec<ManifestFile>,
    /// What it was made of here, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived_from: Option<DerivedFrom>,
}

/// The original of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DerivedFrom {
    pub id: String,
    /// Of the original's file.
    pub sha256: String,
    pub to: WeightType,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Relative to the artefact's folder.
    pub path: PathBuf,
    pub bytes: u64,
    pub sha256: String,
    pub stamp: Stamp,
}

/// What changes whenever somebody writes to a file. The change time cannot be set back as the modification time can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub modified_nanoseconds: i128,
    pub changed_nanoseconds: i128,
    pub inode: u64,
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            modified_nanoseconds: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed_nanoseconds: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }
}

impl Manifest {
    /// Reads the manifest of the artefact in `folder`; `None` when there is none.
    pub fn read(folder: &Path) -> Result<Option<Self>, ModelError> {
        let path = folder.join(FILE_NAME);
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.len() <= MAX_BYTES => {}
            Ok(_) => return Err(ModelError::Catalog(format!("{} is too large to be a manifest", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ModelError::io("read", &path, error)),
        }
        let text = std::fs::read(&path).map_err(|error| ModelError::io("read", &path, error))?;
        let broken = |error| ModelError::Catalog(format!("{} is broken ({error}): pull or import the model again", path.display()));
        serde_json::from_slice(&text).map(Some).map_err(broken)
    }

    /// Writes it durably, the old one or the new one being there at any time.
    pub fn write(&self, folder: &Path) -> Result<(), ModelError> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| ModelError::Catalog(error.to_string()))?;
        files::write_durably(&folder.join(FILE_NAME), &text)
    }
}
