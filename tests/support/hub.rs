//! A model hub on loopback that serves one file, well or badly.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, StatusCode, Uri, header},
};
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};

/// The file's place on the hub.
const PATH: &str = "/an-owner/a-model/resolve/0123456789abcdef0123456789abcdef01234567/a-model.gguf";

/// What the hub does wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    None,
    /// The first transfer breaks off in the middle.
    CutAtHalf,
    /// The first transfer stands still in the middle.
    StallAtHalf,
    /// One byte is another one.
    FlippedByte,
    /// Every request is sent elsewhere.
    Redirect(String),
}

struct Served {
    content: Bytes,
    fault: Fault,
    asked: Mutex<Vec<usize>>,
}

/// A catalogue's entry for an embedding model with that content, which only this hub has.
pub fn catalogue_entry(id: &str, content: &[u8]) -> String {
    let digest = Sha256::digest(content).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!(
        r#"
[[artefacts]]
id = "{id}"
kind = "embedding"
format = "gguf"
title = "An embedding model of the tests"
licence = {{ spdx = "MIT", url = "https://opensource.org/license/mit" }}
file = "{id}.gguf"
languages = ["en", "ru", "ar"]
memory_bytes = 300_000_000
context_length = 512
embedding = {{ dimensions = 384, query_prefix = "query: ", passage_prefix = "passage: " }}

[[artefacts.sources]]
from = "hub"
repository = "an-owner/a-model"
file = "a-model.gguf"
revision = "0123456789abcdef0123456789abcdef01234567"
bytes = {bytes}
sha256 = "{digest}"
"#,
        bytes = content.len()
    )
}

/// A running hub; it stops with its test's runtime.
pub struct Hub {
    /// `http://127.0.0.1:PORT`
    pub endpoint: String,
    served: Arc<Served>,
}

impl Hub {
    pub async fn start(content: Vec<u8>, fault: Fault) -> Self {
        let served = Arc::new(Served { content: content.into(), fault, asked: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("address"));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&served));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, served }
    }

    /// The file's address.
    pub fn file(&self) -> String {
        format!("{}{PATH}", self.endpoint)
    }

    /// Requests for the content so far, each by the first byte that it asked for.
    pub fn asked(&self) -> Vec<usize> {
        self.served.asked.lock().expect("no request panics").clone()
    }
}

/// The file, with ranges, as the hub answers.
async fn answer(State(served): State<Arc<Served>>, method: Method, uri: Uri, headers: HeaderMap) -> Response<Body> {
    if let Fault::Redirect(elsewhere) = &served.fault {
        return respond(StatusCode::FOUND, &[(header::LOCATION.as_str(), elsewhere.clone())], Body::empty());
    }
    if uri.path() != PATH {
        return respond(StatusCode::NOT_FOUND, &[], Body::empty());
    }
    let length = served.content.len();
    let from = range(&headers).unwrap_or(0).min(length);
    let mut about = vec![
        ("accept-ranges", "bytes".to_owned()),
        ("etag", "\"one-version-only\"".to_owned()),
        ("x-repo-commit", "0123456789abcdef0123456789abcdef01234567".to_owned()),
        ("content-length", (length - from).to_string()),
    ];
    let status = if range(&headers).is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    if status == StatusCode::PARTIAL_CONTENT {
        about.push(("content-range", format!("bytes {from}-{}/{length}", length - 1)));
    }
    if method == Method::HEAD {
        return respond(status, &about, Body::empty());
    }
    let mut asked = served.asked.lock().expect("no request panics");
    asked.push(from);
    let first = asked.len() == 1;
    drop(asked);
    respond(status, &about, body(&served, from, first))
}

fn body(served: &Served, from: usize, first: bool) -> Body {
    let length = served.content.len();
    match served.fault {
        Fault::CutAtHalf if first => {
            let half = served.content.slice(from..length / 2);
            // The pause lets what was sent arrive before the connection breaks.
            let pieces = futures_util::stream::unfold(Some(half), |left| async move {
                match left {
                    Some(mut left) if !left.is_empty() => {
                        let piece = left.split_to(left.len().min(1 << 20));
                        Some((Ok(piece), Some(left)))
                    }
                    Some(_) => {
                        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                        Some((Err(std::io::Error::other("cut")), None))
                    }
                    None => None,
                }
            });
            Body::from_stream(pieces)
        }
        Fault::StallAtHalf if first => {
            let half = futures_util::stream::iter([Ok::<_, std::io::Error>(served.content.slice(from..length / 2))]);
            Body::from_stream(half.chain(futures_util::stream::pending()))
        }
        Fault::FlippedByte => {
            let mut content = served.content.to_vec();
            content[length * 3 / 4] ^= 1;
            Bytes::from(content).slice(from..).into()
        }
        _ => served.content.slice(from..).into(),
    }
}

fn range(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.split('-').next()?.parse().ok()
}

fn respond(status: StatusCode, headers: &[(&str, String)], body: Body) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(body).expect("a response")
}
