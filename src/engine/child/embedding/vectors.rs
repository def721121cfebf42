//! What every embedding engine asks of its texts, and what it gives back.

use crate::engine::EngineError;

const MAX_TEXTS: usize = 4096;

/// Refuses what no model can embed.
pub fn check(texts: &[String]) -> Result<(), EngineError> {
    if texts.is_empty() {
        return Err(EngineError::InvalidRequest("there is no text to embed".into()));
    }
    if texts.len() > MAX_TEXTS {
        return Err(EngineError::InvalidRequest(format!("at most {MAX_TEXTS} texts can be embedded at once")));
    }
    if let Some(index) = texts.iter().position(|text| text.trim().is_empty()) {
        return Err(EngineError::InvalidText { index, reason: "is empty".into() });
    }
    Ok(())
}

/// The same direction with length 1.
pub fn normalised(vector: &[f32]) -> Result<Vec<f32>, EngineError> {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length == 0.0 {
        return Err(EngineError::Failed("the model made a vector without a direction".into()));
    }
    Ok(vector.iter().map(|value| (f64::from(*value) / length) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_out_with_length_one_or_not_at_all() {
        assert_eq!(normalised(&[3.0, 4.0]).unwrap(), [0.6, 0.8]);
        assert!(normalised(&[0.0, 0.0]).is_err());
        assert!(normalised(&[f32::NAN, 1.0]).is_err());
    }
}
