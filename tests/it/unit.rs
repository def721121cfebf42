//! The systemd unit forbids nothing that engines need, and is as strict as the README says.
//!
//! systemd's own tool judges; where it is not installed, only what needs none of it is checked.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// `systemd-analyze security` counts from 0 (confined) to 100 (open); the README tells it as a tenth.
const WORST_EXPOSURE: u32 = 14;

/// What the server, PostgreSQL and pip call besides: seen with strace from the making of a database to its end.
#[rustfmt::skip]
const OTHERS_NEED: &[&str] = &[
    "accept", "accept4", "bind", "chdir", "chmod", "close_range", "connect", "copy_file_range", "fchmod", "getsockname", "getsockopt",
    "kill", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "link", "listen", "pidfd_open", "pidfd_send_signal",
    "rmdir", "seccomp", "setitimer", "setpgid", "setsid", "setsockopt", "shmat", "shmctl", "shmdt", "shmget", "signalfd4", "socket",
    "socketpair", "symlink", "sync_file_range", "umask", "utimensat", "vfork",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn unit() -> String {
    fs::read_to_string(root().join("systemd/oneiros.service")).expect("the unit")
}

/// What `systemd-analyze` prints, or nothing where it is not installed.
fn analyze(arguments: &[&str]) -> Option<(bool, String)> {
    let Ok(output) = Command::new("systemd-analyze").args(arguments).env("SYSTEMD_COLORS", "0").output() else {
        eprintln!("not tried: systemd-analyze is not installed");
        return None;
    };
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Some((output.status.success(), text))
}

/// A call's own name, or the calls of a group and of the groups in it.
fn expand(name: &str, calls: &mut BTreeSet<String>) {
    if !name.starts_with('@') {
        calls.insert(name.to_owned());
        return;
    }
    let (known, listed) = analyze(&["syscall-filter", name]).expect("asked for before");
    assert!(known, "systemd knows no group {name}");
    for member in listed.lines().skip(1).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        expand(member, calls);
    }
}

/// The calls that the unit's `SystemCallFilter=` lines let through, as systemd.exec(5) reads them.
fn allowed_calls() -> Option<BTreeSet<String>> {
    analyze(&["syscall-filter", "@default"])?;
    let mut allowed = BTreeSet::new();
    for line in unit().lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let denies = line.starts_with('~');
        let mut named = BTreeSet::new();
        line.trim_start_matches('~').split_whitespace().for_each(|name| expand(name, &mut named));
        match denies {
            true => allowed.retain(|call| !named.contains(call)),
            false => allowed.extend(named),
        }
    }
    Some(allowed)
}

/// The names in the engines' own allow-lists.
fn engine_calls() -> BTreeSet<String> {
    let source = fs::read_to_string(root().join("src/engine/child/sandbox/calls.rs")).expect("the lists");
    let names = source.split("libc::SYS_").skip(1);
    names.map(|rest| rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()).collect()
}

#[test]
fn the_unit_lets_every_call_through_that_engines_and_the_others_need() {
    let engines = engine_calls();
    assert!(engines.len() > 80 && engines.contains("futex"), "the lists were not found: {engines:?}");
    let Some(allowed) = allowed_calls() else { return };
    let needed = engines.iter().map(String::as_str).chain(OTHERS_NEED.iter().copied());
    let missing: Vec<&str> = needed.filter(|call| !allowed.contains(*call)).collect();
    assert!(missing.is_empty(), "the unit forbids {missing:?}");
    for forbidden in ["io_uring_setup", "ptrace", "process_vm_readv", "mount", "bpf", "keyctl", "chroot", "reboot", "setuid"] {
        assert!(!allowed.contains(forbidden), "the unit allows {forbidden}");
    }
}

/// A copy of the unit alone, without drop-ins, that starts the executable under test.
fn copy() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("oneiros.service");
    let text = unit().replace("/usr/bin/oneiros", env!("CARGO_BIN_EXE_oneiros"));
    fs::write(&path, text).expect("copy");
    (folder, path)
}

#[test]
fn systemd_takes_the_unit_as_it_is() {
    let (_folder, path) = copy();
    let Some((valid, said)) = analyze(&["verify", "--man=no", path.to_str().expect("UTF-8")]) else { return };
    assert!(valid && faults(&said).is_empty(), "{said}");
    for drop_in in fs::read_dir(root().join("systemd/oneiros.service.d")).expect("drop-ins").map(|entry| entry.expect("entry").path()) {
        let (folder, path) = copy();
        let place = folder.path().join("oneiros.service.d");
        fs::create_dir(&place).expect("folder");
        fs::copy(&drop_in, place.join("under-test.conf")).expect("copy");
        let (valid, said) = analyze(&["verify", "--man=no", path.to_str().expect("UTF-8")]).expect("asked for before");
        assert!(valid && faults(&said).is_empty(), "{}: {said}", drop_in.display());
    }
}

/// systemd speaks of other units of this machine, too.
fn faults(said: &str) -> Vec<&str> {
    said.lines().filter(|line| line.contains("oneiros") || line.contains("under-test")).collect()
}

#[test]
fn the_unit_is_as_strict_as_the_readme_says() {
    let (_folder, path) = copy();
    let threshold = format!("--threshold={WORST_EXPOSURE}");
    let arguments = ["security", "--offline=true", "--no-pager", &threshold, path.to_str().expect("UTF-8")];
    let readme = fs::read_to_string(root().join("README.md")).expect("README");
    let told = format!("{}.{} of 10", WORST_EXPOSURE / 10, WORST_EXPOSURE % 10);
    assert!(readme.contains(&told), "the README does not say {told}");
    let Some((strict, said)) = analyze(&arguments) else { return };
    assert!(strict, "the unit became more open: {said}");
}
