//! Server-sent events, read as the WHATWG specification's `EventSource` does.

use std::time::{Duration, Instant};

use reqwest::Response;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(240);

/// One event with JSON in it.
#[derive(Debug, Clone)]
pub struct Event {
    pub name: String,
    pub data: Value,
    /// When it came in.
    pub at: Instant,
}

/// A stream of events. Dropping it hangs up.
pub struct Events {
    response: Response,
    unread: Vec<u8>,
}

impl Events {
    pub fn new(response: Response) -> Self {
        Self { response, unread: Vec::new() }
    }

    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The next event; `None` when the stream has ended or broken off.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(block) = self.take_block() {
                if let Some(event) = parse(&block) {
                    return Some(event);
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("the stream goes on or ends");
            self.unread.extend_from_slice(&chunk.ok()??);
        }
    }

    /// The next event, which must bear that name.
    pub async fn expect(&mut self, name: &str) -> Event {
        let status = self.status();
        match self.next().await {
            Some(event) if event.name == name => event,
            other => panic!("instead of `{name}` came {other:?} (status {status}, unread {:?})", String::from_utf8_lossy(&self.unread)),
        }
    }

    /// Reads on to the first event of that name; `None` when the stream ends without it.
    pub async fn until(&mut self, name: &str) -> Option<Event> {
        while let Some(event) = self.next().await {
            if event.name == name {
                return Some(event);
            }
        }
        None
    }

    /// All events to the end.
    pub async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// The bytes before the next empty line, without it.
    fn take_block(&mut self) -> Option<String> {
        let (at, length) = ["\n\n", "\r\n\r\n"]
            .iter()
            .filter_map(|end| Some((self.unread.windows(end.len()).position(|window| window == end.as_bytes())?, end.len())))
            .min()?;
        let block = String::from_utf8(self.unread[..at].to_vec()).expect("events are UTF-8");
        self.unread.drain(..at + length);
        Some(block)
    }
}

/// An event of its lines; a block of comments (a heartbeat) is none.
fn parse(block: &str) -> Option<Event> {
    let mut name = "message".to_owned();
    let mut data: Vec<&str> = Vec::new();
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = value.to_owned(),
            "data" => data.push(value),
            _ => {}
        }
    }
    let data = data.join("\n");
    let value = serde_json::from_str(&data);
    match value {
        Ok(data) => Some(Event { name, data, at: Instant::now() }),
        // `done` may have nothing to say; a heartbeat has neither name nor data.
        Err(_) if data.is_empty() && name == "message" => None,
        Err(_) => Some(Event { name, data: Value::String(data), at: Instant::now() }),
    }
}
