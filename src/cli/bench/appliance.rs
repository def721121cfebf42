//! The server that is measured: the one that runs on this machine, or one that is started for the measurement.

use std::time::{Duration, Instant};

use anyhow::bail;
use hyper::Method;

use super::{
    interrupt::Interrupt,
    target::{Target, refusal},
};
use crate::{
    app::{App, Listen},
    cli::client::Client,
    config::Config,
    engine::wire::EngineKind,
    features::system::SystemReport,
    models::for_stderr,
};

/// How long a server may load its models, and how often it is asked.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(500);

/// A server that answers.
pub struct Appliance {
    pub target: Target,
    config: Config,
    own: Option<App>,
}

impl Appliance {
    /// Finds the running server of this state directory, or starts one inside this process.
    pub async fn reach(config: &Config, interrupt: &Interrupt) -> anyhow::Result<Self> {
        let (directory, name) = config.server.socket();
        let target = Target::Socket { directory: directory.to_owned(), name };
        if Client::running(config).await?.is_some() {
            interrupt.or(until_ready(&target)).await?;
            return Ok(Self { target, config: config.clone(), own: None });
        }
        eprintln!("no server runs here: starting one for the measurement");
        let own = interrupt.or(App::start(config.clone(), Listen::SocketOnly, for_stderr())).await?;
        match interrupt.or(async { Ok(own.ready().await) }).await {
            Ok(true) => Ok(Self { target, config: config.clone(), own: Some(own) }),
            Ok(false) => {
                own.stop().await?;
                bail!("the engines did not start")
            }
            Err(interrupted) => {
                // That it never came up is no news then.
                let _ = own.stop().await;
                Err(interrupted)
            }
        }
    }

    /// Whether it runs by itself, not inside this process.
    pub fn is_another_process(&self) -> bool {
        self.own.is_none()
    }

    /// The model of its first engine of a kind.
    pub async fn model(&self, kind: EngineKind) -> anyhow::Result<Option<String>> {
        let engines = self.report().await?.snapshot.engines;
        Ok(engines.into_iter().find(|engine| engine.kind == kind).map(|engine| engine.model))
    }

    pub async fn report(&self) -> anyhow::Result<SystemReport> {
        let Some(mut client) = Client::running(&self.config).await? else { bail!("the server is gone") };
        Ok(serde_json::from_value(client.call(Method::GET, "/api/v1/system", None).await?)?)
    }

    /// Stops what was started for the measurement.
    pub async fn leave(self) -> anyhow::Result<()> {
        match self.own {
            Some(app) => app.stop().await,
            None => Ok(()),
        }
    }
}

/// One that was started a moment ago is still loading its models.
async fn until_ready(target: &Target) -> anyhow::Result<()> {
    let begin = Instant::now();
    let mut said = false;
    while let Err(error) = target.connect().await?.get("/readyz").await {
        if refusal(&error) != Some(503) || begin.elapsed() > PATIENCE {
            return Err(error.context("the server that runs here is not ready: `oneiros doctor` tells more"));
        }
        if !said {
            eprintln!("the server that runs here is not ready yet: waiting for it");
            said = true;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
