//! Makes sure that the web app was built and that whisper.cpp's ggml was renamed before anything is linked, and has the
//! linker lead calls within both to ours.
//!
//! The executable embeds `assets/web/dist/`, which npm makes and the repository does not hold.
//!
//! llama.cpp and whisper.cpp carry a ggml each. Linked under the same names the program would crash at run time, so the
//! build stops here instead. The renaming itself is `src/engine/native/`, which `.cargo/config.toml` hands to CMake.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

const ADVICE: &str = "build from the repository's root, where .cargo/config.toml is read, after `cargo clean --release -p whisper-rs-sys`";

const WEB_APP: &str = "assets/web/dist";

fn main() {
    // Migrations are embedded.
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/engine/native");
    println!("cargo::rerun-if-changed={WEB_APP}");
    // What llama.cpp and whisper.cpp call here is answered by src/engine/child/kernels/.
    for function in [
        "llamafile_sgemm",
        "whisper_private_llamafile_sgemm",
        "ggml_compute_forward_flash_attn_ext",
        "whisper_private_ggml_compute_forward_flash_attn_ext",
        "_Z28ggml_backend_amx_buffer_typev",
        "whisper_private__Z28ggml_backend_amx_buffer_typev",
    ] {
        println!("cargo::rustc-link-arg=-Wl,--wrap={function}");
    }
    if !Path::new(WEB_APP).join("index.html").is_file() {
        println!("cargo::error=the web app is not built: run `make web` (it needs Node.js), then build again");
    }
    if let Err(reason) = check() {
        println!("cargo::error={reason}");
    }
}

fn check() -> Result<(), String> {
    let whisper = newest_whisper_build()?;
    let archives = whisper.join("lib");
    println!("cargo::rerun-if-changed={}", archives.display());
    if !whisper.join("build/isolated-symbols").is_file() {
        return Err(format!("whisper.cpp's ggml was not renamed, and would clash with llama.cpp's: {ADVICE}"));
    }
    let clashing = clashing_symbols(&archives)?;
    match clashing.first() {
        None => Ok(()),
        Some(first) => {
            let count = clashing.len();
            Err(format!("{count} symbols of whisper.cpp's ggml, such as {first}, still bear llama.cpp's names: {ADVICE}"))
        }
    }
}

/// What whisper-rs-sys built last: `target/…/build/whisper-rs-sys-HASH/out`, beside this package's own folder.
fn newest_whisper_build() -> Result<PathBuf, String> {
    let missing = || format!("whisper-rs-sys has built no libwhisper.a: {ADVICE}");
    let own = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo gave no OUT_DIR")?);
    let builds = own.ancestors().nth(2).ok_or_else(missing)?;
    let folders = fs::read_dir(builds).map_err(|error| format!("{} cannot be read: {error}", builds.display()))?;
    folders
        .flatten()
        .filter(|folder| folder.file_name().to_string_lossy().starts_with("whisper-rs-sys-"))
        .map(|folder| folder.path().join("out"))
        .filter_map(|out| Some((modified(&out.join("lib/libwhisper.a"))?, out)))
        .max()
        .map(|(_, out)| out)
        .ok_or_else(missing)
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}

/// Names that llama.cpp's ggml defines too and that are still defined here.
#[expect(clippy::disallowed_methods, reason = "the build looks at its own archives")]
fn clashing_symbols(archives: &Path) -> Result<Vec<String>, String> {
    let files = fs::read_dir(archives).map_err(|error| format!("{} cannot be read: {error}", archives.display()))?;
    let files: Vec<PathBuf> =
        files.flatten().map(|file| file.path()).filter(|file| file.extension().is_some_and(|ending| ending == "a")).collect();
    let nm = env::var_os("NM").unwrap_or_else(|| "nm".into());
    let output = Command::new(nm).args(["--defined-only", "--extern-only"]).args(files).output();
    let output = output.map_err(|error| format!("nm (of binutils) cannot be run: {error}"))?;
    let symbols = String::from_utf8_lossy(&output.stdout);
    let names = symbols.lines().filter_map(|line| line.split_whitespace().nth(2));
    Ok(names.filter(|name| name.starts_with("ggml_") || name.starts_with("gguf_")).map(ToOwned::to_owned).collect())
}
