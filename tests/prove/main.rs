//! The long proofs: `make prove`. Bars on a corpus of real reports, reads at scale, kills by the dozen, two servers, a soak.
//!
//! `ONEIROS_CORPUS` names a file of dream reports, one JSON object with a `text` a line, plain or gzip.

#![expect(clippy::disallowed_methods, reason = "tests start programs and speak to servers of their own")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the proofs use a part of what the tests share")]
mod support;

mod corpus;
mod kills;
mod log_in;
mod readings;
mod reads;
mod reports;
mod soak;
mod streams;
mod two_servers;
