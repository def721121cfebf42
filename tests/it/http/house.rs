//! A server for one test: the whole router over scripted engines and, where asked for, a real database.

use std::{os::fd::OwnedFd, path::Path, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use http_body_util::BodyExt;
use oneiros::{
    egress::{Egress, EgressPolicy, LogSink},
    engine::{
        EngineError,
        parse::{ParseOutcome, ParseRequest},
        tools::AnswerStyle,
    },
    error::Error,
    features::{
        accounts::{AccountService, AccountStore, MasterKey, Origin, Provider, Revocations, SetupToken, Standing, listen},
        care::{CareCheck, Resources},
        dreams::{DreamModels, DreamService, DreamStore, EmbeddingModel, Reader},
        events::{EventService, EventStore, follow},
        lore::{LoreService, LoreStore},
        models::{ModelService, ModelUsage, PullBoard, Shelf},
        openai::{ModelApi, ModelCard, ServedEmbedder, ServedGenerator, ServedModels, ServedTranscriber, Task},
        speech::{SpeechModel, SpeechService},
        system::{DatabaseStatus, Limits, SystemService, SystemSnapshot, SystemSource, TaskStatus},
    },
    http::{FirstServices, Services, ollama_router, router, starting_router},
    models::{ArtifactStore, Catalog, NoProgress, ParseJobs, Puller},
};
use serde_json::Value;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;

use super::engines::{Behaviour, LetterEmbedder, Listener, ScriptedWriter, WordDecoder};
use crate::support::database::{TestDatabase, test_database};

/// A router and what stands behind it.
pub struct House {
    pub router: Router,
    /// Ollama's protocol, which has a listener of its own.
    pub ollama: Router,
    pub writer: Arc<ScriptedWriter>,
    /// What the dreams' feature hears of its models.
    pub news: watch::Sender<Arc<DreamModels>>,
    /// Where its models would lie; its state directory, too.
    pub models_folder: TempDir,
    pub database: Option<TestDatabase>,
    /// Tells what listens in the background that the house is gone.
    _gone: DropGuard,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

/// An answer in some encoding.
pub struct Packed {
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Names and data of a stream's events.
    pub fn events(&self) -> Vec<(String, Value)> {
        let field = |block: &str, name: &str| block.lines().find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()));
        let blocks = self.text.split("\n\n").filter(|block| block.contains("event:"));
        blocks.map(|block| (field(block, "event:").unwrap(), serde_json::from_str(&field(block, "data:").unwrap()).unwrap())).collect()
    }
}

impl House {
    pub async fn new(behaviour: Behaviour, languages: &[&str]) -> Self {
        let database = test_database().await;
        Self::on(database.pool.clone(), behaviour, languages, Some(database), None)
    }

    /// A house into which a provider of identities lets people, too.
    pub async fn with_provider(provider: Provider) -> Self {
        let database = test_database().await;
        Self::on(database.pool.clone(), Behaviour::Reads, &["en"], Some(database), Some(provider))
    }

    /// A house whose database does not answer.
    pub fn without_database() -> Self {
        let nowhere = PgConnectOptions::new().host("127.0.0.1").port(1);
        let pool = PgPoolOptions::new().acquire_timeout(Duration::from_millis(300)).connect_lazy_with(nowhere);
        Self::on(pool, Behaviour::Reads, &["en"], None, None)
    }

    /// A house that is still coming up.
    pub fn starting() -> Self {
        let house = Self::without_database();
        let router = starting_router(&first_services(false, house.models_folder.path()));
        Self { router, ..house }
    }

