//! The provider of identities by which people can log in.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use openidconnect::url::{Host, Url};

use super::{RawProvider, said};

/// A provider of identities (OpenID Connect), and what it may do here.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// As the provider itself writes it.
    pub issuer: String,
    pub client_id: String,
    /// Holds the client's secret, and is read when the server starts; a public client has none.
    pub client_secret_file: Option<PathBuf>,
    /// For the log-in page.
    pub name: String,
    /// Whoever it vouches for and has no account gets one.
    pub registration: bool,
    /// `scheme://host:port` of the issuer and of what else the operator says belongs to it. Nothing else is asked.
    pub origins: Vec<String>,
}

impl ProviderConfig {
    /// The secret in its file.
    pub fn client_secret(&self) -> anyhow::Result<Option<Secret>> {
        self.client_secret_file.as_deref().map(client_secret).transpose()
    }
}

/// A secret that no output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

pub(super) fn provider(raw: RawProvider) -> anyhow::Result<Option<ProviderConfig>> {
    let (client_id, hosts) = (said(raw.client_id), said(raw.hosts));
    let client_secret_file = raw.client_secret_file.filter(|path| !path.as_os_str().is_empty());
    let Some(issuer) = said(raw.issuer) else {
        if client_id.is_some() || client_secret_file.is_some() || hosts.is_some() {
            bail!("`[provider]` names no `issuer`: write the provider's, such as https://id.example.org, or take the section away");
        }
        return Ok(None);
    };
    let address = issuer_address(&issuer)?;
    let host = address.host_str().unwrap_or_default().to_owned();
    Ok(Some(ProviderConfig {
        client_id: client_id
            .context("`[provider]` names no `client_id`: the provider gives one when this appliance is made known to it")?,
        client_secret_file,
        name: said(raw.name).unwrap_or(host),
        registration: raw.registration.unwrap_or(false),
        origins: origins(&address, hosts.as_deref().unwrap_or_default())?,
        issuer,
    }))
}

fn client_secret(path: &Path) -> anyhow::Result<Secret> {
    let text = fs::read_to_string(path).with_context(|| format!("the provider's client secret, {}, cannot be read", path.display()))?;
    match text.trim() {
        "" => bail!("{} is empty: it must hold the secret that the provider gave this appliance", path.display()),
        secret => Ok(Secret::new(secret.to_owned())),
    }
}

/// Codes and secrets go there, so that nobody in between may read them.
fn issuer_address(issuer: &str) -> anyhow::Result<Url> {
    let wrong = "`issuer` of `[provider]` must be an address such as https://id.example.org, without a name, a query or a fragment";
    let address = Url::parse(issuer).context(wrong)?;
    let plain = address.username().is_empty() && address.password().is_none() && address.query().is_none() && address.fragment().is_none();
    let here = match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => bail!(wrong),
    };
    match address.scheme() {
        "https" if plain => Ok(address),
        "http" if plain && here => Ok(address),
        "http" if plain => bail!("`issuer` of `[provider]` begins with http://, where anybody in between reads along: it must be https://"),
        _ => bail!(wrong),
    }
}

fn origins(issuer: &Url, hosts: &str) -> anyhow::Result<Vec<String>> {
    let further = hosts.split(',').map(str::trim).filter(|host| !host.is_empty()).map(|host| {
        let wrong = || format!("`hosts` of `[provider]` has `{host}`: write HOST or HOST:PORT, such as keys.example.org");
        let address = Url::parse(&format!("{}://{host}/", issuer.scheme())).with_context(wrong)?;
        let bare = address.path() == "/" && address.query().is_none() && address.fragment().is_none() && !host.contains(['@', '/', '*']);
        if bare { Ok(address.origin().ascii_serialization()) } else { bail!(wrong()) }
    });
    std::iter::once(Ok(issuer.origin().ascii_serialization())).chain(further).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(issuer: &str, hosts: &str) -> anyhow::Result<Option<ProviderConfig>> {
        let client_id = Some("oneiros".into());
        provider(RawProvider { issuer: Some(issuer.into()), client_id, hosts: Some(hosts.into()), ..RawProvider::default() })
    }

    #[test]
    fn nothing_is_asked_but_the_issuer_and_what_is_named() {
        let alone = with("https://id.example.org/realms/home", "").unwrap().unwrap();
        assert_eq!(alone.origins, ["https://id.example.org"]);
        assert_eq!((alone.name.as_str(), alone.registration), ("id.example.org", false));
        let more = with("https://id.example.org", "keys.example.org, tokens.example.org:8443").unwrap().unwrap();
        assert_eq!(more.origins, ["https://id.example.org", "https://keys.example.org", "https://tokens.example.org:8443"]);
        for wrong in ["https://keys.example.org", "keys.example.org/path", "me@keys.example.org", "*.example.org", "a b"] {
            assert!(with("https://id.example.org", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_issuer_is_spoken_to_in_secret() {
        for right in ["https://id.example.org", "http://127.0.0.1:4000", "http://localhost", "http://[::1]:4000/x"] {
            assert!(with(right, "").is_ok(), "{right}");
        }
        for wrong in
            ["id.example.org", "ftp://id.example.org", "https://me:x@id.example.org", "https://id.example.org/?a=b", "http://10.0.0.1"]
        {
            assert!(with(wrong, "").is_err(), "{wrong}");
        }
        assert!(with("http://id.example.org", "").unwrap_err().to_string().contains("https://"));
    }

    #[test]
    fn what_lacks_is_named_and_a_secret_is_not_shown() {
        assert!(provider(RawProvider::default()).unwrap().is_none());
        let empty = || Some(String::new());
        let nothing = RawProvider {
            issuer: empty(),
            client_id: empty(),
            client_secret_file: Some("".into()),
            name: empty(),
            hosts: empty(),
            registration: None,
        };
        assert!(provider(nothing).unwrap().is_none());
        let nameless = RawProvider { issuer: Some("https://id.example.org".into()), ..RawProvider::default() };
        assert!(provider(nameless.clone()).unwrap_err().to_string().contains("client_id"));
        let homeless = RawProvider { client_id: Some("x".into()), ..RawProvider::default() };
        assert!(provider(homeless).unwrap_err().to_string().contains("issuer"));
        let file = tempfile::NamedTempFile::new().unwrap();
        let secret = RawProvider { client_id: Some("x".into()), client_secret_file: Some(file.path().into()), ..nameless };
        let config = provider(secret).unwrap().unwrap();
        assert!(config.client_secret().unwrap_err().to_string().contains("is empty"));
        fs::write(file.path(), "hunter2\n").unwrap();
        let read = config.client_secret().unwrap();
        assert_eq!(read.as_ref().map(Secret::reveal), Some("hunter2"));
        assert!(!format!("{read:?}").contains("hunter2"));
        fs::remove_file(file.path()).unwrap();
        assert!(config.client_secret().unwrap_err().to_string().contains("cannot be read"));
    }
}
