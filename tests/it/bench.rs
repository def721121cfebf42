//! `oneiros bench`, as a person runs it: on real engines and a real PostgreSQL, and on servers of the tests' own.

use std::{
    collections::HashSet,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
    routing::{get, post},
};
use futures_util::stream;
use serde_json::{Value, json};

use crate::support::{
    command_line::run,
    state::{DATABASE, EMBEDDING_MODEL, ONNX_MODEL, ONNX_RUNTIME, StateDirectory},
    turn,
};

/// A server that speaks OpenAI's protocol and takes its time.
#[derive(Clone)]
pub struct Speaker {
    between_tokens: Duration,
    key: Option<&'static str>,
    /// The stream breaks off with an error instead.
    broken: bool,
    /// Refuses what is not OpenAI's.
    strict: bool,
    makes_vectors: bool,
    /// The first of them speaks and makes vectors.
    models: &'static [&'static str],
    /// How many it says that it serves at once.
    slots: u32,
    /// The field of an event that holds its text.
    field: &'static str,
    /// The requests for answers, in the order in which they came.
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Speaker {
    pub fn new(between_tokens: Duration) -> Self {
        Self {
            between_tokens,
            key: None,
            broken: false,
            strict: false,
            makes_vectors: true,
            models: &["the-speaker"],
            slots: 64,
            field: "content",
            asked: Arc::default(),
        }
    }

    /// What it was asked, in alphabetical order, and by whom.
    fn was_asked(&self) -> (Vec<String>, HashSet<String>) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut messages: Vec<String> = asked.iter().map(|asked| asked["messages"].to_string()).collect();
        messages.sort();
        (messages, asked.iter().map(|asked| asked["user"].as_str().expect("who asks").to_owned()).collect())
    }

    /// Returns its address.
    pub async fn start(&self) -> String {
        let router = Router::new()
            .route("/v1/models", get(models))
            .route("/props", get(async |State(speaker): State<Self>| Json(json!({ "total_slots": speaker.slots }))))
            .route("/v1/chat/completions", post(speak))
            .route("/v1/embeddings", post(embed))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }
}

fn is_let_in(speaker: &Speaker, headers: &HeaderMap) -> bool {
    let key = headers.get("authorization").and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
    key == speaker.key
}

async fn models(State(speaker): State<Speaker>, headers: HeaderMap) -> Response {
    if !is_let_in(&speaker, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let models: Vec<Value> = speaker.models.iter().map(|id| json!({ "id": id })).collect();
    Json(json!({ "data": models })).into_response()
}

async fn speak(State(speaker): State<Speaker>, headers: HeaderMap, Json(asked): Json<Value>) -> Response {
    if !is_let_in(&speaker, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if speaker.strict && asked.get("ignore_eos").is_some() {
        return (StatusCode::BAD_REQUEST, "Unrecognized request argument supplied: ignore_eos\n").into_response();
    }
    assert_eq!(asked["model"], "the-speaker");
    assert_eq!((&asked["stream"], &asked["temperature"]), (&json!(true), &json!(0)));
    speaker.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
    let tokens = u32::try_from(asked["max_tokens"].as_u64().unwrap()).unwrap();
    let words = asked["messages"].to_string().split_whitespace().count();
    let events = stream::unfold(0, move |number| {
        let speaker = speaker.clone();
        async move {
            let event = match number {
                _ if number < tokens => {
                    tokio::time::sleep(speaker.between_tokens).await;
                    json!({ "choices": [{ "delta": { speaker.field: "sea " } }] }).to_string()
                }
                _ if number == tokens && speaker.broken => json!({ "error": { "message": "the engine died" } }).to_string(),
                _ if number == tokens => {
                    json!({ "choices": [], "usage": { "prompt_tokens": words, "completion_tokens": tokens } }).to_string()
                }
                _ if number == tokens + 1 => "[DONE]".into(),
                _ => return None,
            };
            Some((Ok::<_, Infallible>(Event::default().data(event)), number + 1))
        }
    });
    Sse::new(events).into_response()
}

async fn embed(State(speaker): State<Speaker>, Json(asked): Json<Value>) -> Response {
    if !speaker.makes_vectors {
        return (StatusCode::NOT_IMPLEMENTED, "this server makes no vectors").into_response();
    }
    if asked["model"] != speaker.models[0] {
        let said = json!({ "error": { "message": format!("there is no {}", asked["model"]), "code": "model_not_found" } });
        return (StatusCode::NOT_FOUND, Json(said)).into_response();
    }
    tokio::time::sleep(speaker.between_tokens).await;
    let texts = asked["input"].as_array().unwrap().len();
    Json(json!({ "data": vec![json!({ "embedding": [1.0, 0.0] }); texts] })).into_response()
}

pub fn report(text: &str) -> Value {
    let report: Value = serde_json::from_str(text).expect("a report");
    assert!(report["machine"]["cpu"].as_str().is_some_and(|cpu| !cpu.is_empty()), "{report:#}");
    assert!(report["machine"]["cores"].as_u64().is_some_and(|cores| cores > 0) && report["machine"]["kernel"].is_string());
    report
}

/// A figure of a section that holds `section` in its name.
pub fn figure<'a>(report: &'a Value, section: &str, name: &str) -> &'a Value {
    let sections = report["sections"].as_array().expect("sections");
    let found = sections.iter().find(|candidate| candidate["name"].as_str().is_some_and(|name| name.contains(section)));
    let found = found.unwrap_or_else(|| panic!("no section {section} in {report:#}"));
    let figures = found["figures"].as_array().expect("figures");
    figures.iter().find(|figure| figure["name"] == name).unwrap_or_else(|| panic!("no {name} in {found:#}"))
}

