//! The system's own state: what runs here, what is enforced, what is missing.
//!
//! Owns the shape of the answer and the look at the hardware; what other modules own comes through [`SystemSource`].

mod hardware;
mod model;
pub mod routes;
mod service;

pub use hardware::{Gpu, Hardware};
pub use model::*;
pub use service::{SystemService, SystemSource, UNCONFINED};
