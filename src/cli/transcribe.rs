//! `oneiros transcribe`: speech in a recording becomes text or subtitles.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use hyper::Method;
use serde_json::Value;

use super::{
    client::{Client, Content},
    output::{print_json, print_line},
};
use crate::config::Config;

#[derive(Args)]
pub struct TranscribeArguments {
    /// A recording: WAV, MP3, FLAC, Ogg, WebM, M4A or AAC
    file: PathBuf,
    #[arg(long, value_enum, default_value_t = TranscriptFormat::Text)]
    format: TranscriptFormat,
    /// Language spoken, ISO 639-1 [default: detected]
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TranscriptFormat {
    Text,
    Json,
    Srt,
    Vtt,
}

pub async fn run(arguments: TranscribeArguments, config: Config) -> anyhow::Result<ExitCode> {
    let speech = read_audio(&arguments.file)?;
    let mut client = Client::connect(config).await?;
    let answer = ask(&mut client, speech, arguments.language.as_deref()).await;
    client.close().await?;
    let transcript = answer?;
    match arguments.format {
        TranscriptFormat::Json => print_json(&transcript)?,
        TranscriptFormat::Text => print_line(transcript["text"].as_str().unwrap_or_default())?,
        TranscriptFormat::Srt => print_line(&subtitles(&transcript, ','))?,
        TranscriptFormat::Vtt => print_line(&format!("WEBVTT\n\n{}", subtitles(&transcript, '.')))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a whole audio file; what it holds is the server's to judge.
pub fn read_audio(path: &Path) -> anyhow::Result<Content> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Content { media_type: "application/octet-stream", bytes: bytes.into() })
}

/// Sends speech to the appliance; the answer is the API's transcription.
pub async fn ask(client: &mut Client, speech: Content, language: Option<&str>) -> anyhow::Result<Value> {
    let path = match language {
        Some(code) if !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => {
            format!("/api/v1/speech/transcriptions?language={code}")
        }
        Some(code) => anyhow::bail!("`{code}` is not a language code: write it as in ISO 639-1, for example `en`"),
        None => "/api/v1/speech/transcriptions".into(),
    };
    client.call(Method::POST, &path, Some(speech)).await
}

/// SubRip's cues (`separator` `,`) or WebVTT's (`.`).
fn subtitles(transcript: &Value, separator: char) -> String {
    let time = |milliseconds: u64| {
        let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
        format!("{:02}:{:02}:{:02}{separator}{rest:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    };
    let cues = transcript["segments"].as_array().into_iter().flatten().enumerate().map(|(index, segment)| {
        let at = |name: &str| time(segment[name].as_u64().unwrap_or(0));
        format!("{}\n{} --> {}\n{}\n", index + 1, at("start_ms"), at("end_ms"), segment["text"].as_str().unwrap_or_default().trim())
    });
    cues.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtitles_carry_times_of_hours() {
        let transcript = serde_json::json!({"segments": [{"start_ms": 0, "end_ms": 3_661_042, "text": " A river. "}]});
        assert_eq!(subtitles(&transcript, ','), "1\n00:00:00,000 --> 01:01:01,042\nA river.\n");
        assert!(subtitles(&transcript, '.').contains("01:01:01.042"));
    }
}
