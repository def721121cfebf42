//! The executable as a person runs it.

use std::{
    ffi::OsStr,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::io::AsyncWriteExt as _;

const PATIENCE: Duration = Duration::from_secs(240);

/// What a command printed and how it ended.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Standard output of a command that must have succeeded.
    #[track_caller]
    pub fn succeeded(&self) -> &str {
        assert!(self.status.success(), "{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.stdout, self.stderr);
        &self.stdout
    }

    /// The command failed and said so in a sentence that holds `needle`: no panic, no chain of causes, no success.
    #[track_caller]
    pub fn refused(&self, needle: &str) {
        let all = format!("{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.stdout, self.stderr);
        assert!(self.status.code().is_some_and(|code| code != 0), "it ended as if all were well, or by a signal: {all}");
        assert!(!self.stderr.contains("panicked at") && !self.stderr.contains("stack backtrace"), "it panicked: {all}");
        assert!(!self.stderr.contains("Caused by"), "one sentence, not a chain of causes: {all}");
        let said = self.stderr.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        assert!(said.to_lowercase().contains(&needle.to_lowercase()), "its last word does not name `{needle}`: {all}");
    }
}

/// The executable (below `wrapper`, a program with arguments, if any) with none of the caller's settings.
pub fn oneiros(wrapper: &[&str]) -> std::process::Command {
    let binary = env!("CARGO_BIN_EXE_oneiros");
    let mut words = wrapper.iter().copied().chain([binary]);
    let mut command = std::process::Command::new(words.next().expect("at least the executable"));
    command.args(words);
    for (name, _) in std::env::vars_os() {
        if ["ONEIROS_", "DATABASE_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    // A person sees no back traces, so neither do the tests.
    command
        .env_remove("RUST_BACKTRACE")
        .env_remove("RUST_LIB_BACKTRACE")
        .env_remove("RUST_LOG")
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("NO_COLOR", "1");
    command
}

/// Runs `oneiros ARGUMENTS --state-dir STATE` to its end.
pub async fn run(state: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ended {
    run_with_input(state, arguments, b"").await
}

/// As [`run`], with something on standard input.
pub async fn run_with_input(state: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>, input: &[u8]) -> Ended {
    let mut command = oneiros(&[]);
    command.args(arguments).arg("--state-dir").arg(state);
    finish(command, input).await
}

/// Runs a command to its end; one that takes minutes fails the test.
pub async fn finish(mut command: std::process::Command, input: &[u8]) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().expect("the executable starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // A command that does not read its input closes the pipe: that is no fault.
    let writing = tokio::spawn(async move {
        let _ = stdin.write_all(&input).await;
    });
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("the command ends").expect("its output");
    writing.abort();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8 output");
    Ended { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
}
