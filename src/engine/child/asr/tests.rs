//! Real speech through the real model, and both native engines in this one process.

#![expect(clippy::disallowed_methods, reason = "espeak-ng speaks and nm looks at the program")]

use std::{
    io::{Seek, SeekFrom, Write},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{super::llm::tests as llm, *};
use crate::engine::{
    CacheType, ChatMessage, ChatRole, Constraint, FormPart, GenerationEvent, GenerationRequest, Prompt, Sampling, Slot,
    child::{parse::audio, testing},
};

const OPTIONS: EngineOptions = EngineOptions { threads: 2, context_length: 0, gpu_layers: 0, slots: 0, cache_type: CacheType::F16 };

fn whisper() -> Box<dyn Worker> {
    load(&llm::artefact("whisper-base"), &OPTIONS, &|_| ()).unwrap().0
}

/// What espeak-ng says, as 16 kHz samples.
fn speech(voice: &str, text: &str) -> Vec<f32> {
    spoken(voice, "140", text)
}

fn spoken(voice: &str, words_a_minute: &str, text: &str) -> Vec<f32> {
    let said =
        Command::new("espeak-ng").args(["-v", voice, "-s", words_a_minute, "--stdout", text]).stderr(Stdio::null()).output().unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&said.stdout).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let output = tempfile::tempfile().unwrap();
    let audio = audio::decode(file, output.try_clone().unwrap(), 60_000).unwrap();
    Pieces::new(output, audio.samples).next().unwrap().unwrap().samples
}

/// The same as a file, as the decoder leaves it.
fn recording(samples: &[f32]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| ((sample * 32_767.0) as i16).to_le_bytes()).collect();
    file.write_all(&bytes).unwrap();
    file
}

fn transcribe(worker: &mut dyn Worker, samples: Vec<f32>, language: Option<&str>) -> Result<(Vec<TranscriptSegment>, String), EngineError> {
    let request = TranscriptionRequest { language: language.map(ToOwned::to_owned), ..TranscriptionRequest::default() };
    transcribe_as(worker, &samples, request)
}

fn transcribe_as(
    worker: &mut dyn Worker,
    samples: &[f32],
    request: TranscriptionRequest,
) -> Result<(Vec<TranscriptSegment>, String), EngineError> {
    let request = TranscriptionRequest { samples: samples.len() as u64, ..request };
    let (result, events) = llm::serve_with(worker, Request::Transcribe(request), vec![recording(samples).into()], |_| true);
    result?;
    let mut segments = Vec::new();
    for event in events {
        match event {
            Event::Transcription(TranscriptionEvent::Segment(segment)) => segments.push(segment),
            Event::Transcription(TranscriptionEvent::Progress { .. }) => {}
            Event::Transcription(TranscriptionEvent::Finished { language, .. }) => return Ok((segments, language)),
            other => panic!("unexpected {other:?}"),
        }
    }
    panic!("no end")
}

fn silence(seconds: usize) -> Vec<f32> {
    vec![0.0; seconds * SAMPLES_PER_SECOND]
}

/// Noise of this loudness, the same every time.
fn noise(seconds: usize, loudness: f32) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0) as f32 * loudness
    };
    (0..seconds * SAMPLES_PER_SECOND).map(|_| next()).collect()
}

fn text(segments: &[TranscriptSegment]) -> String {
    segments.iter().map(|segment| segment.text.to_lowercase()).collect::<Vec<_>>().join(" ")
}

#[test]
fn speech_becomes_text_in_the_language_it_is_in() {
    let mut whisper = whisper();
    let english = speech("en-us", "I was walking along the river, and my mother was standing on the other side.");
    let (segments, language) = transcribe(whisper.as_mut(), english.clone(), None).unwrap();
    assert_eq!(language, "en");
    let heard = text(&segments);
    assert!(heard.contains("river") && heard.contains("mother"), "{heard}");
    let duration = english.len() as u64 * 1000 / 16_000;
    assert!(segments.iter().all(|segment| segment.start_milliseconds < segment.end_milliseconds && segment.end_milliseconds <= duration));
    // espeak-ng's Russian is too mechanical for Whisper to know the language by itself. Of its voices this one, slowed down, is
    // understood whatever the weights' rounding and however many texts are followed.
    let russian = spoken("ru+m3", "120", "Мне снилась большая река. Потом я проснулся и долго думал о том, что это значит.");
    let (segments, language) = transcribe(whisper.as_mut(), russian, Some("ru")).unwrap();
    assert_eq!(language, "ru");
    assert!(text(&segments).contains("проснулся"), "{}", text(&segments));
}

