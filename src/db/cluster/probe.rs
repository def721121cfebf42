//! Whether a private cluster hangs.

use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _, postgres::PgConnectOptions};

/// Tries connections of its own: a pool that is busy says nothing about the database.
#[derive(Clone)]
pub struct Probe {
    options: PgConnectOptions,
}

impl Probe {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options }
    }

    /// Whether a new connection gets no answer within `patience`. A refusal is an answer: a postmaster that is gone,
    /// recovers or is full is not one that hangs.
    pub async fn hangs(&self, patience: Duration) -> bool {
        let connecting = async {
            if let Ok(connection) = self.options.connect().await {
                let _ = connection.close().await;
            }
        };
        tokio::time::timeout(patience, connecting).await.is_err()
    }
}
