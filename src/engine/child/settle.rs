//! What a child does to itself before it is sealed: descriptors, the tie to its parent, limits.

use std::{
    fs::OpenOptions,
    os::{fd::AsFd, unix::net::UnixStream},
};

use anyhow::{Context, bail, ensure};
use rustix::{
    fs::Mode,
    process::{DumpableBehavior, PTracer, Pid, Resource, Rlimit, Signal},
};

use super::ChildArguments;
use crate::engine::confinement::Confinement;

/// Leaves the process with its socket, `/dev/null` for input and output, and stderr. Returns the socket.
pub(super) fn settle(arguments: &ChildArguments) -> anyhow::Result<UnixStream> {
    close_inherited()?;
    let socket = take_socket()?;
    tie_to_parent(arguments.parent)?;
    limit(arguments)?;
    die_first();
    rustix::process::umask(Mode::from_raw_mode(0o077));
    if arguments.confinement.is_some() {
        // Nobody of the same user reads this process's memory, and it leaves no core behind.
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).context("cannot forbid memory dumps")?;
    } else {
        // The self-check's plain children are the proof that what is denied elsewhere could be done: they let it be done
        // to them. The Yama module alone knows the second call.
        rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable).context("cannot permit memory dumps")?;
        let _ = rustix::process::set_ptracer(PTracer::Any);
    }
    Ok(socket)
}

fn close_inherited() -> anyhow::Result<()> {
    // SAFETY: close_range takes no pointers. Nothing in this process owns a descriptor above 2 yet: `main` of the child
    // runs before any file is opened.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    ensure!(closed == 0, "cannot close inherited descriptors: {}", std::io::Error::last_os_error());
    Ok(())
}

/// Moves the socket from descriptor 0, where the parent put it, and leaves `/dev/null` there.
fn take_socket() -> anyhow::Result<UnixStream> {
    let null = OpenOptions::new().read(true).open("/dev/null").context("cannot open /dev/null")?;
    let socket = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).context("descriptor 0 is not open")?;
    rustix::stdio::dup2_stdin(&null).context("cannot replace descriptor 0")?;
    if rustix::net::sockopt::socket_domain(socket.as_fd()) != Ok(rustix::net::AddressFamily::UNIX) {
        bail!("descriptor 0 is not the server's socket: `oneiros engine` is started by the server alone");
    }
    Ok(UnixStream::from(socket))
}

/// The kernel kills this process when the parent's spawning thread ends; a parent gone before that is noticed here.
fn tie_to_parent(parent: u32) -> anyhow::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).context("cannot ask for the parent-death signal")?;
    let actual = rustix::process::getppid().map(Pid::as_raw_nonzero);
    ensure!(actual.is_some_and(|actual| actual.get().cast_unsigned() == parent), "the server is gone");
    Ok(())
}

/// When memory runs out, the kernel ends an engine, which comes back by itself, before the server or its database.
fn die_first() {
    const FILE: &str = "/proc/self/oom_score_adj";
    /// As if the engine held half of the machine's memory more than it does (proc(5)).
    const HALF: i32 = 500;
    let inherited = std::fs::read_to_string(FILE).ok().and_then(|text| text.trim().parse::<i32>().ok());
    if inherited.is_none_or(|inherited| inherited < HALF) {
        // Not for a program file that its user may run but not read: then the engine's size alone must do.
        let _ = std::fs::write(FILE, HALF.to_string());
    }
}

fn limit(arguments: &ChildArguments) -> anyhow::Result<()> {
    let descriptors = match arguments.confinement {
        Some(Confinement::Gpu { .. }) => 1024,
        Some(Confinement::Parse) | None => 512,
        Some(Confinement::Cpu { .. } | Confinement::Convert { .. } | Confinement::OneProgram { .. }) => 64,
    };
    set_limit(Resource::Core, 0)?;
    set_limit(Resource::Nofile, descriptors)?;
    // The program's own size differs by a gigabyte and more between builds: libraries for GPUs are part of it.
    let memory = arguments.memory_bytes.map(|bytes| Ok::<_, anyhow::Error>(mapped_bytes()?.saturating_add(bytes))).transpose()?;
    let limits = [(Resource::As, memory), (Resource::Cpu, arguments.cpu_seconds), (Resource::Fsize, arguments.file_bytes)];
    for (resource, limit) in limits {
        limit.map_or(Ok(()), |limit| set_limit(resource, limit))?;
    }
    Ok(())
}

/// The address space that this process takes now.
fn mapped_bytes() -> anyhow::Result<u64> {
    let sizes = std::fs::read_to_string("/proc/self/statm").context("cannot read this process's size")?;
    let pages: u64 = sizes.split_whitespace().next().and_then(|pages| pages.parse().ok()).context("this process's size is no number")?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}

/// Sets the limit for good, or leaves a stricter one that was inherited.
fn set_limit(resource: Resource, value: u64) -> anyhow::Result<()> {
    let inherited = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let value = Some(value.min(inherited));
    rustix::process::setrlimit(resource, Rlimit { current: value, maximum: value }).context("cannot set a resource limit")
}
