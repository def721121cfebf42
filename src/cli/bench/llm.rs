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
use serde_json::{Value, json};

use super::{
    MOST_CLIENTS,
    chat::{self, Told},
    ensure_clients,
    progress::Progress,
    prompts::{Prompts, STRUCTURED_TOKENS, Sender},
    report::{Section, Whose, percentile},
    target::{Target, refusal},
};

/// How many requests each client sends in a round.
const REQUESTS_EACH: usize = 2;
/// A round of few clients sends this many in all.
const REQUESTS_AT_LEAST: usize = 4;
/// Long prompts in one measurement of them.
const LONG_PROMPTS: u32 = 3;
/// Tokens of each stream that runs while long prompts arrive.
const STREAM_TOKENS: u32 = 256;

#[derive(Debug, Clone, Args)]
pub struct LlmArguments {
    /// Clients at once, as N,N; each number is measured by itself
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 8, 16])]
    clients: Vec<usize>,
    /// New tokens of each answer
    #[arg(long, default_value_t = 64)]
    tokens: u32,
    /// Streams that run while long prompts arrive; the server needs one slot more
    #[arg(long, default_value_t = 8)]
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
        ensure_clients("clients", &self.clients, MOST_CLIENTS)?;
        // A long prompt comes beside them.
        ensure_clients("streams", &[self.streams], MOST_CLIENTS - 1)?;
        ensure!((2..=4096).contains(&self.tokens), "tokens go from 2 to 4096");
        Ok(())
    }

    /// Every load, those of many clients once for each number of them.
    fn crowds(&self) -> Vec<(Load, usize)> {
        let crowd = |load: &Load| match load {
            Load::Clients | Load::Newcomers => self.clients.clone(),
            Load::Prompt | Load::Beside | Load::Structured => vec![1],
        };
        self.loads.iter().flat_map(|load| crowd(load).into_iter().map(move |clients| (*load, clients))).collect()
    }
}

/// One server under load.
pub struct Peer {
    pub whose: Whose,
    pub target: Target,
    pub model: String,
    /// Requests that it works on at the same time, where that is known.
    pub slots: Option<u64>,
}

impl Peer {
    /// A request of one of its clients.
    pub fn client(&self, client: usize) -> Sender<'_> {
        Sender { model: &self.model, client }
    }
}

/// Measures all servers, load by load in turns, so that they meet the same machine: it may be faster a minute later.
/// `ignore_eos`: answers have all the tokens asked for, by a field that is not OpenAI's.
pub async fn measure(arguments: &LlmArguments, ignore_eos: bool, peers: &[Peer], rounds: usize) -> anyhow::Result<Vec<Section>> {
    let crowds = arguments.crowds();
    let progress = Progress::new("llm", rounds * peers.len() * crowds.len());
    let prompts = Prompts::new(ignore_eos)?;
    let bench = Bench { arguments, ignore_eos, progress, prompts, alone: RefCell::default(), sections: RefCell::default() };
    let mut numbered = 0;
    for peer in peers {
        // Loads what is loaded at the first request, and fills the cache with the shared beginning.
        bench.progress.begin(&format!("{}, {}, warming up", peer.whose, peer.model));
        bench.prompts.go_back_to(0);
        bench.crowd(peer, 1, 1, &chat::system_prompt()).await.map_err(|error| bench.explained(error, peer))?;
        numbered = bench.prompts.numbered();
    }
    for round in 1..=rounds {
        for (load, clients) in &crowds {
            let begin = numbered;
            // Each is the first one as often as the other.
            for turn in 0..peers.len() {
                let peer = &peers[(round + turn) % peers.len()];
                bench.progress.begin(&format!("round {round} of {rounds}, {load}, {}", peer.whose));
                bench.prompts.go_back_to(begin);
                bench.load(peer, *load, *clients).await.with_context(|| format!("{} failed under load", peer.whose))?;
                numbered = bench.prompts.numbered();
                bench.progress.step();
            }
        }
    }
    Ok(bench.sections.into_inner())
}

struct Bench<'a> {
    arguments: &'a LlmArguments,
    ignore_eos: bool,
    progress: Progress,
    /// The same for all servers in a round.
    prompts: Prompts,
    /// Long prompts that a server has answered in this round while it did nothing else.
    alone: RefCell<Vec<(Whose, Vec<Told>)>>,
    sections: RefCell<Vec<Section>>,
}

/// What was seen of streams, and of long prompts that came beside them from a moment on.
struct Beside {
    streams: Vec<Told>,
    long: Vec<Told>,
    from: Instant,
}