#[test]
fn silence_says_nothing_and_odd_audio_is_refused() {
    let mut whisper = whisper();
    for seconds in [1, 40] {
        let (segments, _) = transcribe(whisper.as_mut(), vec![0.0; seconds * 16_000], None).unwrap();
        assert!(segments.is_empty(), "{segments:?}");
    }
    let noise: Vec<f32> =
        (0..5 * 16_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 16) as f32 / 65_536.0 * 0.02 - 0.01).collect();
    let (segments, _) = transcribe(whisper.as_mut(), noise, Some("en")).unwrap();
    assert!(segments.is_empty(), "{segments:?}");
    assert!(transcribe(whisper.as_mut(), vec![0.5; 10], Some("en")).is_ok(), "shorter than whisper.cpp takes");
    for (samples, language) in [(vec![], None), (vec![0.1; 16_000], Some("klingon")), (vec![0.1; 16_000], Some("x\0"))] {
        assert!(matches!(transcribe(whisper.as_mut(), samples, language), Err(EngineError::InvalidRequest(_))));
    }
}

#[test]
fn the_language_is_told_by_what_was_heard_whatever_was_spoken_before() {
    let mut whisper = whisper();
    let english = speech("en-us", "I was walking along the river, and my mother was standing on the other side.");
    let german = speech("de", "Ich ging am Fluss entlang, und meine Mutter stand auf der anderen Seite des Wassers.");
    for (samples, spoken, word) in
        [(&german, "de", "fluss"), (&english, "en", "river"), (&german, "de", "fluss"), (&german, "de", "mutter")]
    {
        let (segments, language) = transcribe(whisper.as_mut(), samples.clone(), None).unwrap();
        assert_eq!(language, spoken, "{segments:?}");
        assert!(text(&segments).contains(word), "{segments:?}");
    }
    let (segments, language) = transcribe(whisper.as_mut(), silence(3), None).unwrap();
    assert_eq!((segments.len(), language.as_str()), (0, "und"), "silence is in no language");
}

#[test]
fn silence_of_minutes_takes_no_time_and_speech_after_it_has_its_own() {
    let mut whisper = whisper();
    let said = speech("en-us", "A golden key was lying under the old bridge.");
    let start = Instant::now();
    transcribe(whisper.as_mut(), said.clone(), Some("en")).unwrap();
    let alone = start.elapsed();
    let mut samples = silence(400);
    samples.extend(&said);
    samples.extend(silence(200));
    samples.extend(&said);
    let start = Instant::now();
    let (segments, _) = transcribe(whisper.as_mut(), samples, Some("en")).unwrap();
    // Twice what one takes, and a second for ten minutes of silence, which heard would take half a minute. Others work beside this.
    assert!(start.elapsed() < alone * 8 + Duration::from_secs(5), "{:?} beside {alone:?}", start.elapsed());
    let length = said.len() as u64 / 16;
    let places: Vec<_> = segments.iter().filter(|segment| segment.text.contains("golden key")).collect();
    assert_eq!(places.len(), 2, "{segments:?}");
    for (place, begins) in places.iter().zip([400_000, 600_000 + length]) {
        assert!(place.start_milliseconds.abs_diff(begins) < 700, "{place:?} begins at {begins}");
        assert!(place.end_milliseconds.abs_diff(begins + length) < 1500, "{place:?} ends at {}", begins + length);
    }
}

#[test]
fn noise_tones_and_hum_say_nothing() {
    let mut whisper = whisper();
    let tone = |pitches: &'static [f32], beats: f32| -> Vec<f32> {
        let loudness = move |at: f32| if (at * beats).fract() < 0.7 { 0.1 } else { 0.02 };
        let wave = move |at: f32| pitches.iter().map(|pitch| (at * pitch * std::f32::consts::TAU).sin()).sum::<f32>();
        (0..20 * SAMPLES_PER_SECOND).map(|index| index as f32 / SAMPLES_PER_SECOND as f32).map(|at| wave(at) * loudness(at)).collect()
    };
    for (what, samples) in [
        ("loud noise", noise(20, 0.3)),
        ("soft noise", noise(20, 0.01)),
        ("chords", tone(&[220.0, 277.2, 329.6, 440.0], 2.0)),
        ("a melody's beat", tone(&[523.3, 659.3], 4.0)),
        ("hum", tone(&[50.0, 100.0, 150.0], 0.0)),
    ] {
        let (segments, _) = transcribe(whisper.as_mut(), samples, Some("en")).unwrap();
        assert!(segments.is_empty(), "{what}: {segments:?}");
    }
}

