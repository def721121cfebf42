//! Other processes of this test binary, so that they can be killed: each runs one ignored "test" below.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Another process that runs a function of this binary until it is killed.
pub struct Process {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Process {
    /// Starts the function that is the ignored test `name`, with one environment variable.
    pub fn start(name: &str, variable: &str, value: impl AsRef<OsStr>) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--ignored", "--nocapture"])
            .env(variable, value)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// Waits for a line that begins so and returns the rest of it.
    pub fn line(&mut self, start: &str) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            // The harness prints the test's name without a line end first.
            if let Some(at) = line.find(start) {
                return line[at + start.len()..].trim().to_owned();
            }
            line.clear();
        }
        panic!("the process ended without saying {start}");
    }

    /// `kill -9`
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// `kill -9` of any process.
pub fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

pub fn lives(pid: u32) -> bool {
    // A zombie has no working directory.
    std::fs::read_link(Path::new("/proc").join(pid.to_string()).join("cwd")).is_ok()
}

/// Waits until a process is gone.
pub fn wait_for_end(pid: u32) {
    let since = Instant::now();
    while lives(pid) {
        assert!(since.elapsed() < Duration::from_secs(20), "process {pid} does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}
