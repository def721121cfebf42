//! Importing: a model that the operator already has.

use std::path::Path;

use super::{
    ArtifactFormat, ArtifactKind, ArtifactStore, Manifest, ModelError,
    catalog::is_identifier,
    encoder_files::EncoderFiles,
    files::{self, Checksum, Lock},
    store::Arrival,
};
use crate::engine::parse::{ModelHeader, ParseOutcome, ParseRequest};

/// GGUF architectures that make vectors (llama.cpp's names).
const EMBEDDING_ARCHITECTURES: [&str; 10] = [
    "bert",
    "nomic-bert",
    "nomic-bert-moe",
    "jina-bert-v2",
    "jina-bert-v3",
    "modern-bert",
    "neo-bert",
    "eurobert",
    "t5encoder",
    "gemma-embedding",
];

impl ArtifactStore {
    /// Copies a model into the store, under `id` or a name made of the file's. A sentence encoder is a folder, or the
    /// model in it. What is no model is refused.
    pub async fn import(&self, file: &Path, id: Option<&str>) -> Result<Manifest, ModelError> {
        if let Some(encoder) = EncoderFiles::at(file)? {
            let id = imported_id(id, &encoder.name)?;
            return self.import_encoder(&id, encoder).await;
        }
        let id = imported_id(id, file)?;
        self.import_file(file, id).await
    }

    async fn import_file(&self, file: &Path, id: String) -> Result<Manifest, ModelError> {
        let metadata = std::fs::metadata(file).map_err(|error| ModelError::io("read", file, error))?;
        if !metadata.is_file() {
            return Err(ModelError::refused(&id, format!("{} is no regular file", file.display())));
        }
        let lock = Lock::acquire(&self.lock_path(&id), || ()).await?;
        let header = self.look_at(&id, file).await?;
        let staging = self.staging(&id);
        files::create_directory(&staging)?;
        files::require_space(&id, &staging, metadata.len())?;
        let staged = staging.join("imported");
        let (from, to) = (file.to_owned(), staged.clone());
        let (sha256, _) = files::blocking(move || copy(&from, &to)).await?;
        let (kind, format) = classify(&header);
        let extension = if format == ArtifactFormat::Gguf { "gguf" } else { "bin" };
        let arrival = Arrival {
            file: format!("{id}.{extension}"),
            kind,
            format,
            source: format!("imported from {}", file.display()),
            sha256: Some(sha256),
            derived_from: None,
            id,
        };
        self.land(arrival, &staged, &lock).await
    }

    async fn import_encoder(&self, id: &str, encoder: EncoderFiles) -> Result<Manifest, ModelError> {
        encoder.check(id)?;
        let lock = Lock::acquire(&self.lock_path(id), || ()).await?;
        let staging = self.staging(id);
        files::create_directory(&staging)?;
        files::require_space(id, &staging, encoder.bytes())?;
        let staged = staging.join("imported");
        let (format, source) = (encoder.format, format!("imported from {}", encoder.model.display()));
        let to = staged.clone();
        files::blocking(move || {
            files::remove(&to)?;
            encoder.copy(&to)
        })
        .await?;
        let arrival = Arrival {
            id: id.into(),
            kind: ArtifactKind::Embedding,
            format,
            file: "model".into(),
            source,
            sha256: None,
            derived_from: None,
        };
        self.land(arrival, &staged, &lock).await
    }

    async fn look_at(&self, id: &str, file: &Path) -> Result<ModelHeader, ModelError> {
        match self.parse().run(ParseRequest::InspectModel, vec![files::open(file)?.into()]).await {
            Ok(ParseOutcome::Model(header)) => Ok(header),
            Ok(other) => Err(ModelError::refused(id, format!("reading it gave something unexpected: {other:?}"))),
            Err(error) => Err(ModelError::parse(&file.display().to_string(), error)),
        }
    }
}

fn imported_id(given: Option<&str>, from: &Path) -> Result<String, ModelError> {
    match given {
        Some(id) if is_identifier(id) => Ok(id.to_owned()),
        Some(id) => Err(ModelError::Catalog(format!("{id:?} is no id: use a–z, 0–9, '.', '_' and '-'"))),
        None => files::identifier_from(from)
            .ok_or_else(|| ModelError::Catalog(format!("no id can be made of {}: give one with --id", from.display()))),
    }
}

fn classify(header: &ModelHeader) -> (ArtifactKind, ArtifactFormat) {
    if header.format == "ggml-whisper" {
        return (ArtifactKind::Asr, ArtifactFormat::Ggml);
    }
    let embeds = EMBEDDING_ARCHITECTURES.contains(&header.architecture.as_str());
    (if embeds { ArtifactKind::Embedding } else { ArtifactKind::Llm }, ArtifactFormat::Gguf)
}

/// Copies a file, sharing its blocks where the file system can; returns checksum and size of the copy. Blocks.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(String, u64), ModelError> {
    let mut source = files::open(from)?;
    let mut target = files::create(to)?;
    if rustix::fs::ioctl_ficlone(&target, &source).is_err() {
        std::io::copy(&mut source, &mut target).map_err(|error| ModelError::io("written", to, error))?;
    }
    target.sync_all().map_err(|error| ModelError::io("saved", to, error))?;
    let mut checksum = Checksum::default();
    let bytes = files::read_into(to, &mut checksum, |_| ())?;
    Ok((checksum.finish(), bytes))
}
