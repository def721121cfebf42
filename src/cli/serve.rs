//! `oneiros serve`: the appliance until a signal ends it.

use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::output::print_line;
use crate::{
    app::{App, Listen},
    config::Config,
    models,
};

pub async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    let app = App::start(config, Listen::Everywhere, models::for_stderr()).await?;
    if let Some(address) = app.address() {
        print_line(&format!("Oneiros listens on http://{address} (its API: http://{address}/reference)"))?;
    }
    let service_manager = app.tell_service_manager();
    tokio::select! {
        _ = interrupt.recv() => tracing::info!("interrupted: stopping"),
        _ = terminate.recv() => tracing::info!("asked to end: stopping"),
        () = app.failed() => {}
    }
    service_manager.stopping().await;
    app.stop().await?;
    Ok(ExitCode::SUCCESS)
}
