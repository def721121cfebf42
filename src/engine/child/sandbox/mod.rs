//! Sealing: no new privileges, Landlock ([`files`]), seccomp ([`calls`]), then a look at what the kernel really enforces.
//!
//! Landlock and seccomp bind the calling thread and those it makes later, so the process must still have just one.

mod calls;
mod files;

use std::{fs::File, io};

use anyhow::{Context, ensure};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketType},
    thread::SecureComputingMode,
};

use crate::engine::confinement::{Confinement, ConfinementReport};

/// Seals this process. An error means that something mandatory does not hold; the process must then do no work.
pub fn seal(confinement: &Confinement) -> anyhow::Result<ConfinementReport> {
    let threads = std::fs::read_dir("/proc/self/task").context("cannot count this process's threads")?.count();
    ensure!(threads == 1, "the process has {threads} threads already; only the first can be sealed");
    rustix::thread::set_no_new_privs(true).context("the kernel refuses no_new_privs")?;
    let landlock_abi = files::restrict(confinement).context("Landlock")?;
    let landlock_files = files_are_barred();
    // Not tried out: that would take an internet socket, and an engine never has one.
    let landlock_network = landlock_abi >= 4;
    let landlock_scopes = landlock_abi >= 6 && signals_are_barred();
    calls::restrict(confinement).context("seccomp")?;
    let report = ConfinementReport {
        profile: confinement.name().to_owned(),
        landlock_files,
        landlock_network,
        landlock_scopes,
        landlock_abi,
        seccomp: seccomp_filters() && sockets_are_barred(),
        ..unconfined()
    };
    ensure!(report.is_confined(), "the kernel accepted the rules but does not enforce them all: {report:?}");
    Ok(report)
}

/// The report of a process that was not sealed.
pub fn unconfined() -> ConfinementReport {
    ConfinementReport {
        profile: "none".into(),
        no_new_privileges: rustix::thread::no_new_privs().unwrap_or(false),
        seccomp: seccomp_filters(),
        landlock_files: false,
        landlock_network: false,
        landlock_scopes: false,
        landlock_abi: 0,
        uid: rustix::process::geteuid().as_raw(),
    }
}

fn seccomp_filters() -> bool {
    matches!(rustix::thread::secure_computing_mode(), Ok(SecureComputingMode::Filter))
}

/// No profile lists the root directory, which anybody may read elsewhere.
fn files_are_barred() -> bool {
    File::open("/").is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Tried with the empty signal on the server, which has the same user.
fn signals_are_barred() -> bool {
    rustix::process::getppid().is_some_and(|parent| rustix::process::test_kill_process(parent) == Err(Errno::PERM))
}

fn sockets_are_barred() -> bool {
    rustix::net::socket(AddressFamily::UNIX, SocketType::DGRAM, None).is_err_and(|error| error == Errno::PERM)
}
