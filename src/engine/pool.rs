//! Memory for engines that come and go: who has it, who waits for it, and who is asked to make room.
//!
//! What stays loaded is set apart first; the rest is given in the order of asking. For whoever is next, idle engines are asked
//! to leave, the one that has been idle longest before the others; a busy one only after its turn, and it ends what it has
//! begun before it goes. Nobody is asked unless that makes room enough.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::Notify,
    time::{Duration, Instant},
};

/// How long a busy engine keeps its memory although another waits: each change costs the time to load a model.
const TURN: Duration = Duration::from_secs(30);

/// An engine counts as idle after this part of a turn: who asks several things in a row leaves moments between them.
const LINGERS: u32 = 30;

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

/// More than is left beside the models that stay: waiting would not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    pub needs: Footprint,
    pub left: Footprint,
}

impl std::error::Error for TooLarge {}

impl fmt::Display for TooLarge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needs, left } = self;
        let (what, needs, left) = match needs.memory > left.memory {
            true => ("memory", needs.memory, left.memory),
            false => ("GPU memory", needs.gpu_memory, left.gpu_memory),
        };
        let [needs, left] = [needs, left].map(|bytes| bytes >> 20);
        write!(formatter, "it needs about {needs} MiB of {what}, and {left} MiB are left beside the models that stay loaded")
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
    size: Footprint,
    /// What is set apart for those that stay, loaded or not.
    staying: Footprint,
    /// Those that come and go and have memory.
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
    asked_to_leave: bool,
    notice: Arc<Notify>,
}

impl Pool {
    pub fn new(size: Footprint) -> Arc<Self> {
        Self::with_turn(size, TURN)
    }

    /// With another time that a busy engine keeps its memory although another waits.
    pub fn with_turn(size: Footprint, turn: Duration) -> Arc<Self> {
        let books = Books { size, staying: Footprint::default(), holders: Vec::new(), waiting: VecDeque::new(), next_ticket: 0 };
        Arc::new(Self { books: Mutex::new(books), changed: Notify::new(), turn })
    }

    /// One engine's part in the pool. For one that `stays` it is set apart from now on.
    pub fn share(self: &Arc<Self>, size: Footprint, stays: bool) -> Result<Share, TooLarge> {
        let mut books = self.books();
        books.check(size)?;
        if stays {
            books.staying = books.staying.plus(size);
        }
        drop(books);
        // Some of those who wait may have to hear that there is no room for them any more.
        self.changed.notify_waiters();
        Ok(Share { pool: Arc::clone(self), size, stays })
    }

