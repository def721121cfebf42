//! The server loop: connections in, requests to the router, an ordered end.
//!
//! hyper is driven directly because `axum::serve` sets no time limit for a request's head, and a client that never ends
//! its head would hold a connection for ever.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{Listeners, descriptors, tls::NAME_PROOF};
use crate::features::accounts::Origin;

/// How long a request's head may take, and how long a kept connection may idle.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// How long a client may take no byte of an answer that waits for it.
const UNREAD_DEADLINE: Duration = Duration::from_secs(60);
/// Connections through the Unix socket, beside the others: the command line and the watchdog get through however many browsers are
/// connected.
const MOST_LOCAL_CONNECTIONS: usize = 64;
/// How long requests under way may go on once the server is stopping.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Serves until `shutdown` is cancelled, then takes no more connections and gives those under way ten seconds.
pub async fn serve(listeners: Listeners, router: Router, shutdown: CancellationToken) {
    let connections = GracefulShutdown::new();
    let Listeners { tcp, tls, unix } = listeners;
    let taking = Taking { router: &router, connections: &connections, shutdown: &shutdown };
    tokio::join!(taking.all(tcp.as_ref(), tls, descriptors::connections()), taking.all(unix.as_ref(), None, MOST_LOCAL_CONNECTIONS));
    // At once, unless there was no listener at all.
    shutdown.cancelled().await;
    drop((tcp, unix));
    if tokio::time::timeout(LAST_REQUESTS, connections.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way when the server stopped");
    }
}

/// What every listener shares.
struct Taking<'a> {
    router: &'a Router,
    connections: &'a GracefulShutdown,
    shutdown: &'a CancellationToken,
}

impl Taking<'_> {
    /// Takes connections until the server stops, `most` at once; with `tls`, those that speak it.
    async fn all(&self, source: Option<&impl Accept>, tls: Option<TlsAcceptor>, most: usize) {
        let Some(source) = source else { return };
        let places = Arc::new(Semaphore::new(most));
        loop {
            let place = tokio::select! {
                () = self.shutdown.cancelled() => break,
                place = places.clone().acquire_owned() => place.expect("the semaphore is never closed"),
            };
            let taken = tokio::select! {
                () = self.shutdown.cancelled() => break,
                taken = source.accept() => taken,
            };
            match taken {
                Ok((stream, ends)) => {
                    let connection =
                        Connection { router: self.router.clone(), watcher: self.connections.watcher(), ends, secure: tls.is_some() };
                    tokio::spawn(connection.serve(stream, tls.clone(), place));
                }
                Err(error) => {
                    // Out of descriptors, or the client was gone already: going on at once would spin.
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// Where connections come from.
trait Accept {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Ends)>> + Send;
}

/// Both ends of a connection.
#[derive(Debug, Clone, Copy)]
struct Ends {
    origin: Origin,
    /// This server's address, where it has one.
    own: Option<IpAddr>,
}

/// The address by which a client reached this server: it may stand in the client's `Host`.
#[derive(Debug, Clone, Copy)]
pub struct OwnAddress(pub Option<IpAddr>);

/// Marks requests that came by TLS.
#[derive(Debug, Clone, Copy)]
pub struct Secure;

impl Accept for tokio::net::TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&self) -> io::Result<(Self::Stream, Ends)> {
        let (stream, peer) = Self::accept(self).await?;
        // Events are small and should not wait for more of them.
        stream.set_nodelay(true)?;
        // A client that never reads would hold its connection, one of few, for ever (tcp(7)).
        set_tcp_user_timeout(&stream, u32::try_from(UNREAD_DEADLINE.as_millis()).unwrap_or(u32::MAX))?;
        let own = Some(stream.local_addr()?.ip().to_canonical());
        Ok((stream, Ends { origin: Origin::Network(peer.ip().to_canonical()), own }))
    }
}

impl Accept for super::listeners::UnixSocket {
    type Stream = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<(Self::Stream, Ends)> {
        Ok((self.listener.accept().await?.0, Ends { origin: Origin::Socket, own: None }))
    }
}

/// A connection that was taken, before anything was said on it.
struct Connection {
    router: Router,
    watcher: Watcher,
    ends: Ends,
    secure: bool,
}

impl Connection {
    async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        tls: Option<TlsAcceptor>,
        place: OwnedSemaphorePermit,
    ) {
        match tls {
            None => self.speak_http(stream).await,
            Some(tls) => match tokio::time::timeout(HEAD_DEADLINE, tls.accept(stream)).await {
                Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(NAME_PROOF) => say_nothing(stream).await,
                Ok(Ok(stream)) => self.speak_http(stream).await,
                Ok(Err(error)) => tracing::debug!(%error, "a client does not speak TLS as this server does"),
                Err(_) => tracing::debug!("a client took too long to agree on TLS"),
            },
        }
        drop(place);
    }

    async fn speak_http(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self { router, watcher, ends, secure } = self;
        let router = router.layer(Extension(ends.origin)).layer(Extension(OwnAddress(ends.own)));
        let router = if secure { router.layer(Extension(Secure)) } else { router };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_DEADLINE)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// An authority has seen in the certificate what it wanted to see.
async fn say_nothing(mut stream: impl AsyncWrite + Unpin) {
    // It may be gone already.
    let _ = tokio::time::timeout(HEAD_DEADLINE, stream.shutdown()).await;
}

#[cfg(test)]
mod tests {
    use rustix::net::sockopt::tcp_user_timeout;

    use super::*;

    #[tokio::test]
    async fn a_client_that_reads_nothing_does_not_keep_its_connection_for_ever() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "a client of this server on the loopback")]
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (taken, _) = Accept::accept(&listener).await.unwrap();
        assert_eq!(tcp_user_timeout(&taken).unwrap(), 60_000);
    }
}
