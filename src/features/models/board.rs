//! The board on which every pull's progress stands, whoever started it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{PullStage, PullState};
use crate::models::{ProgressEvent, PullProgress, Stage};

/// Shows pulls under way, and failed ones until the next try. Everything is also passed on, such as to a terminal.
pub struct PullBoard {
    pulls: Mutex<BTreeMap<String, PullState>>,
    next: Arc<dyn PullProgress>,
}

impl PullBoard {
    pub fn new(next: Arc<dyn PullProgress>) -> Self {
        Self { pulls: Mutex::default(), next }
    }

    /// All that stands here, by catalogue id.
    pub fn all(&self) -> BTreeMap<String, PullState> {
        self.pulls().clone()
    }

    /// The pulls that go on.
    pub fn under_way(&self) -> Vec<(String, PullState)> {
        self.all().into_iter().filter(|(_, pull)| pull.stage != PullStage::Failed).collect()
    }

    pub(super) fn is_under_way(&self, id: &str) -> bool {
        self.pulls().get(id).is_some_and(|pull| pull.stage != PullStage::Failed)
    }

    /// Takes a pull off the board: it was stopped, or its failure was seen.
    pub(super) fn forget(&self, id: &str) {
        self.pulls().remove(id);
    }

    fn pulls(&self) -> MutexGuard<'_, BTreeMap<String, PullState>> {
        self.pulls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PullProgress for PullBoard {
    fn event(&self, event: ProgressEvent) {
        match state(&event) {
            Some(state) => drop(self.pulls().insert(event.id.clone(), state)),
            None => self.forget(&event.id),
        }
        self.next.event(event);
    }
}

/// `None` once there is nothing more to show.
fn state(event: &ProgressEvent) -> Option<PullState> {
    let (stage, detail) = match &event.stage {
        Stage::Waiting => (PullStage::Waiting, None),
        Stage::Downloading(source) => (PullStage::Downloading, Some(source.clone())),
        Stage::Assembling => (PullStage::Assembling, None),
        Stage::Verifying => (PullStage::Verifying, None),
        Stage::Failed(reason) => (PullStage::Failed, Some(reason.clone())),
        Stage::Done => return None,
    };
    Some(PullState { stage, detail, bytes_done: event.bytes, bytes_total: event.total })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::NoProgress;

    #[test]
    fn a_pull_is_shown_until_it_is_done_and_a_failure_until_the_next_try() {
        let board = PullBoard::new(Arc::new(NoProgress));
        let tell = |stage| board.event(ProgressEvent { id: "m".into(), stage, bytes: 5, total: Some(10) });
        tell(Stage::Downloading("the hub".into()));
        let shown = board.all()["m"].clone();
        assert_eq!((shown.stage, shown.detail.as_deref(), shown.bytes_done), (PullStage::Downloading, Some("the hub"), 5));
        tell(Stage::Failed("gone".into()));
        assert_eq!(board.all()["m"].detail.as_deref(), Some("gone"));
        assert!(board.under_way().is_empty() && !board.is_under_way("m"));
        tell(Stage::Assembling);
        assert!(board.is_under_way("m"));
        tell(Stage::Done);
        assert!(board.all().is_empty());
    }
}
