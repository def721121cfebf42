//! Real speech through the real model, and both native engines in this one process.

#![expect(clippy::disallowed_methods, reason = "espeak-ng speaks and nm looks at the program")]

use std::{
    io::{Seek, SeekFrom, Write},
    process::{Command, Stdio},
};

use super::{super::llm::tests as llm, *};
use crate::engine::{
    ChatMessage, ChatRole, Constraint, FormPart, GenerationEvent, GenerationRequest, Prompt, Sampling, Slot, child::parse::audio,
};

const OPTIONS: EngineOptions = EngineOptions { threads: 2, context_length: 0, gpu_layers: 0, slots: 0 };

fn whisper() -> Box<dyn Worker> {
    load(&llm::artefact("whisper-base"), &OPTIONS, &|_| ()).unwrap().0
}

/// What espeak-ng says, as 16 kHz samples.
fn speech(voice: &str, text: &str) -> Vec<f32> {
    let said = Command::new("espeak-ng").args(["-v", voice, "-s", "140", "--stdout", text]).stderr(Stdio::null()).output().unwrap();
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
    let request = TranscriptionRequest { samples: samples.len() as u64, language: language.map(ToOwned::to_owned) };
    let (result, events) = llm::serve_with(worker, Request::Transcribe(request), vec![recording(&samples).into()], |_| true);
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

fn words(segments: &[TranscriptSegment]) -> String {
    segments.iter().map(|segment| segment.text.to_lowercase()).collect::<Vec<_>>().join(" ")
}

#[test]
fn speech_becomes_text_in_the_language_it_is_in() {
    let mut whisper = whisper();
    let english = speech("en-us", "I was walking along the river, and my mother was standing on the other side.");
    let (segments, language) = transcribe(whisper.as_mut(), english.clone(), None).unwrap();
    assert_eq!(language, "en");
    let text = words(&segments);
    assert!(text.contains("river") && text.contains("mother"), "{text}");
    let duration = english.len() as u64 * 1000 / 16_000;
    assert!(segments.iter().all(|segment| segment.start_milliseconds < segment.end_milliseconds && segment.end_milliseconds <= duration));
    // espeak-ng's Russian is too mechanical for Whisper to know the language by itself.
    let russian = speech("ru", "Мне снилась большая река. Потом я проснулся и долго думал о том, что это значит.");
    let (segments, language) = transcribe(whisper.as_mut(), russian, Some("ru")).unwrap();
    assert_eq!(language, "ru");
    assert!(words(&segments).contains("проснулся"), "{}", words(&segments));
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
fn a_cancelled_transcription_ends_without_a_result() {
    let mut whisper = whisper();
    let long = speech("en-us", "The sea was calm. ").repeat(60);
    let request = TranscriptionRequest { samples: long.len() as u64, language: Some("en".into()) };
    let (result, events) = llm::serve_with(whisper.as_mut(), Request::Transcribe(request), vec![recording(&long).into()], |_| false);
    assert!(result.is_ok());
    assert!(events.iter().all(|event| !matches!(event, Event::Transcription(TranscriptionEvent::Finished { .. }))), "{events:?}");
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
        let text = words(&segments);
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
