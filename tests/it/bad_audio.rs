//! Recordings that are none: a clear answer, and the engine is alive.

use crate::support::{
    command_line::run,
    server,
    speech::{patched, silence, spoken, wav},
};

/// Where a WAV file's header holds the number of channels, the samples a second, the bits of a sample and the length.
const CHANNELS: usize = 22;
const RATE: usize = 24;
const BITS: usize = 34;
const LENGTH: usize = 40;

#[tokio::test]
async fn each_bad_recording_gets_a_clear_refusal() {
    let server = server::shared().await;
    let api = server.api();
    let engines = api.engines().await;
    let good = wav(&[1000; 16_000]);
    let elf = std::fs::read("/proc/self/exe").expect("an ELF file").into_iter().take(100_000).collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("an empty file", Vec::new()),
        ("noise without a header", (0..20_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()),
        ("a text called .mp3", b"I was walking along the shore and the sea was red.".to_vec()),
        ("a program called .wav", elf),
        ("silence", silence(5)),
        ("no samples", wav(&[])),
        ("a header cut short", good[..20].to_vec()),
        ("half of what the header promises", good[..good.len() / 2].to_vec()),
        ("no channels", patched(&good, &[(CHANNELS, &0u16.to_le_bytes())])),
        ("65,535 channels", patched(&good, &[(CHANNELS, &u16::MAX.to_le_bytes())])),
        ("no samples a second", patched(&good, &[(RATE, &0u32.to_le_bytes())])),
        ("4 billion samples a second", patched(&good, &[(RATE, &u32::MAX.to_le_bytes())])),
        ("samples of no bits", patched(&good, &[(BITS, &0u16.to_le_bytes())])),
        ("a length beyond the file", patched(&good, &[(LENGTH, &0x7fff_0000u32.to_le_bytes())])),
    ];
    for (what, recording) in cases {
        eprintln!("{what}");
        let name = if what.contains("mp3") { "dream.mp3" } else { "dream.wav" };
        let answer = api.transcribe(name, &recording).await;
        assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        let problem = answer.problem();
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{what}: {problem}");
    }
    assert_eq!(api.engines().await, engines, "an engine was restarted");
    let heard = api.transcribe("dream.wav", &spoken("The moon was made of glass.")).await.ok();
    assert!(heard["text"].as_str().expect("text").to_lowercase().contains("moon"), "{heard}");
}

#[tokio::test]
async fn a_form_without_a_recording_names_the_field() {
    let server = server::shared().await;
    let api = server.api();
    let empty = api.post("/api/v1/speech/transcriptions", "multipart/form-data; boundary=x", "--x--\r\n").await;
    empty.blames("file");
    for (content_type, body) in
        [("multipart/form-data", "--x--"), ("application/json", "{}"), ("multipart/form-data; boundary=x", "--x\r\n")]
    {
        let answer = api.post("/api/v1/speech/transcriptions", content_type, body).await;
        assert!((400..500).contains(&answer.status), "{content_type}: {} {}", answer.status, answer.text());
        answer.problem();
    }
}

#[tokio::test]
async fn a_file_name_never_reaches_the_file_system() {
    let server = server::shared().await;
    let recording = spoken("The moon was made of glass.");
    let mark = server.state.path().join("mark");
    for name in ["../../../../tmp/mark.wav".to_owned(), format!("a;touch {};x.wav", mark.display()), "a\\\";x.wav".to_owned()] {
        let answer = server.api().transcribe(&name, &recording).await;
        assert!(answer.status < 500, "{name}: {} {}", answer.status, answer.text());
    }
    assert!(!mark.exists() && !std::path::Path::new("/tmp/mark.wav").exists());
}

#[tokio::test]
async fn the_command_line_refuses_bad_recordings_in_one_sentence() {
    let server = server::shared().await;
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("empty.wav"), b"").expect("file");
    std::fs::write(path("silent.wav"), silence(4)).expect("file");
    std::fs::write(path("text.wav"), b"I was walking along the shore and the sea was red.").expect("file");
    for (name, needle) in [("missing.wav", "missing.wav"), ("empty.wav", ""), ("silent.wav", ""), ("text.wav", "")] {
        run(server.state.path(), ["transcribe", &path(name)]).await.refused(needle);
        run(server.state.path(), ["interpret", "--audio", &path(name)]).await.refused(needle);
    }
    run(server.state.path(), ["interpret", "--file", &path("missing.txt")]).await.refused("missing.txt");
    run(server.state.path(), ["interpret", "Too short."]).await.refused("20");
}
