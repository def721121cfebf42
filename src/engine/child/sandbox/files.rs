//! Landlock: which files each profile may touch; TCP, abstract sockets and signals where the kernel has rules for them.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::super::program;
use crate::engine::confinement::Confinement;

/// The newest rules this code was written for; older kernels enforce what they know of them.
const NEWEST: ABI = ABI::V9;

/// Shared libraries and their loader's cache.
const LIBRARIES: &[&str] = &["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"];

/// What GPU drivers read while they start: their own libraries, descriptions of devices and of this process.
const GPU_READABLE: &[&str] = &[
    "/etc/OpenCL",
    "/etc/vulkan",
    "/opt/rocm",
    "/proc/cpuinfo",
    "/proc/devices",
    "/proc/driver/nvidia",
    "/proc/meminfo",
    "/proc/modules",
    "/proc/self",
    "/proc/sys/vm",
    "/sys/bus/pci",
    "/sys/class/drm",
    "/sys/class/kfd",
    "/sys/dev/char",
    "/sys/devices",
    "/sys/module",
    "/usr/local/cuda",
    "/usr/share/drirc.d",
    "/usr/share/glvnd",
    "/usr/share/libdrm",
    "/usr/share/nvidia",
    "/usr/share/vulkan",
];

/// Applies the profile to this thread and those it makes. Returns the kernel's Landlock version that was used.
pub(super) fn restrict(confinement: &Confinement) -> anyhow::Result<u32> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    let status = allow_profile(ruleset, confinement)?.restrict_self()?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => bail!("this kernel has no Landlock, or it is switched off"),
        (_, LandlockStatus::Available { effective_abi, kernel_abi }) => {
            Ok(kernel_abi.and_then(|version| u32::try_from(version).ok()).unwrap_or(effective_abi as u32))
        }
        (_, other) => bail!("Landlock is not available: {other:?}"),
    }
}

fn allow_profile(ruleset: RulesetCreated, confinement: &Confinement) -> anyhow::Result<RulesetCreated> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    match confinement {
        Confinement::Parse => Ok(ruleset),
        Confinement::Cpu { readable } => allow(ruleset, readable, read),
        Confinement::Convert { readable, writable } => {
            let ruleset = allow(ruleset, &[readable], read)?;
            allow(ruleset, &[writable], AccessFs::WriteFile | AccessFs::Truncate)
        }
        Confinement::Gpu { readable, cache } => {
            let write = AccessFs::from_all(NEWEST) & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeSock);
            let ruleset = allow(ruleset, readable, read)?;
            let ruleset = allow(ruleset, &[cache], write & !AccessFs::IoctlDev)?;
            let ruleset = allow(ruleset, &existing(LIBRARIES.iter().chain(GPU_READABLE)), read)?;
            allow(ruleset, &gpu_devices(), read | AccessFs::WriteFile | AccessFs::IoctlDev)
        }
        Confinement::OneProgram { program, readable } => {
            let mut executable = vec![program.clone()];
            executable.extend(program::loader(program)?);
            let ruleset = allow(ruleset, readable, read)?;
            let ruleset = allow(ruleset, &existing(LIBRARIES), read)?;
            allow(ruleset, &executable, AccessFs::Execute | AccessFs::ReadFile)
        }
    }
}

/// Allows `access` beneath each path; a path that cannot be opened is an error, for the engine would fail on it later.
fn allow<P: AsRef<Path>>(mut ruleset: RulesetCreated, paths: &[P], access: BitFlags<AccessFs>) -> anyhow::Result<RulesetCreated> {
    for path in paths {
        let path = path.as_ref();
        let beneath = PathFd::new(path).with_context(|| format!("cannot open {}", path.display()))?;
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
        ruleset = ruleset.add_rule(PathBeneath::new(beneath, access)).with_context(|| format!("cannot allow {}", path.display()))?;
    }
    Ok(ruleset)
}

fn existing<'a>(paths: impl IntoIterator<Item = &'a &'a str>) -> Vec<PathBuf> {
    paths.into_iter().map(PathBuf::from).filter(|path| path.exists()).collect()
}

/// The device files of NVIDIA (`/dev/nvidia*`), of the kernel's graphics drivers (`/dev/dri`) and of ROCm (`/dev/kfd`).
fn gpu_devices() -> Vec<PathBuf> {
    let mut devices = existing(&["/dev/dri", "/dev/kfd", "/dev/nvidia-caps", "/dev/null", "/dev/zero"]);
    let names = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    devices.extend(names.filter(|entry| entry.file_name().to_string_lossy().starts_with("nvidia")).map(|entry| entry.path()));
    devices
}
