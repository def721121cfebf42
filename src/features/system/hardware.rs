//! What the machine is made of, read from the kernel's own files.

mod cgroup;

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hardware {
    pub cpu: String,
    /// Processors that this process may use.
    pub cores: u32,
    /// Of the machine, or of the control group (container, service) that this process is in.
    pub memory_bytes: u64,
    /// Memory that is free or can be made free, within the control group's limit.
    pub memory_available_bytes: u64,
    pub gpus: Vec<Gpu>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gpu {
    pub name: String,
    /// Absent where the driver does not say.
    pub memory_bytes: Option<u64>,
}

impl Hardware {
    /// Looks now.
    pub fn of_this_machine() -> Self {
        Self::read(Path::new("/"))
    }

    fn read(root: &Path) -> Self {
        let memory = fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
        let processors = fs::read_to_string(root.join("proc/cpuinfo")).unwrap_or_default();
        let model = field(&processors, "model name").or_else(|| field(&processors, "Model"));
        let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
        let mut gpus = nvidia(root);
        gpus.extend(other_gpus(root));
        let group = cgroup::memory(root);
        Self {
            cpu: model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores,
            memory_bytes: kibibytes(&memory, "MemTotal").min(group.limit),
            memory_available_bytes: kibibytes(&memory, "MemAvailable").min(group.available),
            gpus,
        }
    }
}

/// The value of the first `name: value` line.
fn field(text: &str, name: &str) -> Option<String> {
    let value = |line: &str| line.split_once(':').filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned());
    text.lines().find_map(value)
}

fn kibibytes(text: &str, name: &str) -> u64 {
    let value = field(text, name).unwrap_or_default();
    value.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// NVIDIA's own driver tells a card's name, not its memory.
fn nvidia(root: &Path) -> Vec<Gpu> {
    let name = |card: &std::path::PathBuf| field(&fs::read_to_string(card.join("information")).ok()?, "Model");
    let cards = entries(&root.join("proc/driver/nvidia/gpus"));
    cards.iter().filter_map(name).map(|name| Gpu { name, memory_bytes: None }).collect()
}

/// Cards of the kernel's graphics drivers; NVIDIA's are told by [`nvidia`].
fn other_gpus(root: &Path) -> Vec<Gpu> {
    let mut gpus = Vec::new();
    for card in entries(&root.join("sys/class/drm")) {
        let name = card.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_card =
            name.strip_prefix("card").is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()));
        let vendor = fs::read_to_string(card.join("device/vendor")).unwrap_or_default();
        let vendor = match vendor.trim() {
            "0x1002" => "AMD",
            "0x8086" => "Intel",
            _ => continue,
        };
        if is_card {
            let device = fs::read_to_string(card.join("device/device")).unwrap_or_default();
            let memory = fs::read_to_string(card.join("device/mem_info_vram_total")).ok();
            gpus.push(Gpu {
                name: format!("{vendor} {}", device.trim()),
                memory_bytes: memory.and_then(|bytes| bytes.trim().parse().ok()),
            });
        }
    }
    gpus
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory_and_a_processor() {
        let hardware = Hardware::of_this_machine();
        assert!(hardware.cores >= 1 && !hardware.cpu.is_empty());
        assert!(hardware.memory_bytes >= hardware.memory_available_bytes && hardware.memory_available_bytes > 0);
    }

    #[test]
    fn cards_are_found_where_the_kernel_lists_them() {
        let root = tempfile::tempdir().unwrap();
        let nvidia = root.path().join("proc/driver/nvidia/gpus/0000:01:00.0");
        let amd = root.path().join("sys/class/drm/card1/device");
        fs::create_dir_all(&nvidia).unwrap();
        fs::create_dir_all(&amd).unwrap();
        fs::write(nvidia.join("information"), "Model: \t\t NVIDIA L4\nIRQ:   36\n").unwrap();
        fs::write(amd.join("vendor"), "0x1002\n").unwrap();
        fs::write(amd.join("device"), "0x744c\n").unwrap();
        fs::write(amd.join("mem_info_vram_total"), "25753026560\n").unwrap();
        let gpus = Hardware::read(root.path()).gpus;
        assert_eq!(gpus[0], Gpu { name: "NVIDIA L4".into(), memory_bytes: None });
        assert_eq!(gpus[1], Gpu { name: "AMD 0x744c".into(), memory_bytes: Some(25_753_026_560) });
    }
}
