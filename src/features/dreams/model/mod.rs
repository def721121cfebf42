//! The feature's types as the API shows them.

mod dream;
mod opinion;
mod reading;
mod request;
mod step;
mod waiting;

pub use dream::*;
pub use opinion::*;
pub use reading::*;
pub use request::*;
pub use step::*;
pub use waiting::*;
