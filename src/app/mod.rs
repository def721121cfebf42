//! The appliance as a whole: its parts, the order in which they come up, and the order in which they go.
//!
//! Coming up: state directory, sockets (so that status is served at once), a check that the kernel confines children,
//! then the database (from then on dreams are kept and shown), models ([`bring_up`]), engines, jobs. Going: sockets, jobs, engines, database.

mod bring_up;
mod egress_trail;
mod engines;
mod guests;
pub mod library;
mod notify;
pub mod room;
mod served;
mod snapshot;
mod state_directory;
mod watch;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use futures_util::FutureExt as _;
use tokio::{sync::watch as channel, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    config::{Config, TlsSource, UnusableSetting},
    egress::{Egress, EgressPolicy, Purpose},
    engine::parse::ParseRunner,
    engine::supervisor::Spawner,
    features::{
        accounts::SetupToken,
        models::ModelService,
        system::{EngineStatus, SystemReport, SystemService},
    },
    http::{
        self, FirstServices, Listeners, Tls,
        listeners::{self, Guarded},
    },
    models::{NoProgress, PullProgress},
};
use bring_up::{Parts, Up};
pub use engines::{EngineAlone, engine_alone, first_of_profile, of_profile};
use library::Library;
pub use notify::ServiceManager;
use snapshot::Snapshot;
use state_directory::{StateDirectory, WhenHeld};
use watch::EgressCounter;

/// After how long what keeps the certificate good begins again.
const AFTER_A_BREAK: Duration = Duration::from_secs(60);

/// Where the appliance listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// The configured address and the Unix socket.
    Everywhere,
    /// The Unix socket alone: a command that started its own engines.
    SocketOnly,
}

/// A running appliance.
pub struct App {
    address: Option<SocketAddr>,
    secure: bool,
    stage: channel::Receiver<Stage>,
    stopping: CancellationToken,
    http: JoinHandle<()>,
    coming_up: JoinHandle<anyhow::Result<Up>>,
    snapshot: Arc<Snapshot>,
    /// What opens set-up, once the database tells that it is open; `false`: it is not.
    unclaimed: channel::Receiver<Option<bool>>,
    setup: SetupToken,
    /// Folder and name of the Unix socket.
    socket: (PathBuf, &'static str),
    _state: StateDirectory,
}

/// How far the appliance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    ComingUp,
    Up,
    Failed,
}

