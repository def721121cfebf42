//! State directories: a fresh one for each server, with the models that were pulled once for all tests.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::processes::{self, Signal};

/// The store's folder in a state directory.
pub const ARTEFACTS: &str = "artefacts";
/// English.
pub const ENGLISH_MODEL: &str = "smollm2-135m-instruct";
/// Every other language.
pub const OTHER_MODEL: &str = "gemma3-270m";
pub const EMBEDDING_MODEL: &str = "multilingual-e5-small";
pub const SPEECH_MODEL: &str = "whisper-base";
pub const DATABASE: &str = "postgresql-18";
/// The same sentence encoder in both formats, and what the first of them needs.
pub const ONNX_MODEL: &str = "all-minilm-l6-v2-int8";
pub const SAFETENSORS_MODEL: &str = "all-minilm-l6-v2";
pub const ONNX_RUNTIME: &str = "onnxruntime";

/// A temporary state directory. When it goes, processes that still work in it go too.
pub struct StateDirectory {
    directory: TempDir,
}

impl StateDirectory {
    /// Everything the starter profile needs is there; nothing has run in it yet.
    pub fn with_models() -> Arc<Self> {
        Self::with(&[ENGLISH_MODEL, OTHER_MODEL, EMBEDDING_MODEL, SPEECH_MODEL, DATABASE])
    }

    /// As [`Self::with_models`], and the sentence encoders.
    pub fn with_encoders() -> Arc<Self> {
        let starter = [ENGLISH_MODEL, OTHER_MODEL, EMBEDDING_MODEL, SPEECH_MODEL, DATABASE];
        Self::with(&[&starter[..], &[ONNX_MODEL, SAFETENSORS_MODEL, ONNX_RUNTIME]].concat())
    }

    /// Those artefacts and nothing else are there.
    pub fn with(ids: &[&str]) -> Arc<Self> {
        let state = Self::new();
        for id in ids {
            let from = pulled().join(ARTEFACTS).join(id);
            assert!(from.is_dir(), "{} is not there: `make test-models` pulls it into ONEIROS_TEST_STATE", from.display());
            copy(&from, &state.artefact(id), Links::Shared);
        }
        // The store's own notes beside the artefacts, whatever they are.
        for entry in fs::read_dir(pulled().join(ARTEFACTS)).expect("the store").map(|entry| entry.expect("entry").path()) {
            if entry.is_file() {
                copy(&entry, &state.path().join(ARTEFACTS).join(entry.file_name().expect("a name")), Links::Broken);
            }
        }
        Arc::new(state)
    }

    /// Nothing is there.
    pub fn empty() -> Arc<Self> {
        Arc::new(Self::new())
    }

    fn new() -> Self {
        // /tmp whatever TMPDIR says: a socket's path has 107 bytes.
        let directory = tempfile::Builder::new().prefix("oneiros-").tempdir_in("/tmp").expect("a folder in /tmp");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("mode");
        Self { directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn artefact(&self, id: &str) -> PathBuf {
        self.path().join(ARTEFACTS).join(id)
    }

    /// Gives this directory its own copy of an artefact, to be damaged, and returns the artefact's largest file.
    pub fn own_copy(&self, id: &str) -> PathBuf {
        fs::remove_dir_all(self.artefact(id)).expect("the shared artefact");
        copy(&pulled().join(ARTEFACTS).join(id), &self.artefact(id), Links::Broken);
        largest_file(&self.artefact(id))
    }
}

impl StateDirectory {
    /// Puts another model there: a copy of one under another name. `change` is made to its manifest.
    pub fn add_twin(&self, of: &str, name: &str, change: impl FnOnce(&mut serde_json::Value)) {
        copy(&pulled().join(ARTEFACTS).join(of), &self.artefact(name), Links::Broken);
        self.change_manifest(name, |manifest| {
            manifest["id"] = name.into();
            change(manifest);
        });
    }

    /// Rewrites what the store knows of a model, which has a copy of its own here.
    pub fn change_manifest(&self, id: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let path = self.artefact(id).join("manifest.json");
        let mut manifest = serde_json::from_slice(&fs::read(&path).expect("a manifest")).expect("JSON");
        change(&mut manifest);
        fs::write(&path, manifest.to_string()).expect("a manifest");
    }
}

impl Drop for StateDirectory {
    fn drop(&mut self) {
        for _ in 0..50 {
            let left = processes::of_directory(self.path());
            if left.is_empty() {
                return;
            }
            left.into_iter().for_each(|pid| processes::signal(pid, Signal::KILL));
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The state directory with everything pulled, which no test changes.
pub fn pulled() -> PathBuf {
    let path = std::env::var_os("ONEIROS_TEST_STATE").expect(
        "ONEIROS_TEST_STATE names the state directory into which the starter profile was pulled: run `make test`, or pull and set it",
    );
    PathBuf::from(path)
}

/// The largest regular file below a folder: of a model's artefact, the model.
pub fn largest_file(directory: &Path) -> PathBuf {
    fn walk(directory: &Path, largest: &mut Option<(u64, PathBuf)>) {
        for entry in fs::read_dir(directory).expect("folder").map(|entry| entry.expect("entry")) {
            let (path, kind) = (entry.path(), entry.file_type().expect("type"));
            if kind.is_dir() {
                walk(&path, largest);
            } else if kind.is_file() {
                let size = entry.metadata().expect("metadata").len();
                if largest.as_ref().is_none_or(|(most, _)| size > *most) {
                    *largest = Some((size, path));
                }
            }
        }
    }
    let mut largest = None;
    walk(directory, &mut largest);
    largest.unwrap_or_else(|| panic!("no file in {}", directory.display())).1
}

#[derive(Clone, Copy, PartialEq)]
enum Links {
    /// Hard links where the file system can: nothing here writes to a model.
    Shared,
    Broken,
}

fn copy(from: &Path, to: &Path, links: Links) {
    let metadata = fs::symlink_metadata(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    if metadata.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from).expect("link"), to).expect("symbolic link");
    } else if metadata.is_dir() {
        fs::create_dir_all(to).expect("folder");
        for entry in fs::read_dir(from).expect("folder").map(|entry| entry.expect("entry")) {
            copy(&entry.path(), &to.join(entry.file_name()), links);
        }
        fs::set_permissions(to, metadata.permissions()).expect("mode");
    } else if links == Links::Broken || fs::hard_link(from, to).is_err() {
        fs::copy(from, to).unwrap_or_else(|error| panic!("{} to {}: {error}", from.display(), to.display()));
    }
}
