//! For tests: parse jobs in this process, and a hub on the loopback that behaves as it is told.

use std::{
    os::fd::OwnedFd,
    sync::{Arc, Mutex},
};

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::ParseJobs;
use crate::engine::{
    EngineError,
    child::parse::parse,
    parse::{ParseOutcome, ParseRequest},
};

/// The parse child's own work, without the child around it.
pub struct InProcess;

impl ParseJobs for InProcess {
    fn run(&self, request: ParseRequest, descriptors: Vec<OwnedFd>) -> BoxFuture<'_, Result<ParseOutcome, EngineError>> {
        Box::pin(async move { parse(request, descriptors) })
    }
}

/// What was asked of the hub.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    /// First byte of a `Range`.
    pub from: u64,
}

/// What it answers.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The connection breaks after this many bytes of body.
    pub cut_after: Option<usize>,
}

impl Answer {
    /// A file, from the byte that was asked for.
    pub fn file(asked: &Asked, whole: &[u8]) -> Self {
        let from = usize::try_from(asked.from).unwrap().min(whole.len());
        let range = format!("bytes {from}-{}/{}", whole.len().saturating_sub(1), whole.len());
        let partial = vec![("content-range".to_owned(), range)];
        Self { status: if from == 0 { 200 } else { 206 }, headers: partial, body: whole[from..].to_vec(), cut_after: None }
    }

    pub fn redirect(to: &str) -> Self {
        Self { status: 302, headers: vec![("location".into(), to.into())], ..Self::default() }
    }
}

/// A hub on 127.0.0.1.
pub struct Hub {
    pub endpoint: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Hub {
    pub async fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move {
                    let _ = serve(stream, &log, &*answer).await;
                });
            }
        });
        Self { endpoint, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, log: &Mutex<Vec<Asked>>, answer: &(dyn Fn(&Asked) -> Answer + Send + Sync)) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut first = head.split_whitespace();
    let method = first.next().unwrap_or_default().to_owned();
    let path = first.next().unwrap_or_default().to_owned();
    let range =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(|range| range.trim_end_matches('-').to_owned()));
    let asked = Asked { method, path, from: range.and_then(|range| range.parse().ok()).unwrap_or(0) };
    log.lock().unwrap().push(asked.clone());
    let answer = answer(&asked);
    let mut text = format!("HTTP/1.1 {} x\r\nconnection: close\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    if asked.method != "HEAD" {
        let end = answer.cut_after.unwrap_or(answer.body.len());
        stream.write_all(&answer.body[..end]).await?;
    }
    stream.flush().await
}
