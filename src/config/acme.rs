//! The authority that gives this server its certificate, by ACME.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use openidconnect::url::{Host, Url};

use super::{RawTls, said};

/// Let's Encrypt's, for what the world trusts.
pub const DEFAULT_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// More than one appliance is called by; authorities take up to 100.
const MOST_NAMES: usize = 20;

/// What is asked of which authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeConfig {
    /// For these the certificate is, in lower case.
    pub names: Vec<String>,
    /// Where the authority tells how it is spoken to.
    pub directory: String,
    /// Whom the authority may write to.
    pub contact: Option<String>,
    /// The authority (PEM) of the ACME server's own certificate, where the system trusts it not.
    pub authority: Option<PathBuf>,
}

pub(super) fn acme(raw: RawTls) -> anyhow::Result<Option<AcmeConfig>> {
    let directory = said(raw.acme_directory).unwrap_or_else(|| DEFAULT_DIRECTORY.into());
    let (contact, authority) = (said(raw.acme_contact), raw.acme_authority_file.filter(|path| !path.as_os_str().is_empty()));
    let names = raw.acme_names.as_deref().map(names).transpose()?.unwrap_or_default();
    if names.is_empty() {
        if contact.is_some() || authority.is_some() || directory != DEFAULT_DIRECTORY {
            bail!("`[tls]` speaks of ACME and names no `acme_names`: write what people call this server, such as dreams.example.org");
        }
        return Ok(None);
    }
    check_directory(&directory)?;
    let contact = contact.map(|contact| address_of(&contact)).transpose()?;
    Ok(Some(AcmeConfig { names, directory, contact, authority }))
}

fn names(list: &str) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for name in list.split(',').map(|name| name.trim().trim_end_matches('.').to_ascii_lowercase()).filter(|name| !name.is_empty()) {
        check_name(&name)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.len() > MOST_NAMES {
        bail!("`acme_names` of `[tls]` has {} names: at most {MOST_NAMES} are asked for in one certificate", names.len());
    }
    Ok(names)
}

fn check_name(name: &str) -> anyhow::Result<()> {
    if name.starts_with("*.") {
        bail!("`acme_names` of `[tls]` has `{name}`: a certificate for all names below one cannot be had this way, so write each name");
    }
    if !name.is_ascii() {
        bail!("`acme_names` of `[tls]` has `{name}`: write it as the name system does, in letters of ASCII (xn--…)");
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    // A name that ends in digits is an address.
    let last_is_number = name.rsplit('.').next().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()));
    if name.len() > 253 || last_is_number || !name.split('.').all(label) {
        bail!("`acme_names` of `[tls]` has `{name}`: write names alone, without scheme, port or path, such as dreams.example.org");
    }
    Ok(())
}

/// What is asked there decides whom people trust, so that nobody in between may change it.
fn check_directory(directory: &str) -> anyhow::Result<()> {
    let wrong = || format!("`acme_directory` of `[tls]` is `{directory}`: it must be an address such as {DEFAULT_DIRECTORY}");
    let address = Url::parse(directory).with_context(wrong)?;
    let here = match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => bail!(wrong()),
    };
    let nameless = address.username().is_empty() && address.password().is_none();
    match address.scheme() {
        "https" if nameless => Ok(()),
        "http" if nameless && here => Ok(()),
        "http" if nameless => {
            bail!("`acme_directory` of `[tls]` begins with http://, where anybody in between can change what is said: it must be https://")
        }
        _ => bail!(wrong()),
    }
}

fn address_of(contact: &str) -> anyhow::Result<String> {
    let address = contact.trim().trim_start_matches("mailto:");
    let whole = address.split_once('@').is_some_and(|(person, host)| !person.is_empty() && host.contains('.') && !host.contains('@'));
    if !whole || address.contains([' ', ',', '?', '\t']) {
        bail!("`acme_contact` of `[tls]` is `{contact}`: write one e-mail address, such as me@example.org");
    }
    Ok(address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(names: &str, directory: Option<&str>, contact: Option<&str>) -> anyhow::Result<Option<AcmeConfig>> {
        let (acme_directory, acme_contact) = (directory.map(str::to_owned), contact.map(str::to_owned));
        acme(RawTls { acme_names: Some(names.into()), acme_directory, acme_contact, ..RawTls::default() })
    }

    #[test]
    fn names_are_names() {
        let config =
            with("Dreams.example.org., dreams.example.org, xn--trume-gra.example.org", None, Some("mailto:me@example.org")).unwrap();
        let config = config.unwrap();
        assert_eq!(config.names, ["dreams.example.org", "xn--trume-gra.example.org"]);
        assert_eq!((config.directory.as_str(), config.contact.as_deref()), (DEFAULT_DIRECTORY, Some("me@example.org")));
        for (wrong, said) in [
            ("*.example.org", "each name"),
            ("träume.example.org", "xn--"),
            ("192.168.1.5", "names alone"),
            ("::1", "names alone"),
            ("https://dreams.example.org", "names alone"),
            ("dreams.example.org:443", "names alone"),
            ("-a.example.org", "names alone"),
            ("a..example.org", "names alone"),
        ] {
            let error = with(wrong, None, None).unwrap_err().to_string();
            assert!(error.contains(said), "{wrong}: {error}");
        }
        let many: Vec<String> = (0..=MOST_NAMES).map(|number| format!("n{number}.example.org")).collect();
        assert!(with(&many.join(","), None, None).unwrap_err().to_string().contains("at most 20"));
    }

    #[test]
    fn an_authority_is_asked_where_nobody_listens_in() {
        for right in ["https://acme.example.org/dir", "http://127.0.0.1:14000/dir", "http://localhost:14000", "http://[::1]:1/dir"] {
            assert!(with("a.example.org", Some(right), None).is_ok(), "{right}");
        }
        for wrong in ["acme.example.org", "ftp://acme.example.org", "https://me:x@acme.example.org/dir", "http://10.0.0.1/dir"] {
            assert!(with("a.example.org", Some(wrong), None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_said_without_names_is_noticed() {
        assert_eq!(with("", None, None).unwrap(), None);
        let empty = RawTls { acme_authority_file: Some("".into()), acme_contact: Some(" ".into()), ..RawTls::default() };
        assert_eq!(acme(empty).unwrap(), None);
        assert_eq!(with(" , ", Some(DEFAULT_DIRECTORY), None).unwrap(), None);
        assert!(with("", None, Some("me@example.org")).unwrap_err().to_string().contains("acme_names"));
        assert!(with("", Some("https://acme.example.org/dir"), None).is_err());
        for wrong in ["me", "me@", "@example.org", "me@example.org, you@example.org", "me@localhost"] {
            assert!(with("a.example.org", None, Some(wrong)).unwrap_err().to_string().contains("e-mail"), "{wrong}");
        }
    }
}
