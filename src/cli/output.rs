//! What commands print: results to standard output, everything else to standard error.

use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;
use tracing_subscriber::EnvFilter;

/// Starts the log on standard error: `info` for the server, `warn` for other commands, `ONEIROS_LOG` over both.
pub fn start_log(server: bool) {
    let default = if server { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("ONEIROS_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    if std::io::stderr().is_terminal() {
        log.init();
    } else {
        log.with_ansi(false).init();
    }
}

/// One line: what is wrong and, from the error's own words, what to do.
pub fn print_error(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
}

/// A result for programs.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print_line(&serde_json::to_string_pretty(value)?)
}

/// A result for people. A closed pipe (`| head`) ends the command quietly.
pub fn print_line(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}
