//! From container to frames: opens a recording with Symphonia, chooses its track and plays it onto a tape.

use std::io::ErrorKind;

use symphonia::{
    core::{
        codecs::{CodecParameters, audio::AudioCodecParameters},
        errors::Error,
        formats::{
            FormatOptions, FormatReader, Track,
            probe::{Hint, Probe},
        },
        io::{MediaSourceStream, MediaSourceStreamOptions},
        meta::MetadataOptions,
    },
    default::formats,
};

use super::{
    codec::{self, Decoder, Frames},
    cut_short, invalid,
    kind::Container,
    tape::Tape,
    too_long, unreadable,
    window::Window,
};
use crate::engine::EngineError;

/// Packets in a row of which nothing can be decoded. A recording with a scratch has a few.
const MOST_FAILURES_IN_A_ROW: u32 = 100;
/// What may be missing at the end, in milliseconds and in hundredths, before a recording counts as cut short: encoders
/// round, and some count what they later drop.
const TOLERANCE: (u64, u64) = (1_000, 2);

/// An opened recording.
pub struct Stream {
    reader: Box<dyn FormatReader>,
    container: Container,
    track: u32,
    decoder: Decoder,
    name: String,
    /// Milliseconds that the header promises.
    declared: Option<u64>,
}

/// How decoding goes.
#[derive(Default)]
struct Health {
    good: u64,
    bad: u64,
    in_a_row: u32,
}

impl Stream {
    /// A recording whose header tells that it is longer than `max_milliseconds` is refused at once.
    pub fn open(window: Window, container: Container, max_milliseconds: u64) -> Result<Self, EngineError> {
        let source = MediaSourceStream::new(Box::new(sought(window, container)), MediaSourceStreamOptions::default());
        let reader = probe(container).probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default());
        let reader = reader.map_err(|error| unopened(error, container))?;
        let (track, parameters) = choose(reader.as_ref())?;
        let declared = declared(reader.as_ref(), track, container);
        if declared.is_some_and(|milliseconds| milliseconds > max_milliseconds) {
            return Err(too_long(max_milliseconds));
        }
        let decoder = Decoder::new(parameters, container)?;
        let (track, name) = (track.id, name(container, parameters));
        Ok(Self { reader, container, track, decoder, name, declared })
    }

    /// Plays to the end; returns the format's name.
    pub fn play(mut self, tape: &mut Tape) -> Result<String, EngineError> {
        let mut health = Health::default();
        let mut frames = Frames::default();
        loop {
            match self.reader.next_packet() {
                Ok(Some(packet)) if packet.track_id != self.track => {}
                Ok(Some(packet)) => {
                    if self.decoder.decode(packet, &mut frames) {
                        health.good();
                        if !frames.samples.is_empty() {
                            tape.record(&frames.samples, frames.channels, frames.rate)?;
                        }
                    } else {
                        health.bad(tape)?;
                    }
                }
                Ok(None) => break,
                Err(Error::ResetRequired) => self.go_on()?,
                Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.ended_early()?;
                    break;
                }
                Err(Error::IoError(error)) => return Err(unreadable(error)),
                Err(_) => health.bad(tape)?,
            }
        }
        health.judge()?;
        self.check_length(tape.milliseconds())?;
        Ok(self.name)
    }

    /// A chain of recordings in one file: the next link may have another codec, rate and number of channels.
    fn go_on(&mut self) -> Result<(), EngineError> {
        let (track, parameters) = choose(self.reader.as_ref())?;
        self.decoder = Decoder::new(parameters, self.container)?;
        self.track = track.id;
        // The header spoke of the first link alone.
        self.declared = None;
        Ok(())
    }

    /// The file ends in the middle of something: is that how such a recording may end?
    fn ended_early(&self) -> Result<(), EngineError> {
        match self.container {
            Container::Mp3 | Container::Adts | Container::Webm => Ok(()),
            Container::Wav | Container::Flac | Container::Ogg | Container::Mp4 => Err(cut_short()),
        }
    }

    fn check_length(&self, heard: u64) -> Result<(), EngineError> {
        let Some(declared) = self.declared else { return Ok(()) };
        let tolerated = TOLERANCE.0.max(declared * TOLERANCE.1 / 100);
        if heard + tolerated < declared { Err(cut_short()) } else { Ok(()) }
    }
}

