//! How much of waiting prompts goes into a step, by what steps have taken so far.
//!
//! llama.cpp cannot be interrupted inside a batch, so a batch must be short enough for the streams that run beside it and
//! for a cancellation to be noticed.

use super::lookup::Prices;

/// How long a step may take, or two where prompts have one of their own: a request that was cancelled ends no sooner.
const STEP_SECONDS: f64 = 0.25;
/// How long it usually takes while answers wait. People see these gaps, and what happens between steps comes on top, as does
/// a moment in which the machine has something else to do.
const BESIDE_ANSWERS_SECONDS: f64 = 0.2;
/// How long the least step of a cheaper way may take then.
const CHEAPER_BESIDE_ANSWERS_SECONDS: f64 = 0.25;
/// Prompt tokens of the first step, before the model's speed is known.
const FIRST: usize = 32;
/// Fewer make no headway: even a slow model reads so many in a step.
const LEAST: usize = 8;
/// From so many tokens in a step on, llama.cpp's attention on a processor takes another way, which is a good deal faster for
/// each of them: a step of 63 can take as long as one of 80.
const WIDE: usize = 64;
/// By how much more is hoped, with each step, of the ways that it did not take: what is not known is tried, and one slow step
/// rules nothing out for ever.
const FADING: f64 = 0.99;
/// The step in which a way is tried again may take so much longer than others may.
const MOST_HOPED: f64 = 0.95;
/// Weight of the newest measurement of tokens of answers.
const NEWEST: f64 = 0.3;
/// And of prompts, whose tokens take longer the further they are from the beginning: older ones tell too little.
const NEWEST_OF_PROMPT: f64 = 0.5;

/// What steps of this model take on this machine.
pub struct Pace {
    /// Seconds of a step in which so many sequences (index) got one token each; 0: not measured.
    generation: Vec<f64>,
    /// Seconds for one token of a prompt, by [`Way::index`]; 0: not measured.
    prompt_token: [f64; 4],
    /// What part of that is hoped for, by [`Way::index`]; 1 when it has just been measured.
    hope: [f64; 4],
    last: Option<Way>,
    /// Prompt tokens of the largest step so far: the next may have twice as many.
    largest: usize,
    most: usize,
}

/// How prompts are read.
#[derive(Clone, Copy, PartialEq)]
struct Way {
    /// In a step of [`WIDE`] tokens or more.
    wide: bool,
    /// In a step in which answers get their tokens, too.
    beside: bool,
}

impl Way {
    fn index(self) -> usize {
        usize::from(self.wide) * 2 + usize::from(self.beside)
    }

    /// Tokens of prompts that a step must have to be of this kind.
    fn least(self, generated: usize) -> usize {
        match self {
            Way { wide: false, .. } => 0,
            Way { beside: true, .. } => WIDE.saturating_sub(generated),
            Way { beside: false, .. } => WIDE,
        }
    }
}

/// How much of the waiting prompts is read now.
pub struct Portion {
    pub tokens: usize,
    /// In a step of their own, in turns with one for the answers. That costs a pass over the weights more; but attention on a
    /// processor is made for many rows that look at the same cells, and each answer looks at others.
    pub apart: bool,
}

impl Pace {
    /// `most` tokens fit into a batch.
    pub fn new(most: usize) -> Self {
        Self { generation: Vec::new(), prompt_token: [0.0; 4], hope: [1.0; 4], last: None, largest: FIRST / 2, most }
    }

    /// What may be read of prompts that wait for `waiting` tokens, when answers want `generated`.
    pub fn portion(&self, waiting: usize, generated: usize) -> Portion {
        let most = self.most.saturating_sub(generated).min(self.largest * 2).min(waiting);
        if self.last.is_none() {
            return Portion { tokens: most.min(FIRST), apart: false };
        }
        let beside = generated > 0;
        let (usual, longest) = if beside { (BESIDE_ANSWERS_SECONDS, CHEAPER_BESIDE_ANSWERS_SECONDS) } else { (STEP_SECONDS, STEP_SECONDS) };
        let answers = self.generation_seconds(generated);
        let fitting = |seconds: f64, price: f64| ((seconds - answers) / price) as usize;
        let hoped_for = |way: &Way| self.measured(*way) * self.hope[way.index()];
        let fits = |way: &Way| {
            let least_hope = if self.prompt_token[way.index()] > 0.0 { MOST_HOPED } else { 0.0 };
            let price = self.measured(*way) * self.hope[way.index()].max(least_hope);
            fitting(longest, price).min(most) >= way.least(generated)
        };
        let narrow = Way { wide: false, beside };
        let ways = [Way { wide: true, beside }, Way { wide: true, beside: false }, narrow];
        let fitting_ways = ways.into_iter().filter(fits);
        let way = fitting_ways.min_by(|one, other| hoped_for(one).total_cmp(&hoped_for(other))).unwrap_or(narrow);
        let tokens = fitting(usual, self.measured(way)).max(way.least(generated));
        let tokens = if way.wide { tokens } else { tokens.min((WIDE - 1).saturating_sub(generated)) };
        Portion { tokens: tokens.max(LEAST).min(most), apart: beside && !way.beside }
    }

