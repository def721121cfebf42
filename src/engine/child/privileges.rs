//! Giving up root, before anything else is done. It lives here because `unsafe` does.

use std::{
    ffi::{CStr, CString, OsStr},
    fs,
    io::{self, ErrorKind},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, lchown},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};

/// What a state directory holds. Whatever holds anything else is not handed over.
const OURS: [&str; 13] = [
    "artefacts",
    "catalog.d",
    "claimed",
    "gpu-cache",
    "lock",
    "lost+found",
    "master.key",
    "oneiros.sock",
    "oneiros.toml",
    "postgresql",
    "setup-token",
    "tls",
    "uploads",
];

/// The user of last resort, which every system has.
const NOBODY: &str = "nobody";

/// Becomes `user` (or `nobody` where there is no such user) when the process is root; does nothing otherwise.
///
/// `owned`, the state directory, is created with mode 0700 and handed over. Call this before any thread exists.
pub fn drop_root(user: &str, owned: &Path) -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let account = match Account::find(user)? {
        Some(account) => account,
        None => Account::find(NOBODY)?.with_context(|| format!("there is neither a user {user} nor {NOBODY} to run as"))?,
    };
    ensure!(account.uid != 0, "the user {user} is root under another name; name one that is not");
    hand_over(owned, &account)
        .with_context(|| format!("cannot give {} to the user {}", owned.display(), account.name.to_string_lossy()))?;
    account.assume()?;
    fs::read_dir(owned).with_context(|| {
        format!(
            "the user {} cannot enter {}; choose a state directory outside root's home",
            account.name.to_string_lossy(),
            owned.display()
        )
    })?;
    Ok(())
}

struct Account {
    name: CString,
    uid: libc::uid_t,
    gid: libc::gid_t,
    home: PathBuf,
}

impl Account {
    fn find(name: &str) -> anyhow::Result<Option<Self>> {
        let name = CString::new(name).context("a user's name holds no zero byte")?;
        // SAFETY: `name` is a C string; the answer is copied below before anything else could overwrite it, and no
        // other thread exists.
        let entry = unsafe { libc::getpwnam(name.as_ptr()).as_ref() };
        Ok(entry.map(|entry| {
            // SAFETY: a password entry's home directory is a C string.
            let home = unsafe { CStr::from_ptr(entry.pw_dir) };
            Self { uid: entry.pw_uid, gid: entry.pw_gid, home: PathBuf::from(OsStr::from_bytes(home.to_bytes())), name }
        }))
    }

    /// Takes on this account's groups and ids for good.
    fn assume(&self) -> anyhow::Result<()> {
        // The account's own groups stay: `video` and `render` open the GPU.
        // SAFETY: `name` is a C string.
        check(unsafe { libc::initgroups(self.name.as_ptr(), self.gid) }).context("cannot take on the user's groups")?;
        // SAFETY: plain numbers.
        check(unsafe { libc::setresgid(self.gid, self.gid, self.gid) }).context("cannot take on the user's group")?;
        // SAFETY: plain numbers.
        check(unsafe { libc::setresuid(self.uid, self.uid, self.uid) }).context("cannot become the user")?;
        // SAFETY: plain numbers; it must fail.
        if unsafe { libc::setuid(0) } == 0 {
            bail!("root could be had back after it was given up");
        }
        // SAFETY: no other thread exists that could read the environment meanwhile.
        unsafe { std::env::set_var("HOME", &self.home) };
        Ok(())
    }
}

fn check(returned: libc::c_int) -> io::Result<()> {
    if returned == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Creates the directory or takes it over from root, with all that root left in it.
fn hand_over(directory: &Path, account: &Account) -> anyhow::Result<()> {
    match fs::DirBuilder::new().recursive(true).mode(0o700).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let owner = fs::metadata(directory)?.uid();
    if owner == account.uid {
        return Ok(());
    }
    // Somebody else's directory could hold links that lead root to files of the system.
    ensure!(owner == 0, "it belongs to another user (uid {owner})");
    // `--state-dir /var/lib` or `/tmp` must not hand over what other programs keep there.
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let is_ours = name.to_str().is_some_and(|name| OURS.contains(&name));
        ensure!(is_ours, "it holds {name:?}, which is not Oneiros's: choose an empty or new state directory");
    }
    give_tree(directory, account)
}

fn give_tree(path: &Path, account: &Account) -> anyhow::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give_tree(&entry?.path(), account)?;
        }
    }
    lchown(path, Some(account.uid), Some(account.gid))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    #[test]
    fn a_state_directory_is_handed_over_with_all_that_root_left_in_it_and_nothing_else() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let scratch = tempfile::tempdir().unwrap();
        assert!(Account::find("no-such-user-here").unwrap().is_none());
        let account = Account::find(NOBODY).unwrap().unwrap();
        let (state, outside) = (scratch.path().join("a/state"), scratch.path().join("outside"));
        fs::write(&outside, "root's").unwrap();
        hand_over(&state, &account).unwrap();
        assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);

        lchown(&state, Some(0), Some(0)).unwrap();
        fs::create_dir(state.join("artefacts")).unwrap();
        fs::write(state.join("artefacts/model"), "").unwrap();
        fs::create_dir(state.join("tls")).unwrap();
        let secrets = ["claimed", "master.key", "setup-token", "tls/authority.key"].map(|name| state.join(name));
        secrets.iter().for_each(|secret| fs::write(secret, "").unwrap());
        symlink(&outside, state.join("artefacts/link")).unwrap();
        hand_over(&state, &account).unwrap();
        assert_eq!(fs::metadata(state.join("artefacts/model")).unwrap().uid(), account.uid);
        assert!(secrets.iter().all(|secret| fs::metadata(secret).unwrap().uid() == account.uid));
        assert_eq!(fs::metadata(&outside).unwrap().uid(), 0);

        let busy = scratch.path().join("busy");
        fs::create_dir_all(busy.join("artefacts")).unwrap();
        fs::write(busy.join("passwd"), "somebody else's").unwrap();
        let refusal = hand_over(&busy, &account).unwrap_err().to_string();
        assert!(refusal.contains("passwd") && fs::metadata(busy.join("artefacts")).unwrap().uid() == 0, "{refusal}");

        chown(&state, Some(12_345), None).unwrap();
        assert!(hand_over(&state, &account).unwrap_err().to_string().contains("another user"));
    }
}
