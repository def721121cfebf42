//! Models beside the profile's, and those of the profile that are not pinned, over HTTP.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    api::{Answer, Api, list},
    reading,
    server::{Launch, Server},
    state::{EMBEDDING_MODEL, ENGLISH_MODEL, ONNX_MODEL, OTHER_MODEL, SAFETENSORS_MODEL, StateDirectory, largest_file},
    texts,
};

/// The processes of a model's engines, of which there is one but for the time in which an old one ends its answers.
async fn engines(api: &Api, model: &str) -> Vec<Value> {
    let report = api.system().await;
    list(&report, "engines").iter().filter(|engine| engine["model"] == model).cloned().collect()
}

/// What `/api/v1/system` says of a model's engine.
async fn engine(api: &Api, model: &str) -> Value {
    match engines(api, model).await.as_slice() {
        [engine] => engine.clone(),
        engines => panic!("not one engine of {model}: {engines:#?}"),
    }
}

async fn until(api: &Api, model: &str, state: &str) {
    let since = Instant::now();
    while !engines(api, model).await.iter().any(|engine| engine["state"] == state) {
        assert!(since.elapsed() < Duration::from_secs(30), "{:#?}", engines(api, model).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn embed(api: &Api, model: &str) -> Answer {
    api.post_json("/v1/embeddings", &json!({"model": model, "input": "A bird on the roof"})).await
}

async fn is_embedded(api: &Api, model: &str) {
    let answer = embed(api, model).await.ok();
    assert_eq!(answer["data"][0]["embedding"].as_array().map(Vec::len), Some(384), "{answer}");
}

fn setting(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

#[tokio::test]
async fn a_model_that_is_here_beside_the_profiles_is_loaded_when_it_is_named_and_leaves_again() {
    let environment = [setting("ONEIROS_KEEP_ALIVE_MINUTES", "0")];
    let server = Launch { environment: &environment, ..Launch::default() }.start(&StateDirectory::with_encoders()).await;
    let api = server.api();

    // Asked by several at once, it is looked at and loaded once; no other is looked at for that.
    join_all((0..8).map(|_| is_embedded(&api, ONNX_MODEL))).await;
    assert!(engine(&api, ONNX_MODEL).await["pid"].is_number());
    assert!(engines(&api, SAFETENSORS_MODEL).await.is_empty());
    until(&api, ONNX_MODEL, "resting").await;

    let models = api.get("/v1/models").await.ok();
    let models: Vec<&str> = list(&models, "data").iter().filter_map(|model| model["id"].as_str()).collect();
    assert!(models.contains(&ONNX_MODEL) && models.contains(&ENGLISH_MODEL), "{models:?}");
    assert_eq!(engine(&api, SAFETENSORS_MODEL).await["state"], "resting");
    is_embedded(&api, ONNX_MODEL).await;
    until(&api, ONNX_MODEL, "resting").await;
    assert_eq!(engine(&api, ONNX_MODEL).await["pid"], Value::Null);
    assert!(api.is_ready().await);
}

#[tokio::test]
async fn a_model_of_the_profile_that_is_not_pinned_rests_until_a_dream_needs_it() {
    let pinned = format!("{ENGLISH_MODEL}, {EMBEDDING_MODEL}");
    let environment = [setting("ONEIROS_PINNED", pinned), setting("ONEIROS_KEEP_ALIVE_MINUTES", "0")];
    let server = Launch { environment: &environment, ..Launch::default() }.start(&StateDirectory::with_models()).await;
    let api = server.api();
    assert_eq!(engine(&api, ENGLISH_MODEL).await["state"], "ready");
    until(&api, OTHER_MODEL, "resting").await;
    assert!(api.is_ready().await, "a model that rests is no lack");
    let answer = reading::obtain(&api, &reading::request(texts::RUSSIAN)).await;
    assert_eq!(answer["interpretation"]["model"], OTHER_MODEL, "{answer:#}");
    until(&api, OTHER_MODEL, "resting").await;
}

/// A server that speaks Ollama's protocol too.
async fn with_ollama(state: &std::sync::Arc<StateDirectory>, settings: &[(String, String)]) -> (Server, Api) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let environment = [settings, &[setting("ONEIROS_OLLAMA_LISTEN", free.to_string())]].concat();
    let server = Launch { environment: &environment, ..Launch::default() }.start(state).await;
    (server, Api::new(&format!("http://{free}")))
}

/// Whether `/api/ps` and `/api/v1/system` say that the model is in memory; they must agree.
async fn is_loaded(api: &Api, ollama: &Api, model: &str) -> bool {
    let loaded = ollama.get("/api/ps").await.ok();
    let loaded = list(&loaded, "models").iter().any(|tag| tag["name"] == format!("{model}:latest"));
    let engine = engine(api, model).await;
    assert_eq!((engine["state"] == "ready", engine["pid"].is_number()), (loaded, loaded), "{engine:#}");
    loaded
}

const A_WHILE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn ollamas_keep_alive_counts_from_the_end_of_its_request_until_the_next() {
    let (server, ollama) = with_ollama(&StateDirectory::with_encoders(), &[]).await;
    let (api, model) = (server.api(), ONNX_MODEL);
    let texts = vec!["A bird on the roof"; 200];
    let embed = |keep_alive: Value| {
        let mut body = json!({"model": model, "input": texts});
        if !keep_alive.is_null() {
            body["keep_alive"] = keep_alive;
        }
        let ollama = ollama.clone();
        async move { ollama.post_json("/api/embed", &body).await }
    };
    assert_eq!(list(&embed(json!(null)).await.ok(), "embeddings").len(), 200);
    tokio::time::sleep(A_WHILE).await;
    assert!(is_loaded(&api, &ollama, model).await, "no wish: as configured");
    let pid = engine(&api, model).await["pid"].clone();

    let refused = embed(json!("a while")).await;
    assert!(refused.status == 400 && refused.text().contains("keep_alive"), "{}", refused.text());
    let body = json!({"model": model, "input": ["a bird"], "dimensions": 3, "keep_alive": 0});
    assert_eq!(ollama.post_json("/api/embed", &body).await.status, 400);
    tokio::time::sleep(A_WHILE).await;
    assert!(is_loaded(&api, &ollama, model).await, "a request that is refused wishes nothing");

    let leaving = tokio::spawn(embed(json!(0)));
    let since = Instant::now();
    loop {
        // Asked first: an engine that rests after the answer has left for good.
        let answered = leaving.is_finished();
        let engine = engine(&api, model).await;
        assert!(engine["pid"] == pid || engine["pid"].is_null(), "it was loaded again for one of its parts: {engine:#} after {pid}");
        if answered && engine["state"] == "resting" {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{engine:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    leaving.await.unwrap().ok();
    assert!(!is_loaded(&api, &ollama, model).await);

    embed(json!("5m")).await.ok();
    tokio::time::sleep(A_WHILE).await;
    assert!(is_loaded(&api, &ollama, model).await);
    embed(json!(0)).await.ok();
    embed(json!(null)).await.ok();
    tokio::time::sleep(A_WHILE).await;
    assert!(is_loaded(&api, &ollama, model).await, "the wish was of the request before");

    let bare = |body: Value| {
        let ollama = ollama.clone();
        async move { ollama.post_json("/api/generate", &body).await.ok()["done_reason"].clone() }
    };
    assert_eq!(bare(json!({"model": model, "keep_alive": 0})).await, "unload");
    assert!(!is_loaded(&api, &ollama, model).await);
    assert_eq!(bare(json!({"model": model})).await, "load");
    assert!(is_loaded(&api, &ollama, model).await);

    // One that is pinned, here as all of the profile's are, ignores it.
    assert_eq!(bare(json!({"model": ENGLISH_MODEL, "keep_alive": 0})).await, "unload");
    let words = json!({"model": ENGLISH_MODEL, "prompt": "A bird", "stream": false, "options": {"num_predict": 3}, "keep_alive": 0});
    ollama.post_json("/api/generate", &words).await.ok();
    tokio::time::sleep(A_WHILE).await;
    assert!(is_loaded(&api, &ollama, ENGLISH_MODEL).await);
}

#[tokio::test]
async fn a_guest_that_is_pinned_is_loaded_from_the_start_and_stays() {
    let pinned = format!("{ENGLISH_MODEL}, {OTHER_MODEL}, {EMBEDDING_MODEL}, whisper-base, {ONNX_MODEL}");
    let settings = [setting("ONEIROS_PINNED", pinned), setting("ONEIROS_KEEP_ALIVE_MINUTES", "0")];
    let (server, ollama) = with_ollama(&StateDirectory::with_encoders(), &settings).await;
    let api = server.api();
    until(&api, ONNX_MODEL, "ready").await;
    assert!(is_loaded(&api, &ollama, ONNX_MODEL).await);
    ollama.post_json("/api/embed", &json!({"model": ONNX_MODEL, "input": "a bird", "keep_alive": 0})).await.ok();
    ollama.post_json("/api/generate", &json!({"model": ONNX_MODEL, "keep_alive": 0})).await.ok();
    tokio::time::sleep(A_WHILE).await;
    assert!(is_loaded(&api, &ollama, ONNX_MODEL).await);
}

#[tokio::test]
async fn a_text_that_cannot_be_embedded_is_named_by_its_number_in_the_request() {
    let state = StateDirectory::with_models();
    let server = Launch::default().start(&state).await;
    let texts: Vec<&str> = (0..150).map(|number| if number == 130 { " " } else { "a bird" }).collect();
    let refused = server.api().post_json("/v1/embeddings", &json!({"model": EMBEDDING_MODEL, "input": texts})).await;
    assert!(refused.status == 400 && refused.text().contains("text 130 is empty"), "{}", refused.text());
}

const TWIN: &str = "a-twin";

async fn pid(api: &Api, model: &str) -> Value {
    is_embedded(api, model).await;
    engine(api, model).await["pid"].clone()
}

#[tokio::test]
async fn a_guest_that_runs_is_disturbed_by_nothing_but_other_files() {
    let state = StateDirectory::with_models();
    state.add_twin(EMBEDDING_MODEL, TWIN, |_| {});
    let server = Launch::default().start(&state).await;
    let api = server.api();
    let first = pid(&api, TWIN).await;

    // Touched, it is what it was.
    state.change_manifest(TWIN, |manifest| manifest["files"][0]["stamp"]["modified_nanoseconds"] = 1.into());
    assert_eq!(pid(&api, TWIN).await, first);
    let manifest = state.artefact(TWIN).join("manifest.json");
    let whole = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, "{").unwrap();
    assert_eq!(pid(&api, TWIN).await, first, "that cannot be read now");
    api.get("/v1/models").await.ok();
    assert_eq!(engine(&api, TWIN).await["pid"], first);
    std::fs::write(&manifest, whole).unwrap();

    // Another variant is another file.
    let sha256 = serde_json::from_slice::<Value>(&std::fs::read(&manifest).unwrap()).unwrap()["sha256"].clone();
    let (variant, original) = (format!("{TWIN}.q8_0"), sha256.clone());
    state.add_twin(EMBEDDING_MODEL, &variant, |manifest| manifest["derived_from"] = json!({"id": TWIN, "sha256": sha256, "to": "q8_0"}));
    let choices = state.path().join("artefacts/.variants");
    std::fs::create_dir_all(&choices).unwrap();
    let choice = json!({"id": variant, "to": "q8_0", "original_sha256": original, "reason": "", "chosen_at": "2026-01-01T00:00:00Z"});
    std::fs::write(choices.join(format!("{TWIN}.json")), choice.to_string()).unwrap();
    is_embedded(&api, TWIN).await;
    tokio::time::sleep(A_WHILE).await;
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", pid(&api, TWIN).await)).unwrap();
    assert!(maps.contains(&variant), "the variant is not what is loaded:\n{maps}");
}

#[tokio::test]
async fn a_model_that_is_removed_ends_its_answers_first_and_one_that_was_refused_is_looked_at_again() {
    let state = StateDirectory::with_models();
    state.add_twin(ENGLISH_MODEL, TWIN, |_| {});
    let server = Launch::default().start(&state).await;
    let api = server.api();
    let file = largest_file(&state.artefact(TWIN));
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let body = json!({"model": TWIN, "prompt": "Once upon a time", "max_tokens": 400, "seed": 1, "logit_bias": {"2": -100, "0": -100}});
    let ask = || {
        let (api, body) = (api.clone(), body.clone());
        async move { api.post_json("/v1/completions", &body).await }
    };
    let refused = ask().await;
    assert!(refused.status == 409, "{} {}", refused.status, refused.text());
    std::fs::write(&file, &bytes).unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let answer = tokio::spawn(ask());
    until(&api, TWIN, "ready").await;
    std::fs::remove_dir_all(state.artefact(TWIN)).unwrap();
    assert_eq!(ask().await.status, 404);
    assert_eq!(engine(&api, TWIN).await["queued"], 1, "it ends what it has begun");
    let answer = answer.await.unwrap().ok();
    assert!(!answer["choices"][0]["text"].as_str().unwrap().is_empty(), "{answer}");
    let since = Instant::now();
    while !engines(&api, TWIN).await.is_empty() {
        assert!(since.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
