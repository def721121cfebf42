//! `oneiros serve`: the appliance until a signal ends it.

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::output::print_line;
use crate::{
    app::{App, Listen},
    config::Config,
    http, models,
};

pub async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    http::raise_descriptor_limit();
    let app = App::start(config, Listen::Everywhere, models::for_stderr()).await?;
    if let Some(address) = app.address() {
        let scheme = app.scheme();
        print_line(&format!("Oneiros listens on {scheme}://{address} (its API: {scheme}://{address}/reference)"))?;
    }
    let service_manager = app.tell_service_manager();
    let running = async {
        tell_of_set_up(&app).await?;
        app.failed().await;
        anyhow::Ok(())
    };
    tokio::select! {
        _ = interrupt.recv() => tracing::info!("interrupted: stopping"),
        _ = terminate.recv() => tracing::info!("asked to end: stopping"),
        told = running => told?,
    }
    service_manager.stopping().await;
    app.stop().await?;
    Ok(ExitCode::SUCCESS)
}

/// While no account exists: where to make the first one, and with what. Where the output may be kept as a log, the token is
/// named by its file alone.
async fn tell_of_set_up(app: &App) -> anyhow::Result<()> {
    let (Some(token), Some(address)) = (app.setup_token().await, app.address()) else { return Ok(()) };
    let page = format!("{}://{address}/setup", app.scheme());
    let mut out = std::io::stdout();
    let secret = if out.is_terminal() {
        format!("enter this token: {}", token.read_or_make()?)
    } else {
        format!("enter the token in {}", token.path().display())
    };
    // Whoever wanted the address alone may have closed the pipe; the server goes on.
    let _ = writeln!(out, "No accounts yet. To make the first, open {page} and {secret}");
    Ok(())
}
