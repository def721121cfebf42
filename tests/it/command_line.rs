//! The command line through a running server: the Unix socket in the state directory.

use std::fs;

use serde_json::Value;

use crate::support::{
    api::DREAMS,
    command_line::{run, run_with_input},
    reading, server, speech, texts,
};

/// `oneiros interpret … --json` until there is a reading; a small model may fail at a dream.
async fn interpreted(state: &std::path::Path, arguments: &[&str], input: &str) -> Value {
    let mut last = String::new();
    for _ in 0..3 {
        let ended = run_with_input(state, ["interpret", "--json"].iter().chain(arguments), input.as_bytes()).await;
        let answer: Option<Value> = serde_json::from_str(&ended.stdout).ok();
        if let Some(answer) = answer.filter(|answer| answer["interpretation"].is_object()) {
            ended.succeeded();
            return answer;
        }
        last = format!("{}\n{}\n{}", ended.status, ended.stdout, ended.stderr);
    }
    panic!("no reading in three attempts: {last}");
}

#[tokio::test]
async fn a_dream_is_read_from_an_argument_a_file_and_standard_input() {
    let server = server::shared().await;
    let state = server.state.path();
    let typed = interpreted(state, &[texts::BRIDGE], "").await;
    reading::check(&typed["interpretation"], texts::BRIDGE);

    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("dream.txt");
    fs::write(&file, texts::BRIDGE).expect("file");
    let path = file.to_str().expect("UTF-8");
    for (arguments, input) in [(["--file", path].as_slice(), ""), (&["-"], texts::BRIDGE)] {
        let again = interpreted(state, arguments, input).await;
        assert_eq!(again["dream"]["id"], typed["dream"]["id"], "the same dream");
        assert_eq!(again["interpretation"]["cached"], true, "{again}");
    }
    // The server has it: the command went through the running one.
    let kept = server.api().get(&format!("{DREAMS}/{}", typed["dream"]["id"].as_str().expect("id"))).await;
    assert_eq!(kept.status, 200);

    let shown = run(state, ["interpret", texts::BRIDGE]).await;
    let title = typed["interpretation"]["title"].as_str().expect("title");
    assert!(shown.succeeded().contains(title), "a person sees the title `{title}` in {}", shown.stdout);
}

#[tokio::test]
async fn another_lens_and_language_can_be_asked_for() {
    let server = server::shared().await;
    let answer = interpreted(server.state.path(), &["--lens", "folk", "--language", "ru", texts::MOUNTAIN], "").await;
    assert_eq!(answer["interpretation"]["lens"], "folk");
    assert_eq!(answer["interpretation"]["language"], "ru");
    let refused = run(server.state.path(), ["interpret", "--lens", "freudian", texts::MOUNTAIN]).await;
    refused_naming(&refused, "freudian");
}

/// clap says what is wrong first and how to go on after that.
#[track_caller]
fn refused_naming(ended: &crate::support::command_line::Ended, needle: &str) {
    assert!(!ended.status.success() && ended.stderr.contains(needle), "{}: {}", ended.status, ended.stderr);
}

#[tokio::test]
async fn a_spoken_dream_is_read() {
    let server = server::shared().await;
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("dream.wav");
    speech::say("I was walking on a long beach at night. A black dog came out of the water and gave me a golden ring.", &file);
    let answer = interpreted(server.state.path(), &["--audio", file.to_str().expect("UTF-8")], "").await;
    let text = answer["dream"]["text"].as_str().expect("text");
    assert!(speech::heard(text, &["walking", "beach", "night", "black", "dog", "water", "golden", "ring"]) >= 5, "{text}");
    reading::check(&answer["interpretation"], text);
}

#[tokio::test]
async fn a_recording_is_transcribed_in_four_formats() {
    let server = server::shared().await;
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("speech.wav");
    speech::say("There was a library under the lake. I counted the books until the morning came.", &file);
    let path = file.to_str().expect("UTF-8");
    let transcribe = async |format: &str| run(server.state.path(), ["transcribe", path, "--format", format]).await.succeeded().to_owned();
    let expected = ["library", "lake", "counted", "books", "morning"];

    let text = transcribe("text").await;
    assert!(speech::heard(&text, &expected) >= 4, "{text}");

    let json: Value = serde_json::from_str(&transcribe("json").await).expect("JSON");
    assert!(speech::heard(json["text"].as_str().expect("text"), &expected) >= 4, "{json}");

    let srt = transcribe("srt").await;
    let mut lines = srt.lines();
    assert_eq!(lines.next(), Some("1"), "{srt}");
    let times = lines.next().expect("times");
    assert!(times.starts_with("00:00:0") && times.contains(" --> 00:00:0") && times.contains(','), "{srt}");
    assert!(speech::heard(&srt, &expected) >= 4, "{srt}");

    let vtt = transcribe("vtt").await;
    assert!(vtt.starts_with("WEBVTT\n\n"), "{vtt}");
    let times = vtt.lines().find(|line| line.contains(" --> ")).expect("times");
    assert!(times.contains('.') && !times.contains(','), "{vtt}");
    assert!(speech::heard(&vtt, &expected) >= 4, "{vtt}");
}

#[tokio::test]
async fn a_text_is_turned_into_a_vector_of_length_one() {
    let server = server::shared().await;
    let ended = run(server.state.path(), ["embed", "A dream of the sea"]).await;
    let vector = ended.succeeded().lines().find_map(|line| vector(&serde_json::from_str(line).ok()?));
    let vector = vector.or_else(|| vector_of_whole(&ended.stdout)).unwrap_or_else(|| panic!("no vector in {}", ended.stdout));
    assert_eq!(vector.len(), 384);
    let length = vector.iter().map(|component| component * component).sum::<f64>().sqrt();
    assert!((length - 1.0).abs() < 1e-3, "length {length}");
}

fn vector_of_whole(text: &str) -> Option<Vec<f64>> {
    vector(&serde_json::from_str(text).ok()?)
}

/// The first list of many numbers in a JSON value.
fn vector(value: &Value) -> Option<Vec<f64>> {
    match value {
        Value::Array(items) if items.len() > 3 && items.iter().all(Value::is_number) => items.iter().map(Value::as_f64).collect(),
        Value::Array(items) => items.iter().find_map(vector),
        Value::Object(members) => members.values().find_map(vector),
        _ => None,
    }
}

#[tokio::test]
async fn the_doctor_shows_machine_models_database_and_confinement() {
    let server = server::shared().await;
    let doctor = run(server.state.path(), ["doctor", "--json"]).await;
    let shown: Value = serde_json::from_str(doctor.succeeded()).expect("JSON");
    for part in ["hardware", "models", "database", "engines"] {
        assert!(!shown[part].is_null(), "`{part}` is missing in {shown}");
    }
    assert!(shown["engines"].to_string().contains("\"seccomp\":true"), "{shown}");
    let plain = run(server.state.path(), ["doctor"]).await;
    assert!(plain.succeeded().to_lowercase().contains("landlock"), "{}", plain.stdout);
}
