//! What a template may use: Jinja as transformers sets it up, bounded, with nothing of the machine in reach.

use std::{
    io,
    time::{Duration, Instant},
};

use minijinja::{
    Environment, Error, ErrorKind, Output, State, Value, escape_formatter,
    syntax::SyntaxConfig,
    value::{Rest, ValueKind},
};
use time::OffsetDateTime;

use super::{
    MAX_OUTPUT_BYTES,
    python_json::tojson,
    python_methods::{indent, method},
};

/// Steps that a template may take; a message takes some hundred.
const FUEL: u64 = 5_000_000;
/// How long a template may take; published ones take less than a millisecond.
const MAX_TIME: Duration = Duration::from_secs(2);
/// The longest template; published ones end at 20 KiB.
const MAX_SOURCE_BYTES: usize = 256 * 1024;

pub(super) const NAME: &str = "chat";

/// The clock that a template asks for the date.
pub(super) type Clock = fn() -> OffsetDateTime;

/// An environment that holds one template under [`NAME`].
pub(super) fn environment(source: &str, clock: Clock) -> Result<Environment<'static>, Error> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(refused(format!("it is longer than {MAX_SOURCE_BYTES} bytes")));
    }
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(format_within_bounds);
    environment.set_unknown_method_callback(method);
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> { Err(refused(message)) });
    environment.add_function("strftime_now", move |format: &str| strftime(clock(), format));
    environment.add_function("cycler", |Rest(items): Rest<Value>| minijinja_contrib::globals::cycler(items));
    environment.add_function("joiner", minijinja_contrib::globals::joiner);
    environment.add_filter("tojson", tojson);
    environment.add_filter("indent", indent);
    // In Python, whatever has a length and items is a sequence.
    environment.add_test("iterable", |value: &Value| !value.is_none() && value.try_iter().is_ok());
    environment.add_test("sequence", |value: &Value| {
        matches!(value.kind(), ValueKind::Seq | ValueKind::String | ValueKind::Map | ValueKind::Undefined)
    });
    environment.add_template_owned(NAME, without_generation_tags(source))?;
    Ok(environment)
}

/// Renders within the bounds; what went beyond one of them is named in the error.
pub(super) fn render(environment: &Environment<'_>, context: Value) -> Result<String, Error> {
    let mut output = Bounded(Vec::new());
    let state = environment.get_template(NAME)?.render_captured_to(context, &mut output);
    match state {
        Ok(_) => String::from_utf8(output.0).map_err(|_| refused("it wrote something that is not text")),
        Err(error) if error.kind() == ErrorKind::OutOfFuel => Err(refused(format!("it takes more than {FUEL} steps"))),
        Err(error) if error.kind() == ErrorKind::WriteFailure => Err(too_long()),
        Err(error) => Err(error),
    }
}

/// Keeps no more than [`MAX_OUTPUT_BYTES`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a rendering has used up, kept in its state.
struct Used {
    since: Instant,
    /// Bytes of values, those in blocks and macros too, which never reach [`Bounded`].
    bytes: usize,
}

fn format_within_bounds(output: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let used = state.get_or_insert_extension_with(|| Used { since: Instant::now(), bytes: 0 });
    used.bytes += value.as_str().map_or(0, str::len);
    if used.bytes > 4 * MAX_OUTPUT_BYTES {
        return Err(too_long());
    }
    if used.since.elapsed() > MAX_TIME {
        return Err(refused(format!("it takes longer than {} seconds", MAX_TIME.as_secs())));
    }
    escape_formatter(output, state, value)
}

fn too_long() -> Error {
    refused(format!("it writes more than {MAX_OUTPUT_BYTES} bytes"))
}

pub(super) fn refused(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, text.into())
}

fn strftime(now: OffsetDateTime, format: &str) -> Result<String, Error> {
    let format = time::format_description::parse_strftime_borrowed(format).map_err(|error| refused(error.to_string()))?;
    now.format(&format).map_err(|error| refused(error.to_string()))
}

/// Training marks the assistant's own words with `{% generation %}`: to minijinja a block that does nothing.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at);
        let end = tag.find("%}").map_or(tag.len(), |end| end + 2);
        let words = tag[2..end].trim_end_matches("%}").trim_matches(['-', '+']).trim();
        out.push_str(before);
        match words {
            "generation" => out.push_str(&tag[..end].replace("generation", "with")),
            "endgeneration" => out.push_str(&tag[..end].replace("endgeneration", "endwith")),
            _ => out.push_str(&tag[..end]),
        }
        rest = &tag[end..];
    }
    out.push_str(rest);
    out
}
