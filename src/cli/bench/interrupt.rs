//! Ctrl-C while something is measured: what was made for the measurement is taken away before the command ends.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The code of a command that was interrupted, as shells tell it.
pub const EXIT_CODE: u8 = 130;

#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Knows whether the person at the terminal has had enough.
#[derive(Debug, Clone)]
pub struct Interrupt(CancellationToken);

impl Interrupt {
    /// From now on the first Ctrl-C (or SIGTERM) ends measurements, the second one the process.
    pub fn watch() -> anyhow::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
        let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
        let token = CancellationToken::new();
        let told = token.clone();
        tokio::spawn(async move {
            let mut either = async || {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            };
            either().await;
            eprintln!("interrupted: taking away what was made for the measurement (again to end at once)");
            told.cancel();
            either().await;
            std::process::exit(EXIT_CODE.into());
        });
        Ok(Self(token))
    }

    /// The work's result, or [`Interrupted`] as soon as that happens; the work is dropped then.
    pub async fn or<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        tokio::select! {
            biased;
            () = self.0.cancelled() => Err(Interrupted.into()),
            result = work => result,
        }
    }
}
