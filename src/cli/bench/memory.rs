//! `oneiros bench memory`: what the server and each of its processes take, and how large the executable is.

use std::path::Path;

use super::{appliance::Appliance, executable, report::Section};
use crate::config::Config;

const MIB: f64 = (1_u64 << 20) as f64;

/// Memory of the processes of a server that answers.
pub async fn measure(appliance: &Appliance, config: &Config) -> anyhow::Result<Vec<Section>> {
    let report = appliance.report().await?;
    let mut sections = Vec::new();
    let mut server = Section::new("memory, server").about("inside oneiros bench", !appliance.is_another_process());
    server.ours("in RAM (RSS)", "MiB", report.server_memory_bytes as f64 / MIB);
    if !appliance.is_another_process()
        && let Some(memory) = Memory::of(std::process::id())
    {
        memory.add_shares(&mut server);
    }
    sections.push(server);
    for engine in &report.snapshot.engines {
        let Some((pid, memory)) = engine.pid.and_then(|pid| Some((pid, Memory::of(pid)?))) else { continue };
        let mut section = Section::new(format!("memory, engine of {}", engine.model)).about("pid", pid);
        section.ours("in RAM (RSS)", "MiB", memory.resident);
        memory.add_shares(&mut section);
        sections.push(section);
    }
    let database = processes_of_database(&config.server.database_directory());
    if !database.is_empty() {
        let mut section = Section::new("memory, private PostgreSQL").about("processes", database.len());
        // Shared buffers are in each process's RSS: only shares can be added up.
        let shares: Option<f64> = database.iter().map(|memory| memory.proportional).sum();
        if let Some(shares) = shares {
            section.ours("share of RAM (PSS)", "MiB", shares);
        }
        section.ours("largest process (RSS)", "MiB", database.iter().map(|memory| memory.resident).fold(0.0, f64::max));
        sections.push(section);
    }
    sections.push(executable::measure()?);
    Ok(sections)
}

/// One process's memory, in MiB.
struct Memory {
    resident: f64,
    /// Pages that several processes share count in parts. Closed to us for a process of another user.
    proportional: Option<f64>,
    /// Pages of its own.
    private: Option<f64>,
}

impl Memory {
    fn of(pid: u32) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let shares = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let clean = mebibytes(&shares, "Private_Clean:");
        Some(Self {
            resident: mebibytes(&status, "VmRSS:")?,
            proportional: mebibytes(&shares, "Pss:"),
            private: mebibytes(&shares, "Private_Dirty:").zip(clean).map(|(dirty, clean)| dirty + clean),
        })
    }

    fn add_shares(&self, section: &mut Section) {
        if let Some(share) = self.proportional {
            section.ours("share of RAM (PSS)", "MiB", share);
        }
        if let Some(private) = self.private {
            section.ours("of its own", "MiB", private);
        }
    }
}

/// The value of a line `Name:   123 kB`.
fn mebibytes(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0 / MIB)
}

/// The postmaster and its children.
fn processes_of_database(directory: &Path) -> Vec<Memory> {
    let file = std::fs::read_to_string(directory.join("cluster/postmaster.pid")).unwrap_or_default();
    let Some(postmaster) = file.lines().next().and_then(|line| line.trim().parse::<u32>().ok()) else { return Vec::new() };
    let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    std::iter::once(postmaster).chain(children).filter_map(Memory::of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_memory_and_shares_less_than_all_of_it() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.resident > 1.0 && memory.proportional.is_some_and(|share| share > 0.5 && share <= memory.resident * 1.5));
    }
}
