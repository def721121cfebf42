//! The secret that opens set-up: made at the first start, kept in the state directory, shown to the operator, gone after.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::secret;

/// A file that its owner and root can read.
#[derive(Debug, Clone)]
pub struct SetupToken {
    path: PathBuf,
    /// Says, before the database is open, that nobody comes in without an account.
    claimed: PathBuf,
}

impl SetupToken {
    pub fn in_directory(state: &Path) -> Self {
        Self { path: state.join("setup-token"), claimed: state.join("claimed") }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The token, made if there is none yet.
    pub fn read_or_make(&self) -> anyhow::Result<String> {
        if let Some(token) = self.read()? {
            return Ok(token);
        }
        let token = secret::random()?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
        match file {
            Ok(mut file) => {
                file.write_all(token.as_bytes()).with_context(|| format!("{} cannot be written", self.path.display()))?;
                Ok(token)
            }
            // Another server of this state directory was quicker.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.read()?.context("the set-up token is empty: remove its file"),
            Err(error) => Err(error).with_context(|| format!("{} cannot be made", self.path.display())),
        }
    }

    /// Whether this is the token. Never, when there is none.
    pub fn opens(&self, offered: &str) -> anyhow::Result<bool> {
        Ok(self.read()?.is_some_and(|token| secret::same(&token, offered.trim())))
    }

    /// Whether set-up was done, as far as this state directory knows.
    pub fn is_closed(&self) -> bool {
        self.claimed.exists()
    }

    /// After set-up nothing opens it again.
    pub fn close(&self) -> anyhow::Result<()> {
        fs::write(&self.claimed, "").with_context(|| format!("{} cannot be written", self.claimed.display()))?;
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} cannot be removed", self.path.display()))
            }
            _ => Ok(()),
        }
    }

    fn read(&self) -> anyhow::Result<Option<String>> {
        match fs::read_to_string(&self.path) {
            Ok(token) => Ok(Some(token.trim().to_owned()).filter(|token| !token.is_empty())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", self.path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_stays_the_same_until_it_is_gone_and_is_nobody_elses() {
        let state = tempfile::tempdir().unwrap();
        let token = SetupToken::in_directory(state.path());
        assert!(!token.opens("").unwrap(), "no token opens nothing");
        let made = token.read_or_make().unwrap();
        assert_eq!(token.read_or_make().unwrap(), made);
        assert_eq!(fs::metadata(token.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(token.opens(&made).unwrap() && token.opens(&format!(" {made}\n")).unwrap());
        assert!(!token.opens(&made[1..]).unwrap() && !token.opens("").unwrap());
        assert!(!token.is_closed());
        token.close().unwrap();
        token.close().unwrap();
        assert!(token.is_closed() && !token.opens(&made).unwrap());
    }
}
