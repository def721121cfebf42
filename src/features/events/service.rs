//! Who listens, and what each of them is told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{Stream, StreamExt as _, future::ready, stream};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::{DreamsEvent, EventStore, News};
use crate::{
    error::{Error, Result},
    features::accounts::UserId,
};

/// Streams of one person on one server.
const MOST_STREAMS: usize = 16;
/// How much may be told before a stream has heard the first of it; one that missed some is told so.
const BACKLOG: usize = 32;
/// A stream ends after so long, and its client opens another: a key or a session that ran out meanwhile is seen at the door.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// When somebody who had too many may try again.
const COME_BACK: Duration = Duration::from_secs(30);
/// After how long the database is asked again for word when it was away.
const AGAIN: Duration = Duration::from_secs(1);

/// The feature's face to `http/`.
pub struct EventService {
    people: Arc<People>,
    longest: Duration,
    stopping: CancellationToken,
}

/// Everybody who listens.
#[derive(Default)]
struct People(Mutex<HashMap<UserId, Listeners>>);

/// The streams of one person.
struct Listeners {
    streams: usize,
    told: broadcast::Sender<News>,
}

/// A stream's place among those of its person; given back when the stream goes, however it goes.
struct Place {
    people: Arc<People>,
    person: UserId,
}

impl EventService {
    /// Streams end when `stopping` is cancelled.
    pub fn new(stopping: CancellationToken) -> Self {
        Self { people: Arc::default(), longest: LONGEST, stopping }
    }

    /// What this person's journal tells from now on.
    pub fn listen(&self, person: UserId) -> Result<impl Stream<Item = News> + Send + 'static + use<>> {
        let (told, place) = People::place(&self.people, person)?;
        let heard = stream::unfold((told, place), |(mut told, place)| async move {
            let news = match told.recv().await {
                Ok(news) => news,
                Err(broadcast::error::RecvError::Lagged(_)) => News::Lost,
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((news, (told, place)))
        });
        let (longest, stopping) = (self.longest, self.stopping.clone());
        let end = async move { drop(tokio::time::timeout(longest, stopping.cancelled()).await) };
        Ok(stream::once(ready(News::Ready)).chain(heard).take_until(Box::pin(end)))
    }

    fn tell(&self, person: UserId, event: DreamsEvent) {
        if let Some(listeners) = self.people.lock().get(&person) {
            // Its last stream may be on its way out.
            let _ = listeners.told.send(News::Dreams(event));
        }
    }

    fn tell_all_to_look(&self) {
        for listeners in self.people.lock().values() {
            let _ = listeners.told.send(News::Lost);
        }
    }
}

impl People {
    fn place(people: &Arc<Self>, person: UserId) -> Result<(broadcast::Receiver<News>, Place)> {
        let mut all = people.lock();
        let listeners = all.entry(person).or_insert_with(|| Listeners { streams: 0, told: broadcast::channel(BACKLOG).0 });
        if listeners.streams >= MOST_STREAMS {
            let what = "16 streams of events are open for you already: close one of the pages or programs that listen";
            return Err(Error::TooMany { what, retry_after: COME_BACK });
        }
        listeners.streams += 1;
        Ok((listeners.told.subscribe(), Place { people: Arc::clone(people), person }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Listeners>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.people.lock();
        let left = all.get_mut(&self.person).map(|listeners| {
            listeners.streams -= 1;
            listeners.streams
        });
        if left == Some(0) {
            all.remove(&self.person);
        }
    }
}

/// Hears what the database tells and passes it on, until the server stops.
pub async fn follow(service: Arc<EventService>, store: EventStore) {
    let stopping = service.stopping.clone();
    stopping.run_until_cancelled(hear(&service, &store)).await;
}

async fn hear(service: &EventService, store: &EventStore) {
    loop {
        match store.line().await {
            Ok(mut line) => {
                // What happened before the line stood was missed.
                service.tell_all_to_look();
                while let Ok(heard) = line.next().await {
                    match heard {
                        Some((person, event)) => service.tell(person, event),
                        None => service.tell_all_to_look(),
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "no word of dreams can be had; trying again"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::features::events::Change;

    fn event(number: u128) -> DreamsEvent {
        DreamsEvent { dream_id: Uuid::from_u128(number), change: Change::Kept }
    }

    #[tokio::test]
    async fn places_are_given_back_and_nobody_is_remembered() {
        let service = EventService::new(CancellationToken::new());
        let person = UserId::LOCAL;
        let mut streams: Vec<_> = (0..MOST_STREAMS).map(|_| service.listen(person).ok().unwrap()).collect();
        assert!(matches!(service.listen(person).err(), Some(Error::TooMany { .. })));
        assert!(service.listen(UserId(Uuid::from_u128(9))).is_ok(), "others have places of their own");
        streams.pop();
        assert!(service.listen(person).is_ok());
        drop(streams);
        assert!(service.people.lock().is_empty());
    }

    #[tokio::test]
    async fn a_stream_that_was_too_slow_is_told_to_look_again() {
        let service = EventService::new(CancellationToken::new());
        let mut stream = Box::pin(service.listen(UserId::LOCAL).ok().unwrap());
        assert_eq!(stream.next().await, Some(News::Ready));
        let many = BACKLOG as u128 + 1;
        (0..many).for_each(|number| service.tell(UserId::LOCAL, event(number)));
        assert_eq!(stream.next().await, Some(News::Lost));
        assert_eq!(stream.next().await, Some(News::Dreams(event(1))), "and hears what is still there");
    }

    #[tokio::test]
    async fn a_stream_ends_with_the_server_and_when_its_time_is_over() {
        let stopping = CancellationToken::new();
        let short = EventService { longest: Duration::from_millis(20), ..EventService::new(stopping.clone()) };
        let mut over = Box::pin(short.listen(UserId::LOCAL).ok().unwrap());
        assert_eq!(over.next().await, Some(News::Ready));
        assert_eq!(over.next().await, None);
        let mut stopped = Box::pin(EventService::new(stopping.clone()).listen(UserId::LOCAL).ok().unwrap());
        assert_eq!(stopped.next().await, Some(News::Ready));
        stopping.cancel();
        assert_eq!(stopped.next().await, None);
    }
}
