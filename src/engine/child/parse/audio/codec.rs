//! The codecs: which are taken, how each is set up, and what the others are called.

use std::sync::LazyLock;

use symphonia::core::{
    audio::layouts::CHANNEL_LAYOUT_MONO,
    codecs::{
        audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known as known},
        registry::CodecRegistry,
    },
    packet::Packet,
    units::Duration,
};
use symphonia_adapter_libopus::OpusDecoder;

use super::{TARGET_RATE, invalid, kind::Container};
use crate::engine::EngineError;

/// Opus counts everything at this rate (RFC 7845 §5.1).
const OPUS_RATE: u64 = 48_000;
const INSTEAD: &str = "send it as WAV, MP3, FLAC, Ogg, WebM or M4A (AAC)";

static DECODERS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut registry = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut registry);
    registry.register_audio_decoder::<OpusDecoder>();
    registry
});

/// Decodes the packets of one track.
pub struct Decoder {
    inner: Box<dyn AudioDecoder>,
    is_opus: bool,
    /// Frames that the encoder put in front, still to be dropped.
    skip: usize,
}

/// Samples of one packet, interleaved.
#[derive(Default)]
pub struct Frames {
    pub samples: Vec<f32>,
    pub channels: usize,
    pub rate: u32,
}

impl Decoder {
    /// A codec that is not taken is refused by its name.
    pub fn new(parameters: &AudioCodecParameters, container: Container) -> Result<Self, EngineError> {
        let mut parameters = parameters.clone();
        let is_opus = parameters.codec == known::CODEC_ID_OPUS;
        let mut skip = 0;
        if is_opus {
            skip = opus_skip(&parameters, container)?;
            // libopus mixes and resamples by itself. The header is ours to follow: the adapter drops no more than a packet.
            parameters.with_sample_rate(TARGET_RATE).with_channels(CHANNEL_LAYOUT_MONO);
            parameters.extra_data = None;
        }
        let inner = DECODERS.make_audio_decoder(&parameters, &AudioDecoderOptions::default()).map_err(|_| refusal(&parameters))?;
        Ok(Self { inner, is_opus, skip })
    }

    /// Decodes one packet into `frames`; `false` when it cannot be decoded.
    pub fn decode(&mut self, mut packet: Packet, frames: &mut Frames) -> bool {
        let ending = packet.trim_end.get();
        if self.is_opus {
            // libopus would make sound up for a packet that holds nothing.
            if packet.data.is_empty() {
                return false;
            }
            (packet.trim_start, packet.trim_end) = (Duration::ZERO, Duration::ZERO);
        }
        let Ok(buffer) = self.inner.decode(&packet) else { return false };
        (frames.rate, frames.channels) = (buffer.spec().rate(), buffer.spec().channels().count());
        buffer.copy_to_vec_interleaved(&mut frames.samples);
        if self.is_opus {
            let ending = usize::try_from(ending * u64::from(TARGET_RATE) / OPUS_RATE).unwrap_or(usize::MAX);
            frames.samples.truncate(frames.samples.len().saturating_sub(ending));
            let skipped = self.skip.min(frames.samples.len());
            frames.samples.drain(..skipped);
            self.skip -= skipped;
        }
        true
    }
}

/// What an Opus header tells the player to drop, in samples that come out; refuses what the decoder cannot do.
fn opus_skip(parameters: &AudioCodecParameters, container: Container) -> Result<usize, EngineError> {
    let Some(header) = parameters.extra_data.as_deref() else { return Ok(0) };
    // After `OpusHead`: version, channels, pre-skip, input rate, gain, mapping family (RFC 7845 §5.1).
    let Some(&[_, channels, a, b, _, _, _, _, _, _, family, ..]) = header.get(8..) else {
        return Err(invalid("the recording is damaged: its Opus header is too short"));
    };
    if family > 1 || channels > 2 {
        return Err(invalid(format!("this is Opus with {channels} channels; one or two are taken: {INSTEAD}")));
    }
    // MP4 writes the same fields the other way round (its `dOps` box).
    let skip = if container == Container::Mp4 { u16::from_be_bytes([a, b]) } else { u16::from_le_bytes([a, b]) };
    Ok(usize::from(skip) * TARGET_RATE as usize / OPUS_RATE as usize)
}

/// The part of a format's name that the codec gives.
pub fn short_name(codec: AudioCodecId) -> &'static str {
    match codec {
        known::CODEC_ID_OPUS => "opus",
        known::CODEC_ID_VORBIS => "vorbis",
        known::CODEC_ID_AAC => "aac",
        known::CODEC_ID_MP3 => "mp3",
        known::CODEC_ID_FLAC => "flac",
        _ => "pcm",
    }
}

fn refusal(parameters: &AudioCodecParameters) -> EngineError {
    let what = match parameters.codec {
        known::CODEC_ID_AAC => aac_name(parameters),
        known::CODEC_ID_ALAC => "Apple Lossless (ALAC)",
        known::CODEC_ID_AC3 | known::CODEC_ID_EAC3 | known::CODEC_ID_AC4 => "Dolby Digital (AC-3)",
        known::CODEC_ID_WMA => "Windows Media Audio (WMA)",
        known::CODEC_ID_DCA => "DTS",
        known::CODEC_ID_TRUEHD => "Dolby TrueHD",
        known::CODEC_ID_SPEEX => "Speex",
        known::CODEC_ID_MP1 | known::CODEC_ID_MP2 => "MPEG layer I or II",
        known::CODEC_ID_WAVPACK => "WavPack",
        known::CODEC_ID_ADPCM_MS | known::CODEC_ID_ADPCM_IMA_WAV | known::CODEC_ID_ADPCM_IMA_QT => "ADPCM",
        known::CODEC_ID_OPUS | known::CODEC_ID_VORBIS | known::CODEC_ID_MP3 | known::CODEC_ID_FLAC => {
            return invalid("the recording is damaged: its header makes no sense");
        }
        _ => "in a format that is not known here",
    };
    invalid(format!("the sound is {what}, which is not taken: {INSTEAD}"))
}

/// The kind of AAC that its configuration's first five bits name (ISO/IEC 14496-3 §1.6.2.1).
fn aac_name(parameters: &AudioCodecParameters) -> &'static str {
    match parameters.extra_data.as_deref().and_then(|data| data.first()).map(|first| first >> 3) {
        Some(5) => "HE-AAC",
        Some(29) => "HE-AAC v2",
        Some(23 | 39) => "low-delay AAC",
        Some(31) => "xHE-AAC or another late kind of AAC",
        _ => "AAC of another kind than low complexity with one or two channels",
    }
}
