//! The roles of the executable.

pub mod database;
pub mod doctor;
pub mod embed;
pub mod engine;
pub mod interpret;
pub mod models;
pub mod selfcheck;
pub mod serve;
pub mod transcribe;

/// Runs what the command line asks for.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
