//! The artefact store: `<state>/artefacts/<id>/<file>` with a manifest beside it.
//!
//! An artefact lands whole or not at all. Before an engine maps a model, [`ArtifactStore::ensure_valid`] has seen that
//! it is the file that landed and that its header holds together.

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
};

use time::OffsetDateTime;

use super::{
    ArtifactFormat, ArtifactKind, CatalogEntry, ModelError, ParseJobs,
    catalog::is_identifier,
    files::{self, Lock},
    manifest::{DerivedFrom, Manifest, ManifestFile, Stamp},
};
use crate::engine::parse::{ModelHeader, ParseOutcome, ParseRequest, encoder_files};

/// The folder of artefacts that are here. Several processes may use one.
pub struct ArtifactStore {
    directory: PathBuf,
    parse: Arc<dyn ParseJobs>,
}

/// An artefact that may be used.
#[derive(Debug, Clone)]
pub struct ValidArtifact {
    /// The file, or the folder.
    pub path: PathBuf,
    /// What the model says about itself; `None` for what is no model.
    pub header: Option<ModelHeader>,
    pub manifest: Manifest,
}

/// What is to land.
pub(super) struct Arrival {
    pub id: String,
    pub kind: ArtifactKind,
    pub format: ArtifactFormat,
    pub file: String,
    pub source: String,
    pub sha256: Option<String>,
    pub derived_from: Option<DerivedFrom>,
}

impl ArtifactStore {
    /// Opens the store in a state directory, creating it if need be.
    pub fn open(state: &Path, parse: Arc<dyn ParseJobs>) -> Result<Self, ModelError> {
        let directory = state.join("artefacts");
        files::create_directory(&directory.join(".staging"))?;
        Ok(Self { directory, parse })
    }

    pub(super) fn parse(&self) -> &dyn ParseJobs {
        &*self.parse
    }

    pub(super) fn folder(&self, id: &str) -> PathBuf {
        self.directory.join(id)
    }

    pub(super) fn staging(&self, id: &str) -> PathBuf {
        self.directory.join(".staging").join(id)
    }

    pub(super) fn lock_path(&self, id: &str) -> PathBuf {
        self.directory.join(".staging").join(format!("{id}.lock"))
    }

