//! One permanent thread that starts every engine child.
//!
//! The kernel sends the parent-death signal when the *thread* that started a child ends, so children must not be started
//! from a runtime's worker threads, which come and go.

use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as BlockingStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
};

use tokio::{net::UnixStream, sync::oneshot};

use super::process::ChildProcess;
use crate::engine::{backend::Backend, child::ChildArguments, confinement::Confinement};

/// The running program itself; works even where its path cannot be read any more.
const SELF: &str = "/proc/self/exe";

/// What a child's libraries may take from the server's environment: where libraries are, and which GPU to use.
const KEPT_ENVIRONMENT: &[&str] = &[
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "HSA_OVERRIDE_GFX_VERSION",
    "GGML_VK_VISIBLE_DEVICES",
    "VK_DRIVER_FILES",
];

/// How often an idle OpenMP thread looks for work before it sleeps. With libgomp's default llama.cpp's threads burn the
/// processor that another process waits for; with a tenth of this they sleep and wake 16,000 times a second, and a step of a
/// small model takes 6 % longer (SmolLM2, two threads on two cores).
const OPENMP_SPINS: &str = "10000";

/// Starts engine children. Clones share the thread; children die when the last clone is dropped.
#[derive(Clone)]
pub struct Spawner {
    executable: Arc<Path>,
    orders: mpsc::Sender<Order>,
}

struct Order {
    command: Command,
    reply: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    /// Children run this very executable.
    pub fn new() -> io::Result<Self> {
        Self::with_executable(PathBuf::from(SELF))
    }

    /// Children run another executable, which takes the same arguments (tests start the real one from their own).
    pub fn with_executable(executable: PathBuf) -> io::Result<Self> {
        let (orders, received) = mpsc::channel();
        std::thread::Builder::new().name("spawner".into()).spawn(move || spawn_all(&received))?;
        Ok(Self { executable: executable.into(), orders })
    }

    /// Starts one child; the stream is the server's end of its socket.
    pub(in crate::engine) async fn spawn(&self, arguments: &ChildArguments) -> io::Result<(ChildProcess, UnixStream)> {
        let (server, child) = BlockingStream::pair()?;
        server.set_nonblocking(true)?;
        let server = UnixStream::from_std(server)?;
        let (reply, started) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts engines is gone");
        self.orders.send(Order { command: self.command(arguments, child.into())?, reply }).map_err(|_| gone())?;
        let started = started.await.map_err(|_| gone())??;
        Ok((ChildProcess::new(started)?, server))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that starts engines")]
    fn command(&self, arguments: &ChildArguments, socket: OwnedFd) -> io::Result<Command> {
        let mut command = Command::new(&*self.executable);
        command.arg0("oneiros").arg("engine").arg(serde_json::to_string(arguments)?);
        command.env_clear().current_dir("/");
        command.env("GOMP_SPINCOUNT", OPENMP_SPINS);
        command.envs(KEPT_ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        if arguments.backend != Backend::Ggml {
            command.env("RAYON_NUM_THREADS", arguments.options.threads.max(1).to_string());
        }
        if let Backend::Onnx { library, .. } = &arguments.backend {
            command.env("ORT_DYLIB_PATH", library);
        }
        if let Some(Confinement::Gpu { cache, .. }) = &arguments.confinement {
            command.env("HOME", cache).env("CUDA_CACHE_PATH", cache).env("MESA_SHADER_CACHE_DIR", cache);
        }
        // A group of its own: Ctrl-C in a terminal reaches the server alone, which then stops its engines in order.
        command.stdin(Stdio::from(socket)).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        Ok(command)
    }
}

fn spawn_all(orders: &mpsc::Receiver<Order>) {
    for Order { mut command, reply } in orders {
        let child = command.spawn();
        // Our copy of the child's socket goes with the command: the child's end must have one owner.
        drop(command);
        if let Err(Ok(mut unwanted)) = reply.send(child) {
            // An error means that it is gone already.
            let _ = unwanted.kill();
            let _ = unwanted.wait();
        }
    }
}
