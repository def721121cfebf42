//! The machine that figures were measured on.

use serde::Serialize;

use crate::features::system::Hardware;

/// What decides the speed of a processor's kernels, by the names of `/proc/cpuinfo`.
const TELLING_FEATURES: [&str; 11] =
    ["avx", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "avx_vnni", "f16c", "fma", "asimddp", "sve"];

#[derive(Serialize)]
pub struct Machine {
    #[serde(flatten)]
    hardware: Hardware,
    /// Those of the processor's features that engines make use of.
    features: Vec<&'static str>,
    /// The kernel's release.
    kernel: String,
    /// Running processes and threads over the last minute, before anything was measured.
    load_average: f64,
}

impl Machine {
    pub fn here() -> Self {
        let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = processors.lines().find(|line| line.starts_with("flags") || line.starts_with("Features")).unwrap_or_default();
        let has = |name: &&str| flags.split_whitespace().any(|flag| flag == *name);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            hardware: Hardware::of_this_machine(),
            features: TELLING_FEATURES.into_iter().filter(has).collect(),
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            load_average: load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        }
    }

    pub fn in_words(&self) -> String {
        let Hardware { cpu, cores, memory_bytes, gpus, .. } = &self.hardware;
        let gpus = if gpus.is_empty() { "no GPU".into() } else { gpus.iter().map(|gpu| gpu.name.as_str()).collect::<Vec<_>>().join(", ") };
        let features = self.features.join(" ");
        format!("{cpu}, {cores} cores ({features}), {} GiB, {gpus}, Linux {}", memory_bytes >> 30, self.kernel)
    }
}

/// Bytes that new processes can have without another giving something up.
pub fn available_memory() -> Option<u64> {
    let facts = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = facts.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}
