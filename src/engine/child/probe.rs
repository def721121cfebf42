//! What `oneiros selfcheck sandbox` makes a child try: the ways out that the sandbox must bar, by bare system calls.
//!
//! The attempts are harmless where they succeed: everything stays on the loopback, memory is read and not written.

use std::{
    ffi::{CStr, CString},
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        linux::net::SocketAddrExt,
        unix::{ffi::OsStrExt, fs::FileExt, net as unix},
    },
    path::Path,
    time::Duration,
};

use crate::engine::wire::{ProbeRequest, ProbeResult};

type Attempt = io::Result<String>;

/// Tries everything, in a fixed order.
pub(super) fn attempt_all(request: &ProbeRequest) -> Vec<ProbeResult> {
    let victim = request.victim_pid;
    let mut results = vec![
        result("connect to a TCP port on the loopback", connect_tcp(request.tcp_port)),
        result("send a UDP datagram on the loopback", send_udp(request.udp_port, b"probe")),
        result("ask a name server (DNS, UDP port 53)", send_udp(53, DNS_QUESTION)),
        result("open a netlink socket", socket(libc::AF_NETLINK, libc::SOCK_RAW).map(|_| "opened".into())),
        result("connect to an abstract Unix socket", connect_abstract(&request.abstract_socket)),
        result("set up an io_uring", set_up_io_uring()),
        result("open /etc/passwd", open(Path::new("/etc/passwd"))),
        result("open the state directory", open(&request.state_directory)),
        result("read another process's memory (process_vm_readv)", read_memory(victim)),
        result("read another process's memory (/proc/PID/mem)", read_memory_file(victim)),
        result("trace another process (ptrace)", trace(victim)),
        result("take another process's descriptor (pidfd_getfd)", take_descriptor(victim)),
        result("signal another process", signal(victim)),
        result("have the kernel signal another process (F_SETOWN)", own_signals(victim)),
        result("execute a program (execve)", execute(c"/bin/true", false)),
        result("execute a program (execveat)", execute(c"/bin/true", true)),
    ];
    if let Some(program) = &request.own_program {
        let outcome = CString::new(program.as_os_str().as_bytes()).map_err(io::Error::other).and_then(|path| execute(&path, false));
        results.push(ProbeResult { permitted: true, ..result("execute the one program it is for", outcome) });
    }
    results
}

/// A question for the address of `example.invalid` (RFC 1035, section 4), which no server can answer.
const DNS_QUESTION: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x07invalid\x00\x00\x01\x00\x01";

fn result(attempt: &str, outcome: Attempt) -> ProbeResult {
    let (denied, outcome) = match outcome {
        Ok(success) => (false, success),
        Err(error) => (true, name_of(&error)),
    };
    ProbeResult { attempt: attempt.to_owned(), permitted: false, denied, outcome }
}

fn name_of(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM) => "EPERM".into(),
        Some(libc::EACCES) => "EACCES".into(),
        Some(libc::ENOSYS) => "ENOSYS".into(),
        Some(libc::ENOENT) => "ENOENT".into(),
        Some(libc::ESRCH) => "ESRCH".into(),
        Some(libc::ECONNREFUSED) => "ECONNREFUSED".into(),
        _ => error.to_string(),
    }
}

/// The outcome of a call that answers a negative number on failure.
fn checked(returned: libc::c_long) -> io::Result<libc::c_long> {
    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

fn owned(descriptor: libc::c_long) -> io::Result<OwnedFd> {
    let descriptor = i32::try_from(checked(descriptor)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just returned this descriptor to us, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn socket(domain: libc::c_int, kind: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: plain numbers.
    owned(unsafe { libc::syscall(libc::SYS_socket, domain, kind | libc::SOCK_CLOEXEC, 0) })
}

#[expect(clippy::disallowed_methods, reason = "the attempt that the sandbox must deny")]
fn connect_tcp(port: u16) -> Attempt {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    TcpStream::connect_timeout(&address.into(), Duration::from_secs(2)).map(|_| "connected".into())
}

fn send_udp(port: u16, payload: &[u8]) -> Attempt {
    let socket = std::net::UdpSocket::from(socket(libc::AF_INET, libc::SOCK_DGRAM)?);
    socket.send_to(payload, (Ipv4Addr::LOCALHOST, port)).map(|bytes| format!("{bytes} bytes left"))
}

fn connect_abstract(name: &str) -> Attempt {
    let address = unix::SocketAddr::from_abstract_name(name)?;
    unix::UnixStream::connect_addr(&address).map(|_| "connected".into())
}

fn set_up_io_uring() -> Attempt {
    let mut parameters = [0_u8; 120];
    // SAFETY: `parameters` is as large as `struct io_uring_params` (120 bytes) and lives through the call.
    owned(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1_u32, parameters.as_mut_ptr()) }).map(|_| "set up".into())
}

fn open(path: &Path) -> Attempt {
    File::open(path).map(|_| "opened".into())
}

/// The first mapped address of a process; the map itself is out of a confined child's reach.
fn first_address(pid: u32) -> io::Result<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let address = maps.split('-').next().and_then(|start| u64::from_str_radix(start, 16).ok());
    address.ok_or_else(|| io::Error::other("the process has no memory"))
}

