//! Word that somebody's way in has ended, for streams that are open: told through the database, so that every server hears it.

use std::{sync::Arc, time::Duration};

use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::{AccountStore, Principal, Standing, UserId};

/// How many may be told before a stream has heard the first; one that missed some looks for itself.
const BACKLOG: usize = 256;
/// After how long the database is asked again for word when it was away.
const AGAIN: Duration = Duration::from_secs(1);

/// How often counts of past days are forgotten.
const FORGET: Duration = Duration::from_secs(60 * 60);

/// Tells open streams whose credentials to look at again.
#[derive(Clone)]
pub struct Revocations {
    /// `None`: anybody's may have ended.
    told: broadcast::Sender<Option<UserId>>,
    store: AccountStore,
}

impl Revocations {
    pub fn new(store: AccountStore) -> Self {
        Self { told: broadcast::channel(BACKLOG).0, store }
    }

    /// Returns when this principal's credential has ended; never, where nothing can end it.
    pub fn ended(&self, principal: Principal) -> impl Future<Output = ()> + Send + 'static {
        let (mut told, store) = (self.told.subscribe(), self.store.clone());
        async move {
            // It may have ended between the look at the door and the first word of the stream.
            if !opens(&store, &principal).await {
                return;
            }
            loop {
                let concerns = match told.recv().await {
                    Ok(user) => user.is_none_or(|user| user == principal.user),
                    Err(broadcast::error::RecvError::Lagged(_)) => true,
                    // The server stops; its streams end by themselves.
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                };
                if concerns && !opens(&store, &principal).await {
                    return;
                }
            }
        }
    }

    fn tell(&self, user: Option<UserId>) {
        // Nobody listens while no stream is open.
        let _ = self.told.send(user);
    }
}

/// Whether this principal's credential opens still. A database that is away is asked until it answers: the word came once.
async fn opens(store: &AccountStore, principal: &Principal) -> bool {
    loop {
        match store.is_alive(principal).await {
            Ok(alive) => return alive,
            Err(error) => tracing::debug!(%error, "it cannot be seen whether a stream may go on; trying again"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// What the database tells of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The appliance's own row changed.
    Appliance,
    /// Something of this person's ended.
    Ended(UserId),
    /// The line was lost meanwhile: anything may have changed.
    Unknown,
}

/// Keeps the standing fresh and tells streams what ended, until the server stops.
pub async fn listen(
    store: AccountStore,
    standing: Arc<watch::Sender<Standing>>,
    revocations: Arc<Revocations>,
    stopping: CancellationToken,
) {
    let both = async { tokio::join!(follow(&store, &standing, &revocations), forget(&store)) };
    stopping.run_until_cancelled(both).await;
}

/// What limits counted long ago is of no use.
async fn forget(store: &AccountStore) {
    loop {
        if let Err(error) = store.forget_counts().await {
            tracing::debug!(%error, "old counts cannot be forgotten; trying again in an hour");
        }
        tokio::time::sleep(FORGET).await;
    }
}

async fn follow(store: &AccountStore, standing: &watch::Sender<Standing>, revocations: &Revocations) {
    loop {
        match store.news().await {
            Ok(mut line) => {
                // What happened before the line stood was missed.
                refresh(store, standing).await;
                revocations.tell(None);
                while let Ok(news) = line.next().await {
                    match news {
                        News::Appliance => refresh(store, standing).await,
                        News::Ended(user) => revocations.tell(Some(user)),
                        News::Unknown => {
                            refresh(store, standing).await;
                            revocations.tell(None);
                        }
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "no word of accounts can be had; trying again"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn refresh(store: &AccountStore, standing: &watch::Sender<Standing>) {
    match store.standing().await {
        Ok(now) => drop(standing.send_if_modified(|known| {
            let news = *known != now;
            *known = now;
            news
        })),
        Err(error) => tracing::warn!(%error, "the appliance's settings cannot be read"),
    }
}
