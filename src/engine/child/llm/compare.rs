//! Two models with the same vocabulary, side by side: how fast each is, and how far their opinions differ.

use std::{path::Path, time::Instant};

use llama_cpp_2::{
    context::{LlamaContext, params::LlamaContextParams},
    llama_batch::LlamaBatch,
    model::LlamaModel,
    token::LlamaToken,
};

use crate::engine::{
    EngineError, EngineOptions,
    parse::{Comparison, Course, Loss, Speed},
};

/// Places whose whole distributions are held at once: 262,144 tokens of a vocabulary make 64 MB of these.
const PLACES_AT_ONCE: usize = 32;
/// The longest text that is compared.
const MOST_TOKENS: usize = 1024;
/// The most tokens read at once, as an engine reads them.
const BATCH: usize = 256;

/// Measures both on `text`: speed in turns, then the loss of the candidate.
pub(in crate::engine::child) fn compare(original: &Path, candidate: &Path, course: Course, text: &str) -> Result<Comparison, EngineError> {
    let mut original = Side::load(original, course)?;
    let mut candidate = Side::load(candidate, course)?;
    let tokens = original.tokens(text);
    if tokens != candidate.tokens(text) || original.vocabulary() != candidate.vocabulary() {
        return Err(EngineError::InvalidRequest("the two models cut a text into different tokens: they cannot be compared".into()));
    }
    if tokens.len() < 2 {
        return Err(EngineError::InvalidRequest("the text has no next token to compare".into()));
    }
    let prompt: Vec<LlamaToken> = tokens.iter().copied().cycle().take(course.prompt_tokens.max(1) as usize).collect();
    // The first round of each warms caches and is not counted.
    for round in 0..=course.rounds {
        for side in [&mut original, &mut candidate] {
            side.run(&prompt, course.generated_tokens, round > 0)?;
        }
    }
    let loss = loss(&mut original, &mut candidate, &tokens)?;
    Ok(Comparison { original: original.speed, candidate: candidate.speed, loss })
}

/// One of the two.
struct Side {
    model: &'static LlamaModel,
    context: LlamaContext<'static>,
    speed: Speed,
    read: usize,
}

impl Side {
    fn load(path: &Path, course: Course) -> Result<Self, EngineError> {
        let options = EngineOptions { threads: course.threads, ..EngineOptions::default() };
        let model = super::load_model(path, &options, &|_| ())?;
        let longest = (course.prompt_tokens + course.generated_tokens).max(MOST_TOKENS as u32);
        let parameters = LlamaContextParams::default()
            .with_n_ctx(super::non_zero(longest))
            .with_n_batch(BATCH as u32)
            .with_n_ubatch(BATCH as u32)
            .with_swa_full(true)
            .with_n_threads(super::threads(&options))
            .with_n_threads_batch(super::threads(&options));
        let context = model
            .new_context(super::backend()?, parameters)
            .map_err(|error| EngineError::Failed(format!("no memory to compare {}: {error}", path.display())))?;
        Ok(Self { model, context, speed: Speed::default(), read: 0 })
    }

    fn vocabulary(&self) -> i32 {
        self.model.vocab().n_tokens()
    }

    fn tokens(&self, text: &str) -> Vec<LlamaToken> {
        let vocabulary = self.model.vocab();
        let mut tokens = vocabulary.tokenize(text.as_bytes(), false, false);
        if vocabulary.should_add_bos() {
            tokens.insert(0, vocabulary.bos());
        }
        tokens.truncate(MOST_TOKENS);
        tokens
    }

    fn forget(&mut self) {
        self.context.clear_kv_cache();
        self.read = 0;
    }

    /// Reads on; the opinions of the last `wanted` places can then be asked for.
    fn read(&mut self, tokens: &[LlamaToken], wanted: usize) -> Result<(), EngineError> {
        let failed = |error: &dyn std::fmt::Display| EngineError::Failed(format!("llama.cpp could not read the text: {error}"));
        let mut batch = LlamaBatch::new(tokens.len(), 1);
        for (index, token) in tokens.iter().enumerate() {
            let position = i32::try_from(self.read + index).unwrap_or(i32::MAX);
            batch.add(*token, position, &[0], index + wanted >= tokens.len()).map_err(|error| failed(&error))?;
        }
        self.context.decode(&mut batch).map_err(|error| failed(&error))?;
        self.read += tokens.len();
        Ok(())
    }