    /// What is here, by id. A folder with a broken manifest is reported in the log and left out.
    pub fn list(&self) -> Result<Vec<Manifest>, ModelError> {
        let unreadable = |error| ModelError::io("read", &self.directory, error);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            match Manifest::read(&path) {
                Ok(manifest) => found.extend(manifest),
                Err(error) => tracing::warn!(%error, "an artefact is left out"),
            }
        }
        found.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(found)
    }

    /// Bytes that still fit on the disk.
    pub fn disk_free(&self) -> Result<u64, ModelError> {
        files::free_bytes(&self.directory)
    }

    /// Refuses what would not fit, as far as the catalogue knows its size.
    pub fn require_space(&self, entry: &CatalogEntry) -> Result<(), ModelError> {
        if self.has(entry)?.is_some() {
            return Ok(());
        }
        // What an earlier pull has fetched is there already.
        let fetched = files::bytes_in(&self.staging(&entry.id));
        files::require_space(&entry.id, &self.directory, entry.bytes().unwrap_or_default().saturating_sub(fetched))
    }

    /// Where the artefact's file or folder is. Says nothing of its health: see [`Self::ensure_valid`].
    pub fn path(&self, id: &str) -> Result<PathBuf, ModelError> {
        Ok(self.folder(id).join(self.manifest(id)?.file))
    }

    /// The artefact's manifest.
    pub fn manifest(&self, id: &str) -> Result<Manifest, ModelError> {
        if !is_identifier(id) {
            return Err(ModelError::Unknown(id.into()));
        }
        Manifest::read(&self.folder(id))?.ok_or_else(|| ModelError::Missing { id: id.into() })
    }

    /// Takes the artefact away.
    pub async fn remove(&self, id: &str) -> Result<(), ModelError> {
        if !is_identifier(id) {
            return Err(ModelError::Unknown(id.into()));
        }
        let _lock = Lock::acquire(&self.lock_path(id), || ()).await?;
        let staging = self.staging(id);
        let folder = self.folder(id);
        if !folder.exists() && !staging.exists() {
            return Err(ModelError::Missing { id: id.into() });
        }
        // Whoever used this variant uses the original again.
        if let Ok(Manifest { derived_from: Some(original), .. }) = self.manifest(id)
            && self.chosen_variant(&original.id).is_some_and(|variant| variant.id == id)
        {
            self.revert_variant(&original.id)?;
        }
        // Out of sight in one step, then gone.
        files::create_directory(&staging)?;
        if folder.exists() {
            files::rename(&folder, &staging.join(format!("removed-{}", OffsetDateTime::now_utc().unix_timestamp_nanos())))?;
        }
        files::blocking(move || files::remove(&staging)).await
    }

    /// Checks what an engine is about to map: the file that landed, and a header that holds together. Cheap unless the
    /// file has been touched since.
    pub async fn ensure_valid(&self, id: &str) -> Result<ValidArtifact, ModelError> {
        self.check(id, false).await
    }

    /// Reads every byte again and compares checksums.
    pub async fn verify(&self, id: &str) -> Result<ValidArtifact, ModelError> {
        self.check(id, true).await
    }

    async fn check(&self, id: &str, every_byte: bool) -> Result<ValidArtifact, ModelError> {
        let manifest = self.manifest(id)?;
        let folder = self.folder(id);
        let (manifest, touched) = files::blocking(move || check_files(manifest, &folder, every_byte)).await?;
        if touched {
            // Somebody wrote to it, yet it is what it was. A store that may not be written to is checked each time.
            if let Err(error) = manifest.write(&self.folder(id)) {
                tracing::debug!(%error, "the manifest keeps its old stamps");
            }
        }
        let path = self.folder(id).join(&manifest.file);
        let header = self.inspect(id, manifest.format, &path).await?;
        Ok(ValidArtifact { path, header, manifest })
    }

    /// Reads a model's header in the parse child.
    pub(super) async fn inspect(&self, id: &str, format: ArtifactFormat, path: &Path) -> Result<Option<ModelHeader>, ModelError> {
        let wanted = match format {
            ArtifactFormat::Gguf => "gguf",
            ArtifactFormat::Ggml => "ggml-whisper",
            ArtifactFormat::Onnx => return self.inspect_encoder(id, "onnx", path).await.map(Some),
            ArtifactFormat::Safetensors => return self.inspect_encoder(id, "safetensors", path).await.map(Some),
            ArtifactFormat::Directory | ArtifactFormat::SharedLibrary => return Ok(None),
        };
        match self.parse.run(ParseRequest::InspectModel, vec![files::open(path)?.into()]).await {
            Ok(ParseOutcome::Model(header)) if header.format == wanted => Ok(Some(header)),
            Ok(ParseOutcome::Model(header)) => Err(ModelError::refused(id, format!("it is a {} file, not {wanted}", header.format))),
            Ok(other) => Err(ModelError::refused(id, format!("reading it gave something unexpected: {other:?}"))),
            Err(error) => Err(ModelError::parse(id, error)),
        }
    }

    /// Reads the files of a sentence encoder in the parse child.
    async fn inspect_encoder(&self, id: &str, wanted: &str, folder: &Path) -> Result<ModelHeader, ModelError> {
        let names = [encoder_files::ONNX, encoder_files::SAFETENSORS].into_iter().chain(encoder_files::BESIDE);
        let names: Vec<String> = names.filter(|name| folder.join(name).is_file()).map(str::to_owned).collect();
        let descriptors =
            names.iter().map(|name| Ok(files::open(&folder.join(name))?.into())).collect::<Result<Vec<OwnedFd>, ModelError>>()?;
        match self.parse.run(ParseRequest::InspectEncoder { files: names }, descriptors).await {
            Ok(ParseOutcome::Model(header)) if header.format == wanted => Ok(header),
            Ok(ParseOutcome::Model(header)) => Err(ModelError::refused(id, format!("it is {}, not {wanted}", header.format))),
            Ok(other) => Err(ModelError::refused(id, format!("reading it gave something unexpected: {other:?}"))),
            Err(error) => Err(ModelError::parse(id, error)),
        }
    }

    pub(super) fn sizes_are_right(&self, manifest: &Manifest) -> bool {
        let folder = self.folder(&manifest.id);
        manifest.files.iter().all(|file| std::fs::metadata(folder.join(&file.path)).is_ok_and(|metadata| metadata.len() == file.bytes))
    }

    /// Puts a staged file or folder in its place. Once this has begun, the artefact's lock is held to its end, also when
    /// nobody waits for that any more.
    pub(super) async fn land(&self, arrival: Arrival, staged: &Path, lock: &Lock) -> Result<Manifest, ModelError> {
        if let Err(error) = self.inspect(&arrival.id, arrival.format, staged).await {
            files::remove(staged)?;
            return Err(error);
        }
        let (staging, folder, staged) = (self.staging(&arrival.id), self.folder(&arrival.id), staged.to_owned());
        let lock = lock.clone();
        files::blocking(move || {
            let _lock = lock;
            let landing = staging.join("landing");
            files::remove(&landing)?;
            files::create_directory(&landing)?;
            files::rename(&staged, &landing.join(&arrival.file))?;
            let manifest = describe(arrival, &landing)?;
            manifest.write(&landing)?;
            files::sync_file_system(&landing)?;
            files::replace_folder(&landing, &folder)?;
            files::remove(&staging)?;
            Ok(manifest)
        })
        .await
    }
}

