//! Servers that a load is put on: ours through its Unix socket, or any at an address.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use serde_json::Value;

use crate::{
    cli::client::handshake,
    egress::{Content, Download, Egress, EgressError, EgressPolicy, LogSink, Purpose},
    engine::wire::EngineKind,
    features::system::SystemReport,
};

/// The largest answer that is read whole.
const WHOLE_ANSWER: usize = 32 << 20;

/// Where a server is.
#[derive(Clone)]
pub enum Target {
    Socket { directory: PathBuf, name: &'static str },
    Address { egress: Arc<Egress>, base: String, key: Option<String> },
}

/// One client's way to a server; on a socket it is kept from request to request.
pub enum Connection {
    Socket(http1::SendRequest<Full<Bytes>>),
    Address { egress: Arc<Egress>, base: String, key: Option<String> },
}

/// Our own server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the server answered {path} with {status}: {said}")]
struct Refusal {
    path: String,
    status: u16,
    said: String,
}

/// The status that a server refused a request with, if that is what went wrong.
pub fn refusal(error: &anyhow::Error) -> Option<u16> {
    refused(error).map(|(status, _)| status)
}

/// The status, and what was said about it.
fn refused(error: &anyhow::Error) -> Option<(u16, &str)> {
    error.chain().find_map(|cause| {
        let ours = cause.downcast_ref().map(|Refusal { status, said, .. }| (*status, said.as_str()));
        ours.or_else(|| match cause.downcast_ref()? {
            EgressError::Status { status, .. } => Some((*status, "")),
            EgressError::Declined { status, said, .. } => Some((*status, said)),
            _ => None,
        })
    })
}

/// The server has no such path. One that has it and does not know the model, or cannot use it for that, was asked wrongly.
pub fn is_not_offered(error: &anyhow::Error) -> bool {
    match refused(error) {
        Some((405 | 501, _)) => true,
        // OpenAI's code `model_not_found`; vLLM and Ollama say "model" in words only.
        Some((404, said)) => !said.to_lowercase().contains("model"),
        _ => false,
    }
}

/// An answer that is being received.
pub enum Answer {
    Socket(Incoming),
    Address(Box<Download>),
}

impl Target {
    /// A server at an address that the operator named. `sealed`: nothing may leave, so nothing will.
    pub fn at(url: &str, key: Option<String>, sealed: bool) -> anyhow::Result<Self> {
        let base = url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        let policy = EgressPolicy::default().sealed(sealed).allow(Purpose::Benchmark, &base)?;
        Ok(Self::Address { egress: Arc::new(Egress::new(policy, Arc::new(LogSink))), base, key })
    }

    pub async fn connect(&self) -> anyhow::Result<Connection> {
        match self {
            Self::Socket { directory, name } => {
                let sender = handshake(directory, name).await?;
                Ok(Connection::Socket(sender.context("the server is gone")?))
            }
            Self::Address { egress, base, key } => {
                Ok(Connection::Address { egress: Arc::clone(egress), base: base.clone(), key: key.clone() })
            }
        }
    }

    /// The model of a server at an address that is meant where none was named. `option`: how one is named.
    pub async fn model_for(&self, kind: EngineKind, option: &str) -> anyhow::Result<String> {
        if let Some(model) = self.serves(kind).await {
            return Ok(model);
        }
        let models = self.models().await?;
        match &models[..] {
            [] => bail!("the server lists no model at /v1/models: name the model that is to be measured ({option})"),
            [first, ..] if kind == EngineKind::Llm => Ok(first.clone()),
            [only] => Ok(only.clone()),
            // A list does not say which model does what, and the chat model would be refused for anything else.
            several => bail!("the server lists {} models at /v1/models: name the one that is to be measured ({option})", several.len()),
        }
    }

    async fn models(&self) -> anyhow::Result<Vec<String>> {
        let list: Value = serde_json::from_slice(&self.connect().await?.get("/v1/models").await?)
            .context("the list of models at /v1/models is not JSON: is this an OpenAI-compatible server?")?;
        let models =
            list["data"].as_array().context("the answer of /v1/models is no list of models: is this an OpenAI-compatible server?")?;
        Ok(models.iter().filter_map(|model| model["id"].as_str().map(str::to_owned)).collect())
    }

    /// Requests that it works on at the same time, as llama-server tells it. `None` of any other server.
    pub async fn slots(&self) -> Option<u64> {
        let answer = self.connect().await.ok()?.get("/props").await.ok()?;
        serde_json::from_slice::<Value>(&answer).ok()?["total_slots"].as_u64()
    }

