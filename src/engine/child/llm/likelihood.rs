//! How likely each token is to be the next, as the model and the request's wishes have it.

use llama_cpp_2::token::LlamaToken;
use llguidance::toktrie::SimpleVob;

use super::vocabulary::Vocabulary;
use crate::engine::{EngineError, Sampling};

/// Logits from the best down to so much less are looked at first for a short list.
const FIRST_DEPTH: f32 = 8.0;

/// A copy of a model's logits in which what may not be chosen has none.
#[derive(Default)]
pub(super) struct Likelihood {
    logits: Vec<f32>,
    best: f32,
    list: Vec<(usize, f32)>,
}

impl Likelihood {
    /// Bars what may not be chosen, `marks` of calls unless they are wanted, and adds the request's biases.
    pub(super) fn take(&mut self, logits: &[f32], vocabulary: &Vocabulary, sampling: &Sampling, marks: bool) -> Result<(), EngineError> {
        self.logits.clear();
        self.logits.extend_from_slice(logits);
        for (token, bias) in &sampling.logit_bias {
            if let Some(logit) = usize::try_from(*token).ok().and_then(|token| self.logits.get_mut(token)) {
                *logit += bias;
            }
        }
        for token in vocabulary.barred(sampling.ignore_eos, marks) {
            if let Some(logit) = usize::try_from(token.0).ok().and_then(|token| self.logits.get_mut(token)) {
                *logit = f32::NEG_INFINITY;
            }
        }
        // Eight at a time, so that the compiler can compare them at once.
        let (mut best, mut odd) = ([f32::NEG_INFINITY; 8], false);
        let chunks = self.logits.chunks_exact(8);
        for logit in chunks.remainder() {
            (best[0], odd) = (best[0].max(*logit), odd | logit.is_nan());
        }
        for chunk in chunks {
            for (best, logit) in best.iter_mut().zip(chunk) {
                odd |= logit.is_nan();
                *best = best.max(*logit);
            }
        }
        self.best = best.into_iter().fold(f32::NEG_INFINITY, f32::max);
        if odd || self.best == f32::INFINITY {
            return Err(EngineError::Failed("the model computed something that is not a number".into()));
        }
        Ok(())
    }

    /// The likeliest token, of those that the mask leaves.
    pub(super) fn likeliest(&self, mask: Option<&SimpleVob>) -> Option<LlamaToken> {
        let index = match mask {
            None => self.logits.iter().position(|logit| *logit == self.best)?,
            // The first of equals, as without a mask.
            Some(mask) => self.among(mask).reduce(|best, next| if next.1 > best.1 { next } else { best })?.0,
        };
        i32::try_from(index).ok().map(LlamaToken)
    }

    /// All tokens that the mask leaves, and their logits.
    pub(super) fn among(&self, mask: &SimpleVob) -> impl Iterator<Item = (usize, f32)> {
        let mut left = Vec::new();
        mask.iter_set_entries(|index| {
            if let Some(logit) = self.logits.get(index).filter(|logit| **logit > f32::NEG_INFINITY) {
                left.push((index, *logit));
            }
        });
        left.into_iter()
    }

    /// All tokens that may be chosen.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, f32)> + '_ {
        self.logits.iter().copied().enumerate().filter(|(_, logit)| *logit > f32::NEG_INFINITY)
    }

    /// The likeliest `count` tokens and those as likely as the last of them, in no order.
    pub(super) fn best(&mut self, count: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        let mut depth = FIRST_DEPTH;
        loop {
            let floor = self.best - depth;
            self.list.clear();
            let logits = &self.logits;
            self.list.extend(logits.iter().copied().enumerate().filter(|(_, logit)| *logit >= floor && *logit > f32::NEG_INFINITY));
            if self.list.len() >= count || depth.is_infinite() {
                break;
            }
            depth *= 2.0;
        }
        if self.list.len() > count {
            self.list.select_nth_unstable_by(count - 1, |one, other| other.1.total_cmp(&one.1));
            self.list.truncate(count);
        }
        self.list.drain(..)
    }
}

/// The logarithm of a token's probability, and the `top` likeliest tokens with theirs.
pub(super) fn log_probabilities(logits: &[f32], token: LlamaToken, top: usize) -> (f32, Vec<(LlamaToken, f32)>) {
    let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from((logit - best).exp())).sum();
    #[expect(clippy::cast_possible_truncation, reason = "a logarithm of at most 262,000")]
    let norm = best + sum.ln() as f32;
    let of = |token: LlamaToken| {
        usize::try_from(token.0).ok().and_then(|index| logits.get(index)).map_or(f32::NEG_INFINITY, |logit| logit - norm)
    };
    let mut ranked: Vec<(LlamaToken, f32)> = Vec::with_capacity(top + 1);
    for (index, logit) in logits.iter().enumerate() {
        if top > 0 && (ranked.len() < top || *logit > ranked[ranked.len() - 1].1) {
            let place = ranked.partition_point(|(_, other)| other >= logit);
            ranked.insert(place, (LlamaToken(i32::try_from(index).unwrap_or(i32::MAX)), *logit));
            ranked.truncate(top);
        }
    }
    (of(token), ranked.into_iter().map(|(token, logit)| (token, logit - norm)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(logits: &[f32], sampling: &Sampling) -> Likelihood {
        let mut likelihood = Likelihood::default();
        likelihood.take(logits, &Vocabulary::of_size(logits.len()), sampling, false).unwrap();
        likelihood
    }

    #[test]
    fn the_best_are_the_best() {
        let logits: Vec<f32> = (0..5000_u32).map(|index| (index.wrapping_mul(2_654_435_761) % 9973) as f32 / 100.0).collect();
        let mut likelihood = take(&logits, &Sampling::default());
        let mut best: Vec<f32> = likelihood.best(100).map(|(_, logit)| logit).collect();
        best.sort_by(|one, other| other.total_cmp(one));
        let mut sorted = logits.clone();
        sorted.sort_by(|one, other| other.total_cmp(one));
        assert_eq!(best, sorted[..100]);
        let likeliest = likelihood.likeliest(None).unwrap();
        assert_eq!(logits[likeliest.0 as usize], sorted[0]);
        assert_eq!(take(&[0.0, -1e5, 3.0], &Sampling::default()).best(100).count(), 3);
    }

    #[test]
    fn biases_count_and_what_is_no_number_is_told() {
        let biased = Sampling { logit_bias: vec![(1, 50.0)], ..Sampling::default() };
        assert_eq!(take(&[0.0, -1.0, 3.0], &biased).likeliest(None), Some(LlamaToken(1)));
        let mut likelihood = Likelihood::default();
        for odd in [f32::NAN, f32::INFINITY] {
            let logits = [vec![0.0; 20], vec![odd], vec![0.0; 3]].concat();
            assert!(likelihood.take(&logits, &Vocabulary::of_size(24), &Sampling::default(), false).is_err());
        }
    }

    #[test]
    fn probabilities_sum_to_one() {
        let logits = [1.0_f32, 2.0, 3.0, -1.0];
        let sum: f32 = (0..4).map(|token| log_probabilities(&logits, LlamaToken(token), 0).0.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-5);
        let (_, top) = log_probabilities(&logits, LlamaToken(0), 2);
        assert_eq!(top.iter().map(|(token, _)| token.0).collect::<Vec<_>>(), [2, 1]);
    }
}
