//! Certificates from an authority that is asked for them: pebble, which plays Let's Encrypt, and authorities that do not behave.

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, http::header, routing::get};
use oneiros::{
    config::{AcmeConfig, TlsSource},
    egress::{AuditRecord, AuditSink, Egress, EgressPolicy, Purpose},
    http::{Authority, FirstServices, Listeners, Tls, serve, starting_router},
};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream, UdpSocket},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};
use tokio_util::sync::CancellationToken;

use crate::{http::house::first_services, support::command_line::run};

const NAME: &str = "dreams.example.org";
const PATIENCE: Duration = Duration::from_secs(180);

/// Counts what leaves.
#[derive(Default)]
struct Counted(AtomicUsize);

impl AuditSink for Counted {
    fn record(&self, _: AuditRecord) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A port that was free a moment ago.
async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// A port where nobody listens, and nobody else will while the socket lives.
fn silent_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// Where a server listened before. For a moment it may be the end of another test's connection.
async fn listen_again(at: SocketAddr) -> TcpListener {
    let mut listener = TcpListener::bind(at).await;
    until("the address is free", async || {
        if listener.is_err() {
            listener = TcpListener::bind(at).await;
        }
        listener.is_ok()
    })
    .await;
    listener.unwrap()
}

/// Says of every name that it is this machine's.
async fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question).await {
            let _ = socket.send_to(&answer_to(&question[..length]), from).await;
        }
    });
    at
}

/// RFC 1035, section 4: the question again, and 127.0.0.1 where an IPv4 address was asked for.
fn answer_to(question: &[u8]) -> Vec<u8> {
    let mut end = 12;
    while question[end] != 0 {
        end += 1 + usize::from(question[end]);
    }
    let asked = &question[12..end + 5];
    let is_ipv4 = question[end + 1..end + 3] == [0, 1];
    let mut answer = [&question[..2], &[0x81, 0x80, 0, 1, 0, u8::from(is_ipv4), 0, 0, 0, 0], asked].concat();
    if is_ipv4 {
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    answer
}

/// The authority, with a certificate of its own that nobody in the world trusts.
struct Pebble {
    child: Child,
    folder: TempDir,
    port: u16,
    management: u16,
}

impl Pebble {
    /// It looks at names on `looks_at`. `port`: where it must be, if it matters. `environment`: see its README.
    async fn start(port: Option<u16>, looks_at: u16, environment: &[(&str, &str)]) -> Self {
        for _ in 0..20 {
            // Ports that were free a moment ago may be another test's by now: then it ends at once.
            let at = match port {
                Some(port) => port,
                None => free_port().await,
            };
            let mut pebble = Self::start_at(at, looks_at, environment).await;
            if pebble.answers().await {
                return pebble;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("pebble ended whenever it was started")
    }

    async fn start_at(port: u16, looks_at: u16, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let (certificate, key) = authority.certify(&["127.0.0.1".into()]).unwrap();
        let management = free_port().await;
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": 1,
            "tlsPort": looks_at,
        }});
        let path = folder.path().join("pebble.json");
        std::fs::write(&path, config.to_string()).unwrap();
        let log = std::fs::File::create(folder.path().join("pebble.log")).unwrap();
        let child = Command::new("pebble")
            .args(["-config", path.to_str().unwrap(), "-dnsserver", &name_server().await.to_string()])
            .envs([("PEBBLE_VA_NOSLEEP", "1")])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("pebble is not installed: `make setup` does that");
        Self { child, folder, port, management }
    }

    /// Waits until it answers; `false`: it ended.
    async fn answers(&mut self) -> bool {
        let (client, addresses) = (self.client(), [self.directory(), self.management()]);
        let mut ended = false;
        until("pebble answers", async || {
            ended = self.child.try_wait().unwrap().is_some();
            ended || (client.get(&addresses[0]).send().await.is_ok() && client.get(&addresses[1]).send().await.is_ok())
        })
        .await;
        !ended
    }

    fn directory(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.port)
    }

    /// What vouches for the server that speaks ACME, not for the certificates that it gives.
    fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    fn client(&self) -> reqwest::Client {
        let authority = reqwest::Certificate::from_pem(&std::fs::read(self.authority()).unwrap()).unwrap();
        reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build().unwrap()
    }

    fn management(&self) -> String {
        format!("https://127.0.0.1:{}/roots/0", self.management)
    }

    /// What vouches for the certificates that it gives; another one after every start.
    async fn root(&self) -> String {
        self.client().get(self.management()).send().await.unwrap().text().await.unwrap()
    }

    fn wish(&self) -> AcmeConfig {
        wish(&self.directory(), Some(self.authority()))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("pebble.log")).unwrap()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wish(directory: &str, authority: Option<PathBuf>) -> AcmeConfig {
    AcmeConfig { names: vec![NAME.into()], directory: directory.into(), contact: Some("me@example.org".into()), authority }
}

