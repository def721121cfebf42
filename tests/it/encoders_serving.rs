//! An appliance with another embedding model than its profile's.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use crate::{
    damaged_models::{DAMAGES, refused_by},
    support::{
        api::list,
        server::{Launch, Server},
        state::{EMBEDDING_MODEL, ONNX_MODEL, ONNX_RUNTIME, SAFETENSORS_MODEL, StateDirectory},
        texts, turn,
    },
};

fn with(id: &str) -> Vec<(String, String)> {
    vec![("ONEIROS_EMBEDDING".to_owned(), id.to_owned())]
}

async fn start(state: &Arc<StateDirectory>, environment: &[(String, String)]) -> Server {
    Launch { environment, ..Launch::default() }.start(state).await
}

#[tokio::test]
async fn another_embedding_model_takes_over_and_finds_the_dreams_that_were_kept_before() {
    let _turn = turn::together().await;
    let state = StateDirectory::with_encoders();
    let mut kept = Vec::new();
    let server = start(&state, &[]).await;
    for text in [texts::HORSE, texts::TRAIN, texts::GARDEN] {
        kept.push(server.api().keep(text).await.0["id"].clone());
    }
    assert_eq!(embedding_engine(&server).await, EMBEDDING_MODEL);
    drop(server);
    for (id, question, nearest) in [
        (ONNX_MODEL, "In the house of my grandmother the floor became water and a white horse on the stairs looked at me.", 0),
        (SAFETENSORS_MODEL, "The station was full of sand, the last train was gone, and a man in red gave me a key to dig with.", 1),
    ] {
        let server = start(&state, &with(id)).await;
        assert_eq!(embedding_engine(&server).await, id);
        until_jobs_are_done(&server).await;
        let (_, similar) = server.api().keep(question).await;
        let first = list(&similar, "similar").first().unwrap_or_else(|| panic!("{similar:#}"));
        assert_eq!(first["dream"]["id"], kept[nearest], "{id}: {similar:#}");
        let long = json!({ "texts": [texts::TEETH, texts::TEETH.repeat(8)], "role": "passage" });
        let answer = server.api().post_json("/api/v1/embeddings", &long).await.ok();
        assert!(answer["model"] == id && answer["dimensions"] == 384, "{answer:#}");
        let system = server.api().system().await;
        assert!(system["tasks"].as_array().unwrap().iter().all(|task| task["ready"] == true), "{system:#}");
    }
}

#[tokio::test]
async fn many_texts_take_no_memory_for_the_likelihood_of_words_that_nobody_asks_for() {
    let _turn = turn::together().await;
    let server = start(&StateDirectory::with_models(), &[]).await;
    let memory = async || {
        let system = server.api().system().await;
        let engine = list(&system, "engines").iter().find(|engine| engine["model"] == EMBEDDING_MODEL);
        engine.and_then(|engine| engine["memory_bytes"].as_u64()).unwrap_or_else(|| panic!("{system:#}"))
    };
    let before = memory().await;
    let long = json!({ "texts": vec![texts::TEETH.repeat(8); 24], "role": "passage" });
    server.api().post_json("/api/v1/embeddings", &long).await.ok();
    // With 512 tokens and 250,000 words they would take 500 MB in each of two contexts.
    let more = memory().await.saturating_sub(before) >> 20;
    assert!(more < 150, "{more} MiB more than before");
}

async fn embedding_engine(server: &Server) -> String {
    let engines = server.api().engines().await;
    engines.into_iter().find(|engine| engine.kind == "embedding").expect("an embedding engine").model
}

async fn until_jobs_are_done(server: &Server) {
    for _ in 0..300 {
        if server.api().system().await["jobs"].as_array().is_some_and(Vec::is_empty) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the dreams are not embedded: {:#}", server.api().system().await);
}

#[tokio::test]
async fn a_server_does_not_load_a_damaged_encoder() {
    let _turn = turn::together().await;
    for id in [ONNX_MODEL, SAFETENSORS_MODEL] {
        let environment = with(id);
        for (what, damage) in DAMAGES {
            eprintln!("{id}: {what}");
            let state = StateDirectory::with_encoders();
            damage(&state.own_copy(id));
            refused_by(&Launch { environment: &environment, ..Launch::default() }, &state, id).await;
        }
        let state = StateDirectory::with_encoders();
        state.own_copy(id);
        DAMAGES[1].1(&state.artefact(id).join("model/tokenizer.json"));
        refused_by(&Launch { environment: &environment, ..Launch::default() }, &state, id).await;
    }
}

#[tokio::test]
async fn a_sealed_server_says_what_its_embedding_model_lacks() {
    let _turn = turn::together().await;
    let state = StateDirectory::with_encoders();
    std::fs::remove_dir_all(state.artefact(ONNX_RUNTIME)).expect("removed");
    for (model, named) in [(ONNX_MODEL, ONNX_RUNTIME), ("no-such-model", "no-such-model"), ("whisper-base", "whisper-base")] {
        refused_by(&Launch { environment: &with(model), ..Launch::default() }, &state, named).await;
    }
}
