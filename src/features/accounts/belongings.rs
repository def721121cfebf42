//! What other features keep of a person.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::UserId;
use crate::error::Result;

/// A feature that keeps something of people. It goes with the person's row; this is how it is handed out.
pub trait Belongings: Send + Sync {
    /// What an export calls it.
    fn name(&self) -> &'static str;

    /// All of it, as the API shows it.
    fn export(&self, user: UserId) -> BoxFuture<'_, Result<Value>>;
}