    /// What one token of a prompt has taken; of a way that was never taken, what it took in another.
    fn measured(&self, way: Way) -> f64 {
        let Way { wide, beside } = way;
        [way, Way { wide: !wide, beside }, Way { wide, beside: !beside }, Way { wide: !wide, beside: !beside }]
            .into_iter()
            .map(|way| self.prompt_token[way.index()])
            .find(|price| *price > 0.0)
            .unwrap_or(0.0)
    }

    /// A step with so many tokens of prompts, and of answers, took so long.
    pub fn took(&mut self, prompt: usize, generated: usize, seconds: f64) {
        if prompt == 0 {
            if self.generation.len() <= generated {
                self.generation.resize(generated + 1, 0.0);
            }
            self.generation[generated] = blended(self.generation[generated], seconds, NEWEST);
        } else if prompt >= LEAST {
            let for_prompt = (seconds - self.generation_seconds(generated)).max(seconds / 10.0);
            self.learn(Way { wide: prompt + generated >= WIDE, beside: generated > 0 }, for_prompt / prompt as f64);
            self.largest = self.largest.max(prompt);
        }
    }

    fn learn(&mut self, way: Way, price: f64) {
        let before = self.prompt_token[way.index()];
        // A machine that had something else to do for a moment is no slower for that.
        let newest = if before > 0.0 { price.min(before * 2.0) } else { price };
        let now = blended(before, newest, NEWEST_OF_PROMPT);
        if before > 0.0 && self.last == Some(way) {
            // What made the same way slower, the length of a prompt or another program, makes the others so.
            self.prompt_token.iter_mut().for_each(|price| *price *= now / before);
        } else {
            self.prompt_token[way.index()] = now;
        }
        self.hope.iter_mut().for_each(|hope| *hope *= FADING);
        self.hope[way.index()] = 1.0;
        self.last = Some(way);
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
            (Some(below), None) => {
                below.1 + (wanted - count(below)) * self.measured(Way { wide: false, beside: true }).min(below.1 / count(below))
            }
            (None, Some(above)) => above.1 * wanted / count(above),
            (None, None) => wanted * self.measured(Way { wide: false, beside: true }),
        }
    }
}

fn blended(average: f64, newest: f64, weight: f64) -> f64 {
    if average == 0.0 { newest } else { average + weight * (newest - average) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that takes so long for prompt tokens beside answers, and 5 ms for each answer. Returns what prompts got in a
    /// step, whether in one of their own, and the time until each answer had a token.
    fn work(pace: &mut Pace, generated: usize, prompt_seconds: impl Fn(usize, usize) -> f64) -> (usize, bool, f64) {
        let Portion { tokens, apart } = pace.portion(5_000, generated);
        let answers = 0.005 * generated as f64;
        let seconds = if apart {
            let seconds = prompt_seconds(tokens, 0);
            pace.took(tokens, 0, seconds);
            seconds + answers
        } else {
            let seconds = prompt_seconds(tokens, generated) + answers;
            pace.took(tokens, generated, seconds);
            seconds
        };
        pace.took(0, generated, answers);
        (tokens, apart, seconds)
    }

    #[test]
    fn steps_grow_to_their_time_and_not_beyond() {
        let mut pace = Pace::new(512);
        let even = |tokens: usize, _: usize| 0.0006 * tokens as f64;
        let steps: Vec<_> = (0..12).map(|_| work(&mut pace, 8, even)).collect();
        assert!(steps.iter().all(|(_, _, seconds)| *seconds < 0.26), "{steps:?}");
        assert!(steps[11].2 > 0.17, "{steps:?}");
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
            let Portion { tokens, .. } = pace.portion(5_000, 8);
            pace.took(tokens, 8, 1.5);
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
        assert!(pace.prices(1, 1).is_none());
        pace.took(64, 0, 0.128);
        pace.took(0, 1, 0.006);
        let cheap = pace.prices(1, 1).unwrap();
        assert!((cheap.further[0] - 0.002).abs() < 1e-9 && (cheap.token - 0.006).abs() < 1e-9, "{cheap:?}");
        pace.took(0, 5, 0.016);
        let between = pace.prices(1, 1).unwrap();
        assert!((between.further[1] - 0.005).abs() < 1e-9 && (between.further[3] - 0.010).abs() < 1e-9, "{between:?}");
        assert!((between.further[5] - 0.014).abs() < 1e-9, "{between:?}");
        pace.took(0, 2, 0.011);
        assert!((pace.prices(1, 1).unwrap().further[0] - 0.005).abs() < 1e-9);
    }

    #[test]
    fn a_slow_model_makes_headway() {
        let mut pace = Pace::new(512);
        for _ in 0..5 {
            pace.took(32, 0, 60.0);
        }
        assert_eq!(pace.portion(5_000, 8).tokens, LEAST);
    }
}
