//! `oneiros openapi`: the API document on standard output, for whoever generates a client.

use std::process::ExitCode;

use super::output::print_json;
use crate::http;

pub fn run() -> anyhow::Result<ExitCode> {
    print_json(&http::document())?;
    Ok(ExitCode::SUCCESS)
}
