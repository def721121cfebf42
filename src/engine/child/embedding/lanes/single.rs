//! Whether a text that comes by itself gets every thread, by what that took lately.

/// Texts that go to one lane before every thread is tried again, at first; twice as many after each try in vain.
const FIRST_PAUSE: u32 = 8;
const LONGEST_PAUSE: u32 = 1024;

/// What single texts took lately, in seconds a token; 0: not measured. Only the last of each kind counts: what other
/// programs do changes from one moment to the next, and by orders of magnitude.
pub struct Single {
    every_thread: f64,
    one_lane: f64,
    pause: u32,
    /// Texts until every thread is tried again.
    left: u32,
}

impl Default for Single {
    fn default() -> Self {
        Self { every_thread: 0.0, one_lane: 0.0, pause: FIRST_PAUSE, left: FIRST_PAUSE }
    }
}

impl Single {
    pub fn gets_every_thread(&mut self) -> bool {
        if self.every_thread <= self.one_lane || self.every_thread == 0.0 {
            (self.pause, self.left) = (FIRST_PAUSE, FIRST_PAUSE);
            return true;
        }
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.left = self.pause;
        true
    }

    pub fn took(&mut self, every_thread: bool, token_seconds: f64) {
        *(if every_thread { &mut self.every_thread } else { &mut self.one_lane }) = token_seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves texts on a machine where a token takes so long; returns how many got every thread.
    fn serve(single: &mut Single, texts: usize, every_thread: f64, one_lane: f64) -> usize {
        let serve = |_: &usize| {
            let every = single.gets_every_thread();
            single.took(every, if every { every_thread } else { one_lane });
            every
        };
        (0..texts).filter(serve).count()
    }

    #[test]
    fn every_thread_is_used_where_it_is_faster_and_seldom_tried_where_it_is_not() {
        let mut single = Single::default();
        assert!(serve(&mut single, 100, 0.001, 0.002) > 85, "an idle machine");
        let tries = serve(&mut single, 1000, 0.1, 0.003);
        assert!((2..10).contains(&tries), "a busy machine: {tries}");
        serve(&mut single, 1100, 0.001, 0.002);
        assert_eq!(serve(&mut single, 100, 0.001, 0.002), 100, "an idle machine again");
    }
}
