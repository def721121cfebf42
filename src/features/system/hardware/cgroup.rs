//! What a control group leaves of the machine's memory: containers and services have limits that `/proc/meminfo` hides.
//!
//! Version 2 (`memory.max`, `memory.current`) and version 1 (`memory.limit_in_bytes`, `memory.usage_in_bytes`), at the
//! process's own group and at every one above it, as the kernel enforces them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Both `u64::MAX` where nothing is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupMemory {
    pub limit: u64,
    pub available: u64,
}

/// Names of the files of one version.
struct Files {
    limit: &'static str,
    usage: &'static str,
    /// The keys of `memory.stat` that count what can be made free: cached files, a model's last use among them.
    reclaimable: [&'static str; 2],
}

const VERSION_2: Files = Files { limit: "memory.max", usage: "memory.current", reclaimable: ["inactive_file", "active_file"] };
const VERSION_1: Files =
    Files { limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes", reclaimable: ["total_inactive_file", "total_active_file"] };

/// The narrowest of the limits that hold for this process.
pub(super) fn memory(root: &Path) -> GroupMemory {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mut narrowest = GroupMemory { limit: u64::MAX, available: u64::MAX };
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(group)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let (mount, files) = if controllers.is_empty() {
            (root.join("sys/fs/cgroup"), VERSION_2)
        } else if controllers.split(',').any(|name| name == "memory") {
            (root.join("sys/fs/cgroup/memory"), VERSION_1)
        } else {
            continue;
        };
        // Inside a container the path is the host's and not to be found here: then the mount itself is the group.
        for folder in own_and_above(&mount, group) {
            if let Some(found) = look(&folder, &files) {
                narrowest.limit = narrowest.limit.min(found.limit);
                narrowest.available = narrowest.available.min(found.available);
            }
        }
    }
    narrowest
}

fn own_and_above(mount: &Path, group: &str) -> Vec<PathBuf> {
    let own = mount.join(group.trim_start_matches('/'));
    own.ancestors().take_while(|folder| folder.starts_with(mount)).map(Path::to_owned).collect()
}

fn look(folder: &Path, files: &Files) -> Option<GroupMemory> {
    let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    // `max` is no number: no limit.
    let limit = number(files.limit)?;
    let statistics = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let counted = |line: &str| {
        let (key, value) = line.split_once(' ')?;
        value.parse::<u64>().ok().filter(|_| files.reclaimable.contains(&key))
    };
    let reclaimable = statistics.lines().filter_map(counted).fold(0, u64::saturating_add);
    let used = number(files.usage)?.saturating_sub(reclaimable);
    Some(GroupMemory { limit, available: limit.saturating_sub(used) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(root: &Path, folder: &str, files: &[(&str, &str)]) {
        let folder = root.join("sys/fs/cgroup").join(folder);
        fs::create_dir_all(&folder).unwrap();
        files.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
    }

    fn own(root: &Path, line: &str) {
        fs::create_dir_all(root.join("proc/self")).unwrap();
        fs::write(root.join("proc/self/cgroup"), line).unwrap();
    }

    #[test]
    fn the_narrowest_group_above_counts_and_cached_files_are_no_use() {
        let root = tempfile::tempdir().unwrap();
        own(root.path(), "0::/system.slice/oneiros.service\n");
        let stat = "anon 5\ninactive_file 150\nactive_file 50\n";
        group(root.path(), "system.slice", &[("memory.max", "1000\n"), ("memory.current", "700\n"), ("memory.stat", stat)]);
        group(root.path(), "system.slice/oneiros.service", &[("memory.max", "max\n"), ("memory.current", "300\n")]);
        assert_eq!(memory(root.path()), GroupMemory { limit: 1000, available: 500 });
    }

    #[test]
    fn a_container_that_cannot_see_its_own_group_and_the_first_version_are_understood() {
        let root = tempfile::tempdir().unwrap();
        own(root.path(), "0::/docker/abc\n");
        group(root.path(), "", &[("memory.max", "2000\n"), ("memory.current", "500\n")]);
        assert_eq!(memory(root.path()), GroupMemory { limit: 2000, available: 1500 });
        let root = tempfile::tempdir().unwrap();
        own(root.path(), "5:cpu:/x\n4:memory,hugetlb:/x\n");
        group(root.path(), "memory/x", &[("memory.limit_in_bytes", "900\n"), ("memory.usage_in_bytes", "100\n")]);
        assert_eq!(memory(root.path()), GroupMemory { limit: 900, available: 800 });
    }

    #[test]
    fn without_limits_nothing_is_limited() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(memory(root.path()).available, u64::MAX);
    }
}