/// A server that asks for its certificate.
struct Asking {
    at: SocketAddr,
    state: PathBuf,
    tls: Arc<Tls>,
    wish: AcmeConfig,
    left: Arc<Counted>,
    stopping: CancellationToken,
    serving: JoinHandle<()>,
}

impl Asking {
    /// Listens and asks nobody yet.
    async fn listen(state: &Path, listener: TcpListener, wish: AcmeConfig) -> Self {
        let at = listener.local_addr().unwrap();
        let tls = Arc::new(Tls::open(&TlsSource::Acme(wish.clone()), state, &["127.0.0.1".into()]).unwrap());
        let stopping = CancellationToken::new();
        let first = FirstServices { tls: Some(Arc::clone(&tls)), ..first_services(false, state) };
        let listeners = Listeners { tcp: Some(listener), tls: Some(tls.acceptor().unwrap()), unix: None };
        let serving = tokio::spawn(serve(listeners, starting_router(&first), stopping.clone()));
        Self { at, state: state.to_owned(), tls, wish, left: Arc::default(), stopping, serving }
    }

    fn ask(&self) {
        let mut policy = EgressPolicy::default().allow(Purpose::Certificates, &self.wish.directory).unwrap();
        if let Some(authority) = &self.wish.authority {
            policy = policy.trusting_only(&std::fs::read(authority).unwrap()).unwrap();
        }
        let egress = Arc::new(Egress::new(policy, self.left.clone()));
        let (acme, stopping) = (Arc::clone(self.tls.acme().unwrap()), self.stopping.clone());
        tokio::spawn(async move { stopping.run_until_cancelled(acme.keep(&egress)).await });
    }

    /// Asks `/healthz` by the name, as somebody who trusts this authority alone.
    async fn is_believed(&self, root: &str) -> bool {
        let root = reqwest::Certificate::from_pem(root.as_bytes()).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([root]).resolve(NAME, self.at).build().unwrap();
        match client.get(format!("https://{NAME}:{}/healthz", self.at.port())).send().await {
            Ok(answer) => {
                assert_eq!(answer.status(), 200, "the name is this server's own");
                true
            }
            Err(_) => false,
        }
    }

    /// Whether somebody who believes everybody is served.
    async fn serves(&self) -> bool {
        let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
        client.get(format!("https://{}/healthz", self.at)).send().await.is_ok_and(|answer| answer.status() == 200)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.state.join("tls").join(name)
    }

    /// What is kept of the last failure.
    async fn failure(&self) -> Value {
        let path = self.file("acme-failures.json");
        let noted = || serde_json::from_slice::<Value>(&std::fs::read(&path).ok()?).ok().filter(|failure| failure["said"] != "");
        until("a failure is noted", async || noted().is_some()).await;
        noted().unwrap()
    }

    async fn stop(self) {
        self.stopping.cancel();
        self.serving.await.unwrap();
    }
}

#[track_caller]
fn assert_private(path: &Path) {
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "never: {what}");
}