    /// Reads the prompt and writes on greedily.
    fn run(&mut self, prompt: &[LlamaToken], generated: u32, counted: bool) -> Result<(), EngineError> {
        self.forget();
        let started = Instant::now();
        for part in prompt.chunks(BATCH) {
            self.read(part, 1)?;
        }
        let mut token = likeliest(self.context.get_logits_ith(-1));
        let read = started.elapsed().as_secs_f64();
        let started = Instant::now();
        for _ in 0..generated {
            self.read(&[token], 1)?;
            token = likeliest(self.context.get_logits_ith(-1));
        }
        let written = started.elapsed().as_secs_f64();
        if counted {
            self.speed.prompt.push(prompt.len() as f64 / read.max(1e-9));
            self.speed.generation.push(f64::from(generated) / written.max(1e-9));
        }
        Ok(())
    }
}

fn loss(original: &mut Side, candidate: &mut Side, tokens: &[LlamaToken]) -> Result<Loss, EngineError> {
    original.forget();
    candidate.forget();
    let (mut places, mut divergence, mut largest, mut agreed) = (0_u32, 0.0, 0.0_f64, 0_u32);
    let (mut surprise, mut candidate_surprise) = (0.0, 0.0);
    // Behind the last token nothing follows that an opinion could be held against.
    let known = tokens.len() - 1;
    for (index, part) in tokens[..known].chunks(PLACES_AT_ONCE).enumerate() {
        original.read(part, part.len())?;
        candidate.read(part, part.len())?;
        for place in 0..part.len() {
            let next = tokens[index * PLACES_AT_ONCE + place + 1];
            let row = i32::try_from(place).unwrap_or(i32::MAX);
            let (theirs, ours) = (original.context.get_logits_ith(row), candidate.context.get_logits_ith(row));
            let difference = divergence_of(theirs, ours);
            if !difference.is_finite() {
                return Err(EngineError::Failed("the new weights give numbers that are none: they are of no use".into()));
            }
            places += 1;
            divergence += difference;
            largest = largest.max(difference);
            agreed += u32::from(likeliest(theirs) == likeliest(ours));
            surprise -= log_probability(theirs, next);
            candidate_surprise -= log_probability(ours, next);
        }
    }
    let count = f64::from(places);
    Ok(Loss {
        tokens: places,
        mean_divergence: divergence / count,
        largest_divergence: largest,
        top_agreement: f64::from(agreed) / count,
        original_perplexity: (surprise / count).exp(),
        candidate_perplexity: (candidate_surprise / count).exp(),
    })
}

/// Σ p ln(p / q), where p and q are the two softmaxes; never negative but for rounding.
fn divergence_of(original: &[f32], candidate: &[f32]) -> f64 {
    let (p, q) = (log_sum(original), log_sum(candidate));
    let term = |(theirs, ours): (&f32, &f32)| {
        let log_p = f64::from(*theirs) - p;
        log_p.exp() * (log_p - (f64::from(*ours) - q))
    };
    original.iter().zip(candidate).map(term).sum::<f64>().max(0.0)
}

fn log_probability(logits: &[f32], token: LlamaToken) -> f64 {
    let logit = usize::try_from(token.0).ok().and_then(|token| logits.get(token));
    logit.map_or(f64::NEG_INFINITY, |logit| f64::from(*logit) - log_sum(logits))
}

/// ln Σ exp, without overflow.
fn log_sum(logits: &[f32]) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    largest + logits.iter().map(|logit| (f64::from(*logit) - largest).exp()).sum::<f64>().ln()
}

fn likeliest(logits: &[f32]) -> LlamaToken {
    let best = logits.iter().enumerate().max_by(|left, right| left.1.total_cmp(right.1));
    LlamaToken(best.map_or(0, |(token, _)| i32::try_from(token).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_divergence_is_none_of_a_model_from_itself_and_that_of_two_coins() {
        let logits = [1.0_f32, -2.0, 0.5, 30.0];
        assert!(divergence_of(&logits, &logits) < 1e-12);
        // p = (1/2, 1/2), q = (1/4, 3/4): ½ ln 2 + ½ ln ⅔.
        let expected = 0.5 * 2.0_f64.ln() + 0.5 * (2.0_f64 / 3.0).ln();
        let found = divergence_of(&[0.0, 0.0], &[0.0, 3.0_f32.ln()]);
        assert!((found - expected).abs() < 1e-6, "{found} instead of {expected}");
        assert!((log_probability(&[0.0, 3.0_f32.ln()], LlamaToken(0)) - 0.25_f64.ln()).abs() < 1e-6);
        assert_eq!(likeliest(&logits), LlamaToken(3));
    }
}
