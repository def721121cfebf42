//! One streamed chat completion as a client sees it: when each token came.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::target::Connection;

const PATH: &str = "/v1/chat/completions";

/// Every request begins with it, as an application's own prompt would.
pub fn system_prompt() -> String {
    "You are a careful dream interpreter. You read the dream, name its symbols, the dreamer's feelings and the likely meaning, and \
     you never give medical advice. "
        .repeat(6)
}

/// Not of OpenAI's protocol: the model writes on where it would end. Many servers know it, some refuse it.
pub const IGNORE_EOS: &str = "ignore_eos";

/// A greedy request for exactly `tokens` new tokens.
pub fn request(model: &str, system: &str, user: &str, tokens: u32) -> Value {
    json!({
        "model": model, "max_tokens": tokens, "temperature": 0, "stream": true, IGNORE_EOS: true,
        "stream_options": { "include_usage": true },
        "messages": [{ "role": "system", "content": system }, { "role": "user", "content": user }],
    })
}

pub fn bytes(request: &Value) -> Bytes {
    Bytes::from(request.to_string())
}

/// One request that was answered.
#[derive(Debug)]
pub struct Told {
    pub asked: Instant,
    /// When each event with text came.
    pub events: Vec<Instant>,
    /// What the server counted; else the events with text.
    pub tokens: u32,
    pub prompt_tokens: Option<u32>,
}

impl Told {
    pub fn first_token(&self) -> Option<Duration> {
        Some(self.events.first()?.duration_since(self.asked))
    }

    /// From the first token to the last.
    pub fn generating(&self) -> Option<Duration> {
        Some(self.events.last()?.duration_since(*self.events.first()?))
    }

    /// Tokens a second once the first was there. `None` for fewer than two.
    pub fn generation_speed(&self) -> Option<f64> {
        let seconds = self.generating()?.as_secs_f64();
        (seconds > 0.0 && self.tokens > 1).then(|| f64::from(self.tokens - 1) / seconds)
    }

    /// Milliseconds between events with text, of every gap that reaches into the time between two moments: the longest is
    /// often the one that lasts beyond it.
    pub fn gaps(&self, from: Instant, to: Instant) -> impl Iterator<Item = f64> {
        let pairs = self.events.windows(2).filter(move |pair| pair[1] >= from && pair[0] <= to);
        pairs.map(|pair| pair[1].duration_since(pair[0]).as_secs_f64() * 1e3)
    }
}

/// Asks and follows the answer to its end. `on_first` hears of the first token.
pub async fn ask(connection: &mut Connection, body: &Bytes, mut on_first: impl FnMut()) -> anyhow::Result<Told> {
    let asked = Instant::now();
    let mut told = Told { asked, events: Vec::new(), tokens: 0, prompt_tokens: None };
    let mut lines = Lines::default();
    let mut answer = connection.post(PATH, body).await?;
    while let Some(chunk) = answer.chunk().await? {
        let now = Instant::now();
        for event in lines.feed(&chunk)? {
            if event.holds_text() {
                told.events.push(now);
                if told.events.len() == 1 {
                    on_first();
                }
            }
            if let Some(usage) = event.usage {
                told.tokens = usage.completion_tokens;
                told.prompt_tokens = Some(usage.prompt_tokens);
            }
        }
    }
    if told.events.is_empty() {
        bail!("an answer held no token");
    }
    if told.tokens == 0 {
        told.tokens = u32::try_from(told.events.len()).unwrap_or(u32::MAX);
    }
    Ok(told)
}

/// Cuts pieces of a body into events (Server-Sent Events, WHATWG HTML 9.2; OpenAI's have one `data` line each).
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    fn feed(&mut self, chunk: &[u8]) -> anyhow::Result<Vec<Event>> {
        self.rest.extend_from_slice(chunk);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        whole.split(|byte| *byte == b'\n').filter_map(event).collect()
    }
}

fn event(line: &[u8]) -> Option<anyhow::Result<Event>> {
    let data = line.strip_prefix(b"data:")?.trim_ascii();
    if data == b"[DONE]" {
        return None;
    }
    let event = serde_json::from_slice::<Event>(data).context("an event of the answer is not what OpenAI's protocol says");
    Some(event.and_then(|event| match event.error {
        Some(error) => bail!("the server broke off with an error: {error}"),
        None => Ok(event),
    }))
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
}

/// What a model thinks before it answers is named in two ways, none of them OpenAI's: DeepSeek's and llama-server's
/// `reasoning_content`, Ollama's and vLLM's `reasoning`. Its tokens are counted and take time like any others.
#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

impl Event {
    fn holds_text(&self) -> bool {
        self.choices.iter().any(|choice| choice.delta.holds_text())
    }
}

impl Delta {
    fn holds_text(&self) -> bool {
        [&self.content, &self.reasoning_content, &self.reasoning].into_iter().flatten().any(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_whole_however_they_are_cut() {
        let body = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n\
             data: {\"choices\":[{\"delta\":{\"content\":\"sea ü\"}}]}\r\n\r\n: a comment\n\
             data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n";
        for size in [1, 3, 1000] {
            let mut lines = Lines::default();
            let events: Vec<Event> = body.as_bytes().chunks(size).flat_map(|chunk| lines.feed(chunk).unwrap()).collect();
            assert_eq!(events.iter().filter(|event| event.holds_text()).count(), 1, "pieces of {size}");
            assert!(events.len() == 3 && events[2].usage.as_ref().is_some_and(|usage| usage.prompt_tokens == 7));
        }
    }

    #[test]
    fn a_gap_counts_where_it_reaches_into_the_time_that_is_looked_at() {
        let asked = Instant::now();
        let at = |milliseconds| asked + Duration::from_millis(milliseconds);
        let told = Told { asked, events: [0, 10, 30, 90, 100].map(at).into(), tokens: 5, prompt_tokens: None };
        let gaps = |from, to| told.gaps(at(from), at(to)).map(|gap| format!("{gap:.0}")).collect::<Vec<_>>();
        assert_eq!(gaps(0, 100), ["10", "20", "60", "10"]);
        assert_eq!(gaps(40, 80), ["60"], "nothing came in all that time");
        assert_eq!(gaps(20, 50), ["20", "60"]);
        assert!(gaps(110, 120).is_empty());
    }

    #[test]
    fn an_error_in_the_stream_is_an_error() {
        let told = Lines::default().feed(b"data: {\"error\":{\"message\":\"the engine died\"}}\n\n").err();
        assert!(told.is_some_and(|error| error.to_string().contains("the engine died")));
        assert!(Lines::default().feed(b"data: {nonsense\n").is_err());
    }
}