/// The given certificate's place taken by one of `days` whose end is near, as if the server had slept for long.
fn age(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut old = CertificateParams::new([NAME.to_owned()]).unwrap();
    let now = OffsetDateTime::now_utc();
    (old.not_before, old.not_after) = (now - time::Duration::days(80), now + time::Duration::days(10));
    let pem = old.self_signed(&key).unwrap().pem();
    std::fs::write(path, format!("{}\n{}{pem}", text.lines().next().unwrap(), key.serialize_pem())).unwrap();
}

#[tokio::test]
async fn an_authority_gives_a_certificate_and_another_before_that_ends() {
    let state = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let pebble = Pebble::start(None, at.port(), &[("PEBBLE_WFE_NONCEREJECT", "0")]).await;
    let root = pebble.root().await;
    let server = Asking::listen(state.path(), listener, pebble.wish()).await;
    assert!(server.serves().await, "it does not wait for the authority");
    assert!(!server.is_believed(&root).await, "nobody vouches for it yet");
    server.ask();
    until("the certificate is shown", async || server.is_believed(&root).await).await;
    for file in ["acme.pem", "acme-account.json"] {
        assert_private(&server.file(file));
    }
    assert!(!server.file("acme-failures.json").exists());
    proves_names_and_says_nothing(&server, &root).await;
    let certificate = server.file("acme.pem");
    server.stop().await;

    // Another start has nothing to ask for.
    let again = Asking::listen(state.path(), listen_again(at).await, pebble.wish()).await;
    again.ask();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(again.is_believed(&root).await, "it is shown from the first moment");
    assert_eq!(again.left.0.load(Ordering::Relaxed), 0, "nobody was asked");
    again.stop().await;

    age(&certificate);
    let late = Asking::listen(state.path(), listen_again(at).await, pebble.wish()).await;
    assert!(late.serves().await && !late.is_believed(&root).await, "the one that is nearly over is shown");
    late.ask();
    until("another certificate is shown", async || late.is_believed(&root).await).await;
    assert_private(&certificate);
    late.stop().await;
    assert_eq!(pebble.log().matches("POST /sign-me-up").count(), 1, "one account is enough: {}", pebble.log());
}

/// A connection on which a name could be proven is closed, whatever is asked on it.
async fn proves_names_and_says_nothing(server: &Asking, root: &str) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Together with another one: alone it is for the authority, and there is nothing to prove now.
    config.alpn_protocols = vec![b"acme-tls/1".to_vec(), b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config.clone()));
    let stream = TcpStream::connect(server.at).await.unwrap();
    let mut stream = connector.connect(ServerName::try_from(NAME).unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    let _ = stream.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {NAME}\r\n\r\n").as_bytes()).await;
    let mut said = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("it is closed");
    assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let stream = TcpStream::connect(server.at).await.unwrap();
    let refused = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(NAME).unwrap(), stream).await;
    assert!(refused.is_err(), "there is nothing to prove");
}

#[tokio::test]
async fn an_authority_that_forgot_the_account_and_refuses_nonces_gives_one_all_the_same() {
    let state = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, mut port) = (listener.local_addr().unwrap(), None);
    for listener in [Some(listener), None] {
        let listener = match listener {
            Some(listener) => listener,
            None => listen_again(at).await,
        };
        // The same address, and nothing that it knows of before.
        let pebble = Pebble::start(port, at.port(), &[]).await;
        port = Some(pebble.port);
        let root = pebble.root().await;
        let server = Asking::listen(state.path(), listener, pebble.wish()).await;
        server.ask();
        until("the certificate is shown", async || server.is_believed(&root).await).await;
        age(&server.file("acme.pem"));
        server.stop().await;
    }
}

