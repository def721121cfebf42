//! How far a pull is: one event stream for terminals, logs and the server's status.

use std::{
    collections::HashMap,
    io::IsTerminal,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;

use super::files::human_bytes;

/// What is being done to an artefact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "stage", content = "detail")]
pub enum Stage {
    /// Somebody else pulls it.
    Waiting,
    /// From the named source.
    Downloading(String),
    /// Joining, converting, unpacking.
    Assembling,
    Verifying,
    Done,
    Failed(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProgressEvent {
    pub id: String,
    #[serde(flatten)]
    pub stage: Stage,
    pub bytes: u64,
    pub total: Option<u64>,
}

/// Hears how far pulls are. Must not block.
pub trait PullProgress: Send + Sync {
    fn event(&self, event: ProgressEvent);
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl PullProgress for NoProgress {
    fn event(&self, _: ProgressEvent) {}
}

/// Bars where standard error is a terminal, plain lines elsewhere.
pub fn for_stderr() -> Arc<dyn PullProgress> {
    if std::io::stderr().is_terminal() { Arc::new(TerminalProgress::default()) } else { Arc::new(LineProgress::default()) }
}

/// One bar for each artefact, on standard error.
#[derive(Default)]
pub struct TerminalProgress {
    bars: MultiProgress,
    by_id: Mutex<HashMap<String, ProgressBar>>,
}

impl PullProgress for TerminalProgress {
    fn event(&self, event: ProgressEvent) {
        let mut by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = by_id.entry(event.id.clone()).or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new(0));
            let style = ProgressStyle::with_template("{prefix:24} {bar:30} {bytes:>10}/{total_bytes:10} {bytes_per_sec:>12} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(event.id.clone());
            bar
        });
        if let Some(total) = event.total {
            bar.set_length(total);
        }
        bar.set_position(event.bytes);
        match &event.stage {
            Stage::Done => bar.finish_with_message("done"),
            Stage::Failed(reason) => bar.abandon_with_message(reason.clone()),
            other => bar.set_message(words(other)),
        }
    }
}

/// A line when the stage changes, and every few seconds of a download.
#[derive(Default)]
pub struct LineProgress {
    last: Mutex<HashMap<String, (Stage, Instant)>>,
}

const LINE_INTERVAL: Duration = Duration::from_secs(5);

impl PullProgress for LineProgress {
    fn event(&self, event: ProgressEvent) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.get(&event.id).is_none_or(|(stage, at)| *stage != event.stage || at.elapsed() >= LINE_INTERVAL);
        if !due {
            return;
        }
        let amount = match (event.bytes, event.total) {
            (0, Some(total)) => human_bytes(total),
            (bytes, Some(total)) => format!("{} of {}", human_bytes(bytes), human_bytes(total)),
            (bytes, None) => human_bytes(bytes),
        };
        eprintln!("{}: {} ({amount})", event.id, words(&event.stage));
        last.insert(event.id, (event.stage, Instant::now()));
    }
}

fn words(stage: &Stage) -> String {
    match stage {
        Stage::Waiting => "waiting for another pull of it".into(),
        Stage::Downloading(source) => format!("downloading from {source}"),
        Stage::Assembling => "unpacking".into(),
        Stage::Verifying => "verifying".into(),
        Stage::Done => "done".into(),
        Stage::Failed(reason) => format!("failed: {reason}"),
    }
}
