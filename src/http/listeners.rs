//! Sockets that the server listens on: loopback TCP, and a Unix socket in the state directory for local programs.

use std::{
    fs::{self, File},
    io::ErrorKind,
    net::SocketAddr,
    os::{
        fd::AsRawFd,
        unix::{fs::PermissionsExt, net::UnixStream},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

/// Connections that may wait to be taken.
const BACKLOG: i32 = 128;

/// Where requests come from. Either may be absent.
#[derive(Default)]
pub struct Listeners {
    pub tcp: Option<TcpListener>,
    /// What TCP connections speak, where they must not be read on their way.
    pub tls: Option<TlsAcceptor>,
    pub unix: Option<UnixSocket>,
}

/// A listening Unix socket; its file goes with it.
pub struct UnixSocket {
    pub listener: UnixListener,
    path: PathBuf,
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Who is known to those who listen beyond loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarded {
    pub tls: bool,
    pub accounts: bool,
}

/// Listens on a loopback address; with TLS and accounts, on any.
pub async fn bind_tcp(address: SocketAddr, guarded: Guarded) -> Result<TcpListener> {
    if !address.ip().is_loopback() && !guarded.tls {
        bail!(
            "{address} is not a loopback address, and nothing would keep passwords from being read on their way: set [tls], or listen on 127.0.0.1"
        );
    }
    if !address.ip().is_loopback() && !guarded.accounts {
        bail!(
            "{address} is not a loopback address, and whoever reaches it could use everything, since no account exists: listen on 127.0.0.1 \
             first, make an admin (`oneiros admin user add NAME --role admin`, or the page /setup), then start again"
        );
    }
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!("{address} is taken by another program: stop that one, or choose another port with --listen")
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}: choose another address with --listen")),
    }
}

/// Listens on the Unix socket `name` in `folder`, for this user alone (mode 0600). The path may be longer than the 107
/// bytes that a socket address holds: it is reached through the opened folder. A socket that a dead server left behind is
/// replaced, a living one is not.
pub fn bind_unix(folder: &Path, name: &str) -> Result<UnixSocket> {
    let path = folder.join(name);
    let opened = File::open(folder).with_context(|| format!("cannot open the folder {}", folder.display()))?;
    let short = through(&opened, name);
    if UnixStream::connect(&short).is_ok() {
        bail!("another server already runs on {}: stop it, or choose another --state-dir", path.display());
    }
    match fs::remove_file(&short) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove the old socket {}", path.display()));
        }
        _ => {}
    }
    let listening = || -> std::io::Result<std::os::unix::net::UnixListener> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
        bind(&socket, &SocketAddrUnix::new(&short)?)?;
        // Nobody can connect before `listen`, so the mode is set in time.
        fs::set_permissions(&short, fs::Permissions::from_mode(0o600))?;
        listen(&socket, BACKLOG)?;
        Ok(socket.into())
    };
    let listener = listening().with_context(|| format!("cannot listen on {}: is its folder writable?", path.display()))?;
    Ok(UnixSocket { listener: UnixListener::from_std(listener)?, path })
}

/// Connects to the Unix socket `name` in `folder`; `None` when nobody listens there.
pub async fn connect_unix(folder: &Path, name: &str) -> Result<Option<tokio::net::UnixStream>> {
    let Ok(opened) = File::open(folder) else { return Ok(None) };
    match tokio::net::UnixStream::connect(through(&opened, name)).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("the server's socket {} cannot be reached", folder.join(name).display())),
    }
}

/// A short path to a file in an opened folder, for as long as that stays open.
pub fn through(folder: &File, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_long_path_is_no_obstacle_and_others_cannot_connect() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a".repeat(120));
        fs::create_dir(&folder).unwrap();
        let socket = bind_unix(&folder, "oneiros.sock").unwrap();
        assert_eq!(fs::metadata(folder.join("oneiros.sock")).unwrap().permissions().mode() & 0o777, 0o600);
        let second = bind_unix(&folder, "oneiros.sock").err().expect("a living server keeps its socket");
        assert!(second.to_string().contains("already runs"), "{second}");
        drop(socket);
        assert!(!folder.join("oneiros.sock").exists());
    }

    #[tokio::test]
    async fn a_dead_servers_socket_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        drop(std::os::unix::net::UnixListener::bind(root.path().join("s")).unwrap());
        assert!(bind_unix(root.path(), "s").is_ok());
    }

    #[tokio::test]
    async fn a_taken_port_is_refused_in_one_sentence() {
        let nothing = Guarded { tls: false, accounts: false };
        let first = bind_tcp("127.0.0.1:0".parse().unwrap(), nothing).await.unwrap();
        let taken = bind_tcp(first.local_addr().unwrap(), nothing).await.unwrap_err();
        assert!(taken.to_string().contains("taken by another program"), "{taken}");
    }

    #[tokio::test]
    async fn beyond_loopback_it_takes_tls_and_accounts() {
        let address: SocketAddr = "0.0.0.0:0".parse().unwrap();
        for (tls, accounts, said) in [(false, false, "set [tls]"), (false, true, "set [tls]"), (true, false, "make an admin")] {
            let refused = bind_tcp(address, Guarded { tls, accounts }).await.unwrap_err().to_string();
            assert!(refused.contains("not a loopback") && refused.contains(said), "{refused}");
        }
        bind_tcp(address, Guarded { tls: true, accounts: true }).await.unwrap();
    }
}