fn read_memory(pid: u32) -> Attempt {
    let mut bytes = [0_u8; 4];
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // Without the map the address is a guess; the kernel asks for permission before it looks at the address.
    let address = first_address(pid).unwrap_or(0x40_0000);
    let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(address as usize), iov_len: bytes.len() };
    // SAFETY: `local` covers `bytes`; `remote` is read in the other process and only checked here.
    let read = checked(unsafe { libc::process_vm_readv(pid.cast_signed(), &raw const local, 1, &raw const remote, 1, 0) } as libc::c_long);
    match read {
        Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Ok("permitted, at an address that is not mapped".into()),
        other => other.map(|read| format!("{read} bytes read")),
    }
}

fn read_memory_file(pid: u32) -> Attempt {
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut bytes = [0_u8; 4];
    memory.read_at(&mut bytes, first_address(pid)?).map(|read| format!("{read} bytes read"))
}

fn trace(pid: u32) -> Attempt {
    // PTRACE_SEIZE attaches without stopping the other process; it is let go when this process ends.
    // SAFETY: no pointer is followed.
    checked(unsafe { libc::syscall(libc::SYS_ptrace, libc::PTRACE_SEIZE, pid, 0, 0) }).map(|_| "attached".into())
}

fn take_descriptor(pid: u32) -> Attempt {
    // SAFETY: plain numbers.
    let process = owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: plain numbers; the descriptor is open.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), 2, 0) }).map(|_| "taken".into())
}

fn signal(pid: u32) -> Attempt {
    // SAFETY: plain numbers; the empty signal only asks whether one could be sent.
    checked(unsafe { libc::syscall(libc::SYS_kill, pid, 0) }).map(|_| "permitted".into())
}

/// Makes another process the one that hears of stderr, and takes that back: with `F_SETSIG` and `O_ASYNC` on top, the
/// kernel would send it any signal.
fn own_signals(pid: u32) -> Attempt {
    // SAFETY: plain numbers.
    checked(unsafe { libc::syscall(libc::SYS_fcntl, libc::STDERR_FILENO, libc::F_SETOWN, pid) })?;
    // SAFETY: plain numbers.
    checked(unsafe { libc::syscall(libc::SYS_fcntl, libc::STDERR_FILENO, libc::F_SETOWN, 0) }).map(|_| "permitted".into())
}

/// Executes a program in a process of its own. Where none can be made, the call itself is tried on a path that does
/// not exist: "no such file" then means that the call is open.
fn execute(program: &CStr, by_descriptor: bool) -> Attempt {
    // SAFETY: the new process only calls execve and _exit, which need no lock that another thread might hold.
    let pid = unsafe { libc::fork() };
    match pid {
        0 => {
            let error = execute_now(program, by_descriptor);
            // SAFETY: ends the copy at once.
            unsafe { libc::_exit(error.raw_os_error().unwrap_or(libc::EIO)) }
        }
        pid if pid > 0 => {
            let mut status = 0;
            // SAFETY: `status` lives through the call.
            checked(unsafe { libc::waitpid(pid, &raw mut status, 0) }.into())?;
            match libc::WEXITSTATUS(status) {
                0 if libc::WIFEXITED(status) => Ok("it ran".into()),
                errno => Err(io::Error::from_raw_os_error(errno)),
            }
        }
        _ => {
            let error = execute_now(c"/nonexistent", by_descriptor);
            if error.raw_os_error() == Some(libc::ENOENT) { Ok("the call is open".into()) } else { Err(error) }
        }
    }
}

/// Returns only when the program could not be executed.
fn execute_now(program: &CStr, by_descriptor: bool) -> io::Error {
    let arguments = [program.as_ptr(), std::ptr::null()];
    let environment: [*const libc::c_char; 1] = [std::ptr::null()];
    // SAFETY: C strings and null-terminated arrays that live through the call.
    unsafe {
        if by_descriptor {
            libc::syscall(libc::SYS_execveat, libc::AT_FDCWD, program.as_ptr(), arguments.as_ptr(), environment.as_ptr(), 0);
        } else {
            libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr());
        }
    }
    io::Error::last_os_error()
}
