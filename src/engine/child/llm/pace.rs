//! How much of waiting prompts goes into a step, by what steps have taken so far.
//!
//! llama.cpp cannot be interrupted inside a batch, so a batch must be short enough for the streams that run beside it and
//! for a cancellation to be noticed.

use super::lookup::Prices;

/// How long a step may take, or two where prompts have one of their own; what happens between steps comes on top.
const STEP_SECONDS: f64 = 0.235;
/// Prompt tokens of the first step, before the model's speed is known.
const FIRST: usize = 32;
/// Fewer make no headway: even a slow model reads so many in a step.
const LEAST: usize = 8;
/// From so many tokens in a step on, llama.cpp's attention on a processor takes another way, which is a good deal faster for
/// each of them: a step of 63 can take as long as one of 80.
const WIDE: usize = 64;
/// By how much more is hoped, with each step, of the way that it did not take: what is not known is tried, and one slow step
/// does not rule it out for ever.
const FADING: f64 = 0.98;
/// No more than that: the step in which it is tried may take so much longer.
const MOST_HOPED: f64 = 0.75;
/// Weight of the newest measurement.
const NEWEST: f64 = 0.3;

/// What steps of this model take on this machine.
pub struct Pace {
    /// Seconds of a step in which so many sequences (index) got one token each; 0: not measured.
    generation: Vec<f64>,
    /// Seconds for one token of a prompt, by [`Way`]; 0: not measured.
    prompt_token: [f64; 3],
    /// What part of that is hoped for, by [`Way`]; 1 when it has just been measured.
    hope: [f64; 3],
    /// Prompt tokens of the largest step so far: the next may have twice as many.
    largest: usize,
    most: usize,
}

/// How a prompt is read.
#[derive(Clone, Copy)]
enum Way {
    /// In a step of fewer than [`WIDE`] tokens.
    Narrow,
    /// In a wider one that answers get their tokens in, too.
    Beside,
    /// In a wider one by itself.
    Alone,
}

/// How much of the waiting prompts is read now.
pub struct Portion {
    pub tokens: usize,
    /// In a step of their own, in turns with one for the answers. That costs a pass over the weights more; but attention on a
    /// processor is made for many rows that look at the same cells, and each answer looks at others.
    pub apart: bool,
}

/// What a step has read.
pub struct Step {
    pub prompt: usize,
    /// Tokens of answers.
    pub generated: usize,
    /// Answers that stood aside.
    pub aside: usize,
}

impl Pace {
    /// `most` tokens fit into a batch.
    pub fn new(most: usize) -> Self {
        Self { generation: Vec::new(), prompt_token: [0.0; 3], hope: [1.0; 3], largest: FIRST / 2, most }
    }

    /// What of prompts may be read when answers want `generated` tokens.
    pub fn portion(&self, generated: usize) -> Portion {
        let most = self.most.saturating_sub(generated).min(self.largest * 2);
        let left = STEP_SECONDS - self.generation_seconds(generated);
        let fitting = |price: f64| (left / price) as usize;
        let narrow = self.measured(Way::Narrow);
        if narrow == 0.0 {
            return Portion { tokens: most.min(FIRST), apart: false };
        }
        let wide = if generated > 0 { Way::Beside } else { Way::Alone };
        let apart = generated > 0
            && self.hoped_for(Way::Alone) < self.hoped_for(Way::Beside)
            && fitting(self.hoped_for(Way::Alone)).min(most) >= WIDE;
        // One slow step, or several, must not rule wide ones out for ever.
        let hoped_for = self.hoped_for(wide).min(narrow * self.hope[wide as usize]);
        let tokens = if apart {
            fitting(self.measured(Way::Alone)).max(WIDE)
        } else if fitting(hoped_for) + generated >= WIDE {
            fitting(self.measured(wide)).max(WIDE.saturating_sub(generated))
        } else {
            fitting(narrow).min(WIDE - 1 - generated)
        };
        Portion { tokens: tokens.max(LEAST).min(most), apart }
    }

    /// What one token of a prompt has taken; of a way that was never taken, what it took in the next likely one.
    fn measured(&self, way: Way) -> f64 {
        let known = match way {
            Way::Narrow => [Way::Narrow, Way::Beside, Way::Alone],
            Way::Beside => [Way::Beside, Way::Alone, Way::Narrow],
            Way::Alone => [Way::Alone, Way::Beside, Way::Narrow],
        };
        known.into_iter().map(|way| self.prompt_token[way as usize]).find(|price| *price > 0.0).unwrap_or(0.0)
    }

