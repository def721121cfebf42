//! `oneiros bench asr`: how fast recordings are heard, decoding and the way to the engine included.

use std::{fs::File, path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use tokio::sync::watch;

use super::{
    super::output::{print_json, print_line},
    engines::Engines,
};
use crate::{
    app::EngineAlone,
    config::Config,
    features::speech::{Listening, SpeechModel, SpeechService, Transcription},
};

#[derive(Debug, Clone, Args)]
pub struct AsrArguments {
    /// Recordings with speech
    #[arg(required = true)]
    recordings: Vec<PathBuf>,
    /// The model [default: the one that the server would use]
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// Language spoken, ISO 639-1 [default: detected]
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Find each word's times too
    #[arg(long)]
    words: bool,
}

/// What was measured of one recording.
#[derive(Serialize)]
struct RecordingReport {
    recording: PathBuf,
    model: String,
    threads: u16,
    seconds_long: f64,
    /// The median.
    seconds_taken: f64,
    /// Every measurement, in order.
    rounds: Vec<f64>,
    language: String,
    text: String,
    segments: Vec<SegmentReport>,
}

#[derive(Serialize)]
struct SegmentReport {
    start_ms: u64,
    end_ms: u64,
    text: String,
    temperature: f32,
    average_log_probability: f32,
    compression_ratio: f32,
    no_speech_probability: f32,
    words: Vec<WordReport>,
}

#[derive(Serialize)]
struct WordReport {
    start_ms: u64,
    end_ms: u64,
    text: String,
    probability: f32,
}

pub async fn run(arguments: AsrArguments, rounds: usize, json: bool, config: &Config) -> anyhow::Result<ExitCode> {
    let engines = Engines::open(config)?;
    let EngineAlone { model, supervisor: engine, .. } = engines.speech(arguments.model.as_deref()).await?;
    engine.ready().await?;
    let uploads = tempfile::tempdir().context("there is no place for decoded recordings")?;
    let (_news, speech_model) = watch::channel(Some(SpeechModel { id: model.clone(), engine: Arc::new(engine.client()) }));
    let service = SpeechService::new(Arc::new(engines.parse()), speech_model, uploads.path().to_owned(), u16::MAX);
    for path in &arguments.recordings {
        let (rounds, transcription) = measure(&service, path, &arguments, rounds).await?;
        let report = report(path.clone(), model.clone(), config.models.threads, rounds, transcription);
        if json {
            print_json(&report)?;
        } else {
            print_line(&in_words(&report))?;
        }
    }
    engine.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The seconds of each round, and what the last one brought.
async fn measure(
    service: &SpeechService,
    path: &PathBuf,
    arguments: &AsrArguments,
    times: usize,
) -> anyhow::Result<(Vec<f64>, Transcription)> {
    let listening = Listening { language: arguments.language.clone(), words: arguments.words, ..Listening::default() };
    let mut rounds = Vec::new();
    loop {
        let recording = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let start = Instant::now();
        let transcription = service.transcribe(recording, listening.clone(), &None).await?;
        rounds.push(start.elapsed().as_secs_f64());
        if rounds.len() == times {
            return Ok((rounds, transcription));
        }
    }
}

fn report(recording: PathBuf, model: String, threads: u16, rounds: Vec<f64>, heard: Transcription) -> RecordingReport {
    let segments = heard.heard.into_iter().map(|segment| SegmentReport {
        start_ms: segment.start_milliseconds,
        end_ms: segment.end_milliseconds,
        text: segment.text,
        temperature: segment.temperature,
        average_log_probability: segment.average_log_probability,
        compression_ratio: segment.compression_ratio,
        no_speech_probability: segment.no_speech_probability,
        words: segment
            .words
            .into_iter()
            .map(|word| WordReport {
                start_ms: word.start_milliseconds,
                end_ms: word.end_milliseconds,
                text: word.text,
                probability: word.probability,
            })
            .collect(),
    });
    let segments = segments.collect();
    let mut sorted = rounds.clone();
    sorted.sort_by(f64::total_cmp);
    RecordingReport {
        recording,
        model,
        threads,
        seconds_long: heard.duration_ms as f64 / 1000.0,
        seconds_taken: sorted[sorted.len() / 2],
        rounds,
        language: heard.language,
        text: heard.text,
        segments,
    }
}

fn in_words(report: &RecordingReport) -> String {
    let RecordingReport { recording, model, threads, seconds_long, seconds_taken, rounds, language, .. } = report;
    let speed = seconds_long / seconds_taken;
    format!(
        "{}  {seconds_long:.1} s in {seconds_taken:.2} s ({speed:.0} times real time, median of {}, {language}), {model}, {threads} threads",
        recording.display(),
        rounds.len(),
    )
}
