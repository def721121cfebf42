//! `oneiros bench`, as a person runs it: on real engines and a real PostgreSQL, and on servers of the tests' own.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
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
    /// Answers begun.
    answers: Arc<AtomicU32>,
    /// The stream breaks off with an error instead.
    broken: bool,
    /// Refuses what is not OpenAI's.
    strict: bool,
    makes_vectors: bool,
}

impl Speaker {
    pub fn new(between_tokens: Duration) -> Self {
        Self { between_tokens, key: None, answers: Arc::default(), broken: false, strict: false, makes_vectors: true }
    }

    /// Returns its address.
    pub async fn start(&self) -> String {
        let router = Router::new()
            .route("/v1/models", get(models))
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
    Json(json!({ "data": [{ "id": "the-speaker" }] })).into_response()
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
    speaker.answers.fetch_add(1, Ordering::Relaxed);
    let tokens = u32::try_from(asked["max_tokens"].as_u64().unwrap()).unwrap();
    let words = asked["messages"].to_string().split_whitespace().count();
    let events = stream::unfold(0, move |number| {
        let speaker = speaker.clone();
        async move {
            let event = match number {
                _ if number < tokens => {
                    tokio::time::sleep(speaker.between_tokens).await;
                    json!({ "choices": [{ "delta": { "content": "sea " } }] }).to_string()
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
    // As many for the one as for the other.
    assert_eq!(fast.answers.load(Ordering::Relaxed), slow.answers.load(Ordering::Relaxed));

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
    for scope in ["in 200 vectors of everyone", "in 200 vectors, those of owner 1", "in 6000 vectors, those of owner 2"] {
        assert!((median(figure(&report, scope, "recall@10")) - 1.0).abs() < 1e-9, "{scope} is searched exactly: {report:#}");
        let (half, most) = (median(figure(&report, scope, "latency, p50")), median(figure(&report, scope, "latency, p95")));
        assert!(half > 0.0 && most >= half, "{scope}: {half} ms, {most} ms");
    }
    let recall = median(figure(&report, "in 6000 vectors of everyone", "recall@10"));
    assert!((0.8..=1.0).contains(&recall), "by the index: {recall}");
    assert!(median(figure(&report, "index of 6000", "size")) > 0.5);
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
