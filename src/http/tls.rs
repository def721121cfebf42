//! TLS: the operator's own certificate, one of an authority that this appliance makes for itself, or one that an authority gives
//! when it is asked ([`acme`]).
//!
//! Owns the files below `tls/` in the state directory, the acceptor of connections, and their renewal while the server runs.

mod acme;
mod authority;
mod made;

use std::{
    collections::{HashMap, HashSet},
    fmt, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail};
use time::OffsetDateTime;
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
use x509_parser::parse_x509_certificate;

pub use acme::Acme;
pub use authority::Authority;

use crate::config::TlsSource;

/// How often the files are looked at: what renews a certificate writes them and tells nobody.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What an authority speaks that looks whether a name is this server's (RFC 8737). Nothing else is said on such a connection.
pub const NAME_PROOF: &[u8] = b"acme-tls/1";

/// When one of our own authority's is made anew: a server may run for longer than a certificate lasts.
const RENEWAL: time::Duration = time::Duration::days(30);

/// A certificate that is shown to clients, read anew when its files change.
pub struct Tls {
    shown: Arc<Shown>,
    /// None where an authority is asked: what it gives is shown at once.
    files: Option<Files>,
    authority: Option<Arc<Authority>>,
    /// What clients call this appliance, in certificates of its own authority.
    names: Mutex<Vec<String>>,
    acme: Option<Arc<Acme>>,
}

#[derive(Debug, Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

