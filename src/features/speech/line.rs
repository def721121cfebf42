//! The line of those who wait for the one engine that hears: first come, first served, and each knows its place.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;

/// Who waits, in order; the first is being served.
pub struct Line {
    waiting: watch::Sender<Vec<u64>>,
    next: AtomicU64,
}

/// A place in the line, given up when it is dropped.
pub struct Place {
    line: Arc<Line>,
    number: u64,
    changes: watch::Receiver<Vec<u64>>,
    /// How many were before it when that was last told.
    told: Option<u32>,
}

impl Line {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { waiting: watch::Sender::new(Vec::new()), next: AtomicU64::new(0) })
    }

    /// Takes the last place.
    pub fn join(self: &Arc<Self>) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.waiting.send_modify(|waiting| waiting.push(number));
        Place { line: Arc::clone(self), number, changes: self.waiting.subscribe(), told: None }
    }
}

impl Place {
    /// How many are before it, as soon as that is another number than the last time; 0 when it is its turn.
    pub async fn moved(&mut self) -> u32 {
        loop {
            let before = self.changes.borrow_and_update().iter().position(|number| *number == self.number).unwrap_or(0);
            let before = u32::try_from(before).unwrap_or(u32::MAX);
            if self.told != Some(before) {
                self.told = Some(before);
                return before;
            }
            // The sender lives in the line, which this place holds.
            let _ = self.changes.changed().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.waiting.send_modify(|waiting| waiting.retain(|number| *number != self.number));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn places_move_up_as_others_leave() {
        let line = Line::new();
        let (mut first, second, mut third) = (line.join(), line.join(), line.join());
        assert_eq!((first.moved().await, third.moved().await), (0, 2));
        drop(second);
        assert_eq!(third.moved().await, 1);
        assert!(tokio::time::timeout(Duration::from_millis(20), third.moved()).await.is_err());
        drop(first);
        assert_eq!(third.moved().await, 0);
        drop(third);
        assert_eq!(line.join().moved().await, 0);
    }
}
