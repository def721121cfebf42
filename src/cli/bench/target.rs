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

use crate::{
    cli::client::handshake,
    egress::{Download, Egress, EgressPolicy, LogSink, Purpose},
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

    /// The id of a model that the server names for chats: the first of its list.
    pub async fn first_model(&self) -> anyhow::Result<String> {
        let list: serde_json::Value = serde_json::from_slice(&self.connect().await?.get("/v1/models").await?)
            .context("the list of models at /v1/models is not JSON: is this an OpenAI-compatible server?")?;
        let id = list["data"][0]["id"].as_str().context("the server lists no model at /v1/models: name one with --against-model")?;
        Ok(id.to_owned())
    }
}

impl Connection {
    /// Sends JSON and returns when the head of a good answer is there.
    pub async fn post(&mut self, path: &str, json: &Bytes) -> anyhow::Result<Answer> {
        match self {
            Self::Socket(sender) => {
                let request = Request::builder().method(Method::POST).uri(path).header(header::HOST, "localhost");
                let request = request.header(header::CONTENT_TYPE, "application/json").body(Full::new(json.clone()))?;
                answer_of(sender, path, request).await
            }
            Self::Address { egress, base, key } => {
                let url = format!("{base}{path}");
                Ok(Answer::Address(Box::new(egress.post(Purpose::Benchmark, &url, key.as_deref(), json.to_vec()).await?)))
            }
        }
    }

    /// Asks and reads the whole answer.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Vec<u8>> {
        let answer = match self {
            Self::Socket(sender) => {
                let request = Request::builder().uri(path).header(header::HOST, "localhost").body(Full::default())?;
                answer_of(sender, path, request).await?
            }
            Self::Address { egress, base, .. } => {
                Answer::Address(Box::new(egress.get(Purpose::Benchmark, &format!("{base}{path}"), 0).await?))
            }
        };
        answer.whole().await
    }
}

async fn answer_of(sender: &mut http1::SendRequest<Full<Bytes>>, path: &str, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
    sender.ready().await.context("the server closed the connection")?;
    let response = sender.send_request(request).await.context("the server does not answer")?;
    let status = response.status();
    if status.is_success() {
        return Ok(Answer::Socket(response.into_body()));
    }
    let body = Answer::Socket(response.into_body()).whole().await.unwrap_or_default();
    bail!("the server answered {path} with {status}: {}", String::from_utf8_lossy(&body).chars().take(500).collect::<String>())
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