    /// What is set apart for those that stay.
    pub fn staying(&self) -> Footprint {
        self.books().staying
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one engine may have of the pool whenever it is needed. When this is dropped, nothing is set apart for it any more.
#[derive(Debug)]
pub struct Share {
    pool: Arc<Pool>,
    size: Footprint,
    stays: bool,
}

impl Share {
    /// Whether it is kept for good once it is taken.
    pub fn stays(&self) -> bool {
        self.stays
    }

    /// Waits for the memory. An error when others that stay have left too little meanwhile.
    pub async fn take(&self) -> Result<Berth, TooLarge> {
        let pool = &self.pool;
        let place = Place { pool, ticket: pool.books().stand_in_line() };
        loop {
            let changed = pool.changed.notified();
            if let Some(notice) = pool.books().admit(place.ticket, self, pool.turn)? {
                return Ok(Berth { pool: Arc::clone(pool), ticket: place.ticket, notice });
            }
            // Either way it looks again.
            let _ = tokio::time::timeout(LOOK, changed).await;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.stays {
            let mut books = self.pool.books();
            books.staying = books.staying.minus(self.size);
            drop(books);
            self.pool.changed.notify_waiters();
        }
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
        self.pool.books().holders.retain(|holder| holder.ticket != self.ticket);
        self.pool.changed.notify_waiters();
    }
}

impl Books {
    /// Refuses what would not fit though everybody left who does.
    fn check(&self, needs: Footprint) -> Result<(), TooLarge> {
        let left = self.size.minus(self.staying);
        if needs.fits(left) { Ok(()) } else { Err(TooLarge { needs, left }) }
    }

    fn stand_in_line(&mut self) -> u64 {
        self.next_ticket += 1;
        self.waiting.push_back(self.next_ticket);
        self.next_ticket
    }

    /// Gives memory to the first in line if there is enough, or asks others to make room.
    fn admit(&mut self, ticket: u64, share: &Share, turn: Duration) -> Result<Option<Arc<Notify>>, TooLarge> {
        // What stays has been counted: nothing more is needed than that others are out of it.
        let wanted = if share.stays { Footprint::default() } else { share.size };
        self.check(wanted)?;
        // Nor does it wait behind others for what is its own.
        if !share.stays && self.waiting.front() != Some(&ticket) {
            return Ok(None);
        }
        let taken = self.holders.iter().fold(self.staying.plus(wanted), |sum, holder| sum.plus(holder.size));
        if !taken.fits(self.size) {
            self.ask_for_room(wanted, turn);
            return Ok(None);
        }
        let notice = Arc::new(Notify::new());
        if !share.stays {
            let (size, notice) = (share.size, Arc::clone(&notice));
            self.holders.push(Holder { ticket, size, since: None, idle_since: None, asked_to_leave: false, notice });
        }
        Ok(Some(notice))
    }

    /// Asks as few as make room enough, or nobody.
    fn ask_for_room(&mut self, wanted: Footprint, turn: Duration) {
        let remaining = self.holders.iter().filter(|holder| !holder.asked_to_leave);
        let mut taken = remaining.fold(self.staying.plus(wanted), |sum, holder| sum.plus(holder.size));
        let now = Instant::now();
        let had_its_turn = |holder: &Holder| holder.since.is_some_and(|since| now.duration_since(since) >= turn);
        let is_idle = |holder: &Holder| holder.idle_since.is_some_and(|since| now.duration_since(since) >= turn / LINGERS);
        let is_willing = |holder: &&mut Holder| !holder.asked_to_leave && (is_idle(holder) || had_its_turn(holder));
        let mut willing: Vec<&mut Holder> = self.holders.iter_mut().filter(is_willing).collect();
        willing.sort_by_key(|holder| (holder.idle_since.is_none(), holder.idle_since, holder.since));
        let mut asked = Vec::new();
        for holder in willing {
            if taken.fits(self.size) {
                break;
            }
            taken = taken.minus(holder.size);
            asked.push(holder);
        }
        if taken.fits(self.size) {
            for holder in asked {
                holder.asked_to_leave = true;
                holder.notice.notify_one();
            }
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

    /// Memory for one that comes and goes.
    async fn take(pool: &Arc<Pool>, memory: u64) -> Berth {
        pool.share(of(memory), false).unwrap().take().await.unwrap()
    }

    fn is_empty(pool: &Pool) -> bool {
        let books = pool.books();
        books.holders.is_empty() && books.waiting.is_empty() && books.staying == of(0)
    }

    #[tokio::test]
    async fn the_one_idle_longest_leaves_first_and_no_more_than_are_needed() {
        let pool = pool(30);
        let (first, second, third) = (take(&pool, 10).await, take(&pool, 10).await, take(&pool, 10).await);
        second.set_idle(true);
        tokio::time::sleep(SOON).await;
        first.set_idle(true);
        let mut taking = Box::pin(take(&pool, 10));
        assert!(timeout(SOON, &mut taking).await.is_err());
        assert!(is_asked(&second) && !is_asked(&first) && !is_asked(&third));
        drop(second);
        drop((first, third, taking.await));
        assert!(is_empty(&pool));
    }

    #[tokio::test]
    async fn a_busy_one_is_asked_only_after_its_turn() {
        let pool = pool(10);
        let busy = take(&pool, 10).await;
        let mut taking = Box::pin(take(&pool, 4));
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
    async fn nobody_is_asked_to_leave_for_one_who_would_still_have_to_wait() {
        let pool = pool(30);
        let (idle, busy) = (take(&pool, 10).await, take(&pool, 20).await);
        idle.set_idle(true);
        busy.begin_turn();
        let mut taking = Box::pin(take(&pool, 25));
        assert!(timeout(SOON, &mut taking).await.is_err());
        assert!(!is_asked(&idle) && !is_asked(&busy), "without the busy one there is not enough");
        assert!(timeout(12 * SOON, &mut taking).await.is_err());
        assert!(is_asked(&idle) && is_asked(&busy));
    }

    #[tokio::test]
    async fn what_stays_is_set_apart_before_it_is_taken_and_is_never_asked_to_leave() {
        let pool = pool(10);
        let pinned = pool.share(of(6), true).unwrap();
        let refused = pool.share(of(5), false).unwrap_err();
        assert_eq!((refused.needs, refused.left), (of(5), of(4)));
        let guest = take(&pool, 4).await;
        let berth = timeout(SOON, pinned.take()).await.expect("its memory was free all the time").unwrap();
        berth.set_idle(true);
        assert!(timeout(12 * SOON, take(&pool, 1)).await.is_err());
        assert!(!is_asked(&berth));
        drop((guest, berth, pinned));
        assert!(is_empty(&pool));
    }

    #[tokio::test]
    async fn one_that_is_to_stay_later_waits_for_those_that_are_there_and_those_that_do_not_fit_beside_it_are_refused() {
        let pool = pool(10);
        let guest = take(&pool, 8).await;
        guest.set_idle(true);
        tokio::time::sleep(SOON).await;
        let large = pool.share(of(9), false).unwrap();
        let mut waiting = Box::pin(large.take());
        assert!(waiting.as_mut().now_or_never().is_none());
        let pinned = pool.share(of(3), true).unwrap();
        let refused = timeout(SOON, waiting).await.expect("it does not wait for ever").unwrap_err();
        assert_eq!((refused.needs, refused.left), (of(9), of(7)));
        let mut taking = Box::pin(pinned.take());
        assert!(timeout(SOON, &mut taking).await.is_err());
        assert!(is_asked(&guest));
        drop(guest);
        taking.await.unwrap();
    }

    #[tokio::test]
    async fn memory_is_given_in_the_order_of_asking_and_one_who_left_holds_up_nobody() {
        let pool = Pool::new(of(10));
        let held = take(&pool, 6).await;
        let mut large = Box::pin(take(&pool, 10));
        assert!(large.as_mut().now_or_never().is_none());
        let mut small = Box::pin(take(&pool, 2));
        assert!(timeout(SOON, &mut small).await.is_err(), "it would have fitted, and it came later");
        drop(large);
        drop((held, small.await));
        assert!(is_empty(&pool));
    }

    #[test]
    fn a_refusal_names_both_numbers_of_the_memory_that_lacks() {
        let needs = Footprint { memory: 100 << 20, gpu_memory: 700 << 20 };
        let told = |left| TooLarge { needs, left }.to_string();
        assert!(told(of(50 << 20)).starts_with("it needs about 100 MiB of memory, and 50 MiB are left"));
        let left = Footprint { memory: 200 << 20, gpu_memory: 300 << 20 };
        assert!(told(left).starts_with("it needs about 700 MiB of GPU memory, and 300 MiB are left"));
    }

    #[tokio::test]
    async fn one_that_stays_does_not_wait_behind_others_for_what_is_its_own() {
        let pool = pool(16);
        let pinned = pool.share(of(4), true).unwrap();
        let busy = take(&pool, 10).await;
        let mut larger = Box::pin(take(&pool, 6));
        assert!(timeout(SOON, &mut larger).await.is_err(), "there is no room for it yet");
        // Its engine begins, or begins again after a fault.
        drop(timeout(SOON, pinned.take()).await.expect("at once").unwrap());
        drop(busy);
        drop(larger.await);
    }

    #[tokio::test]
    async fn a_moment_between_two_requests_is_no_idleness() {
        let pool = Pool::with_turn(of(10), 60 * SOON);
        let used = take(&pool, 10).await;
        used.begin_turn();
        used.set_idle(true);
        let mut other = Box::pin(take(&pool, 10));
        assert!(timeout(SOON, &mut other).await.is_err());
        assert!(!is_asked(&used), "its next request comes at once");
        assert!(timeout(8 * SOON, &mut other).await.is_err());
        assert!(is_asked(&used));
    }
}
