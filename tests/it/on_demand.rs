//! Models beside the profile's, and those of the profile that are not pinned, over HTTP.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    api::Api,
    reading,
    server::Launch,
    state::{EMBEDDING_MODEL, ENGLISH_MODEL, ONNX_MODEL, OTHER_MODEL, StateDirectory},
    texts,
};

/// What `/api/v1/system` says of a model's engine.
async fn engine(api: &Api, model: &str) -> Value {
    let report = api.system().await;
    let engines = report["engines"].as_array().expect("engines");
    engines.iter().find(|engine| engine["model"] == model).unwrap_or_else(|| panic!("no engine of {model}: {report:#}")).clone()
}

async fn until(api: &Api, model: &str, state: &str) {
    let since = Instant::now();
    while engine(api, model).await["state"] != state {
        assert!(since.elapsed() < Duration::from_secs(30), "{:#}", engine(api, model).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_model_that_is_here_beside_the_profiles_is_loaded_when_it_is_named_and_leaves_again() {
    let environment = [("ONEIROS_KEEP_ALIVE_MINUTES".to_owned(), "0".to_owned())];
    let server = Launch { environment: &environment, ..Launch::default() }.start(&StateDirectory::with_encoders()).await;
    let api = server.api();
    let models = api.get("/v1/models").await.ok();
    let models: Vec<&str> = models["data"].as_array().expect("models").iter().filter_map(|model| model["id"].as_str()).collect();
    assert!(models.contains(&ONNX_MODEL) && models.contains(&ENGLISH_MODEL), "{models:?}");
    assert_eq!(engine(&api, ONNX_MODEL).await["state"], "resting");

    for _ in 0..2 {
        let answer = api.post_json("/v1/embeddings", &json!({"model": ONNX_MODEL, "input": "A bird on the roof"})).await.ok();
        assert_eq!(answer["data"][0]["embedding"].as_array().map(Vec::len), Some(384), "{answer}");
        until(&api, ONNX_MODEL, "resting").await;
        assert_eq!(engine(&api, ONNX_MODEL).await["pid"], Value::Null);
    }
    assert!(api.is_ready().await);
}

#[tokio::test]
async fn a_model_of_the_profile_that_is_not_pinned_rests_until_a_dream_needs_it() {
    let pinned = format!("{ENGLISH_MODEL}, {EMBEDDING_MODEL}");
    let environment = [("ONEIROS_PINNED".to_owned(), pinned), ("ONEIROS_KEEP_ALIVE_MINUTES".to_owned(), "0".to_owned())];
    let server = Launch { environment: &environment, ..Launch::default() }.start(&StateDirectory::with_models()).await;
    let api = server.api();
    assert_eq!(engine(&api, ENGLISH_MODEL).await["state"], "ready");
    until(&api, OTHER_MODEL, "resting").await;
    assert!(api.is_ready().await, "a model that rests is no lack");
    let answer = reading::obtain(&api, &reading::request(texts::RUSSIAN)).await;
    assert_eq!(answer["interpretation"]["model"], OTHER_MODEL, "{answer:#}");
    until(&api, OTHER_MODEL, "resting").await;
}