/// Compares files with their manifest; returns it with new stamps, and whether any was needed.
fn check_files(mut manifest: Manifest, folder: &Path, every_byte: bool) -> Result<(Manifest, bool), ModelError> {
    let id = manifest.id.clone();
    let mut touched = false;
    for file in &mut manifest.files {
        let path = folder.join(&file.path);
        let name = file.path.display();
        let metadata = std::fs::metadata(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => ModelError::refused(&id, format!("{name} is missing: pull or import it again")),
            _ => ModelError::io("read", &path, error),
        })?;
        if metadata.len() != file.bytes {
            let reason = format!("{name} has {} bytes instead of {}: pull or import it again", metadata.len(), file.bytes);
            return Err(ModelError::refused(&id, reason));
        }
        let stamp = Stamp::from(&metadata);
        if stamp == file.stamp && !every_byte {
            continue;
        }
        let (found, _) = files::sha256_of(&path)?;
        if found != file.sha256 {
            let reason =
                format!("{name} was changed since it landed (its checksum is {found}, not {}): pull or import it again", file.sha256);
            return Err(ModelError::refused(&id, reason));
        }
        touched |= stamp != file.stamp;
        file.stamp = stamp;
    }
    Ok((manifest, touched))
}

fn describe(arrival: Arrival, landing: &Path) -> Result<Manifest, ModelError> {
    let mut list = Vec::new();
    describe_below(landing, Path::new(&arrival.file), arrival.sha256.as_deref(), &mut list)?;
    Ok(Manifest {
        id: arrival.id,
        kind: arrival.kind,
        format: arrival.format,
        file: arrival.file,
        bytes: list.iter().map(|file| file.bytes).sum(),
        sha256: arrival.sha256,
        source: arrival.source,
        landed_at: OffsetDateTime::now_utc(),
        files: list,
        derived_from: arrival.derived_from,
    })
}

/// Lists `relative` and what is below it. `known` spares hashing a single file twice.
fn describe_below(landing: &Path, relative: &Path, known: Option<&str>, list: &mut Vec<ManifestFile>) -> Result<(), ModelError> {
    let path = landing.join(relative);
    let unreadable = |error| ModelError::io("read", &path, error);
    let metadata = std::fs::symlink_metadata(&path).map_err(unreadable)?;
    if metadata.is_dir() {
        let mut names = std::fs::read_dir(&path).map_err(unreadable)?.flatten().map(|entry| entry.file_name()).collect::<Vec<_>>();
        names.sort();
        return names.iter().try_for_each(|name| describe_below(landing, &relative.join(name), None, list));
    }
    let sha256 = match known {
        Some(known) => known.to_owned(),
        None => files::sha256_of(&path)?.0,
    };
    list.push(ManifestFile { path: relative.to_owned(), bytes: metadata.len(), sha256, stamp: Stamp::from(&metadata) });
    Ok(())
}

#[cfg(test)]
mod tests;
