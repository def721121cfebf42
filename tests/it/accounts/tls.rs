//! What is spoken beyond loopback, to clients that trust this appliance's authority and to those that do not.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use oneiros::{
    config::TlsSource,
    http::{Listeners, Tls, own_names, serve},
};
use tokio_util::sync::CancellationToken;

use crate::{
    http::{engines::Behaviour, house::House},
    support::command_line::run,
};

const NAME: &str = "dreams.home.arpa";

/// A client that trusts this and nothing else, and finds the name where the server is.
fn client(authority: &str, at: SocketAddr) -> reqwest::Client {
    let authority = reqwest::Certificate::from_pem(authority.as_bytes()).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([authority]).resolve(NAME, at).timeout(Duration::from_secs(10)).build().unwrap()
}

fn own_authority(state: &Path) -> Tls {
    let names = own_names("127.0.0.1:0".parse().unwrap(), Some(NAME));
    Tls::open(&TlsSource::OwnAuthority, state, &names).unwrap()
}

#[tokio::test]
async fn whoever_trusts_the_authority_comes_in_and_plain_talk_does_not() {
    let house = House::that(Behaviour::Reads).await;
    let admin = house.claimed().await;
    admin.call("PATCH", "/api/v1/settings", Some(&serde_json::json!({ "host_name": NAME }))).await;
    let state = tempfile::tempdir().unwrap();
    let tls = own_authority(state.path());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let stopping = CancellationToken::new();
    let listeners = Listeners { tcp: Some(listener), tls: Some(tls.acceptor().unwrap()), unix: None };
    let serving = tokio::spawn(serve(listeners, house.router.clone(), stopping.clone()));
    let trusting = client(tls.authority().unwrap().pem(), at);
    for host in [NAME, "127.0.0.1", "localhost"] {
        let answer = trusting.get(format!("https://{host}:{}/healthz", at.port())).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{host}");
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    }
    let other = tempfile::tempdir().unwrap();
    let stranger = client(own_authority(other.path()).authority().unwrap().pem(), at);
    assert!(stranger.get(format!("https://127.0.0.1:{}/healthz", at.port())).send().await.is_err(), "another authority's");
    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(plain.get(format!("http://127.0.0.1:{}/healthz", at.port())).send().await.is_err());
    // One that says nothing holds nobody else up.
    let _silent = tokio::net::TcpStream::connect(at).await.unwrap();
    assert_eq!(trusting.get(format!("https://{NAME}:{}/healthz", at.port())).send().await.unwrap().status(), 200);
    stopping.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn an_authority_outlives_its_certificates_and_its_key_is_nobody_elses() {
    let state = tempfile::tempdir().unwrap();
    let first = own_authority(state.path());
    let again = own_authority(state.path());
    assert_eq!(first.authority().unwrap().pem(), again.authority().unwrap().pem(), "devices trust it already");
    again.rename(&["another.name".into()]).unwrap();
    for file in ["authority.key", "server.key"] {
        assert_eq!(std::fs::metadata(state.path().join("tls").join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    let names = own_names("0.0.0.0:8420".parse().unwrap(), Some(NAME));
    assert!(names[0] == NAME && names.contains(&"localhost".into()) && names.contains(&"127.0.0.1".into()), "{names:?}");
}

#[tokio::test]
async fn files_that_are_no_certificate_are_refused_in_a_sentence() {
    let state = tempfile::tempdir().unwrap();
    let (good, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    own_authority(good.path());
    own_authority(other.path());
    let of = |folder: &tempfile::TempDir, file: &str| folder.path().join("tls").join(file);
    let nonsense = state.path().join("nonsense.pem");
    std::fs::write(&nonsense, "no PEM at all").unwrap();
    for (certificate, key, said) in [
        (nonsense.clone(), of(&good, "server.key"), "no certificate"),
        (of(&good, "server.pem"), nonsense.clone(), "no private key"),
        (of(&good, "server.pem"), of(&other, "server.key"), "is not the key of"),
        (state.path().join("missing.pem"), of(&good, "server.key"), "missing.pem"),
    ] {
        let error = Tls::open(&TlsSource::Files { certificate, key }, state.path(), &[]).err().expect("refused");
        assert!(format!("{error:#}").contains(said), "{error:#}");
    }
    let right = TlsSource::Files { certificate: of(&good, "server.pem"), key: of(&good, "server.key") };
    assert!(Tls::open(&right, state.path(), &[]).unwrap().authority().is_none());
}

#[tokio::test]
async fn beyond_loopback_the_executable_wants_tls_and_an_account() {
    let state = tempfile::tempdir().unwrap();
    let serve = async |more: &[&str]| run(state.path(), ["serve", "--listen", "0.0.0.0:0", "--sealed"].iter().chain(more)).await;
    serve(&[]).await.refused("[tls]");
    serve(&["--tls-own-authority"]).await.refused("make an admin");
    serve(&["--tls-certificate-file", "/nonexistent"]).await.refused("without its key");
}
