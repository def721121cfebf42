//! From the fields of a request to how tokens are chosen.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::{
    engine::Sampling,
    error::{Error, Result},
};

/// How far back penalties look, in tokens: as far as engines can.
const PENALTY_WINDOW: i32 = 512;
const MOST_TOP_K: i64 = 512;
const MOST_BIASES: usize = 1024;
pub const MOST_TOP_LOGPROBS: i64 = 20;
const MOST_STOPS: usize = 16;
const MOST_STOP_BYTES: usize = 64;

/// What a request says of it; absent fields are left to [`Defaults`].
#[derive(Debug, Clone, Default)]
pub struct SamplingFields {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<i64>,
    pub min_p: Option<f64>,
    pub repeat_penalty: Option<f64>,
    pub repeat_last_n: Option<i64>,
    pub dry_multiplier: Option<f64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    pub logit_bias: Option<BTreeMap<String, f64>>,
    pub ignore_eos: Option<bool>,
    /// Alternatives to tell beside each token's probability.
    pub top_logprobs: Option<u8>,
    pub seed: Option<i64>,
}

/// What holds where a request is silent.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    pub temperature: f32,
    pub top_p: f32,
    pub top_k: i32,
    pub repeat_penalty: f32,
    pub repeat_last_n: i32,
    /// The highest temperature that the protocol has.
    pub highest_temperature: f64,
}

impl Defaults {
    /// OpenAI's: the model's own distribution, with nothing cut off or punished.
    pub const OPENAI: Self =
        Self { temperature: 1.0, top_p: 1.0, top_k: 0, repeat_penalty: 1.0, repeat_last_n: PENALTY_WINDOW, highest_temperature: 2.0 };
    /// Ollama's.
    pub const OLLAMA: Self =
        Self { temperature: 0.8, top_p: 0.9, top_k: 40, repeat_penalty: 1.1, repeat_last_n: 64, highest_temperature: 5.0 };
}

impl SamplingFields {
    /// Checks every field and fills in what is absent. Without a seed each request gets one of its own.
    pub fn resolve(self, defaults: Defaults) -> Result<Sampling> {
        let temperature = number("temperature", self.temperature, 0.0, defaults.highest_temperature)?;
        let top_k = match self.top_k {
            // What others take for "off".
            Some(-1) => Some(0),
            top_k => top_k,
        };
        Ok(Sampling {
            temperature: temperature.unwrap_or(defaults.temperature),
            top_p: number("top_p", self.top_p, 0.0, 1.0)?.unwrap_or(defaults.top_p),
            min_p: number("min_p", self.min_p, 0.0, 1.0)?.unwrap_or(0.0),
            top_k: integer("top_k", top_k, 0, MOST_TOP_K)?.unwrap_or(defaults.top_k),
            repeat_penalty: number("repeat_penalty", self.repeat_penalty, 0.1, 10.0)?.unwrap_or(defaults.repeat_penalty),
            repeat_last_n: repeat_last_n(self.repeat_last_n)?.unwrap_or(defaults.repeat_last_n),
            dry_multiplier: number("dry_multiplier", self.dry_multiplier, 0.0, 10.0)?.unwrap_or(0.0),
            frequency_penalty: number("frequency_penalty", self.frequency_penalty, -2.0, 2.0)?.unwrap_or(0.0),
            presence_penalty: number("presence_penalty", self.presence_penalty, -2.0, 2.0)?.unwrap_or(0.0),
            logit_bias: logit_bias(self.logit_bias.unwrap_or_default())?,
            ignore_eos: self.ignore_eos.unwrap_or(false),
            top_logprobs: self.top_logprobs,
            seed: seed(self.seed),
        })
    }
}

fn number(name: &str, value: Option<f64>, lowest: f64, highest: f64) -> Result<Option<f32>> {
    match value {
        // NaN is within nothing.
        Some(value) if !(lowest..=highest).contains(&value) => {
            Err(Error::invalid(name, format!("must be from {lowest} to {highest}, not {value}")))
        }
        #[expect(clippy::cast_possible_truncation, reason = "within a small range")]
        value => Ok(value.map(|value| value as f32)),
    }
}

fn integer(name: &str, value: Option<i64>, lowest: i64, highest: i64) -> Result<Option<i32>> {
    match value {
        None => Ok(None),
        Some(value) if (lowest..=highest).contains(&value) => Ok(i32::try_from(value).ok()),
        Some(value) => Err(Error::invalid(name, format!("must be from {lowest} to {highest}, not {value}"))),
    }
}

