//! Secrets that must be read back, such as an authenticator's: sealed with a key that is not in the database, so that a copy of
//! the database opens none of them.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::secret;

const KEY_BYTES: usize = 32;

/// 256 bits from a file, from which a key for each purpose is made (HKDF, RFC 5869).
#[derive(Clone)]
pub struct MasterKey {
    bytes: Arc<[u8; KEY_BYTES]>,
    path: PathBuf,
}

impl MasterKey {
    /// The key in the state directory, made if there is none yet.
    pub fn in_directory(state: &Path) -> anyhow::Result<Self> {
        let path = state.join("master.key");
        if !path.try_exists().with_context(|| format!("{} cannot be looked for", path.display()))? {
            let (key, unfinished) = (secret::random()?, state.join(format!("master.key.{}", Uuid::now_v7())));
            let made = make(&path, &unfinished, key.as_bytes());
            // Linked to its name or not, this one goes.
            let _ = fs::remove_file(&unfinished);
            match made {
                // Another server of this state directory was quicker.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => made.with_context(|| format!("{} cannot be made", path.display()))?,
            }
        }
        Self::in_file(&path)
    }

    /// The key in a file: 32 bytes as base64.
    pub fn in_file(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("the master key's file {} cannot be read", path.display()))?;
        let text = text.trim();
        let bytes = URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD.decode(text)).ok().and_then(|bytes| bytes.try_into().ok());
        match bytes {
            Some(bytes) => Ok(Self { bytes: Arc::new(bytes), path: path.to_owned() }),
            None => bail!(
                "{} holds no master key: it must be 32 bytes as base64 (`head -c 32 /dev/urandom | base64`). If there was one, put it back: \
                 what it sealed opens with no other",
                path.display()
            ),
        }
    }

    /// Seals a secret for one purpose and one owner: moved to another row it does not open.
    pub fn seal(&self, purpose: &str, owner: Uuid, secret: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut sealed = secret.to_vec();
        let nonce = self.cipher(purpose)?.seal_in_place_append_tag(Aad::from(owner.as_bytes()), &mut sealed);
        let nonce = nonce.map_err(|_| anyhow::anyhow!("a secret could not be sealed"))?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for this purpose and owner.
    pub fn open(&self, purpose: &str, owner: Uuid, sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
        let closed = || anyhow::anyhow!("a secret in the database was sealed with another master key than {}", self.path.display());
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).with_context(closed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| closed())?;
        let mut bytes = sealed.to_vec();
        let opened = self.cipher(purpose)?.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut bytes);
        opened.map(|secret| secret.to_vec()).map_err(|_| closed())
    }

    /// A key for one purpose.
    pub fn derive(&self, purpose: &str) -> anyhow::Result<[u8; KEY_BYTES]> {
        let mut key = [0; KEY_BYTES];
        let bytes: &[u8] = self.bytes.as_slice();
        let expanded = hkdf::Salt::new(hkdf::HKDF_SHA256, b"oneiros").extract(bytes);
        let info = [purpose.as_bytes()];
        let filled = expanded.expand(&info, hkdf::HKDF_SHA256).and_then(|key_material| key_material.fill(&mut key));
        filled.map_err(|_| anyhow::anyhow!("no key could be derived"))?;
        Ok(key)
    }

    fn cipher(&self, purpose: &str) -> anyhow::Result<RandomizedNonceKey> {
        RandomizedNonceKey::new(&AES_256_GCM_SIV, &self.derive(purpose)?).map_err(|_| anyhow::anyhow!("no cipher could be made"))
    }
}

/// Whole or not at all, and never in the place of another.
fn make(path: &Path, unfinished: &Path, key: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(unfinished)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::hard_link(unfinished, path)?;
    // What it seals is kept: so must its name be.
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MasterKey({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_purpose_and_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        let key = MasterKey::in_directory(state.path()).unwrap();
        let (owner, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let sealed = key.seal("authenticator", owner, b"a secret").unwrap();
        assert!(!sealed.windows(8).any(|window| window == b"a secret"));
        assert_ne!(sealed, key.seal("authenticator", owner, b"a secret").unwrap(), "no two are alike");
        assert_eq!(key.open("authenticator", owner, &sealed).unwrap(), b"a secret");
        assert!(key.open("authenticator", other, &sealed).is_err());
        assert!(key.open("bot token", owner, &sealed).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(key.open("authenticator", owner, &altered).is_err(), "byte {at}");
            assert!(key.open("authenticator", owner, &sealed[..at]).is_err(), "the first {at}");
        }
    }

    #[test]
    fn the_key_is_made_once_and_nobody_else_reads_it() {
        let state = tempfile::tempdir().unwrap();
        let first = MasterKey::in_directory(state.path()).unwrap();
        let again = MasterKey::in_directory(state.path()).unwrap();
        assert_eq!(first.bytes, again.bytes);
        let file = state.path().join("master.key");
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1, "nothing else is left");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{first:?}").contains(fs::read_to_string(&file).unwrap().trim()));
        fs::write(&file, "short").unwrap();
        let refused = MasterKey::in_directory(state.path()).unwrap_err().to_string();
        assert!(refused.contains("master.key") && refused.contains("put it back"), "{refused}");
        let elsewhere = tempfile::tempdir().unwrap();
        let other = MasterKey::in_directory(elsewhere.path()).unwrap();
        let sealed = first.seal("authenticator", Uuid::nil(), b"x").unwrap();
        let refused = other.open("authenticator", Uuid::nil(), &sealed).unwrap_err().to_string();
        assert!(refused.contains("another master key"), "{refused}");
    }
}
