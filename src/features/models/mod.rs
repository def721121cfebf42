//! The models of this appliance as its operator sees them: what there is, what is here, and fetching or removing it.
//!
//! Owns the pulls that people ask for and the board on which every pull's progress stands. The files themselves are
//! [`crate::models`]'s; which of them engines and database use is known to whoever implements [`ModelUsage`].

mod board;
mod model;
pub mod routes;
mod service;

pub use board::PullBoard;
pub use model::*;
pub use service::{ModelService, ModelUsage, Shelf};