impl App {
    /// Takes hold of the state directory, listens, and goes on coming up in the background; see [`Self::ready`].
    pub async fn start(config: Config, listen: Listen, progress: Arc<dyn PullProgress>) -> anyhow::Result<Self> {
        refuse_what_sealing_forbids(&config, listen)?;
        let when_held = if listen == Listen::SocketOnly { WhenHeld::Wait } else { WhenHeld::Refuse };
        let state = StateDirectory::hold(&config.server.state_directory, when_held).await?;
        let uploads = state.uploads()?;
        let setup = SetupToken::in_directory(&config.server.state_directory);
        let audit = Arc::new(EgressCounter::default());
        let certifying = way_to_authority(&config, listen, audit.clone())?;
        let tls = open_tls(&config, listen)?;
        let guarded = Guarded { tls: tls.is_some(), accounts: setup.is_closed() };
        let listeners = bind(&config, listen, guarded, tls.as_deref()).await?;
        let ollama_listeners = bind_ollama(&config, listen).await?;
        let address = listeners.tcp.as_ref().map(|tcp| tcp.local_addr()).transpose()?;

        let secure = tls.is_some();
        let spawner = Spawner::new().context("the thread that starts engines cannot be started")?;
        let parse = ParseRunner::new(spawner.clone(), config.server.allow_unsandboxed);
        parse.confinement().await.context("the engines of this appliance cannot run here")?;
        let library = Library::open(&config, parse.clone(), audit.clone(), progress)?;
        let snapshot = Arc::new(Snapshot::new(&config, &library, Arc::clone(&audit)));
        let stopping = CancellationToken::new();
        let first = FirstServices {
            system: Arc::new(SystemService::new(snapshot.clone())),
            models: Arc::new(ModelService::new(library.shelf(), snapshot.clone(), stopping.clone())),
            unsandboxed_allowed: config.server.allow_unsandboxed,
            claimed: setup.is_closed(),
            tls: tls.clone(),
            trusted_proxies: config.server.trusted_proxies.clone().into(),
        };
        let (router, routers) = channel::channel(http::starting_router(&first));
        let (ollama, ollama_routers) = channel::channel(http::ollama_router(None));
        let own = http::serve(listeners, http::staged(routers), stopping.clone());
        let others = http::serve(ollama_listeners, http::staged(ollama_routers), stopping.clone());
        let http = tokio::spawn(async move { tokio::join!(own, others) }.map(drop));

        let (folder, name) = config.server.socket();
        let socket = (folder.to_owned(), name);
        let (stages, stage) = channel::channel(Stage::ComingUp);
        let (tell_unclaimed, unclaimed) = channel::channel(None);
        let serving = Arc::clone(&snapshot);
        let parts = Parts {
            config,
            listen,
            spawner,
            parse,
            library: Arc::new(library),
            snapshot: Arc::clone(&snapshot),
            egress: audit,
            first,
            router,
            ollama,
            uploads,
            setup: setup.clone(),
            unclaimed: tell_unclaimed,
            stopping: stopping.clone(),
        };
        if let Some(tls) = tls {
            let stopping = stopping.clone();
            tokio::spawn(async move { stopping.run_until_cancelled(keep_certified(tls, certifying)).await });
        }
        let coming_up = tokio::spawn(async move {
            let up = bring_up::bring_up(parts).await;
            if up.is_ok() {
                serving.requests_are_served();
            }
            stages.send_replace(if up.is_ok() { Stage::Up } else { Stage::Failed });
            up
        });
        Ok(Self { address, secure, stage, stopping, http, coming_up, snapshot, unclaimed, setup, socket, _state: state })
    }

    /// The address that TCP clients reach, when there is one.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// What browsers put before it.
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// What opens set-up, as soon as the database tells that no account exists; `None` when one does, or when coming up failed.
    pub async fn setup_token(&self) -> Option<SetupToken> {
        let mut unclaimed = self.unclaimed.clone();
        let told = unclaimed.wait_for(Option::is_some).await.is_ok_and(|told| *told == Some(true));
        told.then(|| self.setup.clone())
    }

    /// Waits until every task has an engine. `false`: coming up failed, and [`Self::stop`] says why.
    pub async fn ready(&self) -> bool {
        let mut stage = self.stage.clone();
        // The sender lives as long as the task, so the wait ends with a stage that is not `ComingUp`.
        stage.wait_for(|stage| *stage != Stage::ComingUp).await.is_ok_and(|stage| *stage == Stage::Up)
    }

    /// Returns when coming up has failed; never otherwise.
    pub async fn failed(&self) {
        if self.ready().await {
            std::future::pending().await
        }
    }

    /// Stops in order. An error is the reason why the appliance never came up, or why it did not stop cleanly.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stopping.cancel();
        self.http.await.context("the server loop broke")?;
        self.coming_up.await.context("coming up broke")??.stop().await
    }
}

/// Sealed, a server asks nobody: what cannot be done without asking is refused before anything is started.
fn refuse_what_sealing_forbids(config: &Config, listen: Listen) -> Result<(), UnusableSetting> {
    match (config.server.sealed && listen == Listen::Everywhere, &config.provider, &config.tls) {
        (true, Some(provider), _) => Err(UnusableSetting(format!(
            "sealed, and log-ins go through {}, which would have to be asked: take [provider] away, or start without --sealed",
            provider.issuer
        ))),
        (true, _, Some(TlsSource::Acme(wish))) => Err(UnusableSetting(format!(
            "sealed, and the certificate is {}'s to give, which would have to be asked: name its files or `own_authority` in [tls] in \
             place of `acme_names`, or start without --sealed",
            wish.directory
        ))),
        _ => Ok(()),
    }
}

