//! How a command reaches the appliance: the server that runs on this state directory, or one started for the command.
//!
//! Both are spoken to over the Unix socket in the state directory, so there is one way of a request.

use std::path::Path;

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;

use crate::{
    app::{App, Listen},
    config::Config,
    http::listeners::connect_unix,
    models::for_stderr,
};

/// A connection to the appliance.
pub struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Present when this command started the engines itself.
    own: Option<App>,
}

/// A body to send and what it is.
pub struct Content {
    pub media_type: &'static str,
    pub bytes: Bytes,
}

impl Content {
    pub fn json(value: &serde_json::Value) -> Self {
        Self { media_type: "application/json", bytes: Bytes::from(value.to_string()) }
    }
}

impl Client {
    /// Connects to the running server, or starts the engines for this command alone.
    pub async fn connect(config: Config) -> anyhow::Result<Self> {
        let (directory, name) = config.server.socket();
        if let Some(sender) = handshake(directory, name).await? {
            return Ok(Self { sender, own: None });
        }
        let directory = directory.to_owned();
        let own = App::start(config, Listen::SocketOnly, for_stderr()).await?;
        if !own.ready().await {
            own.stop().await?;
            bail!("the engines did not start");
        }
        let sender = handshake(&directory, name).await?.context("the engines started, but their socket does not answer")?;
        Ok(Self { sender, own: Some(own) })
    }

    /// Connects to the running server; `None` when there is none.
    pub async fn running(config: &Config) -> anyhow::Result<Option<Self>> {
        let (directory, name) = config.server.socket();
        Ok(handshake(directory, name).await?.map(|sender| Self { sender, own: None }))
    }

    /// Sends a request and reads the whole answer. A problem document becomes an error with its own words.
    pub async fn call(&mut self, method: Method, path: &str, content: Option<Content>) -> anyhow::Result<serde_json::Value> {
        let response = self.send(method, path, content).await?;
        let status = response.status();
        let body = response.into_body().collect().await.context("the server broke off its answer")?.to_bytes();
        // What was done and has nothing to tell is answered without a body.
        let value = if body.is_empty() {
            serde_json::Value::Null
        } else {
            serde_json::from_slice(&body).context("the server's answer is not JSON")?
        };
        if status.is_success() { Ok(value) } else { bail!(problem_text(status, &value)) }
    }

    async fn send(&mut self, method: Method, path: &str, content: Option<Content>) -> anyhow::Result<hyper::Response<Incoming>> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        if let Some(content) = &content {
            request = request.header(header::CONTENT_TYPE, content.media_type);
        }
        let body = Full::new(content.map(|content| content.bytes).unwrap_or_default());
        self.sender.ready().await.context("the server closed the connection")?;
        self.sender.send_request(request.body(body)?).await.context("the server does not answer")
    }

    /// Stops what was started for this command.
    pub async fn close(self) -> anyhow::Result<()> {
        match self.own {
            Some(app) => app.stop().await,
            None => Ok(()),
        }
    }
}

/// A connection to the server's socket; `None` when nobody listens there.
pub async fn handshake(directory: &Path, name: &str) -> anyhow::Result<Option<http1::SendRequest<Full<Bytes>>>> {
    let Some(stream) = connect_unix(directory, name).await? else { return Ok(None) };
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.context("the server's socket does not speak HTTP")?;
    tokio::spawn(connection);
    Ok(Some(sender))
}

/// What a problem document says, for a terminal.
fn problem_text(status: StatusCode, problem: &serde_json::Value) -> String {
    let text = |name: &str| problem.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let fields: Vec<String> = problem
        .get("errors")
        .and_then(|errors| errors.as_array())
        .into_iter()
        .flatten()
        .filter_map(|error| Some(format!("{}: {}", error.get("field")?.as_str()?, error.get("message")?.as_str()?)))
        .collect();
    match (fields.is_empty(), text("detail")) {
        (false, _) => fields.join("; "),
        (true, detail) if !detail.is_empty() => detail,
        _ => format!("the server answered {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_fields() {
        let problem = serde_json::json!({"detail": "bad", "errors": [{"field": "text", "message": "is too short"}]});
        assert_eq!(problem_text(StatusCode::UNPROCESSABLE_ENTITY, &problem), "text: is too short");
        assert_eq!(problem_text(StatusCode::BAD_GATEWAY, &serde_json::json!({})), "the server answered 502 Bad Gateway");
    }
}
