//! Memory for engines that come and go: who has it, who waits for it, and who is asked to make room.
//!
//! Memory is given in the order of asking. For whoever is next, idle engines are asked to leave, the one that has been idle
//! longest before the others; a busy one only after its turn, and it ends what it has begun before it goes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::Notify,
    time::{Duration, Instant},
};

/// How long a busy engine keeps its memory although another waits: each change costs the time to load a model.
const TURN: Duration = Duration::from_secs(30);

/// How often whoever waits looks whether a busy engine's turn is over.
const LOOK: Duration = Duration::from_millis(500);

/// Memory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    pub memory: u64,
    pub gpu_memory: u64,
}

impl Footprint {
    /// Whether this much is in `room`.
    pub fn fits(self, room: Self) -> bool {
        self.memory <= room.memory && self.gpu_memory <= room.gpu_memory
    }

    fn plus(self, other: Self) -> Self {
        Self { memory: self.memory.saturating_add(other.memory), gpu_memory: self.gpu_memory.saturating_add(other.gpu_memory) }
    }

    pub fn minus(self, other: Self) -> Self {
        Self { memory: self.memory.saturating_sub(other.memory), gpu_memory: self.gpu_memory.saturating_sub(other.gpu_memory) }
    }
}

/// The memory that is shared.
#[derive(Debug)]
pub struct Pool {
    books: Mutex<Books>,
    changed: Notify,
    turn: Duration,
}

#[derive(Debug)]
struct Books {
    free: Footprint,
    holders: Vec<Holder>,
    /// Tickets, in the order of asking.
    waiting: VecDeque<u64>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Holder {
    ticket: u64,
    size: Footprint,
    /// `None` until it can be used.
    since: Option<Instant>,
    idle_since: Option<Instant>,
    /// It is never asked to leave.
    stays: bool,
    asked_to_leave: bool,
    notice: Arc<Notify>,
}

impl Pool {
    pub fn new(size: Footprint) -> Arc<Self> {
        Self::with_turn(size, TURN)
    }

    /// With another time that a busy engine keeps its memory although another waits.
    pub fn with_turn(size: Footprint, turn: Duration) -> Arc<Self> {
        let books = Books { free: size, holders: Vec::new(), waiting: VecDeque::new(), next_ticket: 0 };
        Arc::new(Self { books: Mutex::new(books), changed: Notify::new(), turn })
    }

    /// Waits for memory, which is kept for good if the asker `stays`. What is larger than the whole pool waits for ever: see [`Footprint::fits`].
    pub async fn take(self: &Arc<Self>, size: Footprint, stays: bool) -> Berth {
        let place = Place { pool: self, ticket: self.books().stand_in_line() };
        loop {
            let changed = self.changed.notified();
            if let Some(notice) = self.books().admit(place.ticket, size, stays, self.turn) {
                return Berth { pool: Arc::clone(self), ticket: place.ticket, notice };
            }
            // Either way it looks again.
            let _ = tokio::time::timeout(LOOK, changed).await;
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line, given up with its asker.
struct Place<'a> {
    pool: &'a Pool,
    ticket: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.books().waiting.retain(|ticket| *ticket != self.ticket);
        self.pool.changed.notify_waiters();
    }
}

/// Memory that is held; it goes back when this is dropped.
#[derive(Debug)]
pub struct Berth {
    pool: Arc<Pool>,
    ticket: u64,
    notice: Arc<Notify>,
}

impl Berth {
    /// Tells whether its holder has work.
    pub fn set_idle(&self, idle: bool) {
        let mut books = self.pool.books();
        if let Some(holder) = books.holders.iter_mut().find(|holder| holder.ticket == self.ticket) {
            holder.idle_since = idle.then(Instant::now);
        }
        drop(books);
        self.pool.changed.notify_waiters();
    }

    /// The time that a busy holder keeps its memory counts from here: loading is no use of it.
    pub fn begin_turn(&self) {
        let mut books = self.pool.books();
        if let Some(holder) = books.holders.iter_mut().find(|holder| holder.ticket == self.ticket) {
            holder.since = Some(Instant::now());
        }
    }

    /// Ends when the holder is asked to leave, once it has ended what it has begun.
    pub async fn asked_to_leave(&self) {
        self.notice.notified().await;
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        let mut books = self.pool.books();
        if let Some(at) = books.holders.iter().position(|holder| holder.ticket == self.ticket) {
            let holder = books.holders.remove(at);
            books.free = books.free.plus(holder.size);
        }
        drop(books);
        self.pool.changed.notify_waiters();
    }
}

impl Books {
    fn stand_in_line(&mut self) -> u64 {
        self.next_ticket += 1;
        self.waiting.push_back(self.next_ticket);
        self.next_ticket
    }

