//! seccomp: the system calls that each profile may make. Everything else answers `EPERM`, so that a native library sees
//! an error rather than its end.
//!
//! An allow-list: calls that nobody thought of, such as `execveat`, `pidfd_getfd`, `process_vm_readv`, `io_uring_setup`
//! or the x32 numbers, are outside by themselves. Files are Landlock's matter; calls that change what Landlock does not
//! know of (owners, modes, times, extended attributes) are outside too.

use std::collections::BTreeMap;

use anyhow::Context;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Op, SeccompCondition as Condition, SeccompFilter, SeccompRule,
    sock_filter,
};

use crate::engine::confinement::Confinement;

/// Memory, threads, time, and descriptors that are open already.
const EVERY_PROFILE: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mincore,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_sendmsg,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_shutdown,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Opening files and asking about them, within what Landlock allows.
const FILES: &[libc::c_long] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fstatfs,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_readlinkat,
    libc::SYS_statfs,
    libc::SYS_statx,
];

/// A GPU's driver: device control, its cache of compiled kernels, its own event loops.
const GPU: &[libc::c_long] = &[
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_fallocate,
    libc::SYS_flock,
    libc::SYS_get_mempolicy,
    libc::SYS_mbind,
    libc::SYS_memfd_create,
    libc::SYS_mkdirat,
    libc::SYS_pipe2,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_set_mempolicy,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_unlinkat,
];

/// Starting the one program, waiting for it, and what it does itself while it starts.
const ONE_PROGRAM: &[libc::c_long] =
    &[libc::SYS_dup3, libc::SYS_execve, libc::SYS_pipe2, libc::SYS_prlimit64, libc::SYS_wait4, libc::SYS_waitid];

/// Older names of calls above, which only this architecture still has.
#[cfg(target_arch = "x86_64")]
mod older {
    pub(super) const EVERY_PROFILE: &[libc::c_long] = &[libc::SYS_poll, libc::SYS_time];
    pub(super) const FILES: &[libc::c_long] = &[libc::SYS_access, libc::SYS_lstat, libc::SYS_open, libc::SYS_readlink, libc::SYS_stat];
    pub(super) const GPU: &[libc::c_long] =
        &[libc::SYS_dup2, libc::SYS_epoll_wait, libc::SYS_mkdir, libc::SYS_pipe, libc::SYS_rename, libc::SYS_unlink];
    pub(super) const ONE_PROGRAM: &[libc::c_long] = &[libc::SYS_arch_prctl, libc::SYS_dup2, libc::SYS_pipe];
}
#[cfg(not(target_arch = "x86_64"))]
mod older {
    pub(super) const EVERY_PROFILE: &[libc::c_long] = &[];
    pub(super) const FILES: &[libc::c_long] = &[];
    pub(super) const GPU: &[libc::c_long] = &[];
    pub(super) const ONE_PROGRAM: &[libc::c_long] = &[];
}

/// Clone flags that make a namespace.
const NAMESPACES: u64 = (libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS) as u64;

/// Applies the profile's list to this thread and those it makes.
pub(super) fn restrict(confinement: &Confinement) -> anyhow::Result<()> {
    let filter = SeccompFilter::new(
        rules(confinement)?,
        SeccompAction::Errno(libc::EPERM.cast_unsigned()),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into().context("this processor is not known")?,
    )?;
    let mut program = clone3_is_unknown();
    program.extend(BpfProgram::try_from(filter)?);
    seccompiler::apply_filter(&program)?;
    Ok(())
}

fn rules(confinement: &Confinement) -> anyhow::Result<BTreeMap<libc::c_long, Vec<SeccompRule>>> {
    let mut lists = vec![EVERY_PROFILE, older::EVERY_PROFILE];
    match confinement {
        Confinement::Parse => {}
        Confinement::Cpu { .. } | Confinement::Convert { .. } => lists.extend([FILES, older::FILES]),
        Confinement::Gpu { .. } => lists.extend([FILES, older::FILES, GPU, older::GPU]),
        Confinement::OneProgram { .. } => lists.extend([FILES, older::FILES, ONE_PROGRAM, older::ONE_PROGRAM]),
    }
    let mut rules: BTreeMap<_, _> = lists.into_iter().flatten().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_clone, vec![clone_rule(confinement)?]);
    rules.insert(libc::SYS_prctl, harmless_prctl()?);
    rules.insert(libc::SYS_fcntl, harmless_fcntl(confinement)?);
    if matches!(confinement, Confinement::Gpu { .. }) {
        rules.insert(libc::SYS_ioctl, vec![device_control()?]);
    }
    // Only this process: abort() signals itself, and nobody else is to be signalled.
    let own_pid = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![Condition::new(0, Width::Dword, Op::Eq, own_pid)?])?]);
    // Only this process's own placement: 0 stands for the calling thread.
    rules.insert(libc::SYS_sched_setaffinity, vec![SeccompRule::new(vec![Condition::new(0, Width::Dword, Op::Eq, 0)?])?]);
    // On the connected socket alone: an address would send elsewhere.
    rules.insert(libc::SYS_sendto, vec![SeccompRule::new(vec![Condition::new(4, Width::Qword, Op::Eq, 0)?])?]);
    rules.insert(libc::SYS_recvfrom, Vec::new());
    // Reading a limit, not setting one.
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![Condition::new(2, Width::Qword, Op::Eq, 0)?])?]);
    Ok(rules)
}

