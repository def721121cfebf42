//! The last bound on a template: nothing inside Jinja counts the memory that an expression takes, and nothing outside can
//! stop it. A template that doubles a text forty times ends its engine, with a reason, before it ends the machine.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// What the process may grow by while a template is rendered.
const MAX_GROWTH: usize = 1024 * 1024 * 1024;
/// Well above what [`super::environment`] stops by itself.
const MAX_TIME: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);

/// Does the work under watch.
pub(super) fn watched<T>(work: impl FnOnce() -> T) -> T {
    let (done, over) = mpsc::channel::<()>();
    thread::scope(|scope| {
        // Without a thread to spare the template's other bounds must do.
        let _ = thread::Builder::new().name("template".into()).spawn_scoped(scope, move || watch(&over));
        let made = work();
        drop(done);
        made
    })
}

fn watch(over: &mpsc::Receiver<()>) {
    let (began, heap) = (Instant::now(), heap_bytes());
    while over.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        let excess = if heap_bytes().saturating_sub(heap) > MAX_GROWTH {
            format!("more than {} MiB of memory", MAX_GROWTH / 1024 / 1024)
        } else if began.elapsed() > MAX_TIME {
            format!("more than {} seconds", MAX_TIME.as_secs())
        } else {
            continue;
        };
        eprintln!("the model's chat template takes {excess}: this engine ends. Use another model, or another file of this one");
        std::process::abort();
    }
}

/// Bytes that the allocator has given out.
fn heap_bytes() -> usize {
    // SAFETY: mallinfo2 takes nothing, locks the allocator's own arenas and returns plain numbers.
    let heap = unsafe { libc::mallinfo2() };
    heap.uordblks.saturating_add(heap.hblkhd)
}
