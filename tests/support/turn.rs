//! Turns: tests that measure seconds or break things run alone, all others side by side.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static MACHINE: RwLock<()> = RwLock::const_new(());

/// No other test runs while this is held.
pub async fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().await
}

/// Others of its kind may run beside it.
pub async fn together() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().await
}
