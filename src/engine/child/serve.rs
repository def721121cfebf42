//! Serving: one thread reads frames, marks cancellations and queues requests; the main thread works them off in order.

use std::{
    any::Any,
    collections::VecDeque,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Reply, Worker, probe};
use crate::engine::{
    EngineError,
    wire::{Event, FromChild, Request, ToChild, blocking},
};

/// More than the server ever sends at once; beyond it the peer is not the server we know.
const MOST_WAITING: usize = 256;

/// Serves until the server closes the socket; does not return before that.
pub(super) fn serve(socket: UnixStream, mut worker: Box<dyn Worker>) -> ExitCode {
    let desk = Arc::new(Desk { socket, sending: Mutex::new(()), queue: Mutex::default(), arrived: Condvar::new() });
    let reading = Arc::clone(&desk);
    let reader = std::thread::Builder::new().name("frames".into()).spawn(move || read_frames(&reading));
    if let Err(error) = reader {
        eprintln!("cannot start the thread that reads requests: {error}");
        return ExitCode::FAILURE;
    }
    loop {
        let job = desk.next();
        if let Err(panic) = work(&desk, &mut *worker, job) {
            // What the panic left behind in the worker is unknown: the supervisor starts a fresh child.
            eprintln!("the worker panicked: {panic}");
            return ExitCode::FAILURE;
        }
    }
}

/// One request that waits or is served.
struct Job {
    id: u64,
    request: Request,
    descriptors: Vec<OwnedFd>,
    cancelled: Arc<AtomicBool>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    active: Option<(u64, Arc<AtomicBool>)>,
}

/// What both threads share.
struct Desk {
    socket: UnixStream,
    /// Held while a frame is written, so that frames of the two threads do not mix.
    sending: Mutex<()>,
    queue: Mutex<Queue>,
    arrived: Condvar,
}

impl Desk {
    fn send(&self, message: &FromChild) -> io::Result<()> {
        let _turn = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        blocking::send(&self.socket, message)
    }

    fn next(&self) -> Job {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(job) = queue.waiting.pop_front() {
                queue.active = Some((job.id, Arc::clone(&job.cancelled)));
                return job;
            }
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn add(&self, job: Job) -> io::Result<()> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.waiting.len() >= MOST_WAITING {
            return Err(io::Error::other("more requests than a server may send at once"));
        }
        queue.waiting.push_back(job);
        self.arrived.notify_one();
        Ok(())
    }

    /// A waiting request ends at once, the active one when its worker notices.
    fn cancel(&self, id: u64) -> io::Result<()> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = queue.waiting.iter().position(|job| job.id == id) {
            queue.waiting.remove(place);
            drop(queue);
            return self.send(&FromChild::Done { id });
        }
        if let Some((active, cancelled)) = &queue.active
            && *active == id
        {
            cancelled.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Reads until the server is gone, then ends the process, whatever the worker is doing.
fn read_frames(desk: &Desk) {
    loop {
        let handled = match blocking::receive(&desk.socket) {
            Ok(Some((ToChild::Request { id, request }, descriptors))) => {
                desk.add(Job { id, request, descriptors, cancelled: Arc::default() })
            }
            Ok(Some((ToChild::Cancel { id }, _))) => desk.cancel(id),
            Ok(None) => leave(0),
            Err(error) => Err(error),
        };
        if let Err(error) = handled {
            eprintln!("the connection to the server is broken: {error}");
            leave(1);
        }
    }
}

/// Serves one request and ends it. The error is a panic's message.
fn work(desk: &Desk, worker: &mut dyn Worker, job: Job) -> Result<(), String> {
    let Job { id, request, descriptors, cancelled } = job;
    let send = |event| {
        desk.send(&FromChild::Event { id, event }).map_err(|error| EngineError::Unavailable(format!("the server is gone: {error}")))
    };
    let reply = Reply { send: &send, cancelled: &cancelled };
    let served = catch_unwind(AssertUnwindSafe(|| match request {
        Request::Probe(request) => reply.send(Event::Probed(probe::attempt_all(&request))),
        request => worker.serve(request, descriptors, &reply),
    }));
    let panicked = served.as_ref().err().map(|panic| message_of(panic.as_ref()));
    let failure = match served {
        Ok(served) => served.err(),
        Err(_) => Some(EngineError::Failed("it panicked; it starts afresh".into())),
    };
    // A server that is gone is noticed by the reading thread, which ends the process.
    if let Some(error) = failure {
        let _ = desk.send(&FromChild::Error { id, error });
    }
    desk.queue.lock().unwrap_or_else(PoisonError::into_inner).active = None;
    let _ = desk.send(&FromChild::Done { id });
    panicked.map_or(Ok(()), Err)
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

/// Ends the process at once: exit handlers of native libraries would race with the thread that still computes.
fn leave(code: i32) -> ! {
    // SAFETY: _exit takes no pointers and runs no handlers.
    unsafe { libc::_exit(code) }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        thread,
        time::{Duration, Instant},
    };

    use super::*;
    use crate::engine::parse::ParseRequest;

    /// Works until it is cancelled; panics on a job without descriptors to count.
    struct Tireless;

    impl Worker for Tireless {
        fn serve(&mut self, request: Request, _: Vec<OwnedFd>, reply: &Reply<'_>) -> Result<(), EngineError> {
            assert!(matches!(request, Request::Parse(ParseRequest::ListZip)), "a job that nobody foresaw");
            while !reply.is_cancelled() {
                thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        }
    }

    fn desk() -> (Arc<Desk>, UnixStream) {
        let (server, socket) = UnixStream::pair().unwrap();
        (Arc::new(Desk { socket, sending: Mutex::new(()), queue: Mutex::default(), arrived: Condvar::new() }), server)
    }

    fn job(id: u64, request: ParseRequest) -> Job {
        Job { id, request: Request::Parse(request), descriptors: Vec::new(), cancelled: Arc::default() }
    }

    #[test]
    fn a_cancelled_request_ends_whether_it_waits_or_is_being_served() {
        let (desk, mut server) = desk();
        desk.add(job(1, ParseRequest::ListZip)).unwrap();
        desk.add(job(2, ParseRequest::ListZip)).unwrap();
        let working = Arc::clone(&desk);
        let worker = thread::spawn(move || work(&working, &mut Tireless, working.next()));
        let start = Instant::now();
        while desk.queue.lock().unwrap().active.is_none() {
            assert!(start.elapsed() < Duration::from_secs(5));
        }
        desk.cancel(2).unwrap();
        assert!(desk.queue.lock().unwrap().waiting.is_empty());
        desk.cancel(1).unwrap();
        assert_eq!(worker.join().unwrap(), Ok(()));
        drop(desk);
        let mut frames = Vec::new();
        server.read_to_end(&mut frames).unwrap();
        // Done { 2 }, then Done { 1 }: a length of two, the variant's number, the id.
        assert_eq!(frames, [2, 0, 0, 0, 4, 2, 2, 0, 0, 0, 4, 1]);
    }

    #[test]
    fn a_panic_is_told_to_the_asker_and_ends_the_child() {
        let (desk, mut server) = desk();
        let outcome = work(&desk, &mut Tireless, job(7, ParseRequest::ConvertWhisper));
        assert!(outcome.is_err_and(|message| message.contains("nobody foresaw")));
        drop(desk);
        let mut frames = Vec::new();
        server.read_to_end(&mut frames).unwrap();
        assert!(String::from_utf8_lossy(&frames).contains("it panicked"));
        assert!(frames.ends_with(&[2, 0, 0, 0, 4, 7]));
    }
}
