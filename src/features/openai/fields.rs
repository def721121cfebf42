//! Reading a request's fields: what is wrong, or not there on this server, is told by name.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};

/// What to do about a field that this server does not have.
pub type Advice = (&'static str, &'static str);

/// A request's body. Its `Deserialize` denies unknown fields.
pub trait Wire: DeserializeOwned {
    /// Known fields of the protocol that are refused, with what to do.
    const REFUSED: &'static [Advice] = &[];
    /// The largest body: a context of 128,000 tokens fits.
    const LIMIT_BYTES: u64 = 4 * 1024 * 1024;
}

/// Kinds of content that are refused wherever they stand.
const REFUSED_KINDS: &[Advice] = &[
    ("image_url", "these models read text only: leave pictures out"),
    ("input_image", "these models read text only: leave pictures out"),
    ("input_audio", "these models read text only: turn the recording into text with /v1/audio/transcriptions first"),
    ("file", "these models read text only: send the file's text"),
    ("input_file", "these models read text only: send the file's text"),
    ("item_reference", "this server keeps no answers: send the whole conversation"),
    ("custom", "only tools of the type `function` can be called"),
];

/// Reads a body. A field that is null counts as absent.
pub fn read<T: Wire>(bytes: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::NotText { field: "body".into() })?;
    let mut value: Value = serde_json::from_str(text).map_err(|error| Error::Malformed(format!("the body is not JSON: {error}")))?;
    let Some(object) = value.as_object_mut() else {
        return Err(Error::Malformed("the body must be a JSON object".into()));
    };
    object.retain(|_, value| !value.is_null());
    serde_path_to_error::deserialize(value).map_err(|error| refusal(&error, T::REFUSED))
}

fn refusal(error: &serde_path_to_error::Error<serde_json::Error>, refused: &[Advice]) -> Error {
    let message = error.inner().to_string();
    let named = message.split('`').nth(1).unwrap_or_default();
    let path = error.path().to_string();
    let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
    if message.starts_with("unknown field") {
        let advice = refused.iter().find(|(field, _)| *field == named).filter(|_| parent.is_empty());
        let advice = advice.map_or("leave it out", |(_, advice)| advice);
        return Error::invalid(shortened(&path), format!("is not supported by this server: {advice}"));
    }
    if message.starts_with("unknown variant") {
        let kind = REFUSED_KINDS.iter().find(|(kind, _)| *kind == named);
        let message = kind.map(|(kind, advice)| format!("`{kind}` is not supported by this server: {advice}"));
        return Error::invalid(shortened(&path), message.unwrap_or_else(|| shortened(&message_of(error))));
    }
    // A missing field has no path of its own.
    let field = match (message.starts_with("missing field"), path.as_str()) {
        (true, ".") => named.to_owned(),
        (true, path) => format!("{path}.{named}"),
        (false, ".") => "body".to_owned(),
        (false, path) => path.to_owned(),
    };
    Error::invalid(shortened(&field), shortened(&message_of(error)))
}

fn message_of(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    error.inner().to_string().split(" at line ").next().unwrap_or_default().to_owned()
}

/// A client's own words come back to it, but not a megabyte of them.
fn shortened(text: &str) -> String {
    const MOST: usize = 300;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is wrong matters")]
    struct Sample {
        text: String,
        number: Option<f64>,
        parts: Option<Vec<Part>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is wrong matters")]
    enum Part {
        Text { text: String },
    }

    impl Wire for Sample {
        const REFUSED: &'static [Advice] = &[("store", "nothing is kept here")];
    }

    fn refused(body: &str) -> String {
        read::<Sample>(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_named_with_what_to_do() {
        assert!(read::<Sample>(br#"{"text":"a","store":null,"number":null}"#).is_ok(), "null is absent");
        assert_eq!(refused(r#"{"text":"a","store":true}"#), "store: is not supported by this server: nothing is kept here");
        assert_eq!(refused(r#"{"text":"a","colour":1}"#), "colour: is not supported by this server: leave it out");
        assert_eq!(refused("{}"), "text: missing field `text`");
        assert!(refused(r#"{"text":"a","number":"x"}"#).starts_with("number: invalid type"));
        let part = refused(r#"{"text":"a","parts":[{"type":"text","text":"b"},{"type":"image_url","image_url":{}}]}"#);
        assert!(part.starts_with("parts[1].") && part.contains("leave pictures out"), "{part}");
        assert!(refused(r#"{"text":"a","number":1e999}"#).contains("not JSON"));
        assert!(refused("[1]").contains("object"));
        assert!(refused(&format!("{{\"text\":{}", "[".repeat(60_000))).contains("not JSON"));
        assert!(refused(&format!("{{\"{}\":1}}", "x".repeat(100_000))).len() < 1000);
    }
}