    fn on(pool: PgPool, behaviour: Behaviour, languages: &[&str], database: Option<TestDatabase>, provider: Option<Provider>) -> Self {
        let writer = ScriptedWriter::new(behaviour);
        let reader = Reader {
            id: "scripted".into(),
            languages: languages.iter().map(ToString::to_string).collect(),
            instruct: true,
            context_length: 2048,
            parameters: 1_000_000_000,
            tasks: Vec::new(),
            engine: writer.clone(),
        };
        let embedding = EmbeddingModel { id: "letters".into(), dimensions: 384, engine: Arc::new(LetterEmbedder) };
        let models = DreamModels { readers: vec![reader], embedding: Some(embedding), coming: None };
        let hearing = SpeechModel { id: "listener".into(), engine: Arc::new(Listener(" I was flying over water.")) };
        let (news, models) = watch::channel(Arc::new(models));
        // A receiver keeps the last value when its sender is gone.
        let hearing = watch::channel(Some(hearing)).1;
        let available = database.is_some();
        let models_folder = tempfile::tempdir().unwrap();
        let speech = Arc::new(SpeechService::new(Arc::new(WordDecoder), hearing, std::env::temp_dir(), 60));
        let aliases = [("gpt-4o", "chat"), ("whisper-1", "speech")].map(|(name, task)| (name.to_owned(), task.to_owned()));
        let openai = Arc::new(ModelApi::new(Arc::new(Cast(writer.clone())), aliases.into_iter().collect(), speech.clone()));
        let ollama = ollama_router(Some(Arc::clone(&openai)));
        let gone = CancellationToken::new();
        let accounts = unclaimed(pool.clone(), models_folder.path(), &gone, provider);
        let events = Arc::new(EventService::new(gone.clone()));
        tokio::spawn(follow(Arc::clone(&events), EventStore::new(pool.clone())));
        let lore = Arc::new(LoreService::new(LoreStore::new(pool.clone())));
        let care = Arc::new(CareCheck::new(Resources::embedded()));
        let (known, leant_on, careful) = (Arc::clone(&accounts), Arc::clone(&lore), Arc::clone(&care));
        let services = Services {
            openai,
            events,
            lore,
            dreams: Arc::new(DreamService::new(DreamStore::new(pool), models, known, leant_on, careful, CancellationToken::new())),
            care,
            accounts,
            speech,
            first: first_services(available, models_folder.path()),
        };
        Self { router: router(services), ollama, writer, news, models_folder, database, _gone: gone.drop_guard() }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        self.send_to(&self.router, request).await
    }

    pub async fn send_to(&self, router: &Router, request: Request<Body>) -> Answer {
        let response = router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// An answer that is no text.
    pub async fn bytes(&self, method: &str, path: &str, headers: &[(header::HeaderName, &str)]) -> Packed {
        let asked = headers.iter().fold(request(method, path), |request, (name, value)| request.header(name, *value));
        let response = self.router.clone().oneshot(asked.body(Body::empty()).unwrap()).await.unwrap();
        let headers = response.headers().clone();
        Packed { headers, bytes: response.into_body().collect().await.unwrap().to_bytes().to_vec() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send(request("POST", path).header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap()).await
    }

    pub async fn interpret(&self, body: &Value) -> Answer {
        self.post("/api/v1/dreams/interpret", body.to_string()).await
    }

    /// The same as a stream of events.
    pub async fn stream(&self, body: &Value) -> Answer {
        self.send(streamed(body)).await
    }

    /// Starts a stream, which goes on as long as it is held.
    pub async fn open_stream(&self, body: &Value) -> Body {
        self.router.clone().oneshot(streamed(body)).await.unwrap().into_body()
    }

    /// The status with which a stream begins; the stream is left at once.
    pub async fn router_answers(&self, body: &Value) -> StatusCode {
        self.router.clone().oneshot(streamed(body)).await.unwrap().status()
    }

    /// Starts a stream, takes its first piece and goes away.
    pub async fn stream_and_leave(&self, body: &Value) -> String {
        let mut pieces = self.open_stream(body).await.into_data_stream();
        let first = pieces.next().await.unwrap().unwrap();
        String::from_utf8(first.to_vec()).unwrap()
    }
}

fn streamed(body: &Value) -> Request<Body> {
    let request = request("POST", "/api/v1/dreams/interpret").header(header::CONTENT_TYPE, "application/json");
    request.header(header::ACCEPT, "text/event-stream").body(body.to_string().into()).unwrap()
}

pub fn request(method: &str, path: &str) -> axum::http::request::Builder {
    let here = Origin::Network([127, 0, 0, 1].into());
    Request::builder().method(method).uri(path).header(header::HOST, "localhost:8080").extension(here)
}

/// What every server has, over a store in `folder`.
pub fn first_services(available: bool, folder: &Path) -> FirstServices {
    let policy = EgressPolicy::for_hub("http://127.0.0.1:9").unwrap().sealed(true);
    let store = Arc::new(ArtifactStore::open(folder, Arc::new(NoParser)).unwrap());
    let board = Arc::new(PullBoard::new(Arc::new(NoProgress)));
    let egress = Arc::new(Egress::new(policy, Arc::new(LogSink)));
    let puller = Puller::new(store.clone(), egress, "http://127.0.0.1:9", board.clone());
    let shelf = Shelf { catalog: Catalog::embedded().unwrap(), store, puller, board, sealed: true };
    FirstServices {
        system: Arc::new(SystemService::new(Arc::new(Known { available }))),
        models: Arc::new(ModelService::new(shelf, Arc::new(Uses(&["whisper-base"])), CancellationToken::new())),
        unsandboxed_allowed: false,
        claimed: false,
        tls: None,
        trusted_proxies: Vec::new().into(),
    }
}

/// Accounts of an appliance that nobody has set up.
fn unclaimed(pool: PgPool, folder: &Path, gone: &CancellationToken, provider: Option<Provider>) -> Arc<AccountService> {
    let (dreams, store, setup) = (DreamStore::new(pool.clone()), AccountStore::new(pool), SetupToken::in_directory(folder));
    let (standing, revocations) = (Arc::new(watch::Sender::new(Standing::default())), Arc::new(Revocations::new(store.clone())));
    tokio::spawn(listen(store.clone(), Arc::clone(&standing), Arc::clone(&revocations), gone.clone()));
    setup.read_or_make().unwrap();
    let master = MasterKey::in_directory(folder).unwrap();
    Arc::new(AccountService::new(store, standing, revocations, setup, master, vec![Box::new(dreams)], provider))
}

/// The scripted engines, by name.
struct Cast(Arc<ScriptedWriter>);

impl ServedModels for Cast {
    fn list(&self) -> BoxFuture<'_, Vec<ModelCard>> {
        let card = |id: &str, task| {
            let (context_length, dimensions) = (Some(2048), (task == Task::Embedding).then_some(384));
            ModelCard {
                id: id.into(),
                task,
                dialog: task == Task::Text,
                reasons: false,
                context_length,
                dimensions,
                format: "gguf".into(),
                bytes: 1,
                loaded: true,
            }
        };
        let cards = vec![card("scripted", Task::Text), card("letters", Task::Embedding), card("listener", Task::Speech)];
        async move { cards }.boxed()
    }

    fn generator<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ServedGenerator, Error>> {
        let served = ServedGenerator { id: id.into(), answers: AnswerStyle::default(), engine: self.0.clone() };
        async move { Ok(served) }.boxed()
    }

    fn embedder<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ServedEmbedder, Error>> {
        let served = ServedEmbedder { id: id.into(), dimensions: 384, context_length: 512, engine: Arc::new(LetterEmbedder) };
        async move { Ok(served) }.boxed()
    }

    fn card<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Option<ModelCard>> {
        async move { self.list().await.into_iter().find(|card| card.id == id) }.boxed()
    }

    fn load<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async { Ok(()) }.boxed()
    }

