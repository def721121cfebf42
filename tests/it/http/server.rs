//! The sockets: two doors to one router, slow clients, an ordered end.

use std::time::{Duration, Instant};

use oneiros::http::{
    Listeners,
    listeners::{Guarded, bind_tcp, bind_unix},
    serve,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};
use tokio_util::sync::CancellationToken;

use super::house::House;

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

async fn ask(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn both_doors_lead_in_and_close_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let tcp = bind_tcp("127.0.0.1:0".parse().unwrap(), Guarded { tls: false, accounts: false }).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let unix = bind_unix(folder.path(), "oneiros.sock").unwrap();
    let shutdown = CancellationToken::new();
    let server =
        tokio::spawn(serve(Listeners { tcp: Some(tcp), tls: None, unix: Some(unix) }, House::without_database().router, shutdown.clone()));

    let answer = ask(&mut TcpStream::connect(address).await.unwrap(), REQUEST).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = ask(&mut UnixStream::connect(folder.path().join("oneiros.sock")).await.unwrap(), REQUEST).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let idle = TcpStream::connect(address).await.unwrap();
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(3), server).await.expect("an idle connection does not delay the end").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    assert!(!folder.path().join("oneiros.sock").exists());
    drop(idle);
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let tcp = bind_tcp("127.0.0.1:0".parse().unwrap(), Guarded { tls: false, accounts: false }).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    tokio::spawn(serve(Listeners { tcp: Some(tcp), tls: None, unix: None }, House::without_database().router, shutdown.clone()));
    let started = Instant::now();
    let mut slow = TcpStream::connect(address).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(20), ask(&mut slow, b"GET /healthz HTTP/1.1\r\nHost: local")).await;
    assert!(answer.is_ok(), "the connection is still open");
    assert!(started.elapsed() > Duration::from_secs(5));
    shutdown.cancel();
}