#[test]
fn soft_speech_and_speech_in_noise_are_heard() {
    let mut whisper = whisper();
    let said = speech("en-us", "A golden key was lying under the old bridge. My mother was standing on the other side.");
    let soft: Vec<f32> = said.iter().map(|sample| sample * 0.05).collect();
    let mut noisy = noise(said.len() / SAMPLES_PER_SECOND + 1, 0.05);
    noisy.iter_mut().zip(&said).for_each(|(sample, spoken)| *sample += spoken);
    for (what, samples) in [("soft", soft), ("noisy", noisy)] {
        let (segments, _) = transcribe(whisper.as_mut(), samples, Some("en")).unwrap();
        let text = text(&segments);
        assert!(text.contains("bridge") && text.contains("mother") && text.contains("other side"), "{what}: {text}");
    }
}

#[test]
fn words_have_times_when_they_are_asked_for() {
    let mut whisper = whisper();
    // Each word by itself, at a time that is known.
    let mut samples = silence(1);
    let mut spoken = Vec::new();
    for word in ["mother", "water", "window", "garden", "summer", "children", "mountain", "yesterday"] {
        let sound = speech("en-us", word);
        let first = sound.iter().position(|sample| sample.abs() > 0.02).unwrap();
        let last = sound.iter().rposition(|sample| sample.abs() > 0.02).unwrap();
        spoken.push((word, (samples.len() as u64 / 16), ((samples.len() + last - first) as u64 / 16)));
        samples.extend(&sound[first..=last]);
        samples.extend(&silence(1)[..4000]);
    }
    let request = || TranscriptionRequest { language: Some("en".into()), words: true, ..TranscriptionRequest::default() };
    let (segments, _) = transcribe_as(whisper.as_mut(), &samples, request()).unwrap();
    let mut errors = Vec::new();
    for segment in &segments {
        let mut earliest = segment.start_milliseconds;
        for word in &segment.words {
            assert!(word.start_milliseconds >= earliest && word.end_milliseconds >= word.start_milliseconds, "{segment:?}");
            assert!((0.0..=1.0).contains(&word.probability), "{word:?}");
            earliest = word.end_milliseconds;
            let plain: String = word.text.to_lowercase().chars().filter(|character| character.is_alphanumeric()).collect();
            if let Some((_, begins, _)) = spoken.iter().find(|(name, ..)| *name == plain) {
                errors.push(word.start_milliseconds.abs_diff(*begins));
            }
        }
        assert!(earliest <= segment.end_milliseconds, "{segment:?}");
        let joined = segment.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        assert_eq!(joined, segment.text, "all words are there");
    }
    println!("{errors:?} {segments:?}");
    assert!(errors.len() >= 5, "{segments:?}");
    errors.sort_unstable();
    assert!(errors[errors.len() / 2] <= 300, "{errors:?}: {segments:?} {spoken:?}");
    let (without, _) = transcribe(whisper.as_mut(), samples, Some("en")).unwrap();
    assert!(without.iter().all(|segment| segment.words.is_empty()));
}

#[test]
fn a_prompt_tells_how_names_are_spelled_and_odd_ones_do_no_harm() {
    let mut whisper = whisper();
    let said = speech("en-us", "Catherine was standing in the garden with Jon, and she was holding a golden key.");
    let hear = |whisper: &mut dyn Worker, prompt: &str| {
        let request = TranscriptionRequest { language: Some("en".into()), prompt: Some(prompt.into()), ..TranscriptionRequest::default() };
        text(&transcribe_as(whisper, &said, request).unwrap().0)
    };
    let named = hear(whisper.as_mut(), "Katharyne and Jonn walked to the house. Katharyne spoke to Jonn.");
    assert!(named.contains("katharyne"), "{named}");
    for odd in ["", "\0\0", &"река ".repeat(2000)] {
        assert!(hear(whisper.as_mut(), odd).contains("golden key"), "{odd:.20}");
    }
    for temperature in [-0.1, 1.1, f32::NAN] {
        let request = TranscriptionRequest { temperature, ..TranscriptionRequest::default() };
        assert!(matches!(transcribe_as(whisper.as_mut(), &said, request), Err(EngineError::InvalidRequest(_))));
    }
}

