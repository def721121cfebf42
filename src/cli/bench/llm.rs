//! `oneiros bench llm`: a language model behind `/v1/chat/completions`, under the loads that servers are compared by.
//!
//! The generator shares the processors with the server, so it is one thread and reads of each event only whether it
//! holds text.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use futures_util::future::{try_join, try_join_all};
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{
    chat::{self, Told},
    progress::Progress,
    report::{Section, Whose, percentile},
    target::{Target, refusal},
    texts,
};

/// How many requests each client sends in a round.
const REQUESTS_EACH: usize = 2;
/// A round of few clients sends this many in all.
const REQUESTS_AT_LEAST: usize = 4;
/// Long prompts in one measurement of them.
const LONG_PROMPTS: u32 = 3;
/// Tokens of each stream that runs while long prompts arrive.
const STREAM_TOKENS: u32 = 256;
/// Tokens of an answer in the form of a schema, at most.
const STRUCTURED_TOKENS: u32 = 200;

#[derive(Debug, Clone, Args)]
pub struct LlmArguments {
    /// Clients at once, as N,N; each number is measured by itself
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 8, 16])]
    clients: Vec<usize>,
    /// New tokens of each answer
    #[arg(long, default_value_t = 64)]
    tokens: u32,
    /// Streams that run while long prompts arrive; the server needs one slot more
    #[arg(long, default_value_t = 7)]
    streams: usize,
    /// The loads to measure
    #[arg(long, value_delimiter = ',', default_values_t = [Load::Clients, Load::Newcomers, Load::Prompt, Load::Beside, Load::Structured])]
    loads: Vec<Load>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Load {
    /// Short prompts with a shared beginning that was read before, by number of clients
    Clients,
    /// Short prompts with a shared beginning that no cache knows yet, by number of clients
    Newcomers,
    /// Long prompts that no cache knows, one at a time
    Prompt,
    /// Long prompts that arrive while streams run
    Beside,
    /// Answers in the form of a schema against free text
    Structured,
}

impl std::fmt::Display for Load {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| formatter.write_str(value.get_name()))
    }
}

impl LlmArguments {
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.clients.iter().chain([&self.streams]).all(|clients| (1..=256).contains(clients)) && (2..=4096).contains(&self.tokens),
            "clients and streams go from 1 to 256, tokens from 2 to 4096"
        );
        Ok(())
    }
}

/// One server under load.
pub struct Peer {
    pub whose: Whose,
    pub target: Target,
    pub model: String,
}

/// Measures all servers in turns, round by round, so that they meet the same machine.
/// `ignore_eos`: answers have all the tokens asked for, by a field that is not OpenAI's.
pub async fn measure(arguments: &LlmArguments, ignore_eos: bool, peers: &[Peer], rounds: usize) -> anyhow::Result<Vec<Section>> {
    let progress = Progress::new("llm", rounds * peers.len() * arguments.loads.len());
    let bench = Bench { arguments, ignore_eos, progress, number: Cell::new(0), sections: RefCell::default() };
    for peer in peers {
        // Loads what is loaded at the first request, and fills the cache with the shared beginning.
        bench.progress.begin(&format!("{}, {}, warming up", peer.whose, peer.model));
        bench.crowd(peer, 1, 1, &chat::system_prompt()).await.map_err(|error| bench.explained(error, peer))?;
    }
    for round in 1..=rounds {
        for peer in peers {
            bench.progress.begin(&format!("round {round} of {rounds}, {}", peer.whose));
            bench.round(peer).await.with_context(|| format!("{} failed under load", peer.whose))?;
        }
    }
    Ok(bench.sections.into_inner())
}

struct Bench<'a> {
    arguments: &'a LlmArguments,
    ignore_eos: bool,
    progress: Progress,
    /// Makes every request another one, the same for all servers in a round.
    number: Cell<u32>,
    sections: RefCell<Vec<Section>>,
}