/// −1, in other servers the whole context, is as far as engines look here.
fn repeat_last_n(value: Option<i64>) -> Result<Option<i32>> {
    if value == Some(-1) { Ok(Some(PENALTY_WINDOW)) } else { integer("repeat_last_n", value, 0, PENALTY_WINDOW.into()) }
}

fn logit_bias(biases: BTreeMap<String, f64>) -> Result<Vec<(i32, f32)>> {
    if biases.len() > MOST_BIASES {
        return Err(Error::invalid("logit_bias", format!("has at most {MOST_BIASES} entries")));
    }
    let bias = |(token, bias): (String, f64)| {
        let id = token.parse::<i32>().ok().filter(|id| *id >= 0);
        let id = id.ok_or_else(|| Error::invalid("logit_bias", "has token numbers of the model as keys, for example {\"50\": -100}"))?;
        Ok((id, number("logit_bias", Some(bias), -100.0, 100.0)?.unwrap_or(0.0)))
    };
    biases.into_iter().map(bias).collect()
}

/// The same seed is the same seed whatever the sign and size in which a client writes it.
fn seed(seed: Option<i64>) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "both halves go into it")]
    match seed {
        Some(seed) => (seed ^ (seed >> 32)) as u32,
        None => Uuid::now_v7().as_u128() as u32,
    }
}

/// Texts that end an answer, checked.
pub fn stops(texts: Vec<String>, most: usize) -> Result<Vec<String>> {
    let most = most.min(MOST_STOPS);
    if texts.len() > most {
        return Err(Error::invalid("stop", format!("has at most {most} texts")));
    }
    if texts.iter().any(|text| text.is_empty() || text.len() > MOST_STOP_BYTES) {
        return Err(Error::invalid("stop", format!("has texts of 1 to {MOST_STOP_BYTES} bytes")));
    }
    Ok(texts)
}

/// A whole number within bounds, of any type that a client's integer fits.
pub fn within(name: &str, value: i64, lowest: i64, highest: i64) -> Result<u32> {
    match u32::try_from(value).ok().filter(|_| (lowest..=highest).contains(&value)) {
        Some(value) => Ok(value),
        None => Err(Error::invalid(name, format!("must be from {lowest} to {highest}, not {value}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_means_the_models_own_distribution() {
        let sampling = SamplingFields::default().resolve(Defaults::OPENAI).unwrap();
        let off = Sampling {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repeat_penalty: 1.0,
            dry_multiplier: 0.0,
            seed: sampling.seed,
            repeat_last_n: sampling.repeat_last_n,
            ..Sampling::default()
        };
        assert_eq!(sampling, off);
        assert_ne!(sampling.seed, SamplingFields::default().resolve(Defaults::OPENAI).unwrap().seed);
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        let wrong: [(&str, SamplingFields); 9] = [
            ("temperature", SamplingFields { temperature: Some(2.1), ..Default::default() }),
            ("temperature", SamplingFields { temperature: Some(f64::NAN), ..Default::default() }),
            ("top_p", SamplingFields { top_p: Some(1e300), ..Default::default() }),
            ("top_k", SamplingFields { top_k: Some(i64::MIN), ..Default::default() }),
            ("repeat_last_n", SamplingFields { repeat_last_n: Some(-2), ..Default::default() }),
            ("presence_penalty", SamplingFields { presence_penalty: Some(-3.0), ..Default::default() }),
            ("logit_bias", SamplingFields { logit_bias: Some([("x".to_owned(), 1.0)].into()), ..Default::default() }),
            ("logit_bias", SamplingFields { logit_bias: Some([("1".to_owned(), 101.0)].into()), ..Default::default() }),
            ("logit_bias", SamplingFields { logit_bias: Some([("-5".to_owned(), 1.0)].into()), ..Default::default() }),
        ];
        for (name, fields) in wrong {
            let error = fields.resolve(Defaults::OPENAI).unwrap_err();
            assert!(matches!(&error, Error::Invalid { field, .. } if field == name), "{name}: {error}");
        }
        let seeds = [i64::MIN, -1, 0, 7, i64::MAX].map(|seed| SamplingFields { seed: Some(seed), ..Default::default() });
        assert!(seeds.into_iter().all(|fields| fields.resolve(Defaults::OPENAI).is_ok()));
    }

    #[test]
    fn a_stop_text_is_neither_empty_nor_long() {
        assert_eq!(stops(vec!["\n".into()], 4).unwrap(), ["\n"]);
        assert!(stops(vec![String::new()], 4).is_err());
        assert!(stops(vec!["x".repeat(65)], 4).is_err());
        assert!(stops(vec!["x".into(); 5], 4).is_err());
    }
}