    /// The model that a server like ours has for a task. `None` of any other server.
    async fn serves(&self, kind: EngineKind) -> Option<String> {
        let answer = self.connect().await.ok()?.get("/api/v1/system").await.ok()?;
        let report: SystemReport = serde_json::from_slice(&answer).ok()?;
        report.snapshot.engines.into_iter().find(|engine| engine.kind == kind).map(|engine| engine.model)
    }
}

impl Connection {
    /// Sends JSON and returns when the head of a good answer is there.
    pub async fn post(&mut self, path: &str, json: &Bytes) -> anyhow::Result<Answer> {
        self.send(path, "application/json", json).await
    }

    /// As [`Self::post`], of any kind of content.
    pub async fn send(&mut self, path: &str, media_type: &str, bytes: &Bytes) -> anyhow::Result<Answer> {
        match self {
            Self::Socket(sender) => {
                let request = local(Method::POST, path).header(header::CONTENT_TYPE, media_type).body(Full::new(bytes.clone()))?;
                answer_of(sender, path, request).await
            }
            Self::Address { egress, base, key } => {
                let content = Content { media_type: media_type.into(), bytes: bytes.to_vec() };
                Ok(Answer::Address(Box::new(egress.post(Purpose::Benchmark, &format!("{base}{path}"), key.as_deref(), content).await?)))
            }
        }
    }

    /// Asks and reads the whole answer.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Vec<u8>> {
        let answer = match self {
            Self::Socket(sender) => answer_of(sender, path, local(Method::GET, path).body(Full::default())?).await?,
            Self::Address { egress, base, key } => {
                Answer::Address(Box::new(egress.ask(Purpose::Benchmark, &format!("{base}{path}"), key.as_deref()).await?))
            }
        };
        answer.whole().await
    }

    /// Any request to our own server.
    pub async fn request(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let Self::Socket(sender) = self else { bail!("only the server of this state directory is asked for that") };
        let path = request.uri().path().to_owned();
        answer_of(sender, &path, request).await
    }
}

/// The beginning of a request to our own server.
pub fn local(method: Method, path: &str) -> hyper::http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, "localhost")
}

async fn answer_of(sender: &mut http1::SendRequest<Full<Bytes>>, path: &str, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
    sender.ready().await.context("the server closed the connection")?;
    let response = sender.send_request(request).await.context("the server does not answer")?;
    let status = response.status();
    if status.is_success() {
        return Ok(Answer::Socket(response.into_body()));
    }
    let body = Answer::Socket(response.into_body()).whole().await.unwrap_or_default();
    let said = String::from_utf8_lossy(&body).chars().take(500).collect();
    Err(Refusal { path: path.into(), status: status.as_u16(), said }.into())
}

impl Answer {
    /// The next piece; `None` at the end.
    pub async fn chunk(&mut self) -> anyhow::Result<Option<Bytes>> {
        match self {
            Self::Socket(body) => loop {
                let Some(frame) = body.frame().await else { return Ok(None) };
                if let Ok(bytes) = frame.context("the server broke off its answer")?.into_data() {
                    return Ok(Some(bytes));
                }
            },
            Self::Address(download) => Ok(download.chunk().await?.map(|chunk| Bytes::copy_from_slice(chunk.as_ref()))),
        }
    }

    pub async fn whole(mut self) -> anyhow::Result<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            whole.extend_from_slice(&chunk);
            if whole.len() > WHOLE_ANSWER {
                bail!("the answer is longer than {} MiB", WHOLE_ANSWER >> 20);
            }
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_there_is_told_from_a_model_that_is_not_there() {
        let refused = |status, said: &str| {
            let declined = EgressError::Declined { destination: "http://there:1".into(), status, said: said.into() };
            let refusal = Refusal { path: "/v1/embeddings".into(), status, said: said.into() };
            let both = [anyhow::Error::from(declined), refusal.into()].map(|error| is_not_offered(&error.context("it makes no vectors")));
            assert_eq!(both[0], both[1]);
            both[0]
        };
        assert!(refused(404, "404 page not found") && refused(404, r#"{"detail":"Not Found"}"#) && refused(405, "") && refused(501, "no"));
        assert!(!refused(404, r#"{"error":{"message":"there is none","code":"model_not_found"}}"#));
        assert!(!refused(404, "The model `x` does not exist.") && !refused(400, "wrong") && !refused(500, "") && !refused(429, ""));
        assert!(!is_not_offered(&anyhow::anyhow!("the connection broke")));
    }
}
