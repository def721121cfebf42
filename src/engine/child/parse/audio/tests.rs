mod damage;

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use hound::{SampleFormat, WavSpec};

use super::*;

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

/// One second of a 440 Hz tone at half of full scale.
fn tone(spec: WavSpec) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut wav = hound::WavWriter::new(&mut bytes, spec).unwrap();
    let full_scale = 2.0_f32.powi(i32::from(spec.bits_per_sample) - 1) - 1.0;
    for index in 0..spec.sample_rate {
        let value = (index as f32 * 440.0 * std::f32::consts::TAU / spec.sample_rate as f32).sin() * 0.5;
        for _ in 0..spec.channels {
            match spec.sample_format {
                SampleFormat::Int => wav.write_sample((value * full_scale) as i32).unwrap(),
                SampleFormat::Float => wav.write_sample(value).unwrap(),
            }
        }
    }
    wav.finalize().unwrap();
    bytes.into_inner()
}

fn spec(channels: u16, sample_rate: u32, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
    WavSpec { channels, sample_rate, bits_per_sample, sample_format }
}

/// A recording of at most a minute, and its samples.
fn heard(bytes: &[u8]) -> Result<(Audio, Vec<f32>), EngineError> {
    let output = tempfile::tempfile().unwrap();
    let audio = decode(file(bytes), output.try_clone().unwrap(), 60_000)?;
    let (mut output, mut decoded) = (output, Vec::new());
    output.seek(SeekFrom::Start(0)).unwrap();
    output.read_to_end(&mut decoded).unwrap();
    let samples: Vec<f32> =
        decoded.chunks_exact(2).map(|sample| f32::from(i16::from_le_bytes([sample[0], sample[1]])) / 32_768.0).collect();
    assert_eq!(audio.samples, samples.len() as u64);
    Ok((audio, samples))
}

fn refusal(bytes: &[u8]) -> String {
    match heard(bytes) {
        Err(EngineError::InvalidRequest(reason)) => reason,
        Err(error) => panic!("unexpected {error:?}"),
        Ok((audio, _)) => panic!("unexpected {audio:?}"),
    }
}

/// How strong one frequency is, as the amplitude of a sine.
fn amplitude(samples: &[f32], hertz: f32) -> f32 {
    let angle = |index: usize| index as f32 * hertz * std::f32::consts::TAU / 16_000.0;
    let sum = |part: fn(f32) -> f32| samples.iter().enumerate().map(|(index, sample)| sample * part(angle(index))).sum::<f32>();
    2.0 * sum(f32::sin).hypot(sum(f32::cos)) / samples.len() as f32
}

#[test]
fn every_common_form_of_wav_becomes_the_same_tone() {
    let forms = [
        spec(1, 16_000, 16, SampleFormat::Int),
        spec(2, 44_100, 16, SampleFormat::Int),
        spec(1, 8_000, 8, SampleFormat::Int),
        spec(6, 48_000, 24, SampleFormat::Int),
        spec(1, 22_050, 32, SampleFormat::Int),
        spec(2, 192_000, 32, SampleFormat::Float),
        spec(1, 11_027, 16, SampleFormat::Int),
    ];
    for form in forms {
        let (audio, samples) = heard(&tone(form)).unwrap();
        assert!((990..=1000).contains(&audio.duration_milliseconds), "{form:?}: {} ms", audio.duration_milliseconds);
        assert!((audio.loudness - 0.3535).abs() < 0.01, "{form:?}: {}", audio.loudness);
        let heard = amplitude(&samples, 440.0);
        assert!((heard - 0.5).abs() < 0.02, "{form:?}: {heard}");
    }
}

