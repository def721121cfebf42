//! What an engine child may do: named profiles, and the report of what the kernel really enforces.
//!
//! The enforcing itself is in `child/sandbox/`; this module holds the words that parent and child share.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A named confinement. Every profile bars the network, other processes and every file that it does not list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confinement {
    /// Reads the files listed (a model), nothing else.
    Cpu { readable: Vec<PathBuf> },
    /// As `Cpu`, and the GPU's device files and its just-in-time compiler's cache folder.
    Gpu { readable: Vec<PathBuf>, cache: PathBuf },
    /// May execute one program and read the folders it needs.
    OneProgram { program: PathBuf, readable: Vec<PathBuf> },
    /// Reads one file and writes another, which is there already.
    Convert { readable: PathBuf, writable: PathBuf },
    /// Opens no file at all: bytes come and go through descriptors that were handed over.
    Parse,
}

impl Confinement {
    /// The profile's name as people see it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cpu { .. } => "cpu",
            Self::Gpu { .. } => "gpu",
            Self::OneProgram { .. } => "one-program",
            Self::Convert { .. } => "convert",
            Self::Parse => "parse",
        }
    }
}

/// What is really enforced on a child, as the child saw it after sealing itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConfinementReport {
    /// `cpu`, `gpu`, `one-program`, `convert`, `parse`, or `none` when the operator allowed an unconfined engine.
    pub profile: String,
    pub no_new_privileges: bool,
    /// A seccomp allow-list is in force.
    pub seccomp: bool,
    /// Landlock confines files.
    pub landlock_files: bool,
    /// Landlock confines TCP (kernel 6.7 and later); seccomp bars sockets in any case.
    pub landlock_network: bool,
    /// Landlock scopes abstract sockets and signals (kernel 6.12 and later).
    pub landlock_scopes: bool,
    /// The kernel's Landlock ABI version; 0 when it has none.
    pub landlock_abi: u32,
    /// The user the child runs as.
    pub uid: u32,
}

impl ConfinementReport {
    /// Whether everything mandatory holds: no new privileges, seccomp, and Landlock on files.
    pub fn is_confined(&self) -> bool {
        self.no_new_privileges && self.seccomp && self.landlock_files
    }
}
