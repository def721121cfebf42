//! Choosing the next token: penalties, truncation, temperature, and the grammar's veto.

use llama_cpp_2::{
    model::LlamaModel,
    sampling::LlamaSampler,
    token::{LlamaToken, data::LlamaTokenData, data_array::LlamaTokenDataArray},
};
use llguidance::{Matcher, toktrie::SimpleVob};

use super::{likelihood::Likelihood, vocabulary::Vocabulary};
use crate::engine::{EngineError, Sampling};

/// How many of the likeliest tokens the samplers look at where only those can be chosen: it spares them the rest of 262,000.
const SHORT_LIST: usize = 1024;
const MAX_TOP_K: i32 = 512;
const MAX_REPEAT_LAST_N: i32 = 512;
const MAX_BIASES: usize = 1024;
const MAX_TOP_LOGPROBS: u8 = 20;
/// DRY's own defaults: growth for each further token of a repetition, and the length that goes unpunished.
const DRY_BASE: f32 = 1.75;
const DRY_ALLOWED_LENGTH: i32 = 2;
/// How far DRY looks back, in tokens.
const DRY_LAST_N: i32 = 4096;
const DRY_BREAKERS: [&str; 4] = ["\n", ":", "\"", "*"];

/// Refuses what the samplers would take badly.
pub(super) fn check(sampling: &Sampling, vocabulary: &Vocabulary) -> Result<(), EngineError> {
    let refuse = |text: String| Err(EngineError::InvalidRequest(text));
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
    within("repeat_penalty", sampling.repeat_penalty, 0.1, 10.0)?;
    within("frequency_penalty", sampling.frequency_penalty, -2.0, 2.0)?;
    within("presence_penalty", sampling.presence_penalty, -2.0, 2.0)?;
    within("dry_multiplier", sampling.dry_multiplier, 0.0, 10.0)?;
    if !(0..=MAX_TOP_K).contains(&sampling.top_k) {
        return refuse(format!("top_k must be from 0 (off) to {MAX_TOP_K}, not {}", sampling.top_k));
    }
    if !(0..=MAX_REPEAT_LAST_N).contains(&sampling.repeat_last_n) {
        return refuse(format!("repeat_last_n must be from 0 to {MAX_REPEAT_LAST_N}, not {}", sampling.repeat_last_n));
    }
    if sampling.logit_bias.len() > MAX_BIASES {
        return refuse(format!("logit_bias has at most {MAX_BIASES} entries"));
    }
    for (token, bias) in &sampling.logit_bias {
        within("logit_bias", *bias, -100.0, 100.0)?;
        if usize::try_from(*token).map_or(true, |token| token >= vocabulary.len()) {
            return refuse(format!("logit_bias names the token {token}; this model has tokens 0 to {}", vocabulary.len() - 1));
        }
    }
    if sampling.top_logprobs.is_some_and(|top| top > MAX_TOP_LOGPROBS) {
        return refuse(format!("top_logprobs must be from 0 to {MAX_TOP_LOGPROBS}"));
    }
    Ok(())
}

/// Samplers that a model keeps from one request to the next, since making them reads the whole vocabulary, and room to work.
pub(super) struct Workbench {
    /// DRY with the multiplier it was made for, fresh.
    dry: Option<(f32, LlamaSampler)>,
    likelihood: Likelihood,
    candidates: LlamaTokenDataArray,
}

impl Workbench {
    pub(super) fn new() -> Self {
        Self { dry: None, likelihood: Likelihood::default(), candidates: LlamaTokenDataArray::new(Vec::new(), false) }
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
    sampling: Sampling,
    /// For prose: with penalties. The repeat penalty remembers the form, DRY the prompt too, so that a small model does
    /// not copy the examples it was shown. `None`: the likeliest token is the choice.
    prose: Option<LlamaSampler>,
    /// For quotations and choices, whose words are those of the prompt: without penalties.
    verbatim: Option<LlamaSampler>,
    /// Control tokens that mark calls and reasoning may be chosen.
    marks: bool,
}

impl Chooser {
    /// For a request whose sampling has been [`check`]ed.
    pub(super) fn new(model: &LlamaModel, bench: &mut Workbench, sampling: &Sampling, prompt: &[LlamaToken], marks: bool) -> Self {
        let mut penalties = Vec::new();
        let Sampling { repeat_last_n, repeat_penalty, frequency_penalty, presence_penalty, .. } = *sampling;
        let penalises = repeat_penalty != 1.0 || frequency_penalty != 0.0 || presence_penalty != 0.0;
        if penalises && repeat_last_n > 0 {
            penalties.push(LlamaSampler::penalties(model.n_vocab(), repeat_last_n, repeat_penalty, frequency_penalty, presence_penalty));
        }
        if sampling.dry_multiplier > 0.0 {
            penalties.push(bench.dry(model, sampling.dry_multiplier).with_tokens(prompt));
        }
        Self { prose: chain(sampling, penalties), verbatim: chain(sampling, Vec::new()), sampling: sampling.clone(), marks }
    }

    /// Tells the penalties of a token that now stands in the answer.
    pub(super) fn accept(&mut self, token: LlamaToken) {
        if let Some(prose) = &mut self.prose {
            prose.accept(token);
        }
    }

