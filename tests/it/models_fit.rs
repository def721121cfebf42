//! `oneiros models fit`: what a model would take, told before it is loaded.

use std::{fs::File, io::Write as _};

use serde_json::Value;

use crate::support::{
    command_line::run,
    state::{ENGLISH_MODEL, OTHER_MODEL, SPEECH_MODEL, StateDirectory},
    turn,
};

#[tokio::test]
async fn a_starter_model_fits_and_each_part_is_explained() {
    let _turn = turn::together().await;
    let state = StateDirectory::with(&[ENGLISH_MODEL, OTHER_MODEL]);
    let ended = run(state.path(), ["models", "fit", ENGLISH_MODEL, "--context", "2048", "--json"]).await;
    let told: Value = serde_json::from_str(ended.succeeded()).expect("JSON");
    assert_eq!((&told["fits"], &told["plan"]["context_length"], &told["plan"]["slots"]), (&true.into(), &2048.into(), &8.into()));
    // 30 layers, keys and values of 192 numbers in two bytes.
    assert_eq!(told["plan"]["memory"]["cache"], 30 * 2 * 192 * 2 * 2048);
    assert!(told["machine"]["available_bytes"].as_u64().expect("a number") > 0, "{told}");

    let eight = run(state.path(), ["models", "fit", ENGLISH_MODEL, "--context", "2048", "--cache-type", "q8_0", "--json"]).await;
    let eight: Value = serde_json::from_str(eight.succeeded()).expect("JSON");
    assert_eq!(eight["plan"]["memory"]["cache"], 30 * 2 * 192 * 2048 / 32 * 34);

    let plain = run(state.path(), ["models", "fit", OTHER_MODEL]).await;
    let plain = plain.succeeded();
    for word in ["weights", "cache", "buffers", "outputs", "together", "It fits", "18 layers", "look back 512 tokens", "q8_0"] {
        assert!(plain.contains(word), "no {word:?} in {plain}");
    }
    let longer = run(state.path(), ["models", "fit", ENGLISH_MODEL, "--context", "100000"]).await;
    assert!(longer.succeeded().contains("the model was trained for 8192"), "{}", longer.stdout);
}

#[tokio::test]
async fn what_cannot_be_asked_is_told_by_name() {
    let _turn = turn::together().await;
    let state = StateDirectory::with(&[SPEECH_MODEL]);
    run(state.path(), ["models", "fit", SPEECH_MODEL]).await.refused("no language model");
    run(state.path(), ["models", "fit", "nothing-of-the-kind"]).await.refused("models list");
    run(state.path(), ["models", "fit", "qwen3-8b"]).await.refused("models pull qwen3-8b");
    run(state.path(), ["models", "fit", ENGLISH_MODEL, "--slots", "0"]).await.refused("`slots` is 0");
    run(state.path(), ["models", "fit", ENGLISH_MODEL, "--cache-type", "q3"]).await.refused("`cache_type` is `q3`");
}

/// A GGUF whose cache takes 10 MB a token: small itself, and too large for any machine at its full context.
fn greedy() -> tempfile::NamedTempFile {
    const LAYERS: u64 = 40;
    const WIDTH: u64 = 65_536;
    const Q4_0: u32 = 2;
    let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let number = |key: &str, value: u32| [string(key), 4_u32.to_le_bytes().to_vec(), value.to_le_bytes().to_vec()].concat();
    let mut names = vec![("token_embd.weight".to_owned(), 1000_u64)];
    for layer in 0..LAYERS {
        names.extend(["attn_k", "attn_v"].map(|part| (format!("blk.{layer}.{part}.weight"), WIDTH)));
    }
    let mut head = [b"GGUF", &3_u32.to_le_bytes()[..], &(names.len() as u64).to_le_bytes(), &2_u64.to_le_bytes()].concat();
    head.extend([string("general.architecture"), 8_u32.to_le_bytes().to_vec(), string("llama")].concat());
    head.extend(number("llama.context_length", 131_072));
    let mut offset = 0_u64;
    for (name, rows) in names {
        head.extend([string(&name), 2_u32.to_le_bytes().to_vec(), 32_u64.to_le_bytes().to_vec(), rows.to_le_bytes().to_vec()].concat());
        head.extend([Q4_0.to_le_bytes().to_vec(), offset.to_le_bytes().to_vec()].concat());
        offset += (rows * 18).next_multiple_of(32);
    }
    head.resize(head.len().next_multiple_of(32), 0);
    let mut file = tempfile::Builder::new().suffix(".gguf").tempfile().expect("a file");
    file.write_all(&head).expect("the header");
    File::set_len(file.as_file(), head.len() as u64 + offset).expect("zeros for weights");
    // A command that was started as root gives that up before it opens anything.
    std::fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("mode");
    file
}

#[tokio::test]
async fn what_does_not_fit_ends_with_an_error_and_what_would_fit_does() {
    let _turn = turn::together().await;
    let state = StateDirectory::empty();
    let file = greedy();
    let path = file.path().to_str().expect("UTF-8");
    run(state.path(), ["models", "import", path, "--id", "greedy"]).await.succeeded();
    let refused = run(state.path(), ["models", "fit", "greedy", "--context", "131072", "--json"]).await;
    assert_eq!(refused.status.code(), Some(1), "{}", refused.stderr);
    let told: Value = serde_json::from_str(&refused.stdout).expect("JSON");
    assert_eq!((&told["fits"], &told["place"]), (&false.into(), &"memory".into()));
    let remedies = told["remedies"].as_array().expect("a list");
    let shorter = remedies.iter().find_map(|remedy| remedy["context-length"].as_u64()).expect("a shorter context");
    assert!((512..131_072).contains(&shorter), "{told}");
    let half = (shorter / 2).to_string();
    run(state.path(), ["models", "fit", "greedy", "--context", &half]).await.succeeded();
    let plain = run(state.path(), ["models", "fit", "greedy", "--context", "131072"]).await;
    assert_eq!(plain.status.code(), Some(1));
    for word in ["It does not fit", "`context_length = ", "Smaller models of the catalogue"] {
        assert!(plain.stdout.contains(word), "no {word:?} in {}", plain.stdout);
    }
}