    /// What is hoped that one token takes, by which is chosen.
    fn hoped_for(&self, way: Way) -> f64 {
        self.measured(way) * self.hope[way as usize]
    }

    /// A step took so long.
    pub fn took(&mut self, step: &Step, seconds: f64) {
        let Step { prompt, generated, aside } = *step;
        if prompt == 0 {
            if self.generation.len() <= generated {
                self.generation.resize(generated + 1, 0.0);
            }
            blend(&mut self.generation[generated], seconds);
        } else if prompt >= LEAST {
            let for_prompt = (seconds - self.generation_seconds(generated)).max(seconds / 10.0);
            let (way, other) = match (prompt + generated >= WIDE, generated > 0) {
                (false, true) => (Way::Narrow, Some(Way::Beside)),
                (false, false) => (Way::Narrow, Some(Way::Alone)),
                (true, true) => (Way::Beside, Some(Way::Alone)),
                (true, false) => (Way::Alone, (aside > 0).then_some(Way::Beside)),
            };
            let (average, newest) = (&mut self.prompt_token[way as usize], for_prompt / prompt as f64);
            // A machine that had something else to do for a moment is no slower for that.
            let newest = if *average == 0.0 { newest } else { newest.min(*average * 2.0) };
            blend(average, newest);
            self.hope[way as usize] = 1.0;
            if let Some(other) = other {
                self.hope[other as usize] = (self.hope[other as usize] * FADING).max(MOST_HOPED);
            }
            self.largest = self.largest.max(prompt);
        }
    }

    /// What more tokens cost in a step of so many tokens, and what each costs in one in which so many answers get one token
    /// each. `None` until a step has been measured.
    pub(super) fn prices(&self, answers: usize, tokens: usize) -> Option<Prices> {
        if self.generation.iter().all(|seconds| *seconds == 0.0) {
            return None;
        }
        let without = self.generation_seconds(tokens);
        let further = std::array::from_fn(|index| (self.generation_seconds(tokens + index + 1) - without).max(0.0));
        Some(Prices { further, token: self.generation_seconds(answers) / answers.max(1) as f64 })
    }

    /// As measured for that many; else between or beyond what was measured for others.
    fn generation_seconds(&self, tokens: usize) -> f64 {
        if tokens == 0 {
            return 0.0;
        }
        let points = || self.generation.iter().enumerate().filter(|(_, seconds)| **seconds > 0.0);
        let (below, above) = (points().rfind(|(count, _)| *count <= tokens), points().find(|(count, _)| *count >= tokens));
        let (count, wanted) = (|point: (usize, &f64)| point.0 as f64, tokens as f64);
        match (below, above) {
            (Some(below), Some(above)) if below.0 < above.0 => {
                let share = (wanted - count(below)) / (count(above) - count(below));
                below.1 + share * (above.1 - below.1)
            }
            (Some((_, exactly)), Some(_)) => *exactly,
            // Like tokens of a prompt, which are the cheapest.
            (Some(below), None) => below.1 + (wanted - count(below)) * self.measured(Way::Narrow).min(below.1 / count(below)),
            (None, Some(above)) => above.1 * wanted / count(above),
            (None, None) => wanted * self.measured(Way::Narrow),
        }
    }
}