pub fn median(figure: &Value) -> f64 {
    figure["median"].as_f64().unwrap_or_else(|| panic!("no median: {figure:#}"))
}

const SMALL_LOAD: [&str; 6] = ["--tokens", "8", "--clients", "1,3", "--loads", "clients,prompt"];

#[tokio::test]
async fn two_servers_are_measured_in_turns_and_the_ratio_is_what_their_speeds_say() {
    let state = StateDirectory::empty();
    let (fast, slow) = (Speaker::new(Duration::from_millis(5)), Speaker::new(Duration::from_millis(20)));
    let (ours, theirs) = (fast.start().await, slow.start().await);
    let arguments = ["bench", "llm", "--json", "--rounds", "3", "--url", &ours, "--against", &theirs];
    let report = report(run(state.path(), arguments.iter().chain(&SMALL_LOAD)).await.succeeded());
    assert_eq!(report["against"], *theirs);
    for section in ["1 clients", "3 clients"] {
        let speed = figure(&report, section, "tokens a second");
        assert_eq!(speed["rounds"].as_array().map(Vec::len), Some(3));
        assert_eq!(speed["against"]["rounds"].as_array().map(Vec::len), Some(3));
        let ratio = speed["ratio"].as_f64().unwrap();
        // 4 if sleeping were all that takes time.
        assert!((1.5..6.0).contains(&ratio), "{ratio}: {report:#}");
        let gap = figure(&report, section, "between tokens, p50");
        assert!(median(gap) >= 4.0 && gap["against"]["median"].as_f64().unwrap() >= 19.0, "{gap:#}");
    }
    assert!(median(figure(&report, "1 clients", "tokens a second")) <= 200.0);
    assert!(median(figure(&report, "long prompts", "prompt speed")) > 0.0);
    // The same for the one as for the other, nothing twice, and each client is somebody else.
    let (asked, by) = fast.was_asked();
    assert_eq!((&asked, &by), (&slow.was_asked().0, &slow.was_asked().1));
    assert_eq!(asked.iter().collect::<HashSet<_>>().len(), asked.len());
    assert_eq!(by.len(), 3, "{by:?}");

    let arguments = ["bench", "embedding", "--json", "--rounds", "1", "--sizes", "4", "--url", &ours, "--against", &theirs];
    let report = run(state.path(), arguments).await;
    let report: Value = serde_json::from_str(report.succeeded()).unwrap();
    assert!(figure(&report, "4 texts", "texts a second")["ratio"].as_f64().is_some_and(|ratio| ratio > 1.5), "{report:#}");
}

