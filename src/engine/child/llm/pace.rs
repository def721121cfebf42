//! How much of waiting prompts goes into a step, by what steps have taken so far.
//!
//! llama.cpp cannot be interrupted inside a batch, so a batch must be short enough for the streams that run beside it and
//! for a cancellation to be noticed.

use super::lookup::Prices;

/// How long a step may take: a request that was cancelled ends no sooner.
const STEP_SECONDS: f64 = 0.25;
/// How long it may take while answers wait. People see these gaps, and what happens between steps comes on top, as does a
/// moment in which the machine has something else to do.
const BESIDE_ANSWERS_SECONDS: f64 = 0.2;
/// Prompt tokens of the first step, before the model's speed is known.
const FIRST: usize = 32;
/// Fewer make no headway: even a slow model reads so many in a step.
const LEAST: usize = 8;
/// Weight of the newest measurement of tokens of answers.
const NEWEST: f64 = 0.3;
/// And of prompts, whose tokens take longer the further they are from the beginning: older ones tell too little.
const NEWEST_OF_PROMPT: f64 = 0.5;

/// What steps of this model take on this machine.
pub struct Pace {
    /// Seconds of a step in which so many sequences (index) got one token each; 0: not measured.
    generation: Vec<f64>,
    /// Seconds for one token of a prompt; 0: not measured.
    prompt_token: f64,
    /// Prompt tokens of the largest step so far: the next may have twice as many.
    largest: usize,
    most: usize,
}

impl Pace {
    /// `most` tokens fit into a batch.
    pub fn new(most: usize) -> Self {
        Self { generation: Vec::new(), prompt_token: 0.0, largest: FIRST / 2, most }
    }

    /// How many tokens may be read of prompts that wait for `waiting`, when answers want `generated`.
    pub fn portion(&self, waiting: usize, generated: usize) -> usize {
        let most = self.most.saturating_sub(generated).min(self.largest * 2).min(waiting);
        if self.prompt_token == 0.0 {
            return most.min(FIRST);
        }
        let seconds = if generated > 0 { BESIDE_ANSWERS_SECONDS } else { STEP_SECONDS };
        let fitting = (seconds - self.generation_seconds(generated)) / self.prompt_token;
        (fitting as usize).max(LEAST).min(most)
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
            let price = for_prompt / prompt as f64;
            // A machine that had something else to do for a moment is no slower for that.
            let newest = if self.prompt_token > 0.0 { price.min(self.prompt_token * 2.0) } else { price };
            self.prompt_token = blended(self.prompt_token, newest, NEWEST_OF_PROMPT);
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
            (Some(below), None) => below.1 + (wanted - count(below)) * self.prompt_token.min(below.1 / count(below)),
            (None, Some(above)) => above.1 * wanted / count(above),
            (None, None) => wanted * self.prompt_token,
        }
    }
}

fn blended(average: f64, newest: f64, weight: f64) -> f64 {
    if average == 0.0 { newest } else { average + weight * (newest - average) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that takes so long for a prompt's tokens, and 5 ms for each answer. Returns what prompts got in a step, and
    /// how long it took.
    fn work(pace: &mut Pace, generated: usize, prompt_token_seconds: f64) -> (usize, f64) {
        let tokens = pace.portion(5_000, generated);
        let answers = 0.005 * generated as f64;
        let seconds = prompt_token_seconds * tokens as f64 + answers;
        pace.took(tokens, generated, seconds);
        pace.took(0, generated, answers);
        (tokens, seconds)
    }

    #[test]
    fn steps_grow_to_their_time_and_not_beyond() {
        let mut pace = Pace::new(512);
        let steps: Vec<_> = (0..12).map(|_| work(&mut pace, 8, 0.0006)).collect();
        assert!(steps.iter().all(|(_, seconds)| *seconds < 0.21), "{steps:?}");
        assert!(steps[11].1 > 0.17, "{steps:?}");
        let alone: Vec<_> = (0..6).map(|_| work(&mut pace, 0, 0.0006)).collect();
        assert!(alone[5].0 > steps[11].0, "without answers there is more time for prompts");
    }

    #[test]
    fn steps_shrink_as_tokens_become_dearer_and_one_slow_step_is_soon_forgotten() {
        let mut pace = Pace::new(512);
        // A token at the end of a long prompt takes twice as long as at its beginning.
        let steps: Vec<_> = (0..40).map(|step| work(&mut pace, 8, 0.0008 * (1.0 + f64::from(step) / 40.0))).collect();
        assert!(steps.iter().all(|(_, seconds)| *seconds < 0.21), "{steps:?}");
        let before = pace.portion(5_000, 8);
        pace.took(before, 8, 3.0);
        assert!(pace.portion(5_000, 8) >= before / 3, "a moment in which the machine had something else to do");
        for _ in 0..5 {
            work(&mut pace, 8, 0.0016);
        }
        assert!(pace.portion(5_000, 8) > before * 9 / 10);
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
        assert_eq!(pace.portion(5_000, 8), LEAST);
    }
}
