//! What the server tells a child on its command line: paths and numbers, never a secret or a user's text.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::engine::{EngineOptions, backend::Backend, confinement::Confinement, wire::EngineKind};

/// The one argument of `oneiros engine`, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildArguments {
    pub kind: EngineKind,
    /// The model's file or folder; parse children have none.
    pub model: Option<PathBuf>,
    pub backend: Backend,
    pub options: EngineOptions,
    /// `None` is for `oneiros selfcheck` alone, which shows what an unconfined child could do.
    pub confinement: Option<Confinement>,
    /// Go on without confinement when the kernel refuses it.
    pub allow_unsandboxed: bool,
    /// Limit of the address space.
    pub memory_bytes: Option<u64>,
    /// Limit of the time on the processor.
    pub cpu_seconds: Option<u64>,
    /// The largest file that may be written.
    pub file_bytes: Option<u64>,
    /// The server's process: the child ends when that is no longer its parent.
    pub parent: u32,
}