struct Shown {
    certificate: RwLock<Arc<CertifiedKey>>,
    /// By name, what proves to an authority that the name is this server's; only while it looks.
    proofs: RwLock<HashMap<String, Arc<CertifiedKey>>>,
}

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
            TlsSource::Acme(wanted) => {
                let acme = Acme::open(wanted.clone(), &state.join("tls"), names)?;
                return Ok(Self { shown: acme.shown(), files: None, authority: None, names: Mutex::default(), acme: Some(Arc::new(acme)) });
            }
        };
        let shown = Arc::new(Shown::new(files.read()?));
        Ok(Self { shown, files: Some(files), authority, names: Mutex::new(names.to_vec()), acme: None })
    }

    /// The authority's certificate (PEM), for devices that are to trust it.
    pub fn authority(&self) -> Option<&Arc<Authority>> {
        self.authority.as_ref()
    }

    /// Where an authority is asked for the certificate: what asks it.
    pub fn acme(&self) -> Option<&Arc<Acme>> {
        self.acme.as_ref()
    }

    /// The names that the operator had certified: by these this server may be called.
    pub fn certified_names(&self) -> &[String] {
        self.acme.as_deref().map_or(&[], Acme::names)
    }

    pub fn acceptor(&self) -> Result<TlsAcceptor> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("no version of TLS is to be had")?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.shown) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if self.acme.is_some() {
            config.alpn_protocols.push(NAME_PROOF.to_vec());
        }
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Makes a certificate for other names: an admin gave the appliance another one. With the operator's own files it is the
    /// operator's to do.
    pub fn rename(&self, names: &[String]) -> Result<()> {
        if let (Some(authority), Some(files)) = (&self.authority, &self.files) {
            let mut known = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.clone_into(&mut known);
            authority.certify(names)?;
            self.shown.replace(files.read()?);
        }
        Ok(())
    }

    /// Makes a certificate in place of one of our own authority's that is nearly over.
    fn renew_own(&self, now: OffsetDateTime) -> Result<()> {
        if let (Some(authority), Some(files)) = (&self.authority, &self.files)
            && self.shown.ends()? < now + RENEWAL
        {
            let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            authority.certify(&names)?;
            self.shown.replace(files.read()?);
            tracing::info!("a new certificate takes the place of one that is nearly over");
        }
        Ok(())
    }

    /// Shows what the files hold when they change, for ever, and makes what is our own authority's to make. Files that cannot be read
    /// leave things as they are.
    pub async fn follow_files(&self) {
        let Some(files) = &self.files else { return };
        let mut known = files.changed();
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            if let Err(error) = self.renew_own(OffsetDateTime::now_utc()) {
                tracing::warn!(error = format!("{error:#}"), "the certificate is nearly over, and no other can be made");
            }
            let now = files.changed();
            if now == known {
                continue;
            }
            match files.read() {
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
    fn new(certificate: CertifiedKey) -> Self {
        Self { certificate: RwLock::new(Arc::new(certificate)), proofs: RwLock::default() }
    }

    fn replace(&self, key: CertifiedKey) {
        *self.certificate.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }

    /// When the certificate's time is over.
    fn ends(&self) -> Result<OffsetDateTime> {
        let certificate = Arc::clone(&self.certificate.read().unwrap_or_else(PoisonError::into_inner));
        let first = certificate.cert.first().context("there is no certificate")?;
        let (_, parsed) = parse_x509_certificate(first).context("the certificate cannot be read")?;
        Ok(parsed.validity().not_after.to_datetime())
    }

    /// Proves `name` to an authority that looks, until [`Self::prove_nothing`].
    fn prove(&self, name: &str, proof: CertifiedKey) {
        self.proofs.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_ascii_lowercase(), Arc::new(proof));
    }

    fn prove_nothing(&self) {
        self.proofs.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl ResolvesServerCert for Shown {
    /// The proof of a name is for those who ask for nothing else, and everything else is for everybody else.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.alpn().is_some_and(|protocols| protocols.eq([NAME_PROOF])) {
            let name = hello.server_name()?.to_ascii_lowercase();
            return self.proofs.read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        }
        Some(self.certificate.read().unwrap_or_else(PoisonError::into_inner).clone())
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

#[cfg(test)]
mod tests {
    use tokio_rustls::{
        TlsConnector,
        rustls::{
            ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
            client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
            pki_types::{ServerName, UnixTime},
        },
    };

    use super::*;
    use crate::config::AcmeConfig;

    const NAME: &str = "dreams.example.org";
    const HTTP: &[u8] = b"http/1.1";

    /// Looks at certificates and believes all.
    #[derive(Debug)]
    struct Onlooker;

    impl ServerCertVerifier for Onlooker {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
        }
    }

    /// The certificate that somebody is shown who speaks these protocols and asks for this name; none: they were turned away.
    async fn shown_to(tls: &Tls, name: &str, protocols: &[&[u8]]) -> Option<CertificateDer<'static>> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Onlooker))
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let acceptor = tls.acceptor().unwrap();
        let accepting = async { acceptor.accept(theirs).await };
        let connector = TlsConnector::from(Arc::new(config));
        let connecting = connector.connect(ServerName::try_from(name.to_owned()).unwrap(), ours);
        let (_, connected) = tokio::join!(accepting, connecting);
        connected.ok()?.get_ref().1.peer_certificates()?.first().cloned().map(CertificateDer::into_owned)
    }

    #[tokio::test]
    async fn a_names_proof_is_for_the_authority_alone_and_only_while_it_looks() {
        let state = tempfile::tempdir().unwrap();
        let (names, directory) = (vec![NAME.to_owned()], "https://127.0.0.1:9/dir".to_owned());
        let wanted = TlsSource::Acme(AcmeConfig { names, directory, contact: None, authority: None });
        let tls = Tls::open(&wanted, state.path(), &[]).unwrap();
        let own = shown_to(&tls, NAME, &[HTTP]).await.expect("browsers are shown one from the first moment");
        assert_eq!(shown_to(&tls, NAME, &[NAME_PROOF]).await, None, "nobody looks yet");
        let proof = made::proof(NAME, &[7; 32]).unwrap();
        let proving = proof.cert[0].clone();
        tls.shown.prove(NAME, proof);
        assert_eq!(shown_to(&tls, NAME, &[NAME_PROOF]).await, Some(proving));
        assert_eq!(shown_to(&tls, "another.example.org", &[NAME_PROOF]).await, None);
        for protocols in [&[][..], &[HTTP], &[HTTP, NAME_PROOF], &[NAME_PROOF, HTTP]] {
            assert_eq!(shown_to(&tls, NAME, protocols).await.as_ref(), Some(&own), "{protocols:?}");
        }
        tls.shown.prove_nothing();
        assert_eq!(shown_to(&tls, NAME, &[NAME_PROOF]).await, None, "nobody looks any more");
    }

    #[tokio::test]
    async fn a_certificate_of_our_own_authority_is_made_anew_before_it_ends() {
        let state = tempfile::tempdir().unwrap();
        let tls = Tls::open(&TlsSource::OwnAuthority, state.path(), &["localhost".into()]).unwrap();
        tls.rename(&[NAME.into()]).unwrap();
        let (first, now) = (shown_to(&tls, NAME, &[HTTP]).await, OffsetDateTime::now_utc());
        tls.renew_own(now + time::Duration::days(authority::CERTIFICATE_DAYS - 32)).unwrap();
        assert_eq!(shown_to(&tls, NAME, &[HTTP]).await, first);
        tls.renew_own(now + time::Duration::days(authority::CERTIFICATE_DAYS - 30)).unwrap();
        let second = shown_to(&tls, NAME, &[HTTP]).await.unwrap();
        assert_ne!(Some(&second), first.as_ref());
        let (_, parsed) = parse_x509_certificate(&second).unwrap();
        let names = parsed.subject_alternative_name().unwrap().unwrap().value.general_names.clone();
        assert_eq!(names, [x509_parser::extensions::GeneralName::DNSName(NAME)]);
    }

    #[tokio::test]
    async fn where_no_authority_is_asked_nothing_is_proven() {
        let state = tempfile::tempdir().unwrap();
        let tls = Tls::open(&TlsSource::OwnAuthority, state.path(), &[NAME.into()]).unwrap();
        assert!(shown_to(&tls, NAME, &[HTTP]).await.is_some());
        assert_eq!(shown_to(&tls, NAME, &[NAME_PROOF]).await, None);
        assert!(tls.certified_names().is_empty());
    }
}