    /// Gives memory to the first in line if there is enough, or asks others to make room.
    fn admit(&mut self, ticket: u64, size: Footprint, stays: bool, turn: Duration) -> Option<Arc<Notify>> {
        if self.waiting.front() != Some(&ticket) {
            return None;
        }
        if !size.fits(self.free) {
            self.ask_for_room(size, turn);
            return None;
        }
        self.free = self.free.minus(size);
        let notice = Arc::new(Notify::new());
        let holder = Holder { ticket, size, since: None, idle_since: None, stays, asked_to_leave: false, notice: Arc::clone(&notice) };
        self.holders.push(holder);
        Some(notice)
    }

    fn ask_for_room(&mut self, size: Footprint, turn: Duration) {
        let mut coming = self.holders.iter().filter(|holder| holder.asked_to_leave).fold(self.free, |sum, holder| sum.plus(holder.size));
        let now = Instant::now();
        let mut willing: Vec<&mut Holder> = self
            .holders
            .iter_mut()
            .filter(|holder| {
                !holder.stays
                    && !holder.asked_to_leave
                    && (holder.idle_since.is_some() || holder.since.is_some_and(|since| now.duration_since(since) >= turn))
            })
            .collect();
        willing.sort_by_key(|holder| (holder.idle_since.is_none(), holder.idle_since, holder.since));
        for holder in willing {
            if size.fits(coming) {
                return;
            }
            holder.asked_to_leave = true;
            holder.notice.notify_one();
            coming = coming.plus(holder.size);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(100);

    fn of(memory: u64) -> Footprint {
        Footprint { memory, gpu_memory: 0 }
    }

    fn pool(size: u64) -> Arc<Pool> {
        Pool::with_turn(of(size), 4 * SOON)
    }

    fn is_asked(berth: &Berth) -> bool {
        berth.asked_to_leave().now_or_never().is_some()
    }

    #[tokio::test]
    async fn the_one_idle_longest_leaves_first_and_no_more_than_are_needed() {
        let pool = Pool::new(of(30));
        let (first, second, third) = (pool.take(of(10), false).await, pool.take(of(10), false).await, pool.take(of(10), false).await);
        second.set_idle(true);
        tokio::time::sleep(SOON).await;
        first.set_idle(true);
        let mut taking = Box::pin(pool.take(of(10), false));
        assert!(timeout(SOON, &mut taking).await.is_err());
        assert!(is_asked(&second) && !is_asked(&first) && !is_asked(&third));
        drop(second);
        let fourth = taking.await;
        assert_eq!(pool.books().free, of(0));
        drop((first, third, fourth));
        assert_eq!(pool.books().free, of(30));
    }

    #[tokio::test]
    async fn a_busy_one_is_asked_only_after_its_turn() {
        let pool = pool(10);
        let busy = pool.take(of(10), false).await;
        let mut taking = Box::pin(pool.take(of(4), false));
        assert!(timeout(12 * SOON, &mut taking).await.is_err());
        assert!(!is_asked(&busy), "it is still loading");
        busy.begin_turn();
        assert!(timeout(SOON, &mut taking).await.is_err());
        assert!(!is_asked(&busy));
        assert!(timeout(12 * SOON, &mut taking).await.is_err());
        assert!(is_asked(&busy));
        drop(busy);
        taking.await;
    }

    #[tokio::test]
    async fn one_that_stays_is_never_asked() {
        let pool = pool(10);
        let pinned = pool.take(of(10), true).await;
        pinned.set_idle(true);
        assert!(timeout(12 * SOON, pool.take(of(1), false)).await.is_err());
        assert!(!is_asked(&pinned));
    }

    #[tokio::test]
    async fn memory_is_given_in_the_order_of_asking_and_one_who_left_holds_up_nobody() {
        let pool = Pool::new(of(10));
        let held = pool.take(of(6), false).await;
        let mut large = Box::pin(pool.take(of(10), false));
        assert!(large.as_mut().now_or_never().is_none());
        let mut small = Box::pin(pool.take(of(2), false));
        assert!(timeout(SOON, &mut small).await.is_err(), "it would have fitted, and it came later");
        drop(large);
        drop((held, small.await));
        assert_eq!(pool.books().free, of(10));
    }
}