    fn leave<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async { Ok(()) }.boxed()
    }

    fn keeping(&self, _: Duration) -> Arc<dyn ServedModels> {
        Arc::new(Self(Arc::clone(&self.0)))
    }

    fn transcriber<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ServedTranscriber, Error>> {
        let served = ServedTranscriber { id: id.into(), engine: Arc::new(Listener(" I was flying over water.")) };
        async move { Ok(served) }.boxed()
    }
}

/// An appliance that uses these models.
struct Uses(&'static [&'static str]);

impl ModelUsage for Uses {
    fn profile(&self) -> String {
        "starter".into()
    }

    fn used(&self) -> Option<Vec<String>> {
        Some(self.0.iter().map(ToString::to_string).collect())
    }
}

/// No file is read in these tests.
struct NoParser;

impl ParseJobs for NoParser {
    fn run(&self, _: ParseRequest, _: Vec<OwnedFd>) -> BoxFuture<'_, Result<ParseOutcome, EngineError>> {
        async { Err(EngineError::Unavailable("nothing is read here".into())) }.boxed()
    }
}

/// A system of which only the database's state is interesting.
struct Known {
    available: bool,
}

impl SystemSource for Known {
    fn snapshot(&self) -> BoxFuture<'_, SystemSnapshot> {
        let database = DatabaseStatus { available: self.available, private: true, version: None, pgvector: None, detail: None };
        let task = |task: &str, ready: bool| TaskStatus { task: task.into(), ready, detail: None };
        let snapshot = SystemSnapshot {
            profile: "starter".into(),
            models: Vec::new(),
            database,
            engines: Vec::new(),
            tasks: vec![task("interpretation", true), task("transcription", self.available)],
            unsandboxed_allowed: !self.available,
            sealed: true,
            egress: Vec::new(),
            egress_log: Vec::new(),
            disk_free_bytes: None,
            limits: Limits { recording_minutes: 30, recording_bytes: 1, dream_min_characters: 20, dream_max_characters: 4000 },
            pulls: Vec::new(),
            jobs: Vec::new(),
        };
        async move { snapshot }.boxed()
    }
}
