//! Accounts: who may come in, as whom, and how far; what was done is told to the audit.
//!
//! Owns the tables `users`, `appliance`, `sessions`, `api_keys`, `one_time_codes`, `authenticators`, `recovery_codes`, `passkeys`,
//! `identities`, `ceremonies`, `audit` and `limit_counts`, and the list of common passwords under `assets/passwords/`.
//!
//! The way of a request: [`Visitor`] (where it comes from and with what) → [`AccountService::identify`] → a [`Principal`],
//! whose [`Scope`]s are laid beside what the operation asks for (`http/` does that) → the operation. While no account
//! exists the appliance is unclaimed: it listens on loopback alone and whoever sits at the machine uses it.

mod access_token;
mod audit;
mod authenticator;
mod belongings;
mod limits;
mod model;
mod name;
mod password;
mod principal;
mod profile;
mod provider;
mod refresh_token;
mod revocation;
mod role;
pub mod routes;
mod sealed;
mod secret;
mod service;
mod setup_token;
mod standing;
mod store;
mod sweeping;
mod visitor;
mod webauthn;

pub use audit::{Action, Entry};
pub use belongings::Belongings;
pub use limits::{Allowance, Limits};
pub use model::*;
pub use principal::{Credential, Principal, UserId};
pub use provider::Provider;
pub use revocation::{Revocations, listen};
pub use role::{Role, Scope};
pub use sealed::MasterKey;
pub use secret::{csrf_token, same as same_secret};
pub use service::{AccountService, Entrance};
pub use setup_token::SetupToken;
pub use standing::{Registration, Standing};
pub use store::{AccountStore, UserFilter, tell_audit};
pub use sweeping::SweepErased;
pub use visitor::{CSRF_COOKIE, Origin, PROVIDER_COOKIE, SESSION_COOKIE, Visitor};
