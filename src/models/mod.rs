//! Models and run-time parts: what there is ([`Catalog`]), what is here ([`ArtifactStore`]), and how the one becomes the
//! other ([`Puller`], [`ArtifactStore::import`]).
//!
//! Everything that comes from outside is untrusted: archives, converters and headers are read by [`ParseJobs`], which
//! the server runs in the confined `parse` child. Requests leave through [`crate::egress`] alone.

mod assemble;
mod catalog;
mod choose;
mod encoder_files;
mod error;
mod files;
pub mod fit;
mod hub;
mod import;
mod manifest;
mod mirror;
pub mod optimize;
mod progress;
mod pull;
mod store;
mod variants;

#[cfg(test)]
pub(crate) mod testing;

pub use catalog::{
    ArtifactFormat, ArtifactKind, Assembly, Catalog, CatalogEntry, DreamTask, EmbeddingFacts, FilePart, FolderPart, HubFile, HubFolder,
    HubSource, Licence, Member, PipSource, Source, Wheel, WheelTarget,
};
pub use choose::{Choice, Profile, choose};
pub use error::{Attempt, ModelError};
pub use manifest::{DerivedFrom, Manifest, ManifestFile};
pub use progress::{LineProgress, NoProgress, ProgressEvent, PullProgress, Stage, TerminalProgress, for_stderr};
pub use pull::{PullOutcome, Pulled, Puller};
pub use store::{ArtifactStore, ValidArtifact};
pub use variants::{Used, Variant, variant_id};

use std::os::fd::OwnedFd;

use futures_util::future::BoxFuture;

use crate::engine::{
    EngineError,
    parse::{ParseOutcome, ParseRequest, ParseRunner},
};

/// Runs jobs on untrusted bytes, each in a fresh confined child.
pub trait ParseJobs: Send + Sync {
    /// Runs one job; the descriptors are those that [`ParseRequest`] states. Dropping the future ends the job.
    fn run(&self, request: ParseRequest, descriptors: Vec<OwnedFd>) -> BoxFuture<'_, Result<ParseOutcome, EngineError>>;
}

impl ParseJobs for ParseRunner {
    fn run(&self, request: ParseRequest, descriptors: Vec<OwnedFd>) -> BoxFuture<'_, Result<ParseOutcome, EngineError>> {
        Box::pin(self.run(request, descriptors))
    }
}
