//! Other weights for a model that is here: made, measured against the original, and judged.
//!
//! Making and measuring are llama.cpp's work in a confined child; what is decided here is where files land and what is
//! advised. The choice is the operator's ([`ArtifactStore::choose_variant`]).

use std::{path::PathBuf, time::Duration};

use super::{
    ArtifactFormat, ArtifactKind, ArtifactStore, Manifest, ModelError, ValidArtifact,
    files::{self, Lock},
    manifest::DerivedFrom,
    store::Arrival,
    variants::variant_id,
};
use crate::engine::{
    EngineError,
    parse::{Comparison, Course, ModelHeader, ParseOutcome, ParseRequest, Speed, WeightType},
};

/// How often the growth of the new file is told.
const TELLING: Duration = Duration::from_millis(200);
/// Gains below this are noise or not worth another file.
const LEAST_GAIN: f64 = 1.05;
/// What an interpretation reads and writes, about: by it gains in both are weighed against each other.
const USUAL_PROMPT: f64 = 400.0;
const USUAL_ANSWER: f64 = 150.0;
/// What a reader may lose for speed, in nats a token: beyond it texts are visibly others.
const MOST_DIVERGENCE: f64 = 0.1;

/// Written for this, so that no model has learnt them by heart: English; and Russian and Arabic for models that serve other
/// languages.
const ENGLISH: &str = include_str!("optimize_text/english.txt");
const RUSSIAN: &str = include_str!("optimize_text/russian.txt");
const ARABIC: &str = include_str!("optimize_text/arabic.txt");

/// A variant with what was measured.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub manifest: Manifest,
    pub to: WeightType,
    pub comparison: Comparison,
}

impl Candidate {
    /// How many times as fast as the original: prompt, generation.
    pub fn gains(&self) -> (f64, f64) {
        let Comparison { original, candidate, .. } = &self.comparison;
        (median(&candidate.prompt) / median(&original.prompt), median(&candidate.generation) / median(&original.generation))
    }

    /// How many times as fast the usual request is served.
    pub fn gain(&self) -> f64 {
        let seconds = |speed: &Speed| USUAL_PROMPT / median(&speed.prompt) + USUAL_ANSWER / median(&speed.generation);
        seconds(&self.comparison.original) / seconds(&self.comparison.candidate)
    }

    /// Whether it is worth its loss: serves the usual request faster, writes no slower, and holds nearly the same opinions.
    pub fn is_advised(&self) -> bool {
        let (_, generation) = self.gains();
        self.gain() >= LEAST_GAIN && generation * LEAST_GAIN >= 1.0 && self.comparison.loss.mean_divergence <= MOST_DIVERGENCE
    }

    /// The figures in a sentence.
    pub fn reason(&self) -> String {
        let ((prompt, generation), loss) = (self.gains(), &self.comparison.loss);
        format!(
            "it writes {generation:.2} times and reads {prompt:.2} times as fast on this processor (medians of {}); its opinion of the \
             next token diverges by {:.3} nats from the original's, the likeliest is the same in {:.0} % of {} places",
            self.comparison.candidate.generation.len(),
            loss.mean_divergence,
            loss.top_agreement * 100.0,
            loss.tokens,
        )
    }
}

/// The one to advise, if any: the fastest of those that lose little.
pub fn best(candidates: &[Candidate]) -> Option<&Candidate> {
    candidates.iter().filter(|candidate| candidate.is_advised()).max_by(|left, right| left.gain().total_cmp(&right.gain()))
}

/// The middle one, or the mean of the two in the middle; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        length if length.is_multiple_of(2) => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
        length => sorted[length / 2],
    }
}

/// The type that most of a model's large tensors have, as ggml names it.
pub fn main_weights(header: &ModelHeader) -> &str {
    let matrices = header.tensor_types.iter().filter(|(name, _)| *name != "F32");
    matrices.max_by_key(|(_, count)| **count).map_or("F32", |(name, _)| name)
}

/// The fixed text on which the loss is measured.
pub fn text_for(languages: &[String]) -> String {
    let english_alone = !languages.is_empty() && languages.iter().all(|language| language == "en");
    if english_alone { ENGLISH.to_owned() } else { [ENGLISH, RUSSIAN, ARABIC].join("\n") }
}

/// Removes what was begun, unless it has landed.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Err(error) = files::remove(&self.0) {
            tracing::warn!(%error, "an unfinished variant is left behind");
        }
    }
}

impl ArtifactStore {
    /// The language model to make a variant of, checked.
    pub async fn original(&self, id: &str) -> Result<(ValidArtifact, ModelHeader), ModelError> {
        let artifact = self.ensure_valid(id).await?;
        let refuse = |reason: &str| ModelError::refused(id, reason);
        if let Some(derived) = &artifact.manifest.derived_from {
            return Err(refuse(&format!("it is a variant itself: name the original, {}", derived.id)));
        }
        if (artifact.manifest.kind, artifact.manifest.format) != (ArtifactKind::Llm, ArtifactFormat::Gguf) {
            return Err(refuse("only language models in GGUF have variants"));
        }
        let header = artifact.header.clone().ok_or_else(|| refuse("its header was not read"))?;
        Ok((artifact, header))
    }