#[test]
fn a_file_that_was_cut_short_is_refused_and_an_unknown_length_is_measured() {
    let whole = tone(spec(2, 44_100, 16, SampleFormat::Int));
    assert!(refusal(&whole[..whole.len() / 2 + 1]).contains("cut short: 49 %"));
    for claimed in [0_u32, u32::MAX] {
        let mut lying = whole.clone();
        lying[40..44].copy_from_slice(&claimed.to_le_bytes());
        let (audio, _) = heard(&lying).unwrap();
        assert!((990..=1000).contains(&audio.duration_milliseconds), "{claimed}: {}", audio.duration_milliseconds);
    }
}

#[test]
fn what_is_no_recording_is_named() {
    assert_eq!(refusal(b""), "the file is empty");
    assert!(refusal(b"\x7fELF and so on").contains("a program"));
    assert!(refusal(b"hello, this is a letter").contains("text"));
    assert!(refusal(b"#!AMR\n and so on").contains("AMR"));
    for (kind, beginning) in
        [("Ogg", &b"OggS and so on"[..]), ("WebM", b"\x1a\x45\xdf\xa3 and so on"), ("MP4", b"\0\0\0\x18ftypM4A and so on")]
    {
        let refusal = refusal(beginning);
        assert!(refusal.contains(kind), "{refusal}");
    }
    assert!(refusal(&tone(spec(1, 16_000, 16, SampleFormat::Int))[..30]).contains("cut short"));
    assert!(refusal(&tone(spec(1, 16_000, 16, SampleFormat::Int))[..44]).contains("cut short: 0 %"));
}

#[test]
fn a_quiet_recording_is_raised_and_a_loud_one_stays_as_it_is() {
    let loud = tone(spec(1, 16_000, 16, SampleFormat::Int));
    let mut quiet = loud.clone();
    for sample in quiet[44..].chunks_exact_mut(2) {
        let value = i16::from_le_bytes([sample[0], sample[1]]) / 50;
        sample.copy_from_slice(&value.to_le_bytes());
    }
    let (audio, samples) = heard(&loud).unwrap();
    assert_eq!(audio.gain, 1.0);
    assert!((amplitude(&samples, 440.0) - 0.5).abs() < 0.001);
    let (audio, samples) = heard(&quiet).unwrap();
    assert!((audio.loudness - 0.00707).abs() < 0.0005, "{}", audio.loudness);
    let rms = (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt();
    assert!((rms - 0.158).abs() < 0.005, "{rms}");
}

#[test]
fn numbers_that_make_no_sense_are_refused_with_a_reason() {
    let good = tone(spec(1, 16_000, 16, SampleFormat::Int));
    let with = |at: usize, bytes: &[u8]| {
        let mut wrong = good.clone();
        wrong[at..at + bytes.len()].copy_from_slice(bytes);
        refusal(&wrong)
    };
    // Offsets in a canonical header: 22 channels, 24 rate, 34 bits.
    assert!(!with(24, &0_u32.to_le_bytes()).is_empty());
    assert!(!with(24, &u32::MAX.to_le_bytes()).is_empty());
    assert!(!with(22, &0_u16.to_le_bytes()).is_empty());
    assert!(!with(22, &500_u16.to_le_bytes()).is_empty());
    assert!(!with(34, &0_u16.to_le_bytes()).is_empty());
    assert!(!with(34, &77_u16.to_le_bytes()).is_empty());
    let error = decode(file(&good), tempfile::tempfile().unwrap(), 500).unwrap_err();
    assert!(error.to_string().contains("at most 0 seconds"), "{error}");
}

#[test]
fn no_single_flipped_byte_of_the_header_does_harm() {
    let good = tone(spec(2, 22_050, 16, SampleFormat::Int));
    for at in 0..44 {
        for flip in [0x01, 0x80, 0xff] {
            let mut wrong = good.clone();
            wrong[at] ^= flip;
            match heard(&wrong) {
                Ok((audio, samples)) => assert_eq!(audio.samples, samples.len() as u64),
                Err(error) => assert!(matches!(error, EngineError::InvalidRequest(_)), "byte {at}: {error}"),
            }
        }
    }
}
