//! Answers as server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::StreamExt;

use super::super::{Answers, Line, Narrator, narrate};

/// A comment is sent on an idle stream this often, so that neither side takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The answers in a protocol's words, as they are written.
pub fn answer(answers: Answers, narrator: impl Narrator) -> Response {
    let events = narrate(answers, narrator).map(|line| Ok::<_, Infallible>(event(line)));
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Reverse proxies that gather answers pass this one on at once.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn event(line: Line) -> Event {
    let event = Event::default().data(line.data);
    match line.event {
        Some(name) => event.event(name),
        None => event,
    }
}