#[tokio::test]
async fn streams_beside_long_prompts_and_answers_under_a_schema_are_measured() {
    let state = StateDirectory::empty();
    let server = Speaker::new(Duration::from_millis(4)).start().await;
    let arguments = ["bench", "llm", "--json", "--rounds", "1", "--url", &server, "--streams", "3", "--loads", "beside,structured"];
    let report = report(run(state.path(), arguments).await.succeeded());
    let gap = |name: &str| median(figure(&report, "beside running streams", name));
    let (half, most) = (gap("gap between a stream's tokens, p50"), gap("longest gap"));
    assert!(half >= 3.0 && most >= half, "{report:#}");
    assert!(gap("streams that ended before the last prompt") < 0.5, "prompts of two tokens are answered while streams run: {report:#}");
    let cost = median(figure(&report, "under a schema", "schema against free text"));
    assert!((0.6..1.7).contains(&cost), "the speaker is as quick under a schema: {cost}");
    let tokens = median(figure(&report, "under a schema", "tokens of an answer under the schema"));
    assert!((tokens - 200.0).abs() < 1e-9, "the server's own count: {tokens}");
}

#[tokio::test]
async fn what_a_model_thinks_is_counted_whatever_the_field_is_called_and_a_second_run_asks_other_things() {
    let state = StateDirectory::empty();
    let mut asked = HashSet::new();
    for field in ["reasoning", "reasoning_content"] {
        let thinker = Speaker { field, ..Speaker::new(Duration::from_millis(2)) };
        let server = thinker.start().await;
        let load = ["bench", "llm", "--json", "--rounds", "1", "--loads", "clients", "--clients", "1", "--tokens", "4", "--url", &server];
        let measured = report(run(state.path(), load).await.succeeded());
        assert!(median(figure(&measured, "1 clients", "between tokens, p50")) >= 1.5, "{field}: {measured:#}");
        assert!(thinker.was_asked().0.into_iter().all(|request| asked.insert(request)), "a cache would know it: {asked:#?}");
        // Runs differ by the second of their beginning.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
}

#[tokio::test]
async fn a_long_prompt_beside_streams_is_held_against_an_idle_server_and_a_want_of_slots_is_told() {
    let state = StateDirectory::empty();
    let speaker = Speaker::new(Duration::from_millis(4));
    let load = ["bench", "llm", "--json", "--rounds", "1", "--loads", "beside"];
    for (slots, is_told) in [(8, true), (9, false)] {
        let server = Speaker { slots, ..speaker.clone() }.start().await;
        let measured = report(run(state.path(), load.iter().chain(&["--url", &server])).await.succeeded());
        let about = &measured["sections"][0]["about"];
        assert_eq!(about["running streams"], 8);
        assert_eq!(about["slots"].as_str().is_some_and(|said| said.starts_with("8") && said.contains("waits")), is_told, "{about:#}");
        let slowed = median(figure(&measured, "beside running streams", "time per prompt token against an idle server"));
        assert!((0.05..20.0).contains(&slowed), "the speaker is as quick for nine as for one: {slowed}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_measured_is_named_with_the_reason() {
    let state = StateDirectory::empty();
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let speaker = Speaker::new(Duration::from_millis(1));
    let there = speaker.start().await;
    let load = ["bench", "llm", "--rounds", "1", "--loads", "clients", "--clients", "1", "--tokens", "4"];
    let measure = async |more: &[&str]| run(state.path(), load.iter().chain(more)).await;
    measure(&["--url", &there, "--against", &nobody]).await.refused(&nobody);
    measure(&["--url", &nobody]).await.refused(&nobody);
    measure(&["--url", "ftp://example.org"]).await.refused("only http and https");
    measure(&["--url", &there, "--against", &there, "--sealed"]).await.refused("sealed");
    measure(&["--url", &there, "--against", &there, "--against-key-file", "/nonexistent"]).await.refused("/nonexistent");
    let guarded = Speaker { key: Some("a-secret"), ..Speaker::new(Duration::from_millis(1)) }.start().await;
    measure(&["--url", &there, "--against", &guarded]).await.refused("401");
    let broken = Speaker { broken: true, ..Speaker::new(Duration::from_millis(1)) }.start().await;
    measure(&["--url", &there, "--against", &broken]).await.refused("the engine died");
    run(state.path(), ["bench", "search", "--against", &there]).await.refused("llm, embedding and asr only");
    run(state.path(), ["bench", "llm", "--rounds", "0"]).await.refused("rounds");
    run(state.path(), ["bench", "llm", "--clients", "0"]).await.refused("clients");
    run(state.path(), ["bench", "llm", "--clients", "65"]).await.refused("72 places");
    run(state.path(), ["bench", "llm", "--streams", "64"]).await.refused("streams go from 1 to 63");
    run(state.path(), ["bench", "embedding", "--clients", "65"]).await.refused("72 places");
    run(state.path(), ["bench", "search", "--sizes", "7"]).await.refused("sizes");
    run(state.path(), ["bench", "search"]).await.refused("postgresql-18");
}

#[tokio::test]
async fn a_key_from_a_file_opens_the_other_server_and_is_not_told() {
    let state = StateDirectory::empty();
    let guarded = Speaker { key: Some("a-secret"), ..Speaker::new(Duration::from_millis(1)) }.start().await;
    let open = Speaker::new(Duration::from_millis(1)).start().await;
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "a-secret\n").unwrap();
    std::fs::set_permissions(key.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let path = key.path().to_str().unwrap();
    let load = ["bench", "llm", "--rounds", "1", "--loads", "clients", "--clients", "2", "--tokens", "4"];
    // Its list of models is guarded, too.
    let peers = ["--url", &open, "--against", &guarded, "--against-key-file", path];
    let ended = run(state.path(), load.iter().chain(&peers)).await;
    assert!(ended.succeeded().contains('×') && ended.stdout.contains("tokens a second"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("a-secret") && !ended.stderr.contains("a-secret"));
}

#[tokio::test]
async fn what_the_other_server_does_not_offer_is_told_and_ends_nothing() {
    let state = StateDirectory::empty();
    let ours = Speaker::new(Duration::from_millis(1)).start().await;
    let theirs = Speaker { makes_vectors: false, ..Speaker::new(Duration::from_millis(1)) }.start().await;
    let load = ["bench", "embedding", "--json", "--rounds", "1", "--sizes", "4", "--url", &ours];
    let measured = report(run(state.path(), load.iter().chain(&["--against", &theirs])).await.succeeded());
    let about = &measured["sections"][0]["about"];
    assert!(about["the other server"].as_str().is_some_and(|said| said.contains("not offered") && said.contains("501")), "{about:#}");
    let speed = figure(&measured, "4 texts", "texts a second");
    assert!(median(speed) > 0.0 && speed.get("ratio").is_none(), "{speed:#}");
    // Ours must do what it is measured by.
    let turned = ["bench", "embedding", "--rounds", "1", "--url", &theirs, "--against", &ours];
    run(state.path(), turned).await.refused("makes no vectors");
}

#[tokio::test]
async fn a_chat_model_is_not_asked_for_vectors_and_a_wrong_name_is_no_lack_of_the_server() {
    let state = StateDirectory::empty();
    let ours = Speaker::new(Duration::from_millis(1)).start().await;
    let theirs = Speaker { models: &["the-embedder", "the-speaker"], ..Speaker::new(Duration::from_millis(1)) }.start().await;
    let load = ["bench", "embedding", "--json", "--rounds", "1", "--sizes", "4", "--url", &ours, "--against", &theirs];
    let measure = async |more: &[&str]| run(state.path(), load.iter().chain(more)).await;
    measure(&[]).await.refused("--against-embedding-model");
    measure(&["--against-model", "the-speaker"]).await.refused("--against-embedding-model");
    measure(&["--against-embedding-model", "nobodys-model"]).await.refused("nobodys-model");
    let measured = measure(&["--against-embedding-model", "the-embedder"]).await;
    let measured = report(measured.succeeded());
    assert!(figure(&measured, "4 texts", "texts a second")["ratio"].is_number(), "{measured:#}");
    let turned = ["bench", "embedding", "--rounds", "1", "--url", &theirs];
    run(state.path(), turned).await.refused("oneiros bench embedding MODEL");
}

#[tokio::test]
async fn a_server_that_refuses_what_is_not_openais_can_be_measured_without_it() {
    let state = StateDirectory::empty();
    let strict = Speaker { strict: true, ..Speaker::new(Duration::from_millis(1)) }.start().await;
    let load = ["bench", "llm", "--json", "--rounds", "1", "--clients", "1", "--tokens", "4", "--streams", "1", "--url", &strict];
    let refused = run(state.path(), load).await;
    refused.refused("--ignore-eos false");
    assert!(refused.stderr.contains("Unrecognized request argument") && refused.stdout.is_empty(), "{}", refused.stderr);
    let measured = report(run(state.path(), load.iter().chain(&["--ignore-eos", "false"])).await.succeeded());
    assert!(median(figure(&measured, "1 clients", "tokens a second")) > 0.0);
}

#[tokio::test]
async fn a_server_that_is_none_of_openais_kind_is_told_apart() {
    let state = StateDirectory::empty();
    let serve = async |answer: &'static str| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(async move || answer)).await });
        format!("http://{address}")
    };
    for answer in ["<html>welcome</html>", "{\"hello\": \"world\"}"] {
        let page = serve(answer).await;
        run(state.path(), ["bench", "llm", "--rounds", "1", "--url", &page]).await.refused("OpenAI-compatible");
        run(state.path(), ["bench", "--rounds", "1", "--against", &page]).await.refused("OpenAI-compatible");
    }
    let empty = serve("{\"data\": []}").await;
    run(state.path(), ["bench", "llm", "--rounds", "1", "--url", &empty]).await.refused("lists no model");
}

#[tokio::test]
async fn a_search_in_few_vectors_finds_everything_and_tells_of_every_scope() {
    let _turn = turn::together().await;
    let state = StateDirectory::with(&[EMBEDDING_MODEL, ONNX_MODEL, ONNX_RUNTIME, DATABASE]);
    let small = ["--sizes", "200,6000", "--real", "40", "--queries", "5", "--rounds", "2", "--model", ONNX_MODEL, "--json"];
    let report = report(run(state.path(), ["bench", "search"].iter().chain(&small)).await.succeeded());
    for scope in ["in 200 vectors of everyone", "in 200 vectors, those of the owner of 50 %", "in 6000 vectors, those of the owner of 5 %"]
    {
        assert!((median(figure(&report, scope, "recall@10")) - 1.0).abs() < 1e-9, "{scope} is searched exactly: {report:#}");
        let (half, most) = (median(figure(&report, scope, "latency, p50")), median(figure(&report, scope, "latency, p95")));
        assert!(half > 0.0 && most >= half, "{scope}: {half} ms, {most} ms");
    }
    let recall = median(figure(&report, "in 6000 vectors of everyone", "recall@10"));
    assert!((0.8..=1.0).contains(&recall), "by the index: {recall}");
    assert!(median(figure(&report, "index of 6000", "size")) > 0.5);
    assert!(median(figure(&report, "index of 6000", "size, owner by owner")) > 0.5);
}

#[tokio::test]
async fn an_embedding_model_is_measured_by_itself_and_the_memory_of_a_server_by_process() {
    let _turn = turn::together().await;
    let state = StateDirectory::with_models();
    let arguments = ["bench", "embedding", "--sizes", "1,3", "--rounds", "2", "--json", "--profile", "starter"];
    let measured = report(run(state.path(), arguments).await.succeeded());
    assert_eq!(figure(&measured, "3 texts", "texts a second")["rounds"].as_array().map(Vec::len), Some(2));
    assert!(
        measured["sections"][0]["about"]["dimensions"] == 384 && measured["sections"][0]["about"]["tokens in a text"].as_u64() > Some(20)
    );

    let measured = report(run(state.path(), ["bench", "memory", "--json", "--profile", "starter"]).await.succeeded());
    assert!(median(figure(&measured, "server", "in RAM (RSS)")) > 5.0);
    assert!(median(figure(&measured, &format!("engine of {EMBEDDING_MODEL}"), "in RAM (RSS)")) > 20.0);
    assert!(median(figure(&measured, "PostgreSQL", "share of RAM (PSS)")) > 5.0 && median(figure(&measured, "executable", "size")) > 10.0);
}
