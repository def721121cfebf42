//! Certificates that nobody vouches for: what is shown until an authority has given one, and what proves a name to it.

use anyhow::{Context as _, Result};
use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair};
use tokio_rustls::rustls::{
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::CertifiedKey,
};

use super::authority::{CERTIFICATE_DAYS, alternative, lasting};

/// For these names and addresses, until there is a better one.
pub fn makeshift(names: &[String]) -> Result<CertifiedKey> {
    let mut wanted = CertificateParams::default();
    wanted.subject_alt_names = names.iter().map(|name| alternative(name)).collect::<Result<_>>()?;
    wanted.distinguished_name.push(DnType::CommonName, "Oneiros, until an authority has given a certificate");
    lasting(&mut wanted, CERTIFICATE_DAYS);
    signed_by_itself(&wanted)
}

/// Proves `name` to the authority whose challenge has this digest (RFC 8737).
pub fn proof(name: &str, digest: &[u8]) -> Result<CertifiedKey> {
    let mut wanted =
        CertificateParams::new([name.to_owned()]).context("the authority wants a name proven that can stand in no certificate")?;
    wanted.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    signed_by_itself(&wanted)
}

fn signed_by_itself(wanted: &CertificateParams) -> Result<CertifiedKey> {
    let key = KeyPair::generate().context("no key can be made")?;
    let certificate = wanted.self_signed(&key).context("no certificate can be made")?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = aws_lc_rs::sign::any_supported_type(&key).context("a key that was just made cannot be used")?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}
