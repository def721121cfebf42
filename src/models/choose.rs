//! Profiles, and which one a machine should have.

use serde::{Deserialize, Serialize};

use super::files::human_bytes;

/// A named set of artefacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
pub enum Profile {
    /// Small models that the package mirror holds too.
    #[serde(rename = "starter")]
    Starter,
    #[serde(rename = "cpu-8g")]
    #[value(name = "cpu-8g")]
    Cpu8g,
    #[serde(rename = "cpu-16g")]
    #[value(name = "cpu-16g")]
    Cpu16g,
    #[serde(rename = "gpu-8g")]
    #[value(name = "gpu-8g")]
    Gpu8g,
    #[serde(rename = "gpu-24g")]
    #[value(name = "gpu-24g")]
    Gpu24g,
    /// By memory and GPU; the starter when the hub does not answer.
    #[serde(rename = "auto")]
    Auto,
}

impl std::fmt::Display for Profile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Starter => "starter",
            Self::Cpu8g => "cpu-8g",
            Self::Cpu16g => "cpu-16g",
            Self::Gpu8g => "gpu-8g",
            Self::Gpu24g => "gpu-24g",
            Self::Auto => "auto",
        })
    }
}

/// A profile and, for people, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    pub profile: Profile,
    pub reason: String,
}

const GIB: u64 = 1 << 30;

/// Settles [`Profile::Auto`]; any other profile stays what it is.
///
/// A machine sold as "16 GB" reports less, hence the limits a little below the profiles' names.
pub fn choose(wanted: Profile, memory_bytes: u64, gpu_memory: Option<u64>, hub_answers: bool) -> Choice {
    let choice = |profile, reason: String| Choice { profile, reason };
    if wanted != Profile::Auto {
        return choice(wanted, format!("{wanted} was asked for"));
    }
    if !hub_answers {
        return choice(Profile::Starter, "the model hub does not answer, and the starter's models come from the package mirror too".into());
    }
    let memory = human_bytes(memory_bytes);
    match gpu_memory {
        Some(bytes) if bytes >= 22 * GIB => choice(Profile::Gpu24g, format!("the GPU has {}", human_bytes(bytes))),
        Some(bytes) if bytes >= 7 * GIB => choice(Profile::Gpu8g, format!("the GPU has {}", human_bytes(bytes))),
        _ if memory_bytes >= 14 * GIB => choice(Profile::Cpu16g, format!("there are {memory} of memory and no GPU of 8 GB")),
        _ if memory_bytes >= 7 * GIB => choice(Profile::Cpu8g, format!("there are {memory} of memory and no GPU of 8 GB")),
        _ => choice(Profile::Starter, format!("there are only {memory} of memory")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_goes_by_gpu_then_memory_and_says_why() {
        let auto = |memory: u64, gpu: Option<u64>, hub| choose(Profile::Auto, memory * GIB, gpu.map(|bytes| bytes * GIB), hub).profile;
        assert_eq!(auto(64, Some(24), true), Profile::Gpu24g);
        assert_eq!(auto(64, Some(12), true), Profile::Gpu8g);
        assert_eq!(auto(64, Some(4), true), Profile::Cpu16g);
        assert_eq!(auto(15, None, true), Profile::Cpu16g);
        assert_eq!(auto(8, None, true), Profile::Cpu8g);
        assert_eq!(auto(4, None, true), Profile::Starter);
        let offline = choose(Profile::Auto, 64 * GIB, Some(24 * GIB), false);
        assert_eq!(offline.profile, Profile::Starter);
        assert!(offline.reason.contains("hub does not answer"));
        assert_eq!(choose(Profile::Gpu8g, 0, None, false).profile, Profile::Gpu8g);
    }
}
