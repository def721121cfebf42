//! Serving: one thread reads frames, marks cancellations and queues requests; the main thread works.

use std::{
    any::Any,
    collections::{HashMap, VecDeque},
    io::{self, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Batcher, Engine, Post, Reply, Worker, probe};
use crate::engine::{
    EngineError,
    wire::{Event, FromChild, Request, ToChild, blocking, encode},
};

/// More than the server ever sends at once; beyond it the peer is not the server we know.
const MOST_WAITING: usize = 256;

/// Serves until the server closes the socket; does not return before that.
pub(super) fn serve(socket: UnixStream, engine: Engine) -> ExitCode {
    let gathers = matches!(engine, Engine::Together(_));
    let desk = Arc::new(Desk { socket, outbox: Mutex::default(), gathers, queue: Mutex::default(), arrived: Condvar::new() });
    let reading = Arc::clone(&desk);
    let reader = std::thread::Builder::new().name("frames".into()).spawn(move || read_frames(&reading));
    if let Err(error) = reader {
        eprintln!("cannot start the thread that reads requests: {error}");
        return ExitCode::FAILURE;
    }
    let worked = match engine {
        Engine::OneByOne(mut worker) => repeat(|| work(&desk, &mut *worker, desk.next())),
        Engine::Together(mut batcher) => repeat(|| step(&desk, &mut *batcher)),
    };
    // What the panic left behind in the engine is unknown: the supervisor starts a fresh child.
    eprintln!("the engine panicked: {worked}");
    ExitCode::FAILURE
}

/// Goes on until something panics; returns the panic's message.
fn repeat(mut work: impl FnMut() -> Result<(), String>) -> String {
    loop {
        if let Err(panic) = work() {
            return panic;
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
    served: HashMap<u64, Arc<AtomicBool>>,
}

/// What both threads share.
struct Desk {
    socket: UnixStream,
    /// Frames that are not on the socket yet. Held while it is written, so that frames of two threads do not mix.
    outbox: Mutex<Vec<u8>>,
    /// Frames gather until the end of a step: a wake-up of the server costs more than a token's text.
    gathers: bool,
    queue: Mutex<Queue>,
    arrived: Condvar,
}

impl Post for Desk {
    fn send(&self, message: &FromChild) -> io::Result<()> {
        let frame = encode(message)?;
        let mut outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        outbox.extend_from_slice(&frame);
        if self.gathers { Ok(()) } else { write_out(&self.socket, &mut outbox) }
    }

    fn end(&self, id: u64) {
        self.queue().served.remove(&id);
        // A server that is gone is noticed by the reading thread, which ends the process.
        let _ = self.send(&FromChild::Done { id });
    }
}

impl Desk {
    fn flush(&self) -> io::Result<()> {
        write_out(&self.socket, &mut self.outbox.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request, as soon as there is one.
    fn next(&self) -> Job {
        let mut queue = self.queue();
        loop {
            if let Some(job) = queue.take() {
                return job;
            }
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn next_if_any(&self) -> Option<Job> {
        self.queue().take()
    }

    fn add(&self, job: Job) -> io::Result<()> {
        let mut queue = self.queue();
        if queue.waiting.len() >= MOST_WAITING {
            return Err(io::Error::other("more requests than a server may send at once"));
        }
        queue.waiting.push_back(job);
        self.arrived.notify_one();
        Ok(())
    }

    /// A waiting request ends at once, a served one when its engine notices.
    fn cancel(&self, id: u64) -> io::Result<()> {
        let mut queue = self.queue();
        if let Some(place) = queue.waiting.iter().position(|job| job.id == id) {
            queue.waiting.remove(place);
            drop(queue);
            self.send(&FromChild::Done { id })?;
            return self.flush();
        }
        if let Some(cancelled) = queue.served.get(&id) {
            cancelled.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Queue {
    fn take(&mut self) -> Option<Job> {
        let job = self.waiting.pop_front()?;
        self.served.insert(job.id, Arc::clone(&job.cancelled));
        Some(job)
    }
}

fn write_out(mut socket: &UnixStream, outbox: &mut Vec<u8>) -> io::Result<()> {
    let written = socket.write_all(outbox);
    outbox.clear();
    written
}

/// Reads until the server is gone, then ends the process, whatever the engine is doing.
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
fn work(desk: &Arc<Desk>, worker: &mut dyn Worker, job: Job) -> Result<(), String> {
    let Job { id, request, descriptors, cancelled } = job;
    let reply = Reply::new(id, Arc::clone(desk) as Arc<dyn Post>, cancelled);
    let served = catch_unwind(AssertUnwindSafe(|| match request {
        Request::Probe(request) => reply.send(Event::Probed(probe::attempt_all(&request))),
        request => worker.serve(request, descriptors, &reply),
    }));
    match served {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            reply.fail(error);
            Ok(())
        }
        Err(panic) => {
            reply.fail(panicked());
            Err(message_of(panic.as_ref()))
        }
    }
}

/// Takes on what has come, then works for a moment. The error is a panic's message.
fn step(desk: &Arc<Desk>, batcher: &mut dyn Batcher) -> Result<(), String> {
    let stepped = catch_unwind(AssertUnwindSafe(|| {
        if !batcher.is_busy() {
            take_on(desk, batcher, desk.next());
        }
        while let Some(job) = desk.next_if_any() {
            take_on(desk, batcher, job);
        }
        if batcher.is_busy() {
            batcher.step();
        }
    }));
    if stepped.is_err() {
        let served: Vec<u64> = desk.queue().served.keys().copied().collect();
        for id in served {
            let _ = desk.send(&FromChild::Error { id, error: panicked() });
            desk.end(id);
        }
    }
    // A server that is gone is noticed by the reading thread, which ends the process.
    let _ = desk.flush();
    stepped.map_err(|panic| message_of(panic.as_ref()))
}

fn take_on(desk: &Arc<Desk>, batcher: &mut dyn Batcher, job: Job) {
    let Job { id, request, descriptors, cancelled } = job;
    let reply = Reply::new(id, Arc::clone(desk) as Arc<dyn Post>, cancelled);
    match request {
        Request::Probe(request) => drop(reply.send(Event::Probed(probe::attempt_all(&request)))),
        request => batcher.begin(request, descriptors, reply),
    }
}

fn panicked() -> EngineError {
    EngineError::Failed("it panicked; it starts afresh".into())
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
        fn serve(&mut self, request: Request, _: Vec<OwnedFd>, reply: &Reply) -> Result<(), EngineError> {
            assert!(matches!(request, Request::Parse(ParseRequest::ListZip)), "a job that nobody foresaw");
            while !reply.is_cancelled() {
                thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        }
    }

    fn desk() -> (Arc<Desk>, UnixStream) {
        let (server, socket) = UnixStream::pair().unwrap();
        (Arc::new(Desk { socket, outbox: Mutex::default(), gathers: false, queue: Mutex::default(), arrived: Condvar::new() }), server)
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
        while desk.queue.lock().unwrap().served.is_empty() {
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

    /// Takes two steps for each request; panics when it has four.
    #[derive(Default)]
    struct Crew(Vec<(Reply, u8)>);

    impl Batcher for Crew {
        fn places(&self) -> u32 {
            4
        }

        fn is_busy(&self) -> bool {
            !self.0.is_empty()
        }

        fn begin(&mut self, _: Request, _: Vec<OwnedFd>, reply: Reply) {
            self.0.push((reply, 0));
        }

        fn step(&mut self) {
            assert!(self.0.len() < 4, "four are too many");
            self.0.retain_mut(|(reply, steps)| {
                *steps += 1;
                *steps < 2 && !reply.is_cancelled()
            });
        }
    }

    #[test]
    fn requests_are_served_together_and_each_ends_when_its_engine_drops_it() {
        let (desk, mut server) = desk();
        let mut crew = Crew::default();
        desk.add(job(1, ParseRequest::ListZip)).unwrap();
        step(&desk, &mut crew).unwrap();
        desk.add(job(2, ParseRequest::ListZip)).unwrap();
        step(&desk, &mut crew).unwrap();
        desk.add(job(3, ParseRequest::ListZip)).unwrap();
        step(&desk, &mut crew).unwrap();
        desk.cancel(3).unwrap();
        desk.add(job(4, ParseRequest::ListZip)).unwrap();
        step(&desk, &mut crew).unwrap();
        for id in 5..8 {
            desk.add(job(id, ParseRequest::ListZip)).unwrap();
        }
        assert_eq!(step(&desk, &mut crew), Err("four are too many".into()));
        assert!(desk.queue().served.is_empty());
        std::mem::forget(crew);
        let mut frames = vec![0; 4096];
        let length = server.read(&mut frames).unwrap();
        frames.truncate(length);
        assert!(frames.starts_with(&[2, 0, 0, 0, 4, 1, 2, 0, 0, 0, 4, 2, 2, 0, 0, 0, 4, 3]), "{frames:?}");
        assert_eq!(String::from_utf8_lossy(&frames).matches("it panicked").count(), 4);
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
