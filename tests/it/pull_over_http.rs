//! Pulling and removing models while the server runs, from a hub that behaves and one that does not.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

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
    assert_eq!(api.system().await["pulls"], json!([]));
    assert_eq!(api.delete(&format!("/api/v1/models/{ID}/pull")).await.status, 204);
    assert_eq!(model(&api, ID).await["pull"], Value::Null);
}

/// Makes the first admin and returns their cookie.
async fn admin(server: &Server) -> String {
    let token = fs::read_to_string(server.state.path().join("setup-token")).expect("the set-up token");
    let setup = json!({ "token": token.trim(), "name": "ada", "password": "a river under the old bridge" });
    let answer = server.api().post_json("/api/v1/setup", &setup).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    cookies.collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn what_left_and_what_was_kept_from_leaving_is_in_the_audit() {
    let _turn = turn::together().await;
    let content = content();
    // The hub sends everybody to where a cloud keeps its secrets.
    let hub = Hub::start(content.clone(), Fault::Redirect("http://169.254.169.254/latest".into())).await;
    let (_state, server) = server(&hub, &content).await;
    assert_eq!(pull(&server.api()).await, 202);
    until(&server.api(), "the failure", |model| model["pull"]["stage"] == "failed").await;
    let cookie = admin(&server).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let start = Instant::now();
    let told = loop {
        let answer = client.get(format!("{}/api/v1/audit?action=egress", server.base)).header("cookie", &cookie).send().await;
        let told: Value = answer.expect("an answer").json().await.expect("JSON");
        let entries = told["entries"].as_array().unwrap_or_else(|| panic!("{told}")).clone();
        if entries.len() >= 2 {
            break entries;
        }
        assert!(start.elapsed() < SOON, "{told}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let of = |destination: &str| {
        let found = told.iter().find(|entry| entry["detail"]["destination"].as_str().is_some_and(|to| to.starts_with(destination)));
        found.unwrap_or_else(|| panic!("nothing of {destination} in {told:?}"))["detail"].clone()
    };
    let (asked, refused) = (of(&hub.endpoint), of("http://169.254.169.254"));
    assert_eq!((&asked["purpose"], &asked["outcome"], &asked["bytes"]), (&json!("models"), &json!("redirected"), &json!(0)), "{asked}");
    assert!(refused["outcome"].as_str().is_some_and(|outcome| outcome.starts_with("refused")), "{refused}");
    assert!(told.iter().all(|entry| entry["actor"].is_null()), "{told:?}");
}
