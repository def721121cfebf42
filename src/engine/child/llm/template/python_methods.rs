//! Python's methods that templates call and that neither minijinja nor its companion has, or has with a difference.

use std::fmt::Write;

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Rest, Tuple, ValueKind, from_args},
};
use minijinja_contrib::pycompat;

use super::{MAX_OUTPUT_BYTES, environment::refused};

/// The environment's way for methods that a value does not have itself.
pub(super) fn method(state: &mut State, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let known = match (value.as_str(), value.kind()) {
        (Some(text), _) => text_method(text, name, arguments)?,
        (None, ValueKind::Seq) => sequence_method(value, name, arguments)?,
        _ => None,
    };
    match known {
        Some(made) => Ok(made),
        None => pycompat::unknown_method_callback(state, value, name, arguments),
    }
}

fn text_method(text: &str, name: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    let word = || from_args::<(&str,)>(arguments).map(|(word,)| word);
    let nothing = || from_args::<()>(arguments);
    Ok(Some(match name {
        "removeprefix" => text.strip_prefix(word()?).unwrap_or(text).into(),
        "removesuffix" => text.strip_suffix(word()?).unwrap_or(text).into(),
        "partition" => tuple(text.split_once(word()?).map(|(before, after)| [before, word().unwrap_or_default(), after]), [text, "", ""]),
        "rpartition" => tuple(text.rsplit_once(word()?).map(|(before, after)| [before, word().unwrap_or_default(), after]), ["", "", text]),
        "rsplit" => rsplit(text, arguments)?,
        "replace" => replace(text, arguments)?.into(),
        "title" => nothing().map(|()| title(text))?.into(),
        "casefold" => nothing().map(|()| text.to_lowercase())?.into(),
        "index" => match text.find(word()?) {
            Some(at) => text[..at].chars().count().into(),
            None => return Err(refused("substring not found")),
        },
        "ljust" | "rjust" | "center" | "zfill" => pad(text, name, arguments)?.into(),
        _ => return Ok(None),
    }))
}

fn sequence_method(value: &Value, name: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    match name {
        "index" => {
            let (wanted,): (&Value,) = from_args(arguments)?;
            let at = value.try_iter()?.position(|item| item == *wanted);
            at.map(|at| Some(at.into())).ok_or_else(|| refused("the value is not in the list"))
        }
        // Transformers' sandbox refuses these with words too: templates are not to change what they are given.
        "append" | "extend" | "insert" | "remove" | "pop" | "clear" | "sort" | "reverse" => {
            Err(Error::new(ErrorKind::InvalidOperation, format!("lists cannot be changed: {name}")))
        }
        _ => Ok(None),
    }
}

fn tuple(found: Option<[&str; 3]>, otherwise: [&str; 3]) -> Value {
    Value::from(Tuple::from(found.unwrap_or(otherwise).map(Value::from)))
}

fn rsplit(text: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (separator, limit): (Option<&str>, Option<i64>) = from_args(arguments)?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).map_or(usize::MAX, |limit| limit.saturating_add(1));
    let mut parts: Vec<Value> = match separator {
        Some("") => return Err(refused("empty separator")),
        Some(separator) => text.rsplitn(limit, separator).map(Value::from).collect(),
        None if limit == usize::MAX => text.split_whitespace().rev().map(Value::from).collect(),
        None => return Err(refused("rsplit with a limit needs a separator")),
    };
    parts.reverse();
    Ok(parts.into())
}

fn replace(text: &str, arguments: &[Value]) -> Result<String, Error> {
    let (old, new, count): (&str, &str, Option<i64>) = from_args(arguments)?;
    let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    let found = text.matches(old).count().min(count);
    if text.len().saturating_add(found.saturating_mul(new.len())) > MAX_OUTPUT_BYTES {
        return Err(refused("a text grows too long"));
    }
    Ok(text.replacen(old, new, count))
}

/// Every run of letters begins with a capital, also after an apostrophe.
fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if inside {
            out.extend(letter.to_lowercase());
        } else {
            out.extend(letter.to_uppercase());
        }
        inside = letter.is_alphabetic();
    }
    out
}

fn pad(text: &str, name: &str, arguments: &[Value]) -> Result<String, Error> {
    let (width, Rest(fill)): (u16, Rest<&str>) = from_args(arguments)?;
    let missing = usize::from(width).saturating_sub(text.chars().count());
    let fill = fill.first().copied().unwrap_or(if name == "zfill" { "0" } else { " " });
    // Python's rule for an odd rest: more on the left only where the width is odd too.
    let left = match name {
        "ljust" => 0,
        "center" => missing / 2 + (missing & usize::from(width) & 1),
        _ => missing,
    };
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) if name == "zfill" => text.split_at(text.len() - digits.len()),
        _ => ("", text),
    };
    Ok(format!("{sign}{}{digits}{}", fill.repeat(left), fill.repeat(missing - left)))
}

/// Jinja's filter: `indent(width=4, first=False, blank=False)`; unlike minijinja's it keeps the last line's end.
pub(super) fn indent(text: &str, Rest(given): Rest<Value>, options: minijinja::value::Kwargs) -> Result<String, Error> {
    let option = |at: usize, name: &str| given.get(at).cloned().map_or_else(|| options.get::<Option<Value>>(name), |value| Ok(Some(value)));
    let width = match option(0, "width")? {
        Some(width) => match width.as_str() {
            Some(text) => text.to_owned(),
            None => " ".repeat(u8::try_from(width).map_err(|_| refused("an indent is a text or a small number"))?.into()),
        },
        None => " ".repeat(4),
    };
    let first = option(1, "first")?.is_some_and(|first| first.is_true());
    let blank = option(2, "blank")?.is_some_and(|blank| blank.is_true());
    options.assert_all_used()?;
    let mut out = String::new();
    for (at, line) in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).enumerate() {
        let indented = if at == 0 { first } else { blank || !line.is_empty() };
        let _ = write!(out, "{}{}{line}", if at == 0 { "" } else { "\n" }, if indented { &width } else { "" });
        if out.len() > MAX_OUTPUT_BYTES {
            return Err(refused("a text grows too long"));
        }
    }
    Ok(out)
}
