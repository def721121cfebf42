//! The packages that people use, against the real executable: OpenAI's clients for Python and Node, Ollama's for Python, one
//! application, and requests made by chance.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::process::Command;

use crate::support::{
    server::{Launch, Server},
    speech,
    state::{StateDirectory, pulled},
    turn,
};

const PATIENCE: Duration = Duration::from_secs(300);

/// A server that speaks both protocols, and a recording to be heard.
struct Stage {
    server: Server,
    ollama: String,
    recording: tempfile::NamedTempFile,
}

impl Stage {
    async fn new() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let environment = [("ONEIROS_OLLAMA_LISTEN".to_owned(), free.to_string())];
        let server = Launch { environment: &environment, ..Launch::default() }.start(&StateDirectory::with_models()).await;
        let recording = tempfile::Builder::new().suffix(".wav").tempfile().unwrap();
        speech::say("A golden key was lying under the old bridge.", recording.path());
        Self { server, ollama: format!("http://{free}"), recording }
    }

    /// Runs a suite, which fails loudly.
    async fn run(&self, program: &Path, arguments: &[&str], folder: &Path) {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env("NO_PROXY", "*").env("no_proxy", "*");
        command.env("ONEIROS_BASE", &self.server.base).env("ONEIROS_OLLAMA", &self.ollama).env("ONEIROS_RECORDING", self.recording.path());
        let ended = tokio::time::timeout(PATIENCE + fuzzing_time(), command.kill_on_drop(true).output()).await;
        let ended = ended.expect("the suite ends in time").expect("the suite starts");
        let (out, errors) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success(), "{arguments:?}\n{out}\n{errors}");
        println!("{out}{errors}");
    }

    async fn python(&self, suite: &str) {
        self.run(&installed("python/bin/python"), &[suite], &sources()).await;
    }
}

pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

pub fn installed(name: &str) -> PathBuf {
    let path = pulled().join("clients").join(name);
    assert!(path.exists(), "{} is not there: `make test-clients` installs it; that needs a package registry", path.display());
    path
}

/// As `fuzz.py` has it.
fn fuzzing_time() -> Duration {
    let seconds = std::env::var("ONEIROS_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(60.0))
}

#[tokio::test]
async fn the_packages_that_people_use_find_what_they_expect() {
    let _turn = turn::together().await;
    let stage = Stage::new().await;
    stage.python("test_openai.py").await;
    stage.python("test_ollama.py").await;
    stage.python("test_application.py").await;
    // Node looks for packages beside the file that names them.
    let suite = installed("node/node_modules").with_file_name("openai.test.mjs");
    fs::copy(sources().join("node/openai.test.mjs"), &suite).unwrap();
    stage.run(Path::new("node"), &["--test", "openai.test.mjs"], suite.parent().unwrap()).await;
}

#[tokio::test]
async fn requests_made_by_chance_bring_no_5xx_and_kill_no_engine() {
    let _turn = turn::alone().await;
    let stage = Stage::new().await;
    stage.run(Path::new("python3"), &["fuzz.py"], &sources()).await;
}
