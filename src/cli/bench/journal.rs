//! Dreams that are kept for a measurement, and how they leave again.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use http_body_util::Full;
use hyper::{Method, body::Bytes, header};
use serde_json::{Value, json};

use super::target::{self, Connection, Target};
use crate::features::lore::LensId;

/// What the bench put into the journal of the appliance and has not taken out yet.
pub struct Journal {
    target: Target,
    connection: Option<Connection>,
    ids: Vec<String>,
    /// Of the request under way. Its dream may be kept although nobody has told its id.
    sent: Option<String>,
}

/// A dream that was sent, and what came.
pub struct Reading {
    /// To the last word.
    pub taken: Duration,
    /// To the first piece of text.
    pub first_words: Option<Duration>,
    /// The reading. `None`: no answer of the model was usable.
    pub outcome: Option<Value>,
}

impl Journal {
    pub fn new(target: &Target) -> Self {
        Self { target: target.clone(), connection: None, ids: Vec::new(), sent: None }
    }

    async fn connection(&mut self) -> anyhow::Result<Connection> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.target.connect().await,
        }
    }

    /// Keeps a dream and follows the events of its reading.
    pub async fn interpret(&mut self, text: &str, lens: &LensId) -> anyhow::Result<Reading> {
        let mut connection = self.connection().await?;
        let body = Bytes::from(json!({ "text": text, "lens": lens }).to_string());
        let request = target::local(Method::POST, "/api/v1/dreams/interpret")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "text/event-stream")
            .body(Full::new(body))?;
        self.sent = Some(text.to_owned());
        let asked = Instant::now();
        let mut answer = connection.request(request).await?;
        let mut reading = Reading { taken: Duration::ZERO, first_words: None, outcome: None };
        let mut events = Events::default();
        while let Some(chunk) = answer.chunk().await? {
            for (name, data) in events.feed(&chunk)? {
                match name.as_str() {
                    "dream" => {
                        let id = data["id"].as_str().context("a kept dream has no id")?;
                        // The same dream told again is the same dream.
                        if self.ids.iter().all(|known| known != id) {
                            self.ids.push(id.to_owned());
                        }
                        self.sent = None;
                    }
                    "delta" => _ = reading.first_words.get_or_insert_with(|| asked.elapsed()),
                    "interpretation" => (reading.taken, reading.outcome) = (asked.elapsed(), Some(data)),
                    // A dream that the model made nothing usable of is an answer, too.
                    "error" if data["status"] == 200 => reading.taken = asked.elapsed(),
                    "error" => bail!("the server broke off: {}", data["detail"].as_str().unwrap_or("it did not say why")),
                    _ => {}
                }
            }
        }
        if reading.taken.is_zero() {
            bail!("the server ended its answer without a reading");
        }
        self.connection = Some(connection);
        Ok(reading)
    }

    /// Deletes what was put in.
    pub async fn clear(&mut self) -> anyhow::Result<()> {
        self.delete_all().await.context("dreams of the measurement are still in the journal: delete them there")
    }

    async fn delete_all(&mut self) -> anyhow::Result<()> {
        if self.ids.is_empty() && self.sent.is_none() {
            return Ok(());
        }
        let mut connection = self.connection().await?;
        if let Some(text) = self.sent.take() {
            let newest: Value = serde_json::from_slice(&connection.get("/api/v1/dreams?limit=100").await?)?;
            let ours = newest["dreams"].as_array().into_iter().flatten().filter(|dream| dream["text"] == text.as_str());
            self.ids.extend(ours.filter_map(|dream| dream["id"].as_str().map(str::to_owned)));
        }
        while let Some(id) = self.ids.last() {
            let request = target::local(Method::DELETE, &format!("/api/v1/dreams/{id}")).body(Full::default())?;
            match connection.request(request).await {
                Ok(answer) => _ = answer.whole().await?,
                // Gone is gone.
                Err(error) if target::refusal(&error) == Some(404) => {}
                Err(error) => return Err(error),
            }
            self.ids.pop();
        }
        self.connection = Some(connection);
        Ok(())
    }
}

/// Cuts pieces of a body into events with their names (Server-Sent Events, WHATWG HTML 9.2; ours have one `data` line each).
#[derive(Default)]
struct Events {
    rest: Vec<u8>,
}

impl Events {
    fn feed(&mut self, chunk: &[u8]) -> anyhow::Result<Vec<(String, Value)>> {
        self.rest.extend_from_slice(chunk);
        let mut events = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.rest.drain(..end + 2).collect();
            let block = std::str::from_utf8(&block).context("an event is not UTF-8")?;
            let line = |field: &str| block.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "));
            // A comment that keeps the connection open has neither.
            if let (Some(name), Some(data)) = (line("event"), line("data")) {
                events.push((name.to_owned(), serde_json::from_str(data).context("an event is not JSON")?));
            }
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_names_however_they_are_cut() {
        let body = "event: dream\ndata: {\"id\":\"x\"}\n\n: a comment\n\nevent: delta\ndata: {\"text\":\"ü\"}\n\n";
        for size in [1, 5, 1000] {
            let mut events = Events::default();
            let all: Vec<_> = body.as_bytes().chunks(size).flat_map(|chunk| events.feed(chunk).unwrap()).collect();
            assert!(all.len() == 2 && all[0].0 == "dream" && all[1].1["text"] == "ü", "pieces of {size}: {all:?}");
        }
    }
}
