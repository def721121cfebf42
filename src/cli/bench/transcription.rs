//! Recordings through `/v1/audio/transcriptions`, which every OpenAI-compatible server that hears offers in the same way.

use std::{io::Read as _, time::Instant};

use anyhow::Context as _;
use hyper::body::Bytes;
use serde_json::Value;

use super::{
    asr::{Recording, round_in_words},
    llm::Peer,
    progress::Progress,
    report::{Section, Whose},
    target::{Connection, is_not_offered},
};
use crate::{engine::parse::ParseRunner, features::speech::AudioDecoder as _};

const PATH: &str = "/v1/audio/transcriptions";
const BOUNDARY: &str = "----oneiros-bench-5d41c0a7";
/// What the decoder makes of every recording: mono, 16 bits.
const SAMPLES_A_SECOND: u32 = 16_000;
const LONGEST_MILLISECONDS: u64 = 60 * 60 * 1000;
const HEADER_BYTES: usize = 44;

/// A recording as the servers get it.
pub struct Spoken {
    pub recording: Recording,
    pub wav: Vec<u8>,
}

impl Spoken {
    fn seconds_long(&self) -> f64 {
        (self.wav.len() - HEADER_BYTES) as f64 / 2.0 / f64::from(SAMPLES_A_SECOND)
    }

    /// A form (RFC 7578). `None` leaves the language to the server.
    fn form(&self, model: &str, language: Option<&str>) -> Bytes {
        let mut form = Vec::with_capacity(self.wav.len() + 1024);
        let fields = [("model", Some(model)), ("response_format", Some("json")), ("language", language)];
        for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            form.extend(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
        }
        form.extend(
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\nContent-Type: audio/wav\r\n\r\n"
            )
            .bytes(),
        );
        form.extend(&self.wav);
        form.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
        form.into()
    }
}

/// Servers hear WAV, whatever else they hear; so the ways of packing sound are not what is compared.
pub async fn as_wav(parse: &ParseRunner, recording: &Recording) -> anyhow::Result<Vec<u8>> {
    let mut decoded = tempfile::tempfile().context("there is no place for a decoded recording")?;
    parse.decode(recording.opened()?, decoded.try_clone()?, LONGEST_MILLISECONDS).await.with_context(|| recording.name.clone())?;
    let mut samples = Vec::new();
    std::io::Seek::rewind(&mut decoded)?;
    decoded.read_to_end(&mut samples)?;
    let mut wav = header(u32::try_from(samples.len()).context("the recording is too long for a WAV file")?);
    wav.extend(samples);
    Ok(wav)
}

/// RIFF's header of one `fmt ` and one `data` chunk (Microsoft and IBM, Multimedia Programming Interface 1.0, 1991).
fn header(bytes: u32) -> Vec<u8> {
    let (pcm, channels, bits) = (1_u16, 1_u16, 16_u16);
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend(b"RIFF");
    header.extend((36 + bytes).to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(16_u32.to_le_bytes());
    header.extend([pcm, channels].into_iter().flat_map(u16::to_le_bytes));
    header.extend([SAMPLES_A_SECOND, SAMPLES_A_SECOND * 2].into_iter().flat_map(u32::to_le_bytes));
    header.extend([2, bits].into_iter().flat_map(u16::to_le_bytes));
    header.extend(b"data");
    header.extend(bytes.to_le_bytes());
    header
}

/// Servers in turns. One that does not hear is told of and left out.
pub async fn compare(all: &[Spoken], language: Option<&str>, peers: &[Peer], rounds: usize) -> anyhow::Result<Vec<Section>> {
    let progress = Progress::new("asr", all.len() * peers.len() * (rounds + 1));
    let mut sections = Vec::new();
    for spoken in all {
        let mut section = spoken.recording.section().about("seconds long", spoken.seconds_long());
        let mut hearing = Vec::new();
        for peer in peers {
            progress.begin(&round_in_words(0, rounds, &spoken.recording.name));
            match hear(peer, spoken, language).await {
                Err(error) if peer.whose == Whose::Theirs && is_not_offered(&error) => section = section.not_offered(&error),
                heard => {
                    heard.with_context(|| format!("{} could not hear a recording", peer.whose))?;
                    section.set_about(peer.whose.model(), peer.model.as_str());
                    hearing.push(peer);
                }
            }
            progress.step();
        }
        for round in 1..=rounds {
            for peer in &hearing {
                progress.begin(&round_in_words(round, rounds, &spoken.recording.name));
                let start = Instant::now();
                let heard = hear(peer, spoken, language).await?;
                spoken.recording.tell(&mut section, peer.whose, spoken.seconds_long(), start.elapsed().as_secs_f64(), &heard);
                progress.step();
            }
        }
        sections.push(section);
    }
    Ok(sections)
}

async fn hear(peer: &Peer, spoken: &Spoken, language: Option<&str>) -> anyhow::Result<String> {
    let mut connection: Connection = peer.target.connect().await?;
    let media_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let answer = connection.send(PATH, &media_type, &spoken.form(&peer.model, language)).await?.whole().await?;
    let answer: Value = serde_json::from_slice(&answer).with_context(|| format!("the answer of {PATH} is not JSON"))?;
    Ok(answer["text"].as_str().with_context(|| format!("the answer of {PATH} holds no text"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_by_others() {
        let mut wav = header(8);
        wav.extend([1_i16, -2, 3, -4].into_iter().flat_map(i16::to_le_bytes));
        let mut reader = hound::WavReader::new(std::io::Cursor::new(wav)).unwrap();
        let said = reader.spec();
        assert_eq!((said.channels, said.sample_rate, said.bits_per_sample), (1, SAMPLES_A_SECOND, 16));
        assert_eq!(reader.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), [1, -2, 3, -4]);
    }
}
