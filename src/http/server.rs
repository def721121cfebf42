//! The server loop: connections in, requests to the router, an ordered end.
//!
//! hyper is driven directly because `axum::serve` sets no time limit for a request's head, and a client that never ends
//! its head would hold a connection for ever.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use super::Listeners;

/// How long a request's head may take, and how long a kept connection may idle.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// How long a client may take no byte of an answer that waits for it.
const UNREAD_DEADLINE: Duration = Duration::from_secs(60);
/// How many connections are open at once; further ones wait to be taken.
const MOST_CONNECTIONS: usize = 512;
/// As many more through the Unix socket: the command line and the watchdog get through however many browsers are connected.
const MOST_LOCAL_CONNECTIONS: usize = 64;
/// How long requests under way may go on once the server is stopping.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Serves until `shutdown` is cancelled, then takes no more connections and gives those under way ten seconds.
pub async fn serve(listeners: Listeners, router: Router, shutdown: CancellationToken) {
    let connections = GracefulShutdown::new();
    let Listeners { tcp, unix } = listeners;
    let taking = Taking { router: &router, connections: &connections, shutdown: &shutdown };
    tokio::join!(taking.all(tcp.as_ref(), MOST_CONNECTIONS), taking.all(unix.as_ref(), MOST_LOCAL_CONNECTIONS));
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
    /// Takes connections until the server stops, `most` at once.
    async fn all(&self, source: Option<&impl Accept>, most: usize) {
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
                Ok(stream) => spawn(stream, self.router, self.connections, place),
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

    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for tokio::net::TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        let (stream, _) = Self::accept(self).await?;
        // Events are small and should not wait for more of them.
        stream.set_nodelay(true)?;
        // A client that never reads would hold its connection, one of few, for ever (tcp(7)).
        set_tcp_user_timeout(&stream, u32::try_from(UNREAD_DEADLINE.as_millis()).unwrap_or(u32::MAX))?;
        Ok(stream)
    }
}

impl Accept for super::listeners::UnixSocket {
    type Stream = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        Ok(self.listener.accept().await?.0)
    }
}

fn spawn(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: &Router,
    connections: &GracefulShutdown,
    place: OwnedSemaphorePermit,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(place);
    });
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
        let taken = Accept::accept(&listener).await.unwrap();
        assert_eq!(tcp_user_timeout(&taken).unwrap(), 60_000);
    }
}