    /// A token that the grammar takes, if there is one, or one that ends generation where the grammar may end. Control
    /// tokens that end nothing are never chosen.
    ///
    /// Most free choices fit a loose grammar, and checking one token is far cheaper than a mask over the vocabulary:
    /// in prose a free choice is tried first. Refused choices fall to the masked distribution, so the outcome is
    /// distributed as if the mask had been there from the start.
    pub(super) fn choose(
        &mut self,
        logits: &[f32],
        matcher: Option<&mut Matcher>,
        style: Style,
        vocabulary: &Vocabulary,
        bench: &mut Workbench,
    ) -> Result<LlamaToken, EngineError> {
        bench.likelihood.take(logits, vocabulary, &self.sampling, self.marks)?;
        let Some(matcher) = matcher else { return self.choose_among(None, style, bench) };
        if style == Style::Prose {
            let token = self.choose_among(None, style, bench)?;
            let fits = match vocabulary.ends(token) {
                true => matcher.is_accepting(),
                false => matcher.validate_tokens(&[token.0.cast_unsigned()]).map(|valid| valid == 1),
            };
            if fits.map_err(too_complex)? {
                return Ok(token);
            }
        }
        let mask = matcher.compute_mask_or_eos().map_err(too_complex)?;
        self.choose_among(Some(&mask), style, bench)
    }

    fn choose_among(&mut self, mask: Option<&SimpleVob>, style: Style, bench: &mut Workbench) -> Result<LlamaToken, EngineError> {
        let sampler = match style {
            Style::Prose => &mut self.prose,
            Style::Verbatim => &mut self.verbatim,
        };
        let (likelihood, candidates) = (&mut bench.likelihood, &mut bench.candidates);
        let Some(sampler) = sampler else {
            return likelihood.likeliest(mask).ok_or_else(no_way_on);
        };
        candidates.data.clear();
        (candidates.selected, candidates.sorted) = (None, false);
        let candidate =
            |(index, logit): (usize, f32)| LlamaTokenData::new(LlamaToken(i32::try_from(index).unwrap_or(i32::MAX)), logit, 0.0);
        match mask {
            Some(mask) => candidates.data.extend(likelihood.among(mask).map(candidate)),
            None if is_short(&self.sampling) => candidates.data.extend(likelihood.best(SHORT_LIST).map(candidate)),
            None => candidates.data.extend(likelihood.all().map(candidate)),
        }
        if candidates.data.is_empty() {
            return Err(no_way_on());
        }
        candidates.apply_sampler(sampler);
        candidates.selected_token().ok_or_else(|| EngineError::Failed("no token could be chosen".into()))
    }
}

/// Whether the choice falls on one of the likeliest tokens: penalties that only lower leave the rest behind.
fn is_short(sampling: &Sampling) -> bool {
    let only_lowers = sampling.repeat_penalty >= 1.0 && sampling.frequency_penalty >= 0.0 && sampling.presence_penalty >= 0.0;
    only_lowers && (sampling.top_k > 0 || sampling.temperature == 0.0)
}

/// Penalties, if any, then truncation and the choice. `None` where the likeliest token is the choice.
fn chain(sampling: &Sampling, penalties: Vec<LlamaSampler>) -> Option<LlamaSampler> {
    let mut chain = penalties;
    if sampling.temperature == 0.0 {
        if chain.is_empty() {
            return None;
        }
        chain.push(LlamaSampler::greedy());
        return Some(LlamaSampler::chain(chain, true));
    }
    if sampling.top_k > 0 {
        chain.push(LlamaSampler::top_k(sampling.top_k));
    }
    if sampling.top_p < 1.0 {
        chain.push(LlamaSampler::top_p(sampling.top_p, 1));
    }
    if sampling.min_p > 0.0 {
        chain.push(LlamaSampler::min_p(sampling.min_p, 1));
    }
    chain.push(LlamaSampler::temp(sampling.temperature));
    chain.push(LlamaSampler::dist(sampling.seed));
    Some(LlamaSampler::chain(chain, true))
}

fn no_way_on() -> EngineError {
    EngineError::InvalidRequest("the constraint of a slot leaves no way on".into())
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
            ("frequency_penalty", Sampling { frequency_penalty: 3.0, ..Sampling::default() }),
            ("presence_penalty", Sampling { presence_penalty: f32::NEG_INFINITY, ..Sampling::default() }),
            ("logit_bias", Sampling { logit_bias: vec![(-1, 1.0)], ..Sampling::default() }),
            ("logit_bias", Sampling { logit_bias: vec![(100, 1.0)], ..Sampling::default() }),
            ("logit_bias", Sampling { logit_bias: vec![(1, f32::NAN)], ..Sampling::default() }),
            ("logit_bias", Sampling { logit_bias: vec![(1, 1.0); 5000], ..Sampling::default() }),
            ("top_logprobs", Sampling { top_logprobs: Some(21), ..Sampling::default() }),
            ("temperature", Sampling { temperature: f32::NAN, ..Sampling::default() }),
            ("top_p", Sampling { top_p: -0.1, ..Sampling::default() }),
            ("min_p", Sampling { min_p: f32::INFINITY, ..Sampling::default() }),
            ("repeat_penalty", Sampling { repeat_penalty: 1e30, ..Sampling::default() }),
            ("dry_multiplier", Sampling { dry_multiplier: -1.0, ..Sampling::default() }),
            ("top_k", Sampling { top_k: i32::MAX, ..Sampling::default() }),
            ("repeat_last_n", Sampling { repeat_last_n: -1, ..Sampling::default() }),
        ];
        for (name, sampling) in wrong {
            let error = check(&sampling, &Vocabulary::of_size(100)).unwrap_err();
            assert!(matches!(&error, EngineError::InvalidRequest(text) if text.starts_with(name)), "{error}");
        }
        assert!(check(&Sampling::default(), &Vocabulary::of_size(100)).is_ok());
    }
}
