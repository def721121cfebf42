//! How often a request ends: whoever finds no place is told when to come again.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};
use uuid::Uuid;

/// Before anything is known.
const FIRST_GUESS: Duration = Duration::from_secs(5);
const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(120);
/// The part of a wait by which some come later than others.
const LATER_BY: u64 = 4;
/// Weight of the newest interval.
const NEWEST: f64 = 0.2;

#[derive(Default)]
pub(super) struct Rhythm(Mutex<Beats>);

#[derive(Default)]
struct Beats {
    /// The last end after which there was more to do: only from there to the next is the engine's own time.
    last: Option<Instant>,
    /// Seconds from one end to the next.
    interval: Option<f64>,
}

impl Rhythm {
    /// A request has ended; whether there are `others`.
    pub(super) fn beat(&self, others: bool) {
        self.beat_at(Instant::now(), others);
    }

    fn beat_at(&self, now: Instant, others: bool) {
        let mut beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = beats.last {
            let newest = now.duration_since(last).as_secs_f64();
            beats.interval = Some(beats.interval.map_or(newest, |interval| interval + NEWEST * (newest - interval)));
        }
        beats.last = others.then_some(now);
    }

    /// When to come again, in whole seconds: when a place should be free, or a little later, so that those who were refused
    /// together do not come back together.
    pub(super) fn retry_after(&self) -> Duration {
        let wait = self.wait().as_secs();
        #[expect(clippy::cast_possible_truncation, reason = "only its lowest bits matter, which are random")]
        let chance = Uuid::now_v7().as_u128() as u64;
        Duration::from_secs(wait + chance % (wait / LATER_BY + 2))
    }

    /// After how long a place should be free.
    fn wait(&self) -> Duration {
        let interval = self.0.lock().unwrap_or_else(PoisonError::into_inner).interval;
        let wait = interval.map_or(FIRST_GUESS, |seconds| Duration::from_secs_f64(seconds.ceil().min(MOST.as_secs_f64())));
        wait.clamp(LEAST, MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_finds_no_place_is_told_how_long_the_last_requests_took() {
        let (rhythm, start) = (Rhythm::default(), Instant::now());
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        assert_eq!(rhythm.wait(), FIRST_GUESS);
        rhythm.beat_at(at(0.0), true);
        assert_eq!(rhythm.wait(), FIRST_GUESS, "one end is no interval");
        rhythm.beat_at(at(1.1), false);
        assert_eq!(rhythm.wait(), Duration::from_secs(2));
        // Idle time is not the engine's.
        rhythm.beat_at(at(500.0), true);
        assert_eq!(rhythm.wait(), Duration::from_secs(2));
        (1..40).for_each(|number| rhythm.beat_at(at(500.0 + 0.1 * f64::from(number)), true));
        assert_eq!(rhythm.wait(), LEAST);
        rhythm.beat_at(at(9999.0), true);
        assert_eq!(rhythm.wait(), MOST);
        let told: Vec<u64> = (0..100).map(|_| rhythm.retry_after().as_secs()).collect();
        assert!(told.iter().all(|seconds| (120..=151).contains(seconds)), "{told:?}");
        assert!(told.iter().any(|seconds| *seconds != told[0]), "all come back together: {told:?}");
    }
}
