//! Choosing the next token: penalties, truncation, temperature, and the grammar's veto.

use std::sync::Arc;

use llama_cpp_2::{
    model::LlamaModel,
    sampling::LlamaSampler,
    token::{LlamaToken, data::LlamaTokenData, data_array::LlamaTokenDataArray},
};
use llguidance::{Matcher, toktrie::SimpleVob};

use crate::engine::{EngineError, Sampling};

/// How many of the likeliest tokens penalties look at. Penalties only lower a token, so the best `top_k` of the rest
/// are among these as long as fewer tokens are penalised; it spares a hash look-up for each of 262,000 tokens.
const SHORT_LIST: i32 = 1024;
const MAX_TOP_K: i32 = 512;
const MAX_REPEAT_LAST_N: i32 = 512;
/// DRY's own defaults: growth for each further token of a repetition, and the length that goes unpunished.
const DRY_BASE: f32 = 1.75;
const DRY_ALLOWED_LENGTH: i32 = 2;
/// How far DRY looks back, in tokens.
const DRY_LAST_N: i32 = 4096;
const DRY_BREAKERS: [&str; 4] = ["\n", ":", "\"", "*"];

/// Refuses what the samplers would take badly.
pub(super) fn check(sampling: &Sampling) -> Result<(), EngineError> {
    let within = |name: &str, value: f32, lowest: f32, highest: f32| {
        // NaN is within nothing.
        if (lowest..=highest).contains(&value) {
            return Ok(());
        }
        Err(EngineError::InvalidRequest(format!("{name} must be from {lowest} to {highest}, not {value}")))
    };
    within("temperature", sampling.temperature, 0.0, 5.0)?;
    within("top_p", sampling.top_p, 0.0, 1.0)?;
    within("min_p", sampling.min_p, 0.0, 1.0)?;
    within("repeat_penalty", sampling.repeat_penalty, 1.0, 10.0)?;
    within("dry_multiplier", sampling.dry_multiplier, 0.0, 10.0)?;
    if !(0..=MAX_TOP_K).contains(&sampling.top_k) {
        return Err(EngineError::InvalidRequest(format!("top_k must be from 0 (off) to {MAX_TOP_K}, not {}", sampling.top_k)));
    }
    if !(0..=MAX_REPEAT_LAST_N).contains(&sampling.repeat_last_n) {
        let given = sampling.repeat_last_n;
        return Err(EngineError::InvalidRequest(format!("repeat_last_n must be from 0 to {MAX_REPEAT_LAST_N}, not {given}")));
    }
    Ok(())
}

/// Samplers that a model keeps from one request to the next, since making them reads the whole vocabulary.
pub(super) struct SamplerParts {
    /// DRY with the multiplier it was made for, fresh.
    dry: Option<(f32, LlamaSampler)>,
}

impl SamplerParts {
    pub(super) fn new() -> Self {
        Self { dry: None }
    }

    fn dry(&mut self, model: &LlamaModel, multiplier: f32) -> LlamaSampler {
        match &self.dry {
            Some((made_for, sampler)) if *made_for == multiplier => sampler.clone(),
            _ => {
                let sampler = LlamaSampler::dry(model, multiplier, DRY_BASE, DRY_ALLOWED_LENGTH, DRY_LAST_N, DRY_BREAKERS);
                let copy = sampler.clone();
                self.dry = Some((multiplier, sampler));
                copy
            }
        }
    }
}

/// How a slot's tokens are chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Prose,
    Verbatim,
}

/// The samplers of one request.
pub(super) struct Chooser {
    /// For prose: with penalties. The repeat penalty remembers the form, DRY the prompt too, so that a small model does
    /// not copy the examples it was shown.
    prose: LlamaSampler,
    /// For quotations and choices, whose words are those of the prompt: without penalties.
    verbatim: LlamaSampler,
    candidates: LlamaTokenDataArray,
    control: Arc<Vec<bool>>,
}

impl Chooser {
    /// `control` tells for each token whether it is a control token that ends nothing: those are never chosen.
    pub(super) fn new(
        model: &LlamaModel,
        parts: &mut SamplerParts,
        sampling: &Sampling,
        prompt: &[LlamaToken],
        control: Arc<Vec<bool>>,
    ) -> Result<Self, EngineError> {
        check(sampling)?;
        let mut penalties = Vec::new();
        if sampling.repeat_penalty != 1.0 && sampling.repeat_last_n > 0 {
            penalties.push(LlamaSampler::penalties(model.n_vocab(), sampling.repeat_last_n, sampling.repeat_penalty, 0.0, 0.0));
        }
        if sampling.dry_multiplier > 0.0 {
            penalties.push(parts.dry(model, sampling.dry_multiplier).with_tokens(prompt));
        }
        Ok(Self {
            prose: chain(sampling, penalties),
            verbatim: chain(sampling, Vec::new()),
            candidates: LlamaTokenDataArray::new(Vec::new(), false),
            control,
        })
    }

