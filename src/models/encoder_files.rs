//! A sentence encoder that the operator has: the model, and what must lie beside it.

use std::path::{Path, PathBuf};

use super::{ArtifactFormat, ModelError, files, import::copy};
use crate::engine::parse::encoder_files;

/// Files of a sentence encoder somewhere on this machine.
pub(super) struct EncoderFiles {
    pub format: ArtifactFormat,
    pub model: PathBuf,
    /// What an id is made of when none is given.
    pub name: PathBuf,
    /// Where the other files are.
    beside: PathBuf,
}

impl EncoderFiles {
    /// The encoder at a folder or file; `None` when the file is another kind of model.
    pub fn at(path: &Path) -> Result<Option<Self>, ModelError> {
        if !path.is_dir() {
            return Ok(format_of(path).map(|format| Self::of_model(path, format)));
        }
        let places = ["model.safetensors", "model.onnx", "onnx/model.onnx"];
        let found: Vec<PathBuf> = places.iter().map(|place| path.join(place)).filter(|model| model.is_file()).collect();
        match found.as_slice() {
            [model] => Ok(format_of(model).map(|format| Self { name: named_like(path), ..Self::of_model(model, format) })),
            [] => Err(wrong(path, "it holds neither model.safetensors nor model.onnx: name the file of the model")),
            _ => Err(wrong(path, "it holds more than one model: name the file that is meant")),
        }
    }

    fn of_model(model: &Path, format: ArtifactFormat) -> Self {
        let folder = model.parent().unwrap_or(Path::new("")).to_owned();
        // Repositories on the hub keep ONNX files in a folder of their own, below the tokenizer.
        let above = folder.parent().filter(|_| folder.ends_with("onnx") && !folder.join(encoder_files::TOKENIZER).is_file());
        let beside = above.map_or_else(|| folder.clone(), Path::to_owned);
        let is_nameless = model.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("model"));
        let name = if is_nameless && beside.file_name().is_some() { named_like(&beside) } else { model.to_owned() };
        Self { format, model: model.to_owned(), name, beside }
    }

    /// Refuses an encoder of which something indispensable is not there, by its name.
    pub fn check(&self, id: &str) -> Result<(), ModelError> {
        let missing: Vec<&str> = encoder_files::INDISPENSABLE.into_iter().filter(|name| !self.beside.join(name).is_file()).collect();
        if !missing.is_empty() {
            let reason =
                format!("{} must lie in {} beside the model: put it there and try again", missing.join(" and "), self.beside.display());
            return Err(ModelError::refused(id, reason));
        }
        if self.model.is_file() { Ok(()) } else { Err(wrong(&self.model, "there is no such file")) }
    }

    /// Of all files together.
    pub fn bytes(&self) -> u64 {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        self.parts().map(|(from, _)| size(&from)).sum()
    }

    /// Copies the files into a new folder, under the names that engines know. Blocks.
    pub fn copy(&self, folder: &Path) -> Result<(), ModelError> {
        for (from, name) in self.parts().filter(|(from, _)| from.is_file()) {
            let to = folder.join(name);
            to.parent().map_or(Ok(()), files::create_directory)?;
            copy(&from, &to)?;
        }
        Ok(())
    }

    fn parts(&self) -> impl Iterator<Item = (PathBuf, &'static str)> {
        let model = if self.format == ArtifactFormat::Onnx { encoder_files::ONNX } else { encoder_files::SAFETENSORS };
        std::iter::once((self.model.clone(), model)).chain(encoder_files::BESIDE.into_iter().map(|name| (self.beside.join(name), name)))
    }
}

/// A folder's name as that of a file, whose ending an id leaves out.
fn named_like(folder: &Path) -> PathBuf {
    PathBuf::from(format!("{}.folder", folder.display()))
}

fn format_of(path: &Path) -> Option<ArtifactFormat> {
    match path.extension()?.to_str()? {
        "onnx" => Some(ArtifactFormat::Onnx),
        "safetensors" => Some(ArtifactFormat::Safetensors),
        _ => None,
    }
}

fn wrong(path: &Path, reason: &str) -> ModelError {
    ModelError::refused(&path.display().to_string(), reason)
}

#[cfg(test)]
mod tests;
