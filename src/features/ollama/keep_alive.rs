//! How long a model stays in memory after a request, as Ollama's clients say it: seconds as a number, or a text of Go's
//! durations such as `"5m"` or `"1h30m"`; below zero, for ever.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{Error, Result};

/// As good as for ever: a hundred years.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum KeepAlive {
    Seconds(f64),
    Text(String),
}

impl KeepAlive {
    pub fn duration(&self) -> Result<Duration> {
        let seconds = match self {
            Self::Seconds(seconds) => Some(*seconds),
            Self::Text(text) => seconds(text),
        };
        let seconds = seconds.filter(|seconds| seconds.is_finite()).ok_or_else(|| {
            Error::invalid("keep_alive", "is no length of time: write seconds as a number, or a text such as \"5m\" or \"1h30m\"")
        })?;
        Ok(if seconds < 0.0 { FOR_EVER } else { Duration::from_secs_f64(seconds.min(FOR_EVER.as_secs_f64())) })
    }
}

/// The seconds in a sequence of decimal numbers with units; a number alone counts seconds.
fn seconds(text: &str) -> Option<f64> {
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    if let Ok(seconds) = text.parse::<f64>() {
        return Some(sign * seconds);
    }
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?);
        let (unit, next) = after.split_at(after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len()));
        sum += number.parse::<f64>().ok()? * unit_seconds(unit)?;
        rest = next;
    }
    (!text.is_empty()).then_some(sign * sum)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    match unit {
        "ns" => Some(1e-9),
        "us" | "µs" => Some(1e-6),
        "ms" => Some(1e-3),
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them_and_nonsense_is_refused() {
        let read = |value| serde_json::from_value::<KeepAlive>(value).unwrap().duration().ok();
        assert_eq!(read(json!(0)), Some(Duration::ZERO));
        assert_eq!(read(json!("0")), Some(Duration::ZERO));
        assert_eq!(read(json!(90)), Some(Duration::from_secs(90)));
        assert_eq!(read(json!("1h30m")), Some(Duration::from_secs(5400)));
        assert_eq!(read(json!("1.5s")), Some(Duration::from_millis(1500)));
        assert_eq!(read(json!("250ms")), Some(Duration::from_millis(250)));
        assert_eq!(read(json!(-1)), Some(FOR_EVER));
        assert_eq!(read(json!("-1m")), Some(FOR_EVER));
        assert_eq!(read(json!(1e300)), Some(FOR_EVER));
        for nonsense in ["", "m", "5x", "5 m", "NaN", "inf", "1m2"] {
            assert_eq!(read(json!(nonsense)), None, "{nonsense}");
        }
    }
}
