//! An authority of one appliance: its key signs for this box, stays in it, and is trusted by whom its people tell to.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{ErrorKind, Write as _},
    net::IpAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use time::{Duration, OffsetDateTime};

/// Devices are told to trust it once.
const AUTHORITY_DAYS: i64 = 10 * 365;
/// Browsers refuse longer ones (CA/Browser Forum: 398 days); a new one is made well before the end.
pub(super) const CERTIFICATE_DAYS: i64 = 397;
/// Clocks of devices are behind at times.
const BEHIND: Duration = Duration::days(1);

pub struct Authority {
    folder: PathBuf,
    certificate: String,
    key: KeyPair,
}

impl Authority {
    /// Reads the authority in this folder, or makes one there. Its key never leaves the folder, which is its owner's alone.
    pub fn open(folder: &Path) -> Result<Self> {
        make_folder(folder)?;
        let (certificate, key) = (folder.join("authority.pem"), folder.join("authority.key"));
        if let (Some(certificate), Some(key)) = (read(&certificate)?, read(&key)?) {
            let key = KeyPair::from_pem(&key).with_context(|| format!("{} holds no key", folder.join("authority.key").display()))?;
            return Ok(Self { folder: folder.to_owned(), certificate, key });
        }
        let made = KeyPair::generate().context("no key can be made")?;
        let text = parameters()?.self_signed(&made).context("no authority can be made")?.pem();
        write(&key, &made.serialize_pem())?;
        write(&certificate, &text)?;
        Ok(Self { folder: folder.to_owned(), certificate: text, key: made })
    }

    /// For devices that are to trust it.
    pub fn pem(&self) -> &str {
        &self.certificate
    }

    /// Makes a certificate for these names and addresses, and a key; returns their files.
    pub fn certify(&self, names: &[String]) -> Result<(PathBuf, PathBuf)> {
        let key = KeyPair::generate().context("no key can be made")?;
        let mut wanted = CertificateParams::default();
        wanted.subject_alt_names = names.iter().map(|name| alternative(name)).collect::<Result<_>>()?;
        let common = names.first().map_or("oneiros", String::as_str);
        wanted.distinguished_name.push(DnType::CommonName, common.chars().take(64).collect::<String>());
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        wanted.use_authority_key_identifier_extension = true;
        lasting(&mut wanted, CERTIFICATE_DAYS);
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, &self.key).context("the authority's certificate cannot be read")?;
        let certificate = wanted.signed_by(&key, &issuer).context("no certificate can be made for these names")?;
        let (certificate_file, key_file) = (self.folder.join("server.pem"), self.folder.join("server.key"));
        write(&key_file, &key.serialize_pem())?;
        write(&certificate_file, &certificate.pem())?;
        Ok((certificate_file, key_file))
    }
}

fn parameters() -> Result<CertificateParams> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, "Oneiros, this appliance alone");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    lasting(&mut parameters, AUTHORITY_DAYS);
    Ok(parameters)
}

pub(super) fn lasting(parameters: &mut CertificateParams, days: i64) {
    let now = OffsetDateTime::now_utc();
    parameters.not_before = now - BEHIND;
    parameters.not_after = now + Duration::days(days) - BEHIND;
}

pub(super) fn alternative(name: &str) -> Result<SanType> {
    match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => Ok(SanType::DnsName(name.try_into().with_context(|| format!("`{name}` cannot stand in a certificate"))?)),
    }
}

pub(super) fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

/// Its owner's alone.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| format!("{} cannot be made", folder.display()))
}

/// Whole or not at all, and nobody else's to read.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let unfinished = path.with_extension("unfinished");
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}
