//! Processes as the kernel shows them under `/proc`.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

/// State letter and parent of a process.
fn status(pid: i32) -> Option<(char, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and brackets: everything of interest comes after its last bracket.
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Whether the process runs. One that has ended and waits to be reaped does not.
pub fn is_alive(pid: i32) -> bool {
    status(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// Sends a signal; one to a process that has gone is lost, as in a shell.
pub fn signal(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).expect("a process id is not 0"), signal);
}

fn all() -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter(|&pid| is_alive(pid)).collect()
}

pub fn name(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

pub fn parent(pid: i32) -> Option<i32> {
    status(pid).map(|(_, parent)| parent)
}

/// Children of a process, their children, and so on.
pub fn descendants(pid: i32) -> Vec<i32> {
    let pairs: Vec<(i32, i32)> = all().into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(pairs.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    found.split_off(1)
}

/// Processes that name a file or folder below `directory` on their command line, or work in one.
pub fn of_directory(directory: &Path) -> Vec<i32> {
    let needle = directory.to_string_lossy().into_owned();
    let own = i32::try_from(std::process::id()).expect("process ids fit");
    let names_it = |pid: &i32| {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let works_in = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder.starts_with(directory));
        works_in || String::from_utf8_lossy(&arguments).contains(&needle)
    };
    all().into_iter().filter(|pid| *pid != own).filter(names_it).collect()
}

/// The database's first process in a state directory: the one that PostgreSQL's other processes descend from.
pub fn postmaster(state_directory: &Path) -> Option<i32> {
    let servers: Vec<i32> = of_directory(state_directory).into_iter().filter(|&pid| name(pid) == "postgres").collect();
    servers.iter().copied().find(|&pid| parent(pid).is_none_or(|parent| !servers.contains(&parent)))
}

/// Waits until none of the processes runs; says which still do.
pub async fn gone(pids: &[i32], within: Duration) -> Result<(), Vec<i32>> {
    let start = Instant::now();
    loop {
        let left: Vec<i32> = pids.iter().copied().filter(|&pid| is_alive(pid)).collect();
        if left.is_empty() {
            return Ok(());
        }
        if start.elapsed() > within {
            return Err(left);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
