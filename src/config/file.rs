//! The configuration file's text, with every fault told by the key's name and in one sentence.
//!
//! A value is never quoted: it could be a secret that was put in the wrong place.

use anyhow::{anyhow, bail};
use toml::{Table, Value};

use super::{RawConfig, explain};

/// How alike two names must be (Jaro-Winkler, 0 to 1) for one to be offered in the other's place.
const ALIKE: f64 = 0.75;

/// Reads the text of a configuration file.
pub fn parse(text: &str) -> anyhow::Result<RawConfig> {
    let table: Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        anyhow!("line {line}: {}", error.message().replace('\n', ", "))
    })?;
    let settings = explain::settings();
    for (section, keys) in &table {
        verify_section(section, keys, &settings)?;
    }
    // Names and types were checked; what is left is a number out of its range.
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let path = error.path().to_string();
        let (section, key) = path.split_once('.').unwrap_or(("", &path));
        anyhow!("`{key}` in [{section}] has a value that it cannot have ({}); see `oneiros config --explain`", error.inner().message())
    })
}

fn verify_section(section: &str, keys: &Value, settings: &[explain::Setting]) -> anyhow::Result<()> {
    let Value::Table(keys) = keys else {
        match settings.iter().find(|setting| setting.key == section) {
            Some(setting) => bail!("`{section}` stands outside its section: write it below [{}]", setting.section),
            None => bail!("there is no key `{section}`{}", offer(section, settings.iter().map(|setting| setting.key.as_str()))),
        }
    };
    let mut known = settings.iter().filter(|setting| setting.section == section).peekable();
    if known.peek().is_none() {
        let sections = settings.iter().map(|setting| setting.section.as_str());
        bail!("there is no section [{section}]{}", offer(section, sections));
    }
    let known: Vec<_> = known.collect();
    for (key, value) in keys {
        let Some(setting) = known.iter().find(|setting| setting.key == *key) else {
            if let Some(elsewhere) = settings.iter().find(|setting| setting.key == *key) {
                bail!("there is no key `{key}` in [{section}]: it belongs below [{}]", elsewhere.section);
            }
            bail!("there is no key `{key}` in [{section}]{}", offer(key, known.iter().map(|setting| setting.key.as_str())));
        };
        if !setting.kind.takes(value) {
            bail!("`{key}` in [{section}] is {}: write {}", told(value), setting.kind.in_words());
        }
    }
    Ok(())
}

/// The known name that this one is most like; where to find all of them otherwise.
fn offer<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let best = known.map(|known| (strsim::jaro_winkler(name, known), known)).max_by(|one, other| one.0.total_cmp(&other.0));
    match best {
        Some((alike, known)) if alike >= ALIKE => format!(": did you mean `{known}`?"),
        _ => ": `oneiros config --explain` shows all there are".into(),
    }
}

fn told(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a point",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let text = format!("{:#}", parse(text).expect_err("a fault"));
        assert!(!text.contains('\n'), "one sentence: {text}");
        text
    }

    #[test]
    fn a_misspelt_key_or_section_is_named_with_what_was_meant() {
        assert_eq!(refusal("[server]\nlissten = \"x\"\n"), "there is no key `lissten` in [server]: did you mean `listen`?");
        assert_eq!(refusal("[modells]\nprofile = \"auto\"\n"), "there is no section [modells]: did you mean `models`?");
        assert!(refusal("[server]\nqqq = 1\n").contains("--explain"));
        assert!(refusal("[server]\nthreads = 1\n").contains("belongs below [models]"));
        assert!(refusal("threads = 1\n").contains("[models]"));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_and_not_shown() {
        assert_eq!(refusal("[models]\nthreads = \"hunter2\"\n"), "`threads` in [models] is a text: write a whole number");
        assert_eq!(refusal("[server]\nsealed = 1\n"), "`sealed` in [server] is a whole number: write true or false");
        assert!(refusal("[models]\nthreads = 70000\n").contains("`threads` in [models]"));
        assert!(refusal("[models]\nthreads = -1\n").contains("`threads` in [models]"));
    }

    #[test]
    fn a_key_given_twice_and_broken_text_are_told_with_their_line() {
        let twice = refusal("[server]\nlisten = \"a\"\nlisten = \"b\"\n");
        assert!(twice.starts_with("line 3:") && twice.contains("duplicate"), "{twice}");
        assert!(refusal("[server]\n\nlisten = \n").starts_with("line 3:"));
    }
}