fn blend(average: &mut f64, newest: f64) {
    *average = if *average == 0.0 { newest } else { *average + NEWEST * (newest - *average) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that takes so long for prompt tokens beside answers, and 5 ms for each answer. Returns what prompts got in a
    /// step, whether in one of their own, and the time until each answer had a token.
    fn work(pace: &mut Pace, generated: usize, prompt_seconds: impl Fn(usize, usize) -> f64) -> (usize, bool, f64) {
        let Portion { tokens, apart } = pace.portion(generated);
        let answers = 0.005 * generated as f64;
        let seconds = if apart {
            let seconds = prompt_seconds(tokens, 0);
            pace.took(&Step { prompt: tokens, generated: 0, aside: generated }, seconds);
            seconds + answers
        } else {
            let seconds = prompt_seconds(tokens, generated) + answers;
            pace.took(&Step { prompt: tokens, generated, aside: 0 }, seconds);
            seconds
        };
        pace.took(&Step { prompt: 0, generated, aside: 0 }, answers);
        (tokens, apart, seconds)
    }

    #[test]
    fn steps_grow_to_their_time_and_not_beyond() {
        let mut pace = Pace::new(512);
        let even = |tokens: usize, _: usize| 0.003 * tokens as f64;
        let steps: Vec<_> = (0..12).map(|_| work(&mut pace, 8, even)).collect();
        assert!(steps.iter().all(|(_, _, seconds)| *seconds < 0.26), "{steps:?}");
        assert!(steps[11].2 > 0.2, "{steps:?}");
        let alone: Vec<_> = (0..6).map(|_| work(&mut pace, 0, even)).collect();
        assert!(alone[5].0 > steps[11].0, "without answers there is more time for prompts");
    }

    #[test]
    fn wide_steps_are_taken_where_they_are_cheaper_also_after_a_slow_one() {
        let mut pace = Pace::new(512);
        let wider_is_cheaper = |tokens: usize, beside: usize| tokens as f64 * if tokens + beside < WIDE { 0.0042 } else { 0.0026 };
        for _ in 0..20 {
            work(&mut pace, 8, wider_is_cheaper);
        }
        assert!(work(&mut pace, 8, wider_is_cheaper).0 + 8 >= WIDE);
        for _ in 0..10 {
            let Portion { tokens, .. } = pace.portion(8);
            pace.took(&Step { prompt: tokens, generated: 8, aside: 0 }, 1.5);
        }
        for _ in 0..100 {
            work(&mut pace, 8, wider_is_cheaper);
        }
        assert!(work(&mut pace, 8, wider_is_cheaper).0 + 8 >= WIDE);
    }

    #[test]
    fn prompts_are_read_apart_where_that_is_cheaper_and_the_time_is_kept() {
        // 40 ms more when they are read with answers, as with a small model on a processor.
        let dear_beside = |tokens: usize, beside: usize| 0.0026 * tokens as f64 + if beside > 0 { 0.04 } else { 0.0 };
        // A pass over the weights is 100 ms, as with a large one.
        let dear_pass = |tokens: usize, beside: usize| 0.001 * tokens as f64 + if beside > 0 { 0.0 } else { 0.1 };
        let apart = |prompt_seconds: &dyn Fn(usize, usize) -> f64| {
            let mut pace = Pace::new(512);
            for _ in 0..10 {
                work(&mut pace, 0, prompt_seconds);
            }
            let steps: Vec<_> = (0..100).map(|_| work(&mut pace, 8, prompt_seconds)).collect();
            assert!(steps.iter().all(|(_, _, seconds)| *seconds < 0.3), "{steps:?}");
            steps.iter().filter(|(_, apart, _)| *apart).count()
        };
        assert!(apart(&dear_beside) > 80);
        assert!(apart(&dear_pass) < 20);
    }

    #[test]
    fn prices_are_what_steps_took() {
        let mut pace = Pace::new(512);
        let step = |prompt, generated| Step { prompt, generated, aside: 0 };
        assert!(pace.prices(1, 1).is_none());
        pace.took(&step(64, 0), 0.128);
        pace.took(&step(0, 1), 0.006);
        let cheap = pace.prices(1, 1).unwrap();
        assert!((cheap.further[0] - 0.002).abs() < 1e-9 && (cheap.token - 0.006).abs() < 1e-9, "{cheap:?}");
        pace.took(&step(0, 5), 0.016);
        let between = pace.prices(1, 1).unwrap();
        assert!((between.further[1] - 0.005).abs() < 1e-9 && (between.further[3] - 0.010).abs() < 1e-9, "{between:?}");
        assert!((between.further[5] - 0.014).abs() < 1e-9, "{between:?}");
        pace.took(&step(0, 2), 0.011);
        assert!((pace.prices(1, 1).unwrap().further[0] - 0.005).abs() < 1e-9);
    }

    #[test]
    fn a_slow_model_makes_headway() {
        let mut pace = Pace::new(512);
        for _ in 0..5 {
            pace.took(&Step { prompt: 32, generated: 0, aside: 0 }, 60.0);
        }
        assert_eq!(pace.portion(8).tokens, LEAST);
    }
}