/// Threads, no processes; a profile that runs a program may make processes; none makes a namespace.
fn clone_rule(confinement: &Confinement) -> anyhow::Result<SeccompRule> {
    let threads_only = if matches!(confinement, Confinement::OneProgram { .. }) { 0 } else { libc::CLONE_THREAD as u64 };
    Ok(SeccompRule::new(vec![Condition::new(0, Width::Qword, Op::MaskedEq(NAMESPACES | threads_only), threads_only)?])?)
}

/// Copies and flags of descriptors; a GPU's driver also locks and seals files. Not `F_SETOWN`: the kernel would then send
/// a signal of the child's choice, `SIGKILL` too, to any process of the same user, and kernels before 6.12 have no
/// Landlock scope that stops it. Not `F_SETLEASE` either, which holds up whoever writes to the model.
fn harmless_fcntl(confinement: &Confinement) -> anyhow::Result<Vec<SeccompRule>> {
    const EVERY_PROFILE: &[libc::c_int] =
        &[libc::F_DUPFD, libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_SETFL];
    const GPU: &[libc::c_int] = &[
        libc::F_ADD_SEALS,
        libc::F_GET_SEALS,
        libc::F_GETLK,
        libc::F_SETLK,
        libc::F_SETLKW,
        libc::F_OFD_GETLK,
        libc::F_OFD_SETLK,
        libc::F_OFD_SETLKW,
    ];
    let more = if matches!(confinement, Confinement::Gpu { .. }) { GPU } else { &[] };
    let rule = |command: &libc::c_int| -> anyhow::Result<SeccompRule> {
        Ok(SeccompRule::new(vec![Condition::new(1, Width::Dword, Op::Eq, u64::from(command.cast_unsigned()))?])?)
    };
    EVERY_PROFILE.iter().chain(more).map(rule).collect()
}

/// Every request to a device but the two that do what `F_SETOWN` does.
fn device_control() -> anyhow::Result<SeccompRule> {
    /// `FIOSETOWN` and `SIOCSPGRP` (Linux, `asm-generic/sockios.h`).
    const SET_OWNER: [u64; 2] = [0x8901, 0x8902];
    let conditions = SET_OWNER.map(|request| Condition::new(1, Width::Dword, Op::Ne, request));
    Ok(SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)?)
}

/// Names of threads and memory areas, and questions about this process's own state. Not the parent-death signal.
fn harmless_prctl() -> anyhow::Result<Vec<SeccompRule>> {
    let options = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA, libc::PR_GET_NO_NEW_PRIVS, libc::PR_GET_SECCOMP];
    let rule = |option: libc::c_int| -> anyhow::Result<SeccompRule> {
        Ok(SeccompRule::new(vec![Condition::new(0, Width::Dword, Op::Eq, u64::from(option.cast_unsigned()))?])?)
    };
    options.into_iter().map(rule).collect()
}

/// Instructions in front of the list: `clone3` answers `ENOSYS`, whereupon the C library uses `clone`, whose flags a
/// filter can read. On another architecture's calls they fall through to the list's own check, which ends the process.
fn clone3_is_unknown() -> BpfProgram {
    let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let jump_if_equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let answer = (libc::BPF_RET | libc::BPF_K) as u16;
    let errno = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
    vec![
        // The call's number is the first field of `struct seccomp_data`.
        sock_filter { code: load, jt: 0, jf: 0, k: 0 },
        sock_filter { code: jump_if_equal, jt: 0, jf: 1, k: libc::SYS_clone3 as u32 },
        sock_filter { code: answer, jt: 0, jf: 0, k: errno },
    ]
}
