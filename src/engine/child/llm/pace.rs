//! How much of waiting prompts goes into a step, by what steps have taken so far.
//!
//! llama.cpp cannot be interrupted inside a batch, so a batch must be short enough for the streams that run beside it and
//! for a cancellation to be noticed.

use super::lookup::Prices;

/// How long a step may take.
const STEP_SECONDS: f64 = 0.245;
/// Prompt tokens of the first step, before the model's speed is known.
const FIRST: usize = 32;
/// Fewer make no headway: even a slow model reads so many in a step.
const LEAST: usize = 8;
/// From so many tokens in a step on, llama.cpp's attention on a processor takes another way, which is a good deal faster for
/// each of them: a step of 63 can take as long as one of 80.
const WIDE: usize = 64;
/// What is left of the price of a token in a wide step with each narrow one: a single slow step does not rule out wide ones for
/// ever.
const FADING: f64 = 0.98;
/// Weight of the newest measurement.
const NEWEST: f64 = 0.3;

/// What steps of this model take on this machine.
pub struct Pace {
    /// Seconds of a step in which so many sequences (index) got one token each; 0: not measured.
    generation: Vec<f64>,
    /// Seconds for one token of a prompt in a step of fewer than [`WIDE`] tokens, and in one of more; 0: not measured.
    prompt_token: [f64; 2],
    /// Prompt tokens of the largest step so far: the next may have twice as many.
    largest: usize,
    most: usize,
}

impl Pace {
    /// `most` tokens fit into a batch.
    pub fn new(most: usize) -> Self {
        Self { generation: Vec::new(), prompt_token: [0.0; 2], largest: FIRST / 2, most }
    }

    /// How many tokens of prompts may be read beside `generated` tokens of answers.
    pub fn prompt_tokens(&self, generated: usize) -> usize {
        let most = self.most.saturating_sub(generated).min(self.largest * 2);
        if self.price(0) == 0.0 {
            return most.min(FIRST);
        }
        let left = STEP_SECONDS - self.generation_seconds(generated);
        let [narrow, wide] = [0, 1].map(|class| (left / self.price(class)) as usize);
        let fitting = if wide + generated >= WIDE { wide } else { narrow.min(WIDE - 1 - generated) };
        fitting.max(LEAST).min(most)
    }

    /// Of a prompt's token in a narrow or a wide step, as far as that is known.
    fn price(&self, class: usize) -> f64 {
        if self.prompt_token[class] == 0.0 { self.prompt_token[1 - class] } else { self.prompt_token[class] }
    }

    /// A step with so many tokens of prompts and of answers took so long.
    pub fn took(&mut self, prompt: usize, generated: usize, seconds: f64) {
        if prompt == 0 {
            if self.generation.len() <= generated {
                self.generation.resize(generated + 1, 0.0);
            }
            blend(&mut self.generation[generated], seconds);
        } else if prompt >= LEAST {
            let for_prompt = (seconds - self.generation_seconds(generated)).max(seconds / 10.0);
            let class = usize::from(prompt + generated >= WIDE);
            blend(&mut self.prompt_token[class], for_prompt / prompt as f64);
            if class == 0 {
                self.prompt_token[1] *= FADING;
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
            (Some(below), None) => below.1 + (wanted - count(below)) * self.price(0).min(below.1 / count(below)),
            (None, Some(above)) => above.1 * wanted / count(above),
            (None, None) => wanted * self.price(0),
        }
    }
}

fn blend(average: &mut f64, newest: f64) {
    *average = if *average == 0.0 { newest } else { *average + NEWEST * (newest - *average) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that takes 3 ms for a token of a prompt and 5 ms for each answer.
    fn work(pace: &mut Pace, generated: usize) -> (usize, f64) {
        let prompt = pace.prompt_tokens(generated);
        let seconds = 0.003 * prompt as f64 + 0.005 * generated as f64;
        pace.took(prompt, generated, seconds);
        pace.took(0, generated, 0.005 * generated as f64);
        (prompt, seconds)
    }

    #[test]
    fn steps_grow_to_their_time_and_not_beyond() {
        let mut pace = Pace::new(512);
        let steps: Vec<_> = (0..12).map(|_| work(&mut pace, 8)).collect();
        assert!(steps.iter().all(|(_, seconds)| *seconds < 0.26), "{steps:?}");
        assert!(steps[11].1 > 0.2, "{steps:?}");
        let alone: Vec<_> = (0..6).map(|_| work(&mut pace, 0)).collect();
        assert!(alone[5].0 > steps[11].0, "without answers there is more time for prompts");
    }

    #[test]
    fn wide_steps_are_taken_where_they_are_cheaper_also_after_a_slow_one() {
        let seconds = |prompt: usize, generated: usize| {
            let token = if prompt + generated < WIDE { 0.004 } else { 0.0026 };
            token * prompt as f64 + 0.004 * generated as f64
        };
        let mut pace = Pace::new(512);
        let mut step = |generated, slower: f64| {
            let prompt = pace.prompt_tokens(generated);
            pace.took(prompt, generated, seconds(prompt, generated) * slower);
            pace.took(0, generated, seconds(0, generated));
            prompt
        };
        for _ in 0..5 {
            step(1, 1.0);
        }
        assert!(step(8, 1.0) + 8 >= WIDE);
        step(8, 4.0);
        assert!(step(8, 1.0) + 8 < WIDE);
        for _ in 0..60 {
            step(8, 1.0);
        }
        assert!(step(8, 1.0) + 8 >= WIDE);
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
        assert_eq!(pace.prompt_tokens(8), LEAST);
    }
}