    /// Makes a variant, unless it is here already. `written` hears how large it has become.
    /// Dropping the future leaves nothing behind.
    pub async fn make_variant(
        &self,
        id: &str,
        to: WeightType,
        threads: u16,
        written: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Manifest, ModelError> {
        let (original, header) = self.original(id).await?;
        if main_weights(&header) == to.tensor_type() {
            return Err(ModelError::refused(id, format!("its weights are {} already", to.tensor_type())));
        }
        let own = variant_id(id, to);
        let sha256 = original.manifest.sha256.clone().unwrap_or_default();
        let derived_from = DerivedFrom { id: id.into(), sha256, to };
        let lock = Lock::acquire(&self.lock_path(&own), || ()).await?;
        match self.manifest(&own) {
            Ok(there) if there.derived_from.as_ref() == Some(&derived_from) => return Ok(there),
            Ok(there) if there.derived_from.is_none() => {
                return Err(ModelError::refused(&own, "there is a model of this name that was not made of the original: remove it first"));
            }
            _ => {}
        }
        let staging = self.staging(&own);
        files::remove(&staging)?;
        files::create_directory(&staging)?;
        let unfinished = Unfinished(staging.clone());
        // Between four and five bits a weight become eight and a half.
        let expected = original.manifest.bytes.saturating_mul(if to == WeightType::Q8_0 { 2 } else { 1 });
        files::require_space(&own, &staging, expected)?;
        let staged = staging.join("requantized");
        files::create(&staged)?;
        let request = ParseRequest::Requantize {
            model: original.path.clone(),
            output: staged.clone(),
            to,
            threads,
            model_bytes: original.manifest.bytes,
        };
        self.requantize(&own, request, &staged, written).await?;
        files::sync_file(&staged)?;
        let hashed = staged.clone();
        let (checksum, _) = files::blocking(move || files::sha256_of(&hashed)).await?;
        let arrival = Arrival {
            file: format!("{own}.gguf"),
            kind: ArtifactKind::Llm,
            format: ArtifactFormat::Gguf,
            source: format!("made here of {id}, with {} weights", to.name()),
            sha256: Some(checksum),
            derived_from: Some(derived_from),
            id: own,
        };
        let landed = self.land(arrival, &staged, &lock).await?;
        drop(unfinished);
        Ok(landed)
    }

    async fn requantize(
        &self,
        id: &str,
        request: ParseRequest,
        staged: &std::path::Path,
        written: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), ModelError> {
        let mut job = self.parse().run(request, Vec::new());
        let outcome = loop {
            tokio::select! {
                outcome = &mut job => break outcome,
                () = tokio::time::sleep(TELLING) => written(std::fs::metadata(staged).map_or(0, |metadata| metadata.len())),
            }
        };
        match outcome {
            Ok(ParseOutcome::Written(_)) => Ok(()),
            Ok(other) => Err(ModelError::refused(id, format!("making it gave something unexpected: {other:?}"))),
            Err(EngineError::StorageFull) => Err(ModelError::io("written", staged, std::io::ErrorKind::StorageFull.into())),
            Err(error) => Err(ModelError::Parse { id: id.into(), source: error }),
        }
    }

    /// Measures a variant against its original, on the text.
    pub async fn measure_variant(&self, variant: Manifest, course: Course, text: String) -> Result<Candidate, ModelError> {
        let derived = variant.derived_from.clone().ok_or_else(|| ModelError::refused(&variant.id, "it is no variant"))?;
        let (original, candidate) = (self.ensure_valid(&derived.id).await?, self.ensure_valid(&variant.id).await?);
        let request = ParseRequest::CompareModels {
            model_bytes: original.manifest.bytes.saturating_add(candidate.manifest.bytes),
            original: original.path,
            candidate: candidate.path,
            course,
            text,
        };
        match self.parse().run(request, Vec::new()).await {
            Ok(ParseOutcome::Compared(comparison)) => Ok(Candidate { manifest: variant, to: derived.to, comparison }),
            Ok(other) => Err(ModelError::refused(&variant.id, format!("measuring it gave something unexpected: {other:?}"))),
            Err(error) => Err(ModelError::Parse { id: variant.id, source: error }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::parse::Loss;

    fn candidate(prompt: f64, generation: f64, mean_divergence: f64) -> Candidate {
        let speed = |prompt, generation| Speed { prompt: vec![prompt; 5], generation: vec![generation; 5] };
        let loss = Loss {
            tokens: 300,
            mean_divergence,
            largest_divergence: 1.0,
            top_agreement: 0.9,
            original_perplexity: 20.0,
            candidate_perplexity: 21.0,
        };
        let manifest = Manifest {
            id: format!("m.{generation}"),
            kind: ArtifactKind::Llm,
            format: ArtifactFormat::Gguf,
            file: String::new(),
            bytes: 0,
            sha256: None,
            source: String::new(),
            landed_at: time::OffsetDateTime::UNIX_EPOCH,
            files: Vec::new(),
            derived_from: None,
        };
        let comparison = Comparison { original: speed(100.0, 50.0), candidate: speed(prompt, generation), loss };
        Candidate { manifest, to: WeightType::Q4_0, comparison }
    }

    #[test]
    fn the_fastest_of_those_that_lose_little_is_advised() {
        let candidates =
            [candidate(260.0, 75.0, 0.03), candidate(270.0, 80.0, 0.3), candidate(220.0, 60.0, 0.001), candidate(90.0, 90.0, 0.0)];
        assert_eq!(best(&candidates).map(|best| best.manifest.id.as_str()), Some("m.75"));
        assert!(best(&candidates[1..2]).is_none(), "too much is lost");
        assert!(best(&[candidate(100.0, 51.0, 0.0)]).is_none(), "a gain within noise is none");
        assert!(candidates[0].reason().contains("writes 1.50 times and reads 2.60 times"), "{}", candidates[0].reason());
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9 && (median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn the_loss_is_measured_in_the_languages_that_a_model_serves() {
        assert!(text_for(&["en".into()]).is_ascii());
        assert!(text_for(&["ru".into(), "en".into()]).contains('ж') && text_for(&[]).contains('ح'));
    }
}
