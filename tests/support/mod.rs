//! What the tests share: a real PostgreSQL, a server of the real executable on real models, a client that knows only
//! what the API's documentation says, and the helpers that make speech, read event streams and watch processes.

pub mod api;
pub mod command_line;
pub mod database;
pub mod events;
pub mod hub;
pub mod processes;
pub mod reading;
pub mod server;
pub mod speech;
pub mod state;
pub mod texts;
pub mod turn;