    /// Tells the penalties of a token that now stands in the answer.
    pub(super) fn accept(&mut self, token: LlamaToken) {
        self.prose.accept(token);
    }

    /// Any token but control tokens that end nothing.
    pub(super) fn choose(&mut self, logits: &[f32]) -> Result<LlamaToken, EngineError> {
        self.choose_among(logits, None, Style::Prose)
    }

    /// A token that the grammar takes, or one that ends generation where the grammar may end.
    ///
    /// Most free choices fit a loose grammar, and checking one token is far cheaper than a mask over the vocabulary:
    /// in prose a free choice is tried first. Refused choices fall to the masked distribution, so the outcome is
    /// distributed as if the mask had been there from the start.
    pub(super) fn choose_matching(
        &mut self,
        logits: &[f32],
        matcher: &mut Matcher,
        style: Style,
        is_end: impl Fn(LlamaToken) -> bool,
    ) -> Result<LlamaToken, EngineError> {
        if style == Style::Prose {
            let token = self.choose(logits)?;
            let fits = match is_end(token) {
                true => matcher.is_accepting(),
                false => matcher.validate_tokens(&[token.0.cast_unsigned()]).map(|valid| valid == 1),
            };
            if fits.map_err(too_complex)? {
                return Ok(token);
            }
        }
        let mask = matcher.compute_mask_or_eos().map_err(too_complex)?;
        self.choose_among(logits, Some(&mask), style)
    }

    fn choose_among(&mut self, logits: &[f32], mask: Option<&SimpleVob>, style: Style) -> Result<LlamaToken, EngineError> {
        self.candidates.data.clear();
        self.candidates.selected = None;
        self.candidates.sorted = false;
        let candidate = |index: usize| {
            let id = i32::try_from(index).unwrap_or(i32::MAX);
            LlamaTokenData::new(LlamaToken(id), logits[index], 0.0)
        };
        let data = &mut self.candidates.data;
        match mask {
            Some(mask) => mask.iter_set_entries(|index| {
                if index < logits.len() {
                    data.push(candidate(index));
                }
            }),
            None => data.extend((0..logits.len()).filter(|index| !self.control[*index]).map(candidate)),
        }
        if self.candidates.data.is_empty() {
            return Err(EngineError::InvalidRequest("the constraint of a slot leaves no way on".into()));
        }
        if self.candidates.data.iter().any(|candidate| candidate.logit().is_nan()) {
            return Err(EngineError::Failed("the model computed something that is not a number".into()));
        }
        self.candidates.apply_sampler(match style {
            Style::Prose => &mut self.prose,
            Style::Verbatim => &mut self.verbatim,
        });
        self.candidates.selected_token().ok_or_else(|| EngineError::Failed("no token could be chosen".into()))
    }
}

/// Penalties, if any, between a first and a final truncation, then the choice.
fn chain(sampling: &Sampling, penalties: Vec<LlamaSampler>) -> LlamaSampler {
    let mut chain = Vec::new();
    let is_greedy = sampling.temperature == 0.0;
    if sampling.top_k > 0 || is_greedy {
        chain.push(LlamaSampler::top_k(SHORT_LIST));
    }
    chain.extend(penalties);
    if is_greedy {
        chain.push(LlamaSampler::greedy());
        return LlamaSampler::chain(chain, true);
    }
    if sampling.top_k > 0 {
        chain.push(LlamaSampler::top_k(sampling.top_k));
    }
    chain.push(LlamaSampler::top_p(sampling.top_p, 1));
    chain.push(LlamaSampler::min_p(sampling.min_p, 1));
    chain.push(LlamaSampler::temp(sampling.temperature));
    chain.push(LlamaSampler::dist(sampling.seed));
    LlamaSampler::chain(chain, true)
}

fn too_complex(error: impl std::fmt::Display) -> EngineError {
    let reason: String = error.to_string().lines().next().unwrap_or_default().chars().take(300).collect();
    EngineError::InvalidRequest(format!("the constraint of a slot is too complex: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_none_or_out_of_range_are_refused_by_name() {
        let wrong = [
            ("temperature", Sampling { temperature: f32::NAN, ..Sampling::default() }),
            ("top_p", Sampling { top_p: -0.1, ..Sampling::default() }),
            ("min_p", Sampling { min_p: f32::INFINITY, ..Sampling::default() }),
            ("repeat_penalty", Sampling { repeat_penalty: 1e30, ..Sampling::default() }),
            ("dry_multiplier", Sampling { dry_multiplier: -1.0, ..Sampling::default() }),
            ("top_k", Sampling { top_k: i32::MAX, ..Sampling::default() }),
            ("repeat_last_n", Sampling { repeat_last_n: -1, ..Sampling::default() }),
        ];
        for (name, sampling) in wrong {
            let error = check(&sampling).unwrap_err();
            assert!(matches!(&error, EngineError::InvalidRequest(text) if text.starts_with(name)), "{error}");
        }
        assert!(check(&Sampling::default()).is_ok());
    }
}
