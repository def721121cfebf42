//! Pulling and removing models while the server runs, from a hub that behaves and one that does not.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{
    api::Api,
    hub::{Fault, Hub, catalogue_entry},
    server::{Launch, Server},
    state::{ARTEFACTS, EMBEDDING_MODEL, ENGLISH_MODEL, StateDirectory, largest_file, pulled},
    turn,
};

const ID: &str = "test-embedding";
const SOON: Duration = Duration::from_secs(60);

fn content() -> Vec<u8> {
    fs::read(largest_file(&pulled().join(ARTEFACTS).join(EMBEDDING_MODEL))).expect("the embedding model")
}

/// A server that may fetch from that hub, and whose catalogue has one entry more.
async fn server(hub: &Hub, content: &[u8]) -> (Arc<StateDirectory>, Server) {
    let state = StateDirectory::with_models();
    let folder = state.path().join("catalog.d");
    fs::create_dir(&folder).expect("folder");
    fs::write(folder.join("test.toml"), catalogue_entry(ID, content)).expect("entry");
    let environment = [("ONEIROS_HUB_ENDPOINT".to_owned(), hub.endpoint.clone())];
    let server = Launch { sealed: false, environment: &environment, ..Launch::default() }.start(&state).await;
    (state, server)
}

async fn model(api: &Api, id: &str) -> Value {
    let list = api.get("/api/v1/models").await.ok();
    list["models"].as_array().expect("models").iter().find(|model| model["id"] == id).unwrap_or_else(|| panic!("no {id} in {list}")).clone()
}

async fn until(api: &Api, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let model = model(api, ID).await;
        if holds(&model) {
            return model;
        }
        assert!(start.elapsed() < SOON, "{what} did not come to be: {model}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn pull(api: &Api) -> u16 {
    api.post(&format!("/api/v1/models/{ID}/pull"), "application/json", "").await.status
}

#[tokio::test]
async fn a_model_is_pulled_stopped_taken_up_and_removed() {
    let _turn = turn::together().await;
    let content = content();
    let hub = Hub::start(content.clone(), Fault::StallAtHalf).await;
    let (state, server) = server(&hub, &content).await;
    let api = server.api();
    assert_eq!(model(&api, ID).await["present"], false);

    assert_eq!(pull(&api).await, 202);
    let half = until(&api, "half of it", |model| model["pull"]["bytes_done"].as_u64().is_some_and(|done| done > 1 << 20)).await;
    assert_eq!((&half["pull"]["stage"], &half["pull"]["bytes_total"]), (&"downloading".into(), &(content.len() as u64).into()));
    assert_eq!(pull(&api).await, 202, "asked again while it goes on");
    assert_eq!(hub.asked(), [0], "nothing new was begun");
    let early = api.delete(&format!("/api/v1/models/{ID}")).await;
    assert_eq!(early.status, 409, "{}", early.text());

    assert_eq!(api.delete(&format!("/api/v1/models/{ID}/pull")).await.status, 204);
    assert_eq!(model(&api, ID).await["pull"], Value::Null);
    assert_eq!(pull(&api).await, 202);
    let here = until(&api, "the model", |model| model["present"] == true).await;
    assert!(here["source"].as_str().is_some_and(|source| source.contains("a-model.gguf")) && here["in_use"] == false, "{here}");
    assert!(hub.asked()[1] > 1 << 20, "what had come was kept: {:?}", hub.asked());

    let log = api.system().await["egress_log"].clone();
    let first = &log[0];
    assert_eq!((&first["destination"], &first["purpose"]), (&hub.endpoint.as_str().into(), &"models".into()), "{log}");

    assert_eq!(api.delete(&format!("/api/v1/models/{ID}")).await.status, 204);
    assert!(!state.artefact(ID).exists());
    assert_eq!(api.delete(&format!("/api/v1/models/{ID}")).await.status, 404);
    let used = api.delete(&format!("/api/v1/models/{ENGLISH_MODEL}")).await;
    assert_eq!(used.status, 409, "{}", used.text());
    assert!(api.is_ready().await);
}

#[tokio::test]
async fn a_failed_pull_stays_visible_until_it_is_dismissed() {
    let _turn = turn::together().await;
    let content = content();
    let hub = Hub::start(content.clone(), Fault::FlippedByte).await;
    let (state, server) = server(&hub, &content).await;
    let api = server.api();
    assert_eq!(pull(&api).await, 202);
    let failed = until(&api, "the failure", |model| model["pull"]["stage"] == "failed").await;
    assert!(failed["pull"]["detail"].as_str().is_some_and(|detail| detail.contains("checksum")), "{failed}");
    assert!(!state.artefact(ID).exists());
    assert_eq!(api.system().await["pulls"], serde_json::json!([]));
    assert_eq!(api.delete(&format!("/api/v1/models/{ID}/pull")).await.status, 204);
    assert_eq!(model(&api, ID).await["pull"], Value::Null);
}
