//! The feature over HTTP.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{
        Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, StreamExt as _};
use serde::Serialize;
use serde_json::json;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{EventService, News};
use crate::{
    error::{Result, problem::CommonProblems},
    features::accounts::Principal,
};

/// A comment is sent on an idle stream this often, so that neither side takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The feature's operations.
pub fn operations() -> OpenApiRouter<Arc<EventService>> {
    OpenApiRouter::new().routes(routes!(listen))
}

/// Hear what changes in your journal, from whichever device.
///
/// The answer is a stream of events: `ready` (an empty object) first, from when on nothing is missed; `dreams` (a `DreamsEvent`)
/// when a dream was kept, read or deleted; `lost` (an empty object) when something may have been missed: look again at what you
/// show. A comment comes every 15 seconds when nothing else does. The stream ends at once when what it was opened with does, and
/// after an hour: open another, as `EventSource` does by itself. A person may have 16 open at a time.
#[utoipa::path(get, operation_id = "listen_to_events", path = "/api/v1/events", tag = "dreams", security(("key" = ["dreams:read"])), responses(
    (status = 200, description = "The stream", body = String, content_type = "text/event-stream"), CommonProblems,
))]
async fn listen(
    State(service): State<Arc<EventService>>,
    principal: Principal,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let events = service.listen(principal.user)?.map(|news| Ok(event_of(news)));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn event_of(news: News) -> Event {
    match news {
        News::Ready => event("ready", &json!({})),
        News::Dreams(change) => event("dreams", &change),
        News::Lost => event("lost", &json!({})),
    }
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let json = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    Event::default().event(name).data(json)
}
