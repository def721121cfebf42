//! The proof that the sandbox holds: children that have answered a request try every way out, and so does a plain one.

use std::{
    io::Write,
    net::{TcpListener, UdpSocket},
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::Serialize;

use super::{
    ChatMessage, ChatRole, Constraint, EmbeddingRequest, EmbeddingRole, EngineOptions, FormPart, GenerationRequest, Prompt, Sampling, Slot,
    backend::Backend,
    child::ChildArguments,
    confinement::{Confinement, ConfinementReport},
    parse::{self, ParseRequest},
    supervisor::{Conversation, Spawner},
    wire::{EngineKind, Event, ProbeRequest, ProbeResult, Request},
};

/// An archive without members (PKWARE's APPNOTE, section 4.3.16): the smallest real question for a parse worker.
const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Programs of which the first that exists stands for the one program of `one-program`.
const PROGRAMS: &[&str] = &["/usr/bin/espeak-ng", "/usr/bin/env"];

/// What to check with.
pub struct SandboxCheck {
    pub spawner: Spawner,
    /// Must exist: a child tries to open it.
    pub state_directory: PathBuf,
    /// Real models for the profile `cpu`, one child each, and of them the first of one file for `gpu`; these answer a
    /// parse request where there is none.
    pub models: Vec<CheckedModel>,
    /// An existing, private folder for the profile `gpu`.
    pub cache: PathBuf,
}

/// A model that a child holds while it tries to break out.
#[derive(Debug, Clone)]
pub struct CheckedModel {
    pub kind: EngineKind,
    /// Its file or folder.
    pub path: PathBuf,
    pub backend: Backend,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct SandboxReport {
    /// Whether every confined attempt ended as the profile says.
    pub passed: bool,
    pub profiles: Vec<ProfileReport>,
    /// The same attempts of a child of the same executable and user that was not confined.
    pub unconfined: ProfileReport,
}

/// One child's attempts.
#[derive(Debug, Serialize)]
pub struct ProfileReport {
    /// The request that the child had answered before.
    pub answered: String,
    pub confinement: ConfinementReport,
    pub attempts: Vec<ProbeResult>,
}

impl ProfileReport {
    fn holds(&self) -> bool {
        self.confinement.is_confined()
            && !self.attempts.is_empty()
            && self.attempts.iter().all(|attempt| attempt.denied != attempt.permitted)
    }
}

impl SandboxCheck {
    /// Runs every attempt in a child of every profile, then in a plain one.
    pub async fn run(&self) -> anyhow::Result<SandboxReport> {
        let targets = Targets::open()?;
        let (victim, _) = Conversation::start(&self.spawner, &plain()).await.context("cannot start a process to attack")?;
        let mut profiles = Vec::new();
        for arguments in self.confined()? {
            let own_program = match &arguments.confinement {
                Some(Confinement::OneProgram { program, .. }) => Some(program.clone()),
                _ => None,
            };
            let request = targets.request(&self.state_directory, victim.pid(), own_program);
            profiles.push(self.check(&arguments, request).await?);
        }
        let unconfined = self.check(&plain(), targets.request(&self.state_directory, victim.pid(), None)).await?;
        victim.end().await;
        Ok(SandboxReport { passed: profiles.iter().all(ProfileReport::holds), profiles, unconfined })
    }

    async fn check(&self, arguments: &ChildArguments, probe: ProbeRequest) -> anyhow::Result<ProfileReport> {
        let profile = arguments.confinement.as_ref().map_or("unconfined", Confinement::name);
        let attempt = async {
            let (mut child, report) = Conversation::start(&self.spawner, arguments).await?;
            let (request, descriptors) = first_request(arguments.kind, report.has_chat_template)?;
            let answer = child.ask(request, &descriptors).await?;
            let Event::Probed(attempts) = child.ask(Request::Probe(probe), &[]).await? else { bail!("it answered another question") };
            child.end().await;
            Ok(ProfileReport { answered: in_words(&answer, arguments), confinement: report.confinement, attempts })
        };
        attempt.await.with_context(|| format!("the {profile} child"))
    }

    /// One child for each profile.
    fn confined(&self) -> anyhow::Result<Vec<ChildArguments>> {
        let program = PROGRAMS.iter().map(PathBuf::from).find(|program| program.is_file()).context("no program to allow")?;
        let mut children: Vec<_> =
            self.models.iter().map(|model| child(Some(model), Confinement::Cpu { readable: readable(model) })).collect();
        if children.is_empty() {
            children.push(child(None, Confinement::Cpu { readable: Vec::new() }));
        }
        let for_gpu = self.models.iter().find(|model| model.backend == Backend::Ggml);
        let on_gpu = Confinement::Gpu { readable: for_gpu.map(readable).unwrap_or_default(), cache: self.cache.clone() };
        children.push(child(for_gpu, on_gpu));
        children.push(child(None, Confinement::OneProgram { program, readable: Vec::new() }));
        children.push(parse::child_arguments(false, parse::Limits::default()));
        Ok(children)
    }
}

fn readable(model: &CheckedModel) -> Vec<PathBuf> {
    [vec![model.path.clone()], model.backend.libraries()].concat()
}

/// An engine child with that model; a parse worker without one.
fn child(model: Option<&CheckedModel>, confinement: Confinement) -> ChildArguments {
    ChildArguments {
        kind: model.map_or(EngineKind::Parse, |model| model.kind),
        model: model.map(|model| model.path.clone()),
        backend: model.map(|model| model.backend.clone()).unwrap_or_default(),
        confinement: Some(confinement),
        options: EngineOptions { threads: 2, context_length: 512, ..EngineOptions::default() },
        memory_bytes: None,
        cpu_seconds: None,
        file_bytes: None,
        ..parse::child_arguments(false, parse::Limits::default())
    }
}

/// A child without confinement.
fn plain() -> ChildArguments {
    ChildArguments { confinement: None, ..parse::child_arguments(false, parse::Limits::default()) }
}

/// What the attempts aim at; all of it is alive while this lives.
struct Targets {
    tcp: TcpListener,
    udp: UdpSocket,
    _abstract_socket: UnixListener,
    abstract_name: String,
}

impl Targets {
    #[expect(clippy::disallowed_methods, reason = "a loopback target for the attempts")]
    fn open() -> anyhow::Result<Self> {
        let abstract_name = format!("oneiros-selfcheck-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&abstract_name)?;
        Ok(Self {
            tcp: TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on the loopback")?,
            udp: UdpSocket::bind(("127.0.0.1", 0)).context("cannot bind a UDP port on the loopback")?,
            _abstract_socket: UnixListener::bind_addr(&address).context("cannot bind an abstract socket")?,
            abstract_name,
        })
    }

    fn request(&self, state_directory: &Path, victim_pid: u32, own_program: Option<PathBuf>) -> ProbeRequest {
        // A bound socket has an address.
        let port = |address: std::io::Result<std::net::SocketAddr>| address.map_or(0, |address| address.port());
        ProbeRequest {
            tcp_port: port(self.tcp.local_addr()),
            udp_port: port(self.udp.local_addr()),
            abstract_socket: self.abstract_name.clone(),
            state_directory: state_directory.to_owned(),
            victim_pid,
            own_program,
        }
    }
}

/// A small real request for each kind of engine.
fn first_request(kind: EngineKind, has_chat_template: bool) -> anyhow::Result<(Request, Vec<OwnedFd>)> {
    Ok(match kind {
        EngineKind::Embedding => {
            let texts = vec!["I was flying over a quiet sea.".to_owned()];
            (Request::Embed(EmbeddingRequest { texts, role: EmbeddingRole::Passage }), Vec::new())
        }
        EngineKind::Llm => {
            let content = "The colour of the sea is".to_owned();
            let slot = Slot { name: "answer".into(), constraint: Constraint::Free, max_tokens: 4, stop: Vec::new() };
            let form = vec![FormPart::Slot(slot)];
            let prompt = if has_chat_template {
                Prompt::Chat(vec![ChatMessage::new(ChatRole::User, content)].into())
            } else {
                Prompt::Text(content)
            };
            (Request::Generate(GenerationRequest { prompt, form, sampling: Sampling::default() }), Vec::new())
        }
        EngineKind::Asr => {
            let samples = 16_000;
            let silence = rustix::fs::memfd_create("silence", rustix::fs::MemfdFlags::CLOEXEC)?;
            rustix::fs::ftruncate(&silence, samples * 2)?;
            let request = super::TranscriptionRequest { samples, language: Some("en".into()), ..Default::default() };
            (Request::Transcribe(request), vec![silence])
        }
        EngineKind::Parse => {
            let archive = rustix::fs::memfd_create("empty.zip", rustix::fs::MemfdFlags::CLOEXEC)?;
            let mut archive = std::fs::File::from(archive);
            archive.write_all(EMPTY_ZIP)?;
            (Request::Parse(ParseRequest::ListZip), vec![archive.into()])
        }
    })
}

fn in_words(answer: &Event, arguments: &ChildArguments) -> String {
    let what = match answer {
        Event::Embeddings(embeddings) => format!("a vector of {} dimensions", embeddings.vectors.first().map_or(0, Vec::len)),
        Event::Generation(_) => "a generated text".into(),
        Event::Transcription(_) => "a transcription".into(),
        Event::Parsed(_) => "the members of an archive".into(),
        Event::Probed(_) => "a probe".into(),
        Event::Working => "a sign of life".into(),
    };
    let Some(model) = &arguments.model else { return what };
    let named = if model.is_dir() { model.parent().unwrap_or(model) } else { model };
    let name = named.file_name().unwrap_or_default().to_string_lossy();
    format!("{what}, by {name} through {}", arguments.backend.name())
}
