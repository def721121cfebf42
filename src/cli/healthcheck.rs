//! `oneiros healthcheck`: whether the server of this state directory answers, for containers and scripts.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use hyper::Method;

use super::client::Client;
use crate::config::Config;

/// A server that takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args)]
pub struct HealthcheckArguments {
    /// Ask whether every task has an engine, too: not so while models are fetched or loaded
    #[arg(long)]
    ready: bool,
}

pub async fn run(arguments: HealthcheckArguments, config: Config) -> anyhow::Result<ExitCode> {
    let path = if arguments.ready { "/readyz" } else { "/healthz" };
    let asked = async {
        let Some(mut client) = Client::running(&config).await? else {
            bail!("no server runs on {}", config.server.state_directory.display());
        };
        client.call(Method::GET, path, None).await
    };
    tokio::time::timeout(PATIENCE, asked).await.context("the server does not answer")??;
    Ok(ExitCode::SUCCESS)
}
