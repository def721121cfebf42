//! (contract stub)
