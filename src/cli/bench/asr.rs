//! `oneiros bench asr`: how fast recordings are heard, decoding and the way to the engine included; with `--against`, by
//! both servers through `/v1/audio/transcriptions`.

use std::{
    fs::File,
    io::{Seek as _, Write as _},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    engines::Engines,
    progress::Progress,
    report::{Section, Whose},
    transcription::{self, Spoken},
    words::word_error_rate,
};
use crate::{
    app::EngineAlone,
    config::Config,
    engine::TranscriptSegment,
    features::speech::{Listening, SpeechModel, SpeechService, Transcription},
};

/// The first of the bench's own dreams, read by espeak-ng (`docs/benchmarks/README.md` says how it was made).
const CLIP: &[u8] = include_bytes!("clip.ogg");
const CLIP_NAME: &str = "26 s that come with oneiros";

#[derive(Debug, Clone, Args)]
pub struct AsrArguments {
    /// Recordings with speech [default: 26 seconds that come with oneiros]
    recordings: Vec<PathBuf>,
    /// Text file with what is said in each recording, for the word error rate
    #[arg(long, value_name = "FILE")]
    said: Vec<PathBuf>,
    /// The model [default: the one that the server would use]
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// Language spoken, ISO 639-1 [default: detected]
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Find each word's times too
    #[arg(long)]
    words: bool,
}

/// Something to hear, and what is said in it.
pub struct Recording {
    pub name: String,
    pub file: File,
    said: Option<String>,
}

impl AsrArguments {
    pub fn recordings(&self) -> anyhow::Result<Vec<Recording>> {
        if self.recordings.is_empty() {
            ensure!(self.said.is_empty(), "--said tells what is said in a recording: name the recording, too");
            return Ok(vec![clip()?]);
        }
        ensure!(self.said.is_empty() || self.said.len() == self.recordings.len(), "name one --said for each recording, in the same order");
        let recording = |(number, path): (usize, &PathBuf)| {
            let said = self.said.get(number).map(|said| {
                std::fs::read_to_string(said).with_context(|| format!("what is said cannot be read from {} as text", said.display()))
            });
            let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
            Ok(Recording { name: path.display().to_string(), file, said: said.transpose()? })
        };
        self.recordings.iter().enumerate().map(recording).collect()
    }

    pub fn listening(&self) -> Listening {
        Listening { language: self.language.clone(), words: self.words, ..Listening::default() }
    }
}

fn clip() -> anyhow::Result<Recording> {
    let mut file = tempfile::tempfile().context("there is no place for a temporary file")?;
    file.write_all(CLIP).context("the recording cannot be written to a temporary file")?;
    Ok(Recording { name: CLIP_NAME.into(), file, said: super::texts::DREAMS.lines().next().map(str::to_owned) })
}

impl Recording {
    /// The file from its beginning; other openings of it stay where they are.
    pub fn opened(&self) -> anyhow::Result<File> {
        let mut file = self.file.try_clone()?;
        file.rewind().with_context(|| format!("{} cannot be read from its beginning", self.name))?;
        Ok(file)
    }

    pub fn section(&self) -> Section {
        Section::new(format!("asr, {}", self.name))
    }

    /// Adds one round.
    pub fn tell(&self, section: &mut Section, whose: Whose, seconds_long: f64, seconds_taken: f64, heard: &str) {
        section.add(whose, "time taken", "s", seconds_taken);
        section.add(whose, "real-time factor", "", seconds_taken / seconds_long);
        if let Some(said) = &self.said {
            section.add(whose, "word error rate", "", word_error_rate(said, heard));
        }
    }
}

/// The engine by itself, without a server around it.
pub async fn measure(arguments: &AsrArguments, config: &Config, rounds: usize) -> anyhow::Result<Vec<Section>> {
    let recordings = arguments.recordings()?;
    let engines = Engines::open(config)?;
    let EngineAlone { model, supervisor: engine, .. } = engines.speech(arguments.model.as_deref()).await?;
    engine.ready().await?;
    let uploads = tempfile::tempdir().context("there is no place for decoded recordings")?;
    let (_news, speech_model) = watch::channel(Some(SpeechModel { id: model.clone(), engine: Arc::new(engine.client()) }));
    let service = SpeechService::new(Arc::new(engines.parse()), speech_model, uploads.path().to_owned(), u16::MAX);
    let progress = Progress::new("asr", recordings.len() * (rounds + 1));
    let mut sections = Vec::new();
    for recording in &recordings {
        let mut section = recording.section().about("model", model.as_str()).about("threads", config.models.threads);
        // The first round warms up.
        for round in 0..=rounds {
            progress.begin(&round_in_words(round, rounds, &recording.name));
            let file = recording.opened()?;
            let start = Instant::now();
            let heard = service.transcribe(file, arguments.listening(), &None).await?;
            let taken = start.elapsed().as_secs_f64();
            if round > 0 {
                recording.tell(&mut section, Whose::Ours, heard.duration_ms as f64 / 1e3, taken, &heard.text);
            }
            if round == rounds {
                section = with_details(section, heard);
            }
            progress.step();
        }
        sections.push(section);
    }
    engine.stop().await;
    Ok(sections)
}

pub fn round_in_words(round: usize, rounds: usize, name: &str) -> String {
    if round == 0 { format!("{name}, warming up") } else { format!("{name}, round {round} of {rounds}") }
}

/// The recording as samples that every server can read.
pub async fn spoken(arguments: &AsrArguments, config: &Config) -> anyhow::Result<Vec<Spoken>> {
    let parse = Engines::open(config)?.parse();
    let mut all = Vec::new();
    for recording in arguments.recordings()? {
        let wav = transcription::as_wav(&parse, &recording).await?;
        all.push(Spoken { recording, wav });
    }
    Ok(all)
}

fn with_details(section: Section, heard: Transcription) -> Section {
    let segments: Vec<Value> = heard.heard.iter().map(segment).collect();
    section
        .about("seconds long", heard.duration_ms as f64 / 1e3)
        .about("language", heard.language)
        .detail("text", heard.text)
        .detail("segments", segments)
}

fn segment(segment: &TranscriptSegment) -> Value {
    let words: Vec<Value> = segment
        .words
        .iter()
        .map(|word| {
            json!({ "start_ms": word.start_milliseconds, "end_ms": word.end_milliseconds, "text": word.text, "probability": word.probability })
        })
        .collect();
    json!({
        "start_ms": segment.start_milliseconds, "end_ms": segment.end_milliseconds, "text": segment.text,
        "temperature": segment.temperature, "average_log_probability": segment.average_log_probability,
        "compression_ratio": segment.compression_ratio, "no_speech_probability": segment.no_speech_probability, "words": words,
    })
}
