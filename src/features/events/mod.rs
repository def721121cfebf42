//! What changes in a person's journal, told to the browsers and programs of theirs that listen, on whichever server.
//!
//! Owns no table: the database tells of its own rows (`migrations/0008_events.sql`), and what it says is read in [`store`]. Who may
//! listen, and until when, is the guard's; this feature ends no stream but its own oldest.

mod model;
pub mod routes;
mod service;
mod store;

pub use model::*;
pub use service::{EventService, follow};
pub use store::EventStore;
