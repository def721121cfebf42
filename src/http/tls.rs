//! TLS: the operator's own certificate, or one of an authority that this appliance makes for itself.
//!
//! Owns the files below `tls/` in the state directory, the acceptor of connections, and their renewal while the server runs.

mod authority;

use std::{
    collections::HashSet,
    fmt, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

pub use authority::Authority;

use crate::config::TlsSource;

/// How often the files are looked at: what renews a certificate writes them and tells nobody.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// A certificate that is shown to clients, read anew when its files change.
pub struct Tls {
    shown: Arc<Shown>,
    files: Files,
    authority: Option<Arc<Authority>>,
}

#[derive(Debug, Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

struct Shown(RwLock<Arc<CertifiedKey>>);

impl Tls {
    /// Reads or makes the certificate. `names` are what clients call this appliance, for an authority of its own.
    pub fn open(source: &TlsSource, state: &Path, names: &[String]) -> Result<Self> {
        let (files, authority) = match source {
            TlsSource::Files { certificate, key } => (Files { certificate: certificate.clone(), key: key.clone() }, None),
            TlsSource::OwnAuthority => {
                let authority = Authority::open(&state.join("tls"))?;
                let (certificate, key) = authority.certify(names)?;
                (Files { certificate, key }, Some(Arc::new(authority)))
            }
        };
        let shown = Arc::new(Shown(RwLock::new(Arc::new(files.read()?))));
        Ok(Self { shown, files, authority })
    }

    /// The authority's certificate (PEM), for devices that are to trust it.
    pub fn authority(&self) -> Option<&Arc<Authority>> {
        self.authority.as_ref()
    }

    pub fn acceptor(&self) -> Result<TlsAcceptor> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("no version of TLS is to be had")?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.shown) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Makes a certificate for other names: an admin gave the appliance another one. With the operator's own files it is the
    /// operator's to do.
    pub fn rename(&self, names: &[String]) -> Result<()> {
        if let Some(authority) = &self.authority {
            authority.certify(names)?;
            self.shown.replace(self.files.read()?);
        }
        Ok(())
    }

    /// Shows what the files hold when they change, for ever. Files that cannot be read leave things as they are.
    pub async fn follow_files(&self) {
        let mut known = self.files.changed();
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let now = self.files.changed();
            if now == known {
                continue;
            }
            match self.files.read() {
                Ok(key) => {
                    self.shown.replace(key);
                    known = now;
                    tracing::info!("the certificate was renewed");
                }
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "the certificate's files changed and cannot be used; the former one stays")
                }
            }
        }
    }
}

impl Files {
    fn read(&self) -> Result<CertifiedKey> {
        let explain = |path: &Path, what: &str| format!("{} holds no {what} that can be read (PEM is needed)", path.display());
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .with_context(|| explain(&self.certificate, "certificate"))?
            .collect::<Result<Vec<_>, _>>()
            .with_context(|| explain(&self.certificate, "certificate"))?;
        if chain.is_empty() {
            bail!(explain(&self.certificate, "certificate"));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).with_context(|| explain(&self.key, "private key"))?;
        let key = aws_lc_rs::sign::any_supported_type(&key).with_context(|| explain(&self.key, "private key of a kind that is known"))?;
        let pair = CertifiedKey::new(chain, key);
        pair.keys_match().with_context(|| format!("{} is not the key of {}", self.key.display(), self.certificate.display()))?;
        Ok(pair)
    }

    fn changed(&self) -> [Option<SystemTime>; 2] {
        let changed = |path: &Path| -> io::Result<SystemTime> { fs::metadata(path)?.modified() };
        [changed(&self.certificate).ok(), changed(&self.key).ok()]
    }
}

impl Shown {
    fn replace(&self, key: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Shown")
    }
}

/// What clients may call this appliance in a certificate of its own: the loopback names, its addresses, its name.
pub fn own_names(listen: SocketAddr, host_name: Option<&str>) -> Vec<String> {
    let mut names: Vec<String> = host_name.into_iter().map(str::to_owned).collect();
    let system = rustix::system::uname().nodename().to_string_lossy().to_lowercase();
    if is_name(&system) {
        names.extend([format!("{system}.local"), system]);
    }
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    if listen.ip().is_unspecified() {
        match if_addrs::get_if_addrs() {
            Ok(interfaces) => {
                names.extend(interfaces.iter().filter(|interface| !interface.is_link_local()).map(|interface| interface.ip().to_string()))
            }
            Err(error) => tracing::warn!(%error, "this machine's addresses cannot be listed: the certificate names none of them"),
        }
    } else {
        names.push(listen.ip().to_string());
    }
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.split('.').all(|label| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
}
