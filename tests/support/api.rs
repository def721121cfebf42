//! The API as a client sees it.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

use super::events::{Event, Events};

pub const DREAMS: &str = "/api/v1/dreams";
pub const INTERPRET: &str = "/api/v1/dreams/interpret";
pub const TRANSCRIPTIONS: &str = "/api/v1/speech/transcriptions";
const PATIENCE: Duration = Duration::from_secs(240);
const BOUNDARY: &str = "a-boundary-that-no-recording-holds";

/// A client of one server.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base: String,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// A model's process as `/api/v1/system` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// `llm`, `embedding` or `asr`.
    pub kind: String,
    pub model: String,
    /// `None` while it is being started again.
    pub pid: Option<i32>,
}

/// The server closes what idles for ten seconds; a request that comes at that very moment would get no answer.
const KEPT: Duration = Duration::from_secs(5);

impl Api {
    pub fn new(base: &str) -> Self {
        let client = Client::builder().no_proxy().timeout(PATIENCE).pool_idle_timeout(KEPT).build().expect("an HTTP client");
        Self { client, base: base.to_owned() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(self.url(path))).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.client.delete(self.url(path))).await
    }

    pub async fn post(&self, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.client.post(self.url(path)).header("content-type", content_type).body(body)).await
    }

    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, "application/json", body.to_string()).await
    }

    /// An answer, or why there was none.
    pub async fn try_get(&self, path: &str) -> Result<Answer, reqwest::Error> {
        read(self.client.get(self.url(path)).timeout(Duration::from_secs(10))).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        read(request).await.expect("the server answers")
    }

    pub async fn is_ready(&self) -> bool {
        self.try_get("/readyz").await.is_ok_and(|answer| answer.status == 200)
    }

    /// Posts a recording as the form of a web page does.
    pub async fn transcribe(&self, name: &str, recording: &[u8]) -> Answer {
        let mut body = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\ncontent-type: audio/wav\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(recording);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        self.post(TRANSCRIPTIONS, &format!("multipart/form-data; boundary={BOUNDARY}"), body).await
    }

    /// Starts reading a kept dream again.
    pub async fn stream_again(&self, id: &str) -> Events {
        let request = self.client.post(self.url(&format!("{DREAMS}/{id}/interpret"))).header("accept", "text/event-stream");
        Events::new(request.json(&json!({})).send().await.expect("the server answers"))
    }

    /// Posts a recording as the body itself. The language is given.
    pub async fn hear(&self, recording: impl Into<reqwest::Body>) -> Answer {
        self.post(&format!("{TRANSCRIPTIONS}?language=en"), "application/octet-stream", recording).await
    }

    /// The same as a stream of events.
    pub async fn hear_as_events(&self, recording: impl Into<reqwest::Body>) -> Events {
        let request = self.client.post(self.url(&format!("{TRANSCRIPTIONS}?language=en"))).header("accept", "text/event-stream");
        Events::new(request.header("content-type", "audio/webm").body(recording).send().await.expect("the server answers"))
    }

    /// Starts an interpretation as a stream of events.
    pub async fn stream(&self, body: &Value) -> Events {
        self.try_stream(body).await.expect("the server answers")
    }

    /// As [`Self::stream`], for a server that may be dying.
    pub async fn try_stream(&self, body: &Value) -> Result<Events, reqwest::Error> {
        let request = self.client.post(self.url(INTERPRET)).header("accept", "text/event-stream").json(body);
        Ok(Events::new(request.send().await?))
    }

    /// Keeps a dream with its vector and returns its `dream` and `similar` events: the reading is called off by
    /// hanging up.
    pub async fn keep(&self, text: &str) -> (Value, Value) {
        let mut events = self.stream(&json!({ "text": text })).await;
        let dream = events.expect("dream").await.data;
        let similar = events.expect("similar").await.data;
        (dream, similar)
    }

    pub async fn system(&self) -> Value {
        self.get("/api/v1/system").await.ok()
    }

    pub async fn engines(&self) -> Vec<Engine> {
        engines_of(&self.system().await)
    }

    /// The engine that runs a model.
    pub async fn engine(&self, model: &str) -> Engine {
        let engines = self.engines().await;
        engines.iter().find(|engine| engine.model == model).unwrap_or_else(|| panic!("no engine runs {model}: {engines:?}")).clone()
    }

    /// The process of the engine that runs a model.
    pub async fn engine_pid(&self, model: &str) -> i32 {
        self.engine(model).await.pid.unwrap_or_else(|| panic!("{model} has no process"))
    }
}

async fn read(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
}

/// The models' processes in an answer of `/api/v1/system`.
pub fn engines_of(system: &Value) -> Vec<Engine> {
    let engines = system["engines"].as_array().unwrap_or_else(|| panic!("no engines in {system}"));
    let text = |value: &Value, of: &Value| value.as_str().unwrap_or_else(|| panic!("not a text in {of}")).to_owned();
    engines
        .iter()
        .filter(|engine| ["llm", "embedding", "asr"].contains(&engine["kind"].as_str().unwrap_or_default()))
        .map(|engine| Engine {
            kind: text(&engine["kind"], engine),
            model: text(&engine["model"], engine),
            pid: engine["pid"].as_i64().map(|pid| i32::try_from(pid).expect("a process id")),
        })
        .collect()
}

/// A list that is the answer itself or its only member of that name.
#[track_caller]
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.as_array().or_else(|| value[name].as_array()).unwrap_or_else(|| panic!("no list of {name}: {value}"))
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.text()))
    }

    /// The JSON of an answer that must be a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text());
        self.json()
    }

    /// The problem (RFC 9457) that the answer must be.
    #[track_caller]
    pub fn problem(&self) -> Value {
        let kind = self.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(kind.starts_with("application/problem+json"), "{} as `{kind}`: {}", self.status, self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        assert!(problem["title"].is_string() || problem["detail"].is_string(), "a problem says what it is: {problem}");
        problem
    }

    /// The request's own fault, with the field's name in the answer.
    #[track_caller]
    pub fn blames(&self, field: &str) {
        assert!((400..500).contains(&self.status), "{} {}", self.status, self.text());
        let problem = self.problem().to_string();
        let named = problem.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == field);
        assert!(named, "`{field}` is not named in {problem}");
    }

    /// 503, and when to come back.
    #[track_caller]
    pub fn is_unavailable(&self) {
        assert_eq!(self.status, 503, "{}", self.text());
        self.problem();
        let after = self.headers.get("retry-after").unwrap_or_else(|| panic!("no Retry-After: {}", self.text()));
        after.to_str().ok().and_then(|text| text.parse::<u32>().ok()).unwrap_or_else(|| panic!("Retry-After: {after:?}"));
    }
}

/// The events' names in order.
pub fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}
