//! A certificate that an authority gave, with its key, in one file: both are there or neither is.

use anyhow::{Context as _, Result, bail};
use time::OffsetDateTime;
use tokio_rustls::rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

/// Before the first block of a PEM file anything may stand.
const ORIGIN: &str = "# Given by ";

pub struct Given {
    pub key: CertifiedKey,
    names: Vec<String>,
    /// Of the authority that gave it.
    directory: Option<String>,
    begins: OffsetDateTime,
    pub ends: OffsetDateTime,
}

/// What is kept of a certificate: where it is from, its key, its chain.
pub fn file(directory: &str, key: &str, chain: &str) -> String {
    format!("{ORIGIN}{directory}\n{}\n{}\n", key.trim(), chain.trim())
}

impl Given {
    pub fn read(file: &str) -> Result<Self> {
        let chain = CertificateDer::pem_slice_iter(file.as_bytes()).collect::<Result<Vec<_>, _>>().context("it holds no certificate")?;
        let Some(first) = chain.first() else { bail!("it holds no certificate") };
        let (_, parsed) = parse_x509_certificate(first).context("its certificate cannot be read")?;
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        let (names, begins, ends) =
            (names.collect(), parsed.validity().not_before.to_datetime(), parsed.validity().not_after.to_datetime());
        let key = PrivateKeyDer::from_pem_slice(file.as_bytes()).context("it holds no key")?;
        let key = CertifiedKey::new(chain, aws_lc_rs::sign::any_supported_type(&key).context("its key is of no kind that is known")?);
        key.keys_match().context("its key is another certificate's")?;
        let directory = file.lines().next().and_then(|line| line.strip_prefix(ORIGIN)).map(str::to_owned);
        Ok(Self { key, names, directory, begins, ends })
    }

    /// Whether it is what that authority would be asked for.
    pub fn is(&self, names: &[String], directory: &str) -> bool {
        names.iter().all(|name| self.names.contains(name)) && self.directory.as_deref() == Some(directory)
    }

    /// When the next one is asked for: a third of its life before its end, or (`spread`: 0 to 1) a thirtieth later, so that not
    /// everybody comes at once.
    pub fn renewal(&self, spread: f64) -> OffsetDateTime {
        let life = self.ends - self.begins;
        self.ends - life / 3 + life / 30 * spread
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use time::macros::datetime;

    use super::*;

    const DIRECTORY: &str = "https://acme.example.org/dir";

    #[test]
    fn what_was_given_is_read_again() {
        let key = KeyPair::generate().unwrap();
        let mut wanted = CertificateParams::new(["a.example.org".to_owned(), "B.example.org".to_owned()]).unwrap();
        (wanted.not_before, wanted.not_after) = (datetime!(2030-01-01 0:00 UTC), datetime!(2030-04-01 0:00 UTC));
        let chain = wanted.self_signed(&key).unwrap().pem();
        let given = Given::read(&file(DIRECTORY, &key.serialize_pem(), &chain)).unwrap();
        let names = ["a.example.org", "b.example.org"].map(str::to_owned);
        assert!(given.is(&names, DIRECTORY) && given.is(&names[..1], DIRECTORY));
        assert!(!given.is(&names, "https://another.example.org/dir") && !given.is(&["c.example.org".into()], DIRECTORY));
        assert_eq!(given.renewal(0.0), datetime!(2030-03-02 0:00 UTC));
        assert_eq!(given.renewal(1.0), datetime!(2030-03-05 0:00 UTC));
        let another = KeyPair::generate().unwrap().serialize_pem();
        for (key, chain, said) in [(another.as_str(), chain.as_str(), "another"), ("", &chain, "no key"), (&another, "", "no certificate")]
        {
            let error = Given::read(&file(DIRECTORY, key, chain)).err().expect(said);
            assert!(format!("{error:#}").contains(said), "{error:#}");
        }
    }
}
