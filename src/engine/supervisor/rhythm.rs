//! How often an engine ends a request: whoever finds no place is told when to come again.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};

/// Before anything is known.
const FIRST_GUESS: Duration = Duration::from_secs(5);
const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(120);
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

    /// After how long a place should be free, in whole seconds.
    pub(super) fn retry_after(&self) -> Duration {
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
        assert_eq!(rhythm.retry_after(), FIRST_GUESS);
        rhythm.beat_at(at(0.0), true);
        assert_eq!(rhythm.retry_after(), FIRST_GUESS, "one end is no interval");
        rhythm.beat_at(at(1.1), false);
        assert_eq!(rhythm.retry_after(), Duration::from_secs(2));
        // Idle time is not the engine's.
        rhythm.beat_at(at(500.0), true);
        assert_eq!(rhythm.retry_after(), Duration::from_secs(2));
        (1..40).for_each(|number| rhythm.beat_at(at(500.0 + 0.1 * f64::from(number)), true));
        assert_eq!(rhythm.retry_after(), LEAST);
        rhythm.beat_at(at(9999.0), true);
        assert_eq!(rhythm.retry_after(), MOST);
    }
}
