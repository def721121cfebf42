//! A transcript in the protocol's forms.

use std::fmt::Write;

use super::model::{Granularity, TranscriptFormat, TranscriptObject, VerboseSegment, VerboseTranscript, VerboseWord};
use crate::{
    engine::{TranscriptSegment, TranscriptWord},
    features::speech::{Segment, Transcription},
};

/// A transcript as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    Short(TranscriptObject),
    Verbose(VerboseTranscript),
    /// Text of this media type.
    Text(&'static str, String),
}

/// The transcript in a form.
pub fn show(transcription: Transcription, format: TranscriptFormat, granularities: &[Granularity]) -> Shown {
    const PLAIN: &str = "text/plain; charset=utf-8";
    match format {
        TranscriptFormat::Json => Shown::Short(TranscriptObject { text: transcription.text }),
        TranscriptFormat::Text => Shown::Text(PLAIN, transcription.text + "\n"),
        TranscriptFormat::Srt => Shown::Text("application/x-subrip; charset=utf-8", srt(&transcription.segments)),
        TranscriptFormat::Vtt => Shown::Text("text/vtt; charset=utf-8", vtt(&transcription.segments)),
        TranscriptFormat::VerboseJson => Shown::Verbose(verbose(transcription, granularities)),
    }
}

/// Segments unless only words were asked for.
fn verbose(transcription: Transcription, granularities: &[Granularity]) -> VerboseTranscript {
    let wants = |kind| granularities.contains(&kind);
    let Transcription { text, language, duration_ms, heard, .. } = transcription;
    let words = wants(Granularity::Word).then(|| heard.iter().flat_map(|segment| &segment.words).map(word).collect());
    let segments = (granularities.is_empty() || wants(Granularity::Segment)).then(|| heard.iter().map(segment).collect());
    VerboseTranscript { task: "transcribe", language: language_name(&language), duration: seconds(duration_ms), text, segments, words }
}

fn segment(segment: &TranscriptSegment) -> VerboseSegment {
    VerboseSegment {
        id: segment.id,
        seek: segment.window_milliseconds / 10,
        start: seconds(segment.start_milliseconds),
        end: seconds(segment.end_milliseconds),
        text: segment.text.clone(),
        tokens: segment.tokens.clone(),
        temperature: segment.temperature,
        avg_logprob: segment.average_log_probability,
        compression_ratio: segment.compression_ratio,
        no_speech_prob: segment.no_speech_probability,
    }
}

fn word(word: &TranscriptWord) -> VerboseWord {
    VerboseWord { word: word.text.trim().to_owned(), start: seconds(word.start_milliseconds), end: seconds(word.end_milliseconds) }
}

#[expect(clippy::cast_precision_loss, reason = "a recording has less than 2^53 milliseconds")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// The protocol names languages in English.
fn language_name(code: &str) -> String {
    isolang::Language::from_639_1(code).map_or_else(|| code.to_owned(), |language| language.to_name().to_lowercase())
}

fn srt(segments: &[Segment]) -> String {
    let mut text = String::new();
    for (index, segment) in segments.iter().enumerate() {
        let (start, end) = (clock(segment.start_ms, ','), clock(segment.end_ms, ','));
        let _ = write!(text, "{}\n{start} --> {end}\n{}\n\n", index + 1, one_cue(&segment.text));
    }
    text
}

fn vtt(segments: &[Segment]) -> String {
    let mut text = String::from("WEBVTT\n\n");
    for segment in segments {
        let (start, end) = (clock(segment.start_ms, '.'), clock(segment.end_ms, '.'));
        // What WebVTT would take for markup.
        let words = one_cue(&segment.text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(text, "{start} --> {end}\n{words}\n\n");
    }
    text
}

/// An empty line or an arrow would end the cue.
fn one_cue(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("-->", "→")
}

fn clock(milliseconds: u64, point: char) -> String {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    format!("{:02}:{:02}:{:02}{point}{rest:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard() -> Transcription {
        let segment = |start_ms, end_ms, text: &str| Segment { start_ms, end_ms, text: text.into() };
        Transcription {
            text: "I flew. <b>High</b>".into(),
            language: "en".into(),
            duration_ms: 3_725_250,
            source_format: "wav".into(),
            segments: vec![segment(0, 1500, "I flew."), segment(3_723_001, 3_725_250, "<b>High</b>\n\n--> up")],
            heard: vec![TranscriptSegment {
                end_milliseconds: 1500,
                window_milliseconds: 120,
                tokens: vec![286, 13],
                words: vec![TranscriptWord { end_milliseconds: 250, text: " I".into(), ..TranscriptWord::default() }],
                ..TranscriptSegment::default()
            }],
        }
    }

    #[test]
    fn subtitles_have_their_times_and_no_markup_of_the_speakers() {
        let Shown::Text(_, srt) = show(heard(), TranscriptFormat::Srt, &[]) else { panic!("no text") };
        assert_eq!(srt, "1\n00:00:00,000 --> 00:00:01,500\nI flew.\n\n2\n01:02:03,001 --> 01:02:05,250\n<b>High</b> → up\n\n");
        let Shown::Text(kind, vtt) = show(heard(), TranscriptFormat::Vtt, &[]) else { panic!("no text") };
        assert_eq!(
            vtt,
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nI flew.\n\n01:02:03.001 --> 01:02:05.250\n&lt;b&gt;High&lt;/b&gt; → up\n\n"
        );
        assert!(kind.starts_with("text/vtt"));
    }

    #[test]
    fn the_long_form_tells_seconds_and_the_languages_name() {
        let told = |granularities: &[Granularity]| match show(heard(), TranscriptFormat::VerboseJson, granularities) {
            Shown::Verbose(told) => told,
            other => panic!("{other:?}"),
        };
        let segments = told(&[]);
        assert_eq!((segments.language.as_str(), segments.words), ("english", None));
        let segment = &segments.segments.unwrap()[0];
        assert_eq!((segment.end, segment.seek, segment.tokens.as_slice()), (1.5, 12, &[286, 13][..]));
        let words = told(&[Granularity::Word]);
        assert_eq!((words.segments, words.words.unwrap()[0].word.as_str()), (None, "I"));
        assert_eq!(language_name("xx"), "xx");
    }
}
