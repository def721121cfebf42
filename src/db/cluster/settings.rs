//! How PostgreSQL is run: its binaries, its user, its parameters.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::bail;
use tokio::process::Command;

/// Names the socket's file; nothing listens on TCP.
pub const PORT: u16 = 5432;

const MIB: u64 = 1 << 20;

/// What a private cluster is made of.
#[derive(Debug, Clone)]
pub struct ClusterSettings {
    /// The folder that holds `bin/postgres`, `bin/initdb`, `lib/` (with the libraries these load) and `share/`.
    pub binaries: PathBuf,
    /// The folder that is the cluster's alone: data, socket, locks and log.
    pub data: PathBuf,
    /// User and group to run PostgreSQL as, needed where we are root, which it refuses.
    pub run_as: Option<(u32, u32)>,
    /// Whether what was committed survives a crash of the machine. Off for throwaway clusters only.
    pub durable: bool,
}

impl ClusterSettings {
    /// A durable cluster run by this process's own user.
    pub fn new(binaries: impl Into<PathBuf>, data: impl Into<PathBuf>) -> Self {
        Self { binaries: binaries.into(), data: data.into(), run_as: None, durable: true }
    }

    /// The user that PostgreSQL runs as.
    pub fn user(&self) -> u32 {
        self.run_as.map_or_else(|| rustix::process::geteuid().as_raw(), |(user, _)| user)
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.binaries.join("bin").join(name)
    }

    /// A program of PostgreSQL with an environment that holds nothing of ours.
    #[expect(clippy::disallowed_methods, reason = "PostgreSQL's own programs, from the artefact store or the system")]
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.program(name));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8").env("LD_LIBRARY_PATH", self.library_path());
        // Its own group: Ctrl-C in a terminal is the server's to handle, which then stops the database in order.
        command.current_dir("/").stdin(std::process::Stdio::null()).process_group(0).kill_on_drop(false);
        if let Some((user, group)) = self.run_as {
            command.uid(user).gid(group);
        }
        command
    }

    /// The binaries' own libraries first, then what the operator set.
    pub fn library_path(&self) -> OsString {
        let mut path = self.binaries.join("lib").into_os_string();
        if let Some(inherited) = std::env::var_os("LD_LIBRARY_PATH").filter(|inherited| !inherited.is_empty()) {
            path.push(":");
            path.push(inherited);
        }
        path
    }

    /// Checks what can be checked before anything is touched.
    pub fn verify(&self) -> anyhow::Result<()> {
        if self.user() == 0 {
            bail!("PostgreSQL refuses to run as root: start oneiros as an ordinary user");
        }
        for program in ["postgres", "initdb"] {
            let path = self.program(program);
            if !path.is_file() {
                bail!("{} is missing: pull PostgreSQL again with `oneiros models pull`, or set DATABASE_URL", path.display());
            }
        }
        Ok(())
    }

    /// `-c name=value` of the postmaster.
    pub fn parameters(&self, socket: &Path) -> Vec<OsString> {
        let memory = total_memory_bytes();
        let mut parameters = vec![
            parameter("listen_addresses", ""),
            unix_socket_parameter(socket),
            parameter("unix_socket_permissions", "0700"),
            parameter("port", &PORT.to_string()),
            parameter("max_connections", "60"),
            // The models need the memory more than the database does.
            parameter("shared_buffers", &megabytes(memory / 32, 64, 1024)),
            parameter("maintenance_work_mem", &megabytes(memory / 64, 64, 512)),
            parameter("effective_cache_size", &megabytes(memory / 4, 256, 16_384)),
            parameter("jit", "off"),
            // Solid-state disks and a database that is mostly in memory: an owner's rows are found one by one.
            parameter("random_page_cost", "1.1"),
            parameter("logging_collector", "off"),
            parameter("log_destination", "stderr"),
            parameter("log_timezone", "UTC"),
            parameter("timezone", "UTC"),
            // A segment of the log that is needed no more goes; used again it would keep what was erased (see `db::sweep`).
            parameter("wal_recycle", "off"),
            // What users wrote stays out of the log: no statements, no parameters, no row contents.
            parameter("log_min_error_statement", "panic"),
            parameter("log_parameter_max_length_on_error", "0"),
            parameter("log_error_verbosity", "terse"),
        ];
        if !self.durable {
            parameters.extend(["fsync", "synchronous_commit", "full_page_writes"].map(|name| parameter(name, "off")));
        }
        parameters
    }
}

fn parameter(name: &str, value: &str) -> OsString {
    format!("{name}={value}").into()
}

/// A list setting: the path is quoted, or a comma in it would make it two.
fn unix_socket_parameter(socket: &Path) -> OsString {
    let mut value = b"unix_socket_directories=\"".to_vec();
    for byte in socket.as_os_str().as_bytes() {
        if *byte == b'"' {
            value.push(b'"');
        }
        value.push(*byte);
    }
    value.push(b'"');
    OsString::from_vec(value)
}

fn megabytes(bytes: u64, least: u64, most: u64) -> String {
    format!("{}MB", (bytes / MIB).clamp(least, most))
}

fn total_memory_bytes() -> u64 {
    let information = rustix::system::sysinfo();
    u64::from(information.mem_unit) * information.totalram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_told_to_use_an_ordinary_user() {
        let mut settings = ClusterSettings::new("/nowhere", "/nowhere/data");
        settings.run_as = Some((0, 0));
        assert!(settings.verify().unwrap_err().to_string().contains("ordinary user"));
    }

    #[test]
    fn missing_binaries_are_named() {
        let mut settings = ClusterSettings::new("/nowhere", "/nowhere/data");
        settings.run_as = Some((65_534, 65_534));
        assert!(settings.verify().unwrap_err().to_string().contains("/nowhere/bin/postgres"));
    }

    #[test]
    fn a_comma_in_the_socket_path_stays_one_directory() {
        assert_eq!(unix_socket_parameter(Path::new("/a,\"b")), "unix_socket_directories=\"/a,\"\"b\"");
    }
}