async fn bind(config: &Config, listen: Listen, guarded: Guarded, tls: Option<&Tls>) -> anyhow::Result<Listeners> {
    let tcp = match listen {
        Listen::Everywhere => Some(listeners::bind_tcp(config.server.listen, guarded).await?),
        Listen::SocketOnly => None,
    };
    let (folder, name) = config.server.socket();
    Ok(Listeners { tcp, tls: tls.map(Tls::acceptor).transpose()?, unix: Some(listeners::bind_unix(folder, name)?) })
}

/// The certificate, where the operator asked for TLS. An authority's own names this machine until an admin gives it a name.
fn open_tls(config: &Config, listen: Listen) -> anyhow::Result<Option<Arc<Tls>>> {
    match (&config.tls, listen) {
        (Some(source), Listen::Everywhere) => {
            let tls = Tls::open(source, &config.server.state_directory, &http::own_names(config.server.listen, None));
            Ok(Some(Arc::new(tls.context("TLS cannot be spoken")?)))
        }
        _ => Ok(None),
    }
}

/// Keeps the certificate good for as long as the server runs: what others renew is read anew, what an authority gives is asked for.
/// Should that break, it begins again: nothing else would tell before the certificate ends.
async fn keep_certified(tls: Arc<Tls>, certifying: Option<Arc<Egress>>) {
    loop {
        let (tls, certifying) = (Arc::clone(&tls), certifying.clone());
        let keeping = tokio::spawn(async move {
            match (tls.acme(), certifying) {
                (Some(acme), Some(certifying)) => acme.keep(&certifying).await,
                _ => tls.follow_files().await,
            }
        });
        match AbortOnDropHandle::new(keeping).await {
            Ok(()) => return,
            Err(error) => tracing::error!(%error, "what keeps the certificate good broke; it begins again"),
        }
        tokio::time::sleep(AFTER_A_BREAK).await;
    }
}

/// The way out to the authority that is asked for certificates, and to nobody else.
fn way_to_authority(config: &Config, listen: Listen, audit: Arc<EgressCounter>) -> anyhow::Result<Option<Arc<Egress>>> {
    let (Some(TlsSource::Acme(wish)), Listen::Everywhere) = (&config.tls, listen) else { return Ok(None) };
    let mut policy = EgressPolicy::default().allow(Purpose::Certificates, &wish.directory)?.sealed(config.server.sealed);
    if let Some(path) = &wish.authority {
        let pem = std::fs::read(path).with_context(|| format!("`acme_authority_file` of `[tls]`, {}, cannot be read", path.display()))?;
        policy = policy.trusting_only(&pem).map_err(|_| {
            UnusableSetting(format!("`acme_authority_file` of `[tls]`, {}, holds no certificate (PEM is needed)", path.display()))
        })?;
    }
    Ok(Some(Arc::new(Egress::new(policy, audit))))
}

/// For programs that speak Ollama's protocol, where the operator asked for it: without keys, so on loopback alone.
async fn bind_ollama(config: &Config, listen: Listen) -> anyhow::Result<Listeners> {
    let nothing = Guarded { tls: false, accounts: false };
    let tcp = match (listen, config.ollama.listen) {
        (Listen::Everywhere, Some(address)) => Some(listeners::bind_tcp(address, nothing).await.context("for Ollama's protocol")?),
        _ => None,
    };
    Ok(Listeners { tcp, tls: None, unix: None })
}

/// The state of a machine on which no server runs: hardware, models that are here, and whether the kernel confines a child.
pub async fn survey(config: &Config) -> anyhow::Result<SystemReport> {
    let spawner = Spawner::new().context("the thread that starts engines cannot be started")?;
    let parse = ParseRunner::new(spawner, config.server.allow_unsandboxed);
    let audit = Arc::new(EgressCounter::default());
    let library = Library::open(config, parse.clone(), audit.clone(), Arc::new(NoProgress))?;
    let snapshot = Snapshot::new(config, &library, audit);
    let profile = library.best_profile().profile;
    snapshot.profile_is_chosen(profile, &library.entries(profile)?);
    let mut report = SystemService::new(Arc::new(snapshot)).report().await;
    match parse.confinement().await {
        Ok(confinement) => report.snapshot.engines.push(EngineStatus::survey(confinement)),
        Err(error) => {
            report.sandboxed = false;
            report.warnings.push(error.to_string());
        }
    }
    Ok(report)
}
