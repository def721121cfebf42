//! Accounts: who may come in, as whom, and how far; what was done is told to the audit.
//!
//! Owns the tables `users`, `appliance`, `sessions`, `api_keys`, `one_time_codes`, `audit` and `limit_counts`, and the list of
//! common passwords under `assets/passwords/`.
//!
//! The way of a request: [`Visitor`] (where it comes from and with what) → [`AccountService::identify`] → a [`Principal`],
//! whose [`Scope`]s are laid beside what the operation asks for (`http/` does that) → the operation. While no account
//! exists the appliance is unclaimed: it listens on loopback alone and whoever sits at the machine uses it.

mod audit;
mod belongings;
mod limits;
mod model;
mod name;
mod password;
mod principal;
mod profile;
mod revocation;
mod role;
pub mod routes;
mod secret;
mod service;
mod setup_token;
mod standing;
mod store;
mod visitor;

pub use audit::Action;
pub use belongings::Belongings;
pub use limits::{Allowance, Limits};
pub use model::*;
pub use principal::{Credential, Principal, UserId};
pub use revocation::{Revocations, listen};
pub use role::{Role, Scope};
pub use secret::{csrf_token, same as same_secret};
pub use service::{AccountService, Entrance};
pub use setup_token::SetupToken;
pub use standing::{Registration, Standing};
pub use store::{AccountStore, UserFilter};
pub use visitor::{CSRF_COOKIE, Origin, SESSION_COOKIE, Visitor};