impl Health {
    fn good(&mut self) {
        self.good += 1;
        self.in_a_row = 0;
    }

    fn bad(&mut self, tape: &Tape) -> Result<(), EngineError> {
        self.bad += 1;
        self.in_a_row += 1;
        if self.in_a_row > MOST_FAILURES_IN_A_ROW {
            let seconds = tape.milliseconds() / 1000;
            return Err(invalid(format!("the recording is damaged: nothing can be heard after {seconds} seconds of it")));
        }
        Ok(())
    }

    /// More than one packet in ten: what is left is no longer what was said.
    fn judge(&self) -> Result<(), EngineError> {
        if self.bad * 10 > self.good {
            let (bad, all) = (self.bad, self.bad + self.good);
            return Err(invalid(format!("the recording is damaged: {bad} of its {all} pieces cannot be decoded")));
        }
        Ok(())
    }
}

/// Ogg tells its length by its end, MP4 may have its index there; the others are read in order.
fn sought(window: Window, container: Container) -> Window {
    match container {
        Container::Ogg | Container::Mp4 => window.seekable(),
        _ => window,
    }
}

/// A probe that knows one container: what the file is has been decided.
fn probe(container: Container) -> Probe {
    let mut probe = Probe::new();
    match container {
        Container::Wav => probe.register_format::<formats::WavReader<'_>>(),
        Container::Mp3 => probe.register_format::<formats::MpaReader<'_>>(),
        Container::Adts => probe.register_format::<formats::AdtsReader<'_>>(),
        Container::Flac => probe.register_format::<formats::FlacReader<'_>>(),
        Container::Ogg => probe.register_format::<formats::OggReader<'_>>(),
        Container::Webm => probe.register_format::<formats::MkvReader<'_>>(),
        Container::Mp4 => probe.register_format::<formats::IsoMp4Reader<'_>>(),
    }
    probe
}

/// The first track with sound. Pictures beside it are passed over.
fn choose(reader: &dyn FormatReader) -> Result<(&Track, &AudioCodecParameters), EngineError> {
    let mut tracks = reader.tracks().iter();
    let found = tracks.find_map(|track| match &track.codec_params {
        Some(CodecParameters::Audio(parameters)) => Some((track, parameters)),
        _ => None,
    });
    found.ok_or_else(|| {
        let pictures = reader.tracks().iter().any(|track| matches!(track.codec_params, Some(CodecParameters::Video(_))));
        invalid(if pictures { "the file holds pictures and no sound" } else { "the file holds no sound that can be read" })
    })
}

/// How long the recording is by its own header, in milliseconds.
fn declared(reader: &dyn FormatReader, track: &Track, container: Container) -> Option<u64> {
    let of_track = track.time_base.zip(track.duration.or_else(|| track.num_frames.map(Into::into)));
    let of_file = || reader.media_info().time_base.zip(reader.media_info().duration);
    let (base, duration) = match container {
        Container::Webm => of_track.or_else(of_file)?,
        _ => of_track?,
    };
    let milliseconds = base.calc_duration_saturating(duration).as_millis();
    u64::try_from(milliseconds).ok().filter(|milliseconds| *milliseconds > 0)
}

fn name(container: Container, parameters: &AudioCodecParameters) -> String {
    let codec = codec::short_name(parameters.codec);
    match container {
        Container::Wav => "wav".into(),
        Container::Mp3 => "mp3".into(),
        Container::Adts => "aac".into(),
        Container::Flac => "flac".into(),
        Container::Ogg => format!("ogg-{codec}"),
        Container::Webm => format!("webm-{codec}"),
        Container::Mp4 => format!("m4a-{codec}"),
    }
}

fn unopened(error: Error, container: Container) -> EngineError {
    let kind = match container {
        Container::Wav => "WAV",
        Container::Mp3 => "MP3",
        Container::Adts => "AAC",
        Container::Flac => "FLAC",
        Container::Ogg => "Ogg",
        Container::Webm => "WebM",
        Container::Mp4 => "MP4",
    };
    match error {
        Error::IoError(error) if error.kind() != ErrorKind::UnexpectedEof => unreadable(error),
        Error::IoError(_) => invalid(format!("the {kind} recording is cut short within its header; send the whole file")),
        error => invalid(format!("the {kind} recording cannot be read: {error}")),
    }
}
