//! After somebody was erased: what they left on the disk goes, too.

use serde::{Deserialize, Serialize};

use crate::{
    db::Sweeper,
    jobs::{Job, Registry},
};

/// Takes deleted rows off the disk.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct SweepErased {}

impl Job for SweepErased {
    const KIND: &'static str = "accounts.sweep-erased";
    /// A table that is in use just now is tried again, for as long as it takes.
    const MAX_ATTEMPTS: i32 = i32::MAX;

    fn deduplication_key(&self) -> Option<String> {
        // One that runs may have been past a table already: so none is left out. Those that wait leave all to the last of them.
        None
    }
}

impl SweepErased {
    pub fn register(registry: &mut Registry, sweeper: Sweeper) {
        registry.register(move |_: Self, context| {
            let sweeper = sweeper.clone();
            async move { if context.another_waits().await? { Ok(()) } else { sweeper.sweep().await } }
        });
    }
}