#[tokio::test]
async fn what_the_authority_cannot_see_is_told_and_the_server_goes_on() {
    let state = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    // The authority looks where nobody listens.
    let (_silent, nobody) = silent_port();
    let pebble = Pebble::start(None, nobody, &[("PEBBLE_WFE_NONCEREJECT", "0")]).await;
    let server = Asking::listen(state.path(), listener, pebble.wish()).await;
    server.ask();
    let failure = server.failure().await;
    let said = failure["said"].as_str().unwrap();
    assert!(said.contains(NAME) && said.contains("Failed to connect"), "{said}");
    assert!(server.serves().await && !server.file("acme.pem").exists());
    assert_private(&server.file("acme-failures.json"));
    server.stop().await;

    // To start again is no way around the pause.
    let again = Asking::listen(state.path(), listen_again(at).await, pebble.wish()).await;
    again.ask();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(again.left.0.load(Ordering::Relaxed), 0, "nobody was asked");
    assert!(again.serves().await);
    again.stop().await;
}

/// Asks an authority that does not behave, and hands back what was noted.
async fn failure_with(directory: &str) -> Value {
    let state = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Asking::listen(state.path(), listener, wish(directory, None)).await;
    server.ask();
    let failure = server.failure().await;
    assert!(server.serves().await, "{failure}");
    server.stop().await;
    failure
}

/// An authority that says this, whose further addresses begin with `base`.
async fn authority_that(refuses: Value, base: Option<&str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let base = base.unwrap_or(&own);
    let directory = json!({
        "newNonce": format!("{base}/nonce"), "newAccount": format!("{base}/account"), "newOrder": format!("{base}/order"),
    });
    let nonce = || async { [("replay-nonce", "MTIzNDU2Nzg5MGFi")] };
    let refusal = (axum::http::StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "7200")], Json(refuses));
    let routes = Router::new()
        .route("/dir", get(Json(directory)))
        .route("/nonce", get(nonce))
        .route("/account", axum::routing::post(refusal))
        .route("/plain", get("not here"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    own
}

#[tokio::test]
async fn an_authority_that_is_down_or_none_is_told() {
    let (_silent, nobody) = silent_port();
    let said = failure_with(&format!("https://127.0.0.1:{nobody}/dir")).await["said"].to_string();
    assert!(said.contains("could not be reached"), "{said}");
    let own = authority_that(json!({}), None).await;
    let said = failure_with(&format!("{own}/plain")).await["said"].to_string();
    assert!(said.contains("does not speak ACME"), "{said}");
    let said = failure_with(&format!("{own}/nowhere")).await["said"].to_string();
    assert!(said.contains("answered 404"), "{said}");
}

#[tokio::test]
async fn an_authority_is_left_alone_for_as_long_as_it_says() {
    let problem = json!({ "type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many new accounts from here" });
    let own = authority_that(problem, None).await;
    let failure = failure_with(&format!("{own}/dir")).await;
    assert!(failure["said"].as_str().unwrap().contains("too many new accounts from here (rateLimited)"), "{failure}");
    let next = OffsetDateTime::parse(failure["next_try"].as_str().unwrap(), &Rfc3339).unwrap();
    assert!(next > OffsetDateTime::now_utc() + Duration::from_secs(7100), "{failure}");
}

#[tokio::test]
async fn an_authority_sends_nobody_elsewhere() {
    let own = authority_that(json!({}), Some("http://127.0.0.1:9")).await;
    let said = failure_with(&format!("{own}/dir")).await["said"].to_string();
    assert!(said.contains("127.0.0.1:9 was refused"), "{said}");
}

#[tokio::test]
async fn a_sealed_server_asks_no_authority_and_says_so() {
    let state = tempfile::tempdir().unwrap();
    let serve =
        async |more: &[&str]| run(state.path(), ["serve", "--listen", "127.0.0.1:0", "--tls-acme-names", NAME].iter().chain(more)).await;
    serve(&["--sealed"]).await.refused("own_authority");
    serve(&["--tls-own-authority"]).await.refused("is enough");
    serve(&["--tls-acme-directory", "http://10.0.0.1/dir"]).await.refused("https://");
    serve(&["--tls-acme-authority-file", "/nonexistent"]).await.refused("/nonexistent");
}