#[test]
fn segments_carry_their_figures_and_count_up() {
    let mut whisper = whisper();
    let said = speech(
        "en-us",
        "I was walking along the river. My mother was standing on the other side. She was holding a golden key. \
         Then a bird came down from the bridge and took it away. We ran after it through the whole town. \
         In the evening we found the nest, and there were hundreds of keys in it. None of them was ours. \
         My mother laughed, sat down under the tree and began to sing an old song about the summer.",
    );
    let (segments, _) = transcribe(whisper.as_mut(), said, Some("en")).unwrap();
    assert!(segments.len() >= 3, "{segments:?}");
    let heard = text(&segments);
    for word in ["river", "golden key", "the bridge", "hundreds", "old song"] {
        assert!(heard.contains(word), "{word}: {heard}");
    }
    for (index, segment) in segments.iter().enumerate() {
        assert_eq!(segment.id as usize, index);
        assert!(segment.average_log_probability < 0.0 && segment.average_log_probability > -1.0, "{segment:?}");
        assert!(segment.compression_ratio > 0.5 && segment.compression_ratio <= 2.4, "{segment:?}");
        assert!((0.0..=1.0).contains(&segment.no_speech_probability), "{segment:?}");
    }
    let times: Vec<_> = segments.iter().map(|segment| segment.start_milliseconds).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn a_cancelled_transcription_ends_without_a_result() {
    let mut whisper = whisper();
    let long = speech("en-us", "The sea was calm. ").repeat(60);
    let request = TranscriptionRequest { samples: long.len() as u64, language: Some("en".into()), ..TranscriptionRequest::default() };
    let (result, events) = llm::serve_with(whisper.as_mut(), Request::Transcribe(request), vec![recording(&long).into()], |_| false);
    assert!(result.is_ok());
    assert!(events.iter().all(|event| !matches!(event, Event::Transcription(TranscriptionEvent::Finished { .. }))), "{events:?}");
}

#[test]
fn cancelling_at_any_moment_frees_the_engine_within_two_seconds() {
    let mut whisper = whisper();
    let said = speech("en-us", "The sea was calm, and a white bird sat on the mast of our small boat.");
    // Where others work beside this, everything takes longer.
    let start = Instant::now();
    transcribe(whisper.as_mut(), said.clone(), Some("en")).unwrap();
    let patience = Duration::from_secs(2).max(start.elapsed() * 2);
    let long = said.repeat(12);
    for moment in [50, 400, 1100] {
        let asker = testing::Asker::new(|_| true);
        let request = TranscriptionRequest { samples: long.len() as u64, language: Some("en".into()), ..TranscriptionRequest::default() };
        let waited = std::thread::scope(|scope| {
            let canceller = scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(moment));
                asker.cancel();
                Instant::now()
            });
            whisper.serve(Request::Transcribe(request), vec![recording(&long).into()], &asker.reply()).unwrap();
            let ended = Instant::now();
            ended.saturating_duration_since(canceller.join().unwrap())
        });
        let is_end = |event: &Event| matches!(event, Event::Transcription(TranscriptionEvent::Finished { .. }));
        let finished = asker.answered().1.iter().any(is_end);
        assert!(!finished, "after {moment} ms");
        assert!(waited < patience, "cancelled after {moment} ms: {waited:?}");
    }
    let said = speech("en-us", "A golden key was lying under the old bridge.");
    let (segments, _) = transcribe(whisper.as_mut(), said, Some("en")).unwrap();
    assert!(text(&segments).contains("golden key"), "the engine works on: {segments:?}");
}

/// Two copies of ggml of different versions in one program: what `src/engine/native/` is for.
#[test]
fn both_native_engines_work_side_by_side_in_one_process() {
    let mut smol = super::super::llm::load_generator(
        &llm::artefact("smollm2-135m-instruct"),
        &EngineOptions { context_length: 512, ..OPTIONS },
        &|_| (),
    )
    .unwrap()
    .0;
    let mut whisper = whisper();
    for _ in 0..2 {
        let (segments, _) =
            transcribe(whisper.as_mut(), speech("en-us", "A golden key was lying under the old bridge."), Some("en")).unwrap();
        let text = text(&segments);
        assert!(text.contains("golden key") && text.contains("bridge"), "{text}");
        let slot = Slot { name: "answer".into(), constraint: Constraint::Free, max_tokens: 24, stop: Vec::new() };
        let question = "What is the capital of France? Answer in one sentence.";
        let request = GenerationRequest {
            prompt: Prompt::Chat(vec![ChatMessage::new(ChatRole::User, question)].into()),
            form: vec![FormPart::Slot(slot)],
            sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        };
        let (result, events) = llm::write(smol.as_mut(), request);
        result.unwrap();
        let told: String = events
            .iter()
            .filter_map(|event| match event {
                Event::Generation(GenerationEvent::Delta { text, .. }) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert!(told.contains("Paris"), "{told}");
    }
}

#[test]
fn this_program_holds_two_ggmls_under_different_names() {
    let program = std::env::current_exe().unwrap();
    let nm = Command::new("nm").arg("--defined-only").arg(program).output().unwrap();
    let symbols = String::from_utf8_lossy(&nm.stdout);
    let count = |name: &str| symbols.lines().filter(|line| line.split_whitespace().nth(2) == Some(name)).count();
    for name in ["ggml_init", "ggml_graph_plan", "ggml_mul_mat", "gguf_init_from_file"] {
        assert_eq!(count(name), 1, "llama.cpp's {name}, and only that");
    }
    for name in ["whisper_private_ggml_init", "whisper_private_ggml_graph_plan", "whisper_private_ggml_mul_mat"] {
        assert_eq!(count(name), 1, "whisper.cpp's {name}");
    }
}