impl Bench<'_> {
    async fn load(&self, peer: &Peer, load: Load, clients: usize) -> anyhow::Result<()> {
        match load {
            Load::Clients => self.clients(peer, clients, &chat::system_prompt(), "").await,
            Load::Newcomers => self.clients(peer, clients, &self.prompts.new_beginning(), ", new beginning").await,
            Load::Prompt => self.prompt(peer).await,
            Load::Beside => self.beside(peer).await,
            Load::Structured => self.structured(peer).await,
        }
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
        let told = try_join_all((0..clients).map(async |client| {
            let mut connection = peer.target.connect().await?;
            let mut told = Vec::new();
            for _ in 0..each {
                let request = self.prompts.short(peer.client(client), beginning, self.arguments.tokens);
                told.push(chat::ask(&mut connection, &request, || ()).await?);
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
        let told = self.long_prompts(peer, 0).await?;
        let speed: Vec<f64> = told.iter().filter_map(prompt_speed).collect();
        let prompt_tokens = told.first().and_then(|told| told.prompt_tokens);
        self.write("llm, long prompts".into(), &[("prompt tokens", json!(prompt_tokens))], |section| {
            section.add(peer.whose, "time to first token, p50", "ms", percentile(&first_tokens(&told), 0.5));
            section.add(peer.whose, "prompt speed", "tokens/s", percentile(&speed, 0.5));
        });
        self.alone.borrow_mut().push((peer.whose, told));
        Ok(())
    }

    async fn long_prompts(&self, peer: &Peer, client: usize) -> anyhow::Result<Vec<Told>> {
        let mut connection = peer.target.connect().await?;
        let mut told = Vec::new();
        for _ in 0..LONG_PROMPTS {
            told.push(chat::ask(&mut connection, &self.prompts.long(peer.client(client)), || ()).await?);
        }
        Ok(told)
    }

    /// Streams run; once each of them has begun, long prompts arrive one after another.
    async fn beside(&self, peer: &Peer) -> anyhow::Result<()> {
        let known = self.alone.borrow_mut().extract_if(.., |(whose, _)| *whose == peer.whose).last();
        let alone = match known {
            Some((_, alone)) => alone,
            None => self.long_prompts(peer, 0).await?,
        };
        let Beside { streams, long, from } = self.streams_and_prompts(peer).await?;
        let until = long.last().and_then(|told| told.events.first().copied()).unwrap_or(from);
        let gaps: Vec<f64> = streams.iter().flat_map(|told| told.gaps(from, until)).collect();
        let ended = streams.iter().filter(|told| told.events.last().is_some_and(|last| *last < until)).count();
        let slowed = seconds_a_token(&long).zip(seconds_a_token(&alone)).map(|(beside, alone)| beside / alone);
        let about = [("running streams", json!(streams.len())), ("tokens of each", json!(STREAM_TOKENS))];
        self.write("llm, long prompts beside running streams".into(), &about, |section| {
            if let Some(slots) = peer.slots.filter(|slots| *slots <= streams.len() as u64) {
                section.set_about(peer.whose.slots(), format!("{slots}, so that a long prompt waits for a stream to end"));
            }
            section.add(peer.whose, "gap between a stream's tokens, p50", "ms", percentile(&gaps, 0.5));
            section.add(peer.whose, "gap between a stream's tokens, p99", "ms", percentile(&gaps, 0.99));
            section.add(peer.whose, "longest gap", "ms", percentile(&gaps, 1.0));
            section.add(peer.whose, "time to first token of a long prompt, p50", "ms", percentile(&first_tokens(&long), 0.5));
            section.add(peer.whose, "time per prompt token against an idle server", "×", slowed);
            section.add(peer.whose, "streams that ended before the last prompt", "streams", ended as f64);
        });
        Ok(())
    }

    async fn streams_and_prompts(&self, peer: &Peer) -> anyhow::Result<Beside> {
        let (running, begun) = (Cell::new(0), tokio::sync::Notify::new());
        let streams = self.arguments.streams;
        let streaming = try_join_all((0..streams).map(async |client| {
            let mut connection = peer.target.connect().await?;
            let on_first = || {
                running.set(running.get() + 1);
                if running.get() == streams {
                    begun.notify_one();
                }
            };
            let request = self.prompts.short(peer.client(client), &chat::system_prompt(), STREAM_TOKENS);
            chat::ask(&mut connection, &request, on_first).await
        }));
        let arriving = async {
            begun.notified().await;
            let from = Instant::now();
            Ok((self.long_prompts(peer, streams).await?, from))
        };
        let (streams, (long, from)) = try_join(streaming, arriving).await?;
        Ok(Beside { streams, long, from })
    }

    async fn structured(&self, peer: &Peer) -> anyhow::Result<()> {
        let mut connection = peer.target.connect().await?;
        let mut speeds = [Vec::new(), Vec::new()];
        let mut tokens = [0, 0];
        for _ in 0..LONG_PROMPTS {
            for (kind, constrained) in [false, true].into_iter().enumerate() {
                let told = chat::ask(&mut connection, &self.prompts.reading(peer.client(0), constrained), || ()).await?;
                speeds[kind].extend(told.generation_speed());
                tokens[kind] += told.tokens;
            }
        }
        let [free, constrained] = speeds.map(|speeds| percentile(&speeds, 0.5));
        let about = [("tokens at most", json!(STRUCTURED_TOKENS))];
        self.write("llm, answers under a schema".into(), &about, |section| {
            section.add(peer.whose, "free text", "tokens/s", free);
            section.add(peer.whose, "under the schema", "tokens/s", constrained);
            section.add(peer.whose, "schema against free text", "×", constrained.zip(free).map(|(constrained, free)| constrained / free));
            section.add(peer.whose, "tokens of an answer under the schema", "tokens", f64::from(tokens[1]) / f64::from(LONG_PROMPTS));
        });
        Ok(())
    }
}

/// Milliseconds.
fn first_tokens(told: &[Told]) -> Vec<f64> {
    told.iter().filter_map(|told| Some(told.first_token()?.as_secs_f64() * 1e3)).collect()
}

fn prompt_speed(told: &Told) -> Option<f64> {
    Some(f64::from(told.prompt_tokens?) / told.first_token()?.as_secs_f64())
}

/// What a token of these prompts took until the first one of the answer was there.
fn seconds_a_token(told: &[Told]) -> Option<f64> {
    let each: Vec<f64> = told.iter().filter_map(prompt_speed).map(f64::recip).collect();
    percentile(&each, 0.5)
}
