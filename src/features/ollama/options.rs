//! From Ollama's options to how text is written.

use serde_json::Value;

use super::model::{Effort, Options, Think};
use crate::{
    engine::{Constraint, Reasoning, Sampling},
    error::{Error, Result},
    features::openai::{Defaults, SamplingFields, json_object, json_schema, stops},
};

/// Texts that end an answer: as many as engines take.
const MOST_STOPS: usize = 16;

/// What an engine needs to know beside the prompt.
pub struct Settled {
    pub sampling: Sampling,
    pub stop: Vec<String>,
    pub max_tokens: Option<u32>,
}

/// Checks the options; `context_length` is the model's.
pub fn settle(options: Options, context_length: Option<u32>) -> Result<Settled> {
    if let (Some(wanted), Some(own)) = (options.num_ctx, context_length)
        && !(0..=i64::from(own)).contains(&wanted)
    {
        return Err(Error::invalid("options.num_ctx", format!("must be at most {own}, which is this model's context here, not {wanted}")));
    }
    let max_tokens = match options.num_predict {
        // Without end, and until the context is full.
        None | Some(-1 | -2) => None,
        Some(tokens) if tokens >= 1 => Some(u32::try_from(tokens).unwrap_or(u32::MAX)),
        Some(tokens) => return Err(Error::invalid("options.num_predict", format!("must be at least 1, or -1 for no limit, not {tokens}"))),
    };
    let stop = stops(options.stop.map(Vec::from).unwrap_or_default(), MOST_STOPS)?;
    let sampling = SamplingFields {
        temperature: options.temperature,
        top_p: options.top_p,
        top_k: options.top_k,
        min_p: options.min_p,
        repeat_penalty: options.repeat_penalty,
        repeat_last_n: options.repeat_last_n,
        frequency_penalty: options.frequency_penalty,
        presence_penalty: options.presence_penalty,
        seed: options.seed,
        ..SamplingFields::default()
    };
    Ok(Settled { sampling: sampling.resolve(Defaults::OLLAMA)?, stop, max_tokens })
}

/// `json`, a schema, or nothing.
pub fn format(format: Option<&Value>) -> Result<Constraint> {
    match format {
        None => Ok(Constraint::Free),
        Some(Value::String(text)) if text.is_empty() => Ok(Constraint::Free),
        Some(Value::String(text)) if text == "json" => Ok(json_object()),
        Some(Value::String(_)) => Err(Error::invalid("format", "must be \"json\" or a JSON schema")),
        Some(schema) => json_schema("format", schema),
    }
}

impl From<Option<Think>> for Reasoning {
    fn from(think: Option<Think>) -> Self {
        match think {
            None => Self::Default,
            Some(Think::Switch(false)) => Self::Off,
            Some(Think::Switch(true) | Think::Effort(Effort::Medium)) => Self::Medium,
            Some(Think::Effort(Effort::Low)) => Self::Low,
            Some(Think::Effort(Effort::High)) => Self::High,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settled(options: Value) -> Result<Settled> {
        settle(serde_json::from_value(options).unwrap(), Some(2048))
    }

    #[test]
    fn ollamas_own_defaults_hold() {
        let settled = settled(json!({"num_predict": -1, "num_ctx": 2048, "num_gpu": 1})).unwrap();
        assert_eq!((settled.sampling.temperature, settled.sampling.top_k, settled.max_tokens), (0.8, 40, None));
    }

    #[test]
    fn options_that_cannot_be_are_refused_by_name() {
        for (name, options) in [
            ("options.num_ctx", json!({"num_ctx": 4096})),
            ("options.num_predict", json!({"num_predict": -3})),
            ("options.num_predict", json!({"num_predict": 0})),
            ("temperature", json!({"temperature": -1})),
            ("stop", json!({"stop": [""]})),
        ] {
            let error = settled(options).err().unwrap();
            assert!(matches!(&error, Error::Invalid { field, .. } if field == name), "{name}: {error}");
        }
        assert!(format(Some(&json!("xml"))).is_err() && format(Some(&json!([1]))).is_err());
        assert_eq!(format(Some(&json!("json"))).unwrap(), json_object());
    }
}