impl Bench<'_> {
    async fn round(&self, peer: &Peer) -> anyhow::Result<()> {
        for load in &self.arguments.loads {
            match load {
                Load::Clients => {
                    for clients in &self.arguments.clients {
                        self.clients(peer, *clients, &chat::system_prompt(), "").await?;
                    }
                }
                Load::Newcomers => {
                    for clients in &self.arguments.clients {
                        let unknown = format!("Guideline {} of {}. {}", self.next(), std::process::id(), chat::system_prompt());
                        self.clients(peer, *clients, &unknown, ", new beginning").await?;
                    }
                }
                Load::Prompt => self.prompt(peer).await?,
                Load::Beside => self.beside(peer).await?,
                Load::Structured => self.structured(peer).await?,
            }
            self.progress.step();
        }
        Ok(())
    }

    /// Why the first request failed, with what may help.
    fn explained(&self, error: anyhow::Error, peer: &Peer) -> anyhow::Error {
        let hint = match refusal(&error) {
            Some(400 | 422) if self.ignore_eos => ": if it refuses fields it does not know, try `--ignore-eos false`",
            Some(401 | 403) if peer.whose == Whose::Theirs => ": name a file with its key (`--against-key-file`)",
            _ => "",
        };
        error.context(format!("{} cannot be measured with the model {}{hint}", peer.whose, peer.model))
    }

    fn request(&self, peer: &Peer, system: &str, user: &str, tokens: u32) -> Value {
        let mut request = chat::request(&peer.model, system, user, tokens);
        if !self.ignore_eos
            && let Some(fields) = request.as_object_mut()
        {
            fields.remove(chat::IGNORE_EOS);
        }
        request
    }

    fn next(&self) -> u32 {
        self.number.replace(self.number.get() + 1)
    }

    fn short(&self, peer: &Peer, beginning: &str, tokens: u32) -> Bytes {
        let user = format!("I was flying over a wide river at night and could not land, case {}.", self.next());
        chat::bytes(&self.request(peer, beginning, &user, tokens))
    }

    /// About 1,500 tokens; no cache can know more of it than the template's own beginning.
    fn long(&self, peer: &Peer) -> Bytes {
        let number = self.next();
        let mut request = self.request(peer, "", "Which of these dreams is the longest?", 2);
        let dreams: Vec<&str> = texts::DREAMS.lines().cycle().skip(number as usize % 8).take(16).collect();
        request["messages"][0]["content"] = json!(format!("Collection {number} of {}. {}", std::process::id(), dreams.join(" ")));
        chat::bytes(&request)
    }

    fn write(&self, name: String, about: &[(&str, Value)], add: impl FnOnce(&mut Section)) {
        let mut sections = self.sections.borrow_mut();
        let place = sections.iter().position(|section| section.name == name).unwrap_or_else(|| {
            sections.push(about.iter().fold(Section::new(name), |section, (name, value)| section.about(name, value.clone())));
            sections.len() - 1
        });
        add(&mut sections[place]);
    }

    /// So many clients, each sending its requests one after another.
    async fn crowd(&self, peer: &Peer, clients: usize, each: usize, beginning: &str) -> anyhow::Result<(Vec<Told>, Duration)> {
        let begin = Instant::now();
        let told = try_join_all((0..clients).map(|_| async {
            let mut connection = peer.target.connect().await?;
            let mut told = Vec::new();
            for _ in 0..each {
                told.push(chat::ask(&mut connection, &self.short(peer, beginning, self.arguments.tokens), || ()).await?);
            }
            anyhow::Ok(told)
        }));
        let told = told.await?.into_iter().flatten().collect();
        Ok((told, begin.elapsed()))
    }

    /// `which` tells sections with other beginnings apart.
    async fn clients(&self, peer: &Peer, clients: usize, beginning: &str, which: &str) -> anyhow::Result<()> {
        let each = REQUESTS_EACH.max(REQUESTS_AT_LEAST / clients);
        let (told, wall) = self.crowd(peer, clients, each, beginning).await?;
        let tokens: f64 = told.iter().map(|told| f64::from(told.tokens)).sum();
        let first = first_tokens(&told);
        let gaps: Vec<f64> = told.iter().flat_map(|told| told.gaps(told.asked, Instant::now())).collect();
        let about =
            [("clients", json!(clients)), ("requests in a round", json!(told.len())), ("tokens each", json!(self.arguments.tokens))];
        self.write(format!("llm, {clients} clients{which}"), &about, |section| {
            section.add(peer.whose, "tokens a second", "tokens/s", tokens / wall.as_secs_f64());
            section.add(peer.whose, "time to first token, p50", "ms", percentile(&first, 0.5));
            section.add(peer.whose, "time to first token, p95", "ms", percentile(&first, 0.95));
            section.add(peer.whose, "between tokens, p50", "ms", percentile(&gaps, 0.5));
            section.add(peer.whose, "between tokens, p99", "ms", percentile(&gaps, 0.99));
        });
        Ok(())
    }

    async fn prompt(&self, peer: &Peer) -> anyhow::Result<()> {
        let told = self.long_prompts(peer, || ()).await?;
        let speed: Vec<f64> = told.iter().filter_map(prompt_speed).collect();
        let prompt_tokens = told.first().and_then(|told| told.prompt_tokens);
        self.write("llm, long prompts".into(), &[("prompt tokens", json!(prompt_tokens))], |section| {
            section.add(peer.whose, "time to first token, p50", "ms", percentile(&first_tokens(&told), 0.5));
            if !speed.is_empty() {
                section.add(peer.whose, "prompt speed", "tokens/s", percentile(&speed, 0.5));
            }
        });
        Ok(())
    }

    async fn long_prompts(&self, peer: &Peer, mut before: impl FnMut()) -> anyhow::Result<Vec<Told>> {
        let mut connection = peer.target.connect().await?;
        let mut told = Vec::new();
        for _ in 0..LONG_PROMPTS {
            before();
            told.push(chat::ask(&mut connection, &self.long(peer), || ()).await?);
        }
        Ok(told)
    }

    /// Streams run; once each of them has begun, long prompts arrive one after another.
    async fn beside(&self, peer: &Peer) -> anyhow::Result<()> {
        let (running, begun) = (Cell::new(0), tokio::sync::Notify::new());
        let streams = self.arguments.streams;
        let streaming = try_join_all((0..streams).map(|_| async {
            let mut connection = peer.target.connect().await?;
            let on_first = || {
                running.set(running.get() + 1);
                if running.get() == streams {
                    begun.notify_one();
                }
            };
            chat::ask(&mut connection, &self.short(peer, &chat::system_prompt(), STREAM_TOKENS), on_first).await
        }));
        let arriving = async {
            begun.notified().await;
            let from = Instant::now();
            Ok((self.long_prompts(peer, || ()).await?, from))
        };
        let (streams_told, (long, from)) = try_join(streaming, arriving).await?;
        let until = long.last().and_then(|told| told.events.first().copied()).unwrap_or(from);
        let gaps: Vec<f64> = streams_told.iter().flat_map(|told| told.gaps(from, until)).collect();
        let ended = streams_told.iter().filter(|told| told.events.last().is_some_and(|last| *last < until)).count();
        let about = [("running streams", json!(streams)), ("tokens of each", json!(STREAM_TOKENS))];
        self.write("llm, long prompts beside running streams".into(), &about, |section| {
            section.add(peer.whose, "gap between a stream's tokens, p50", "ms", percentile(&gaps, 0.5));
            section.add(peer.whose, "gap between a stream's tokens, p99", "ms", percentile(&gaps, 0.99));
            section.add(peer.whose, "longest gap", "ms", percentile(&gaps, 1.0));
            section.add(peer.whose, "time to first token of a long prompt, p50", "ms", percentile(&first_tokens(&long), 0.5));
            section.add(peer.whose, "streams that ended before the last prompt", "streams", ended as f64);
        });
        Ok(())
    }

    async fn structured(&self, peer: &Peer) -> anyhow::Result<()> {
        let mut connection = peer.target.connect().await?;
        let mut speeds = [Vec::new(), Vec::new()];
        let mut tokens = [0, 0];
        for _ in 0..LONG_PROMPTS {
            for (kind, constrained) in [false, true].into_iter().enumerate() {
                let told = chat::ask(&mut connection, &self.reading(peer, constrained), || ()).await?;
                speeds[kind].extend(told.generation_speed());
                tokens[kind] += told.tokens;
            }
        }
        let [free, constrained] = speeds.map(|speeds| percentile(&speeds, 0.5));
        let about = [("tokens at most", json!(STRUCTURED_TOKENS))];
        self.write("llm, answers under a schema".into(), &about, |section| {
            section.add(peer.whose, "free text", "tokens/s", free);
            section.add(peer.whose, "under the schema", "tokens/s", constrained);
            section.add(peer.whose, "schema against free text", "×", if free > 0.0 { constrained / free } else { 0.0 });
            section.add(peer.whose, "tokens of an answer under the schema", "tokens", f64::from(tokens[1]) / f64::from(LONG_PROMPTS));
        });
        Ok(())
    }

    fn reading(&self, peer: &Peer, constrained: bool) -> Bytes {
        let number = self.next() as usize;
        let dream = texts::DREAMS.lines().cycle().nth(number).unwrap_or_default();
        let user = format!("Interpret this dream as a JSON object with a title, a summary and symbols, number {number}: {dream}");
        let mut request = self.request(peer, &chat::system_prompt(), &user, STRUCTURED_TOKENS);
        if constrained {
            if let Some(fields) = request.as_object_mut() {
                fields.remove(chat::IGNORE_EOS);
            }
            request["response_format"] =
                json!({ "type": "json_schema", "json_schema": { "name": "reading", "strict": true, "schema": schema() } });
        }
        chat::bytes(&request)
    }
}

/// What a reading of a dream holds, as a schema.
fn schema() -> Value {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "array", "items": text, "minItems": 2, "maxItems": 4 });
    let symbol = json!({
        "type": "object", "additionalProperties": false, "required": ["name", "quote", "meaning"],
        "properties": { "name": text, "quote": text, "meaning": text },
    });
    json!({
        "type": "object", "additionalProperties": false,
        "required": ["title", "summary", "interpretation", "symbols", "emotions", "mood", "advice", "questions"],
        "properties": {
            "title": text, "summary": text, "interpretation": text,
            "symbols": { "type": "array", "items": symbol, "minItems": 2, "maxItems": 5 },
            "emotions": texts, "mood": { "enum": ["peaceful", "anxious", "joyful", "sad", "mixed"] },
            "advice": text, "questions": texts,
        },
    })
}

/// Milliseconds.
fn first_tokens(told: &[Told]) -> Vec<f64> {
    told.iter().filter_map(|told| Some(told.first_token()?.as_secs_f64() * 1e3)).collect()
}

fn prompt_speed(told: &Told) -> Option<f64> {
    Some(f64::from(told.prompt_tokens?) / told.first_token()?.as_secs_f64())
}
