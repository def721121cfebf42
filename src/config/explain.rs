//! Every setting, explained: what there is to set, and what is in force and from where.
//!
//! Nothing is written down twice: names come from what reads the file, the rest from what reads the command line
//! ([`RawConfig`]). Secrets are never shown; the path of the file that holds one is.

use std::{any::TypeId, path::PathBuf};

use anyhow::Context as _;
use clap::{Arg, ArgMatches, Args as _, parser::ValueSource};
use serde::Serialize;
use serde_json::Value;

use super::{Config, RawConfig, SECRET_VARIABLES, secret_variable};

/// One key of the configuration file.
#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    pub section: String,
    pub key: String,
    pub meaning: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What its value looks like, as the command line's help says it.
    pub form: Option<String>,
    /// The value that it has when nobody sets it, or a description of how that is found.
    pub default: Option<String>,
    pub flag: Option<String>,
    pub variable: Option<String>,
    /// The variable that may hold the secret itself instead of its file's path.
    pub secret_variable: Option<&'static str>,
}

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Text,
    Path,
    Number,
    Switch,
}

/// A setting and the value that it has now.
#[derive(Debug, Clone, Serialize)]
pub struct InForce {
    #[serde(flatten)]
    pub setting: Setting,
    /// `null` when it is not set or must not be shown.
    pub value: Value,
    pub source: Source,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Flag(String),
    Variable(String),
    File(PathBuf),
    Default,
}

impl Kind {
    /// What to write in the file.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::Path => "a path in quotes",
            Self::Number => "a whole number",
            Self::Switch => "true or false",
        }
    }

    /// Whether a value of the file is of this kind.
    pub fn takes(self, value: &toml::Value) -> bool {
        match self {
            Self::Text | Self::Path => value.is_str(),
            Self::Number => value.is_integer(),
            Self::Switch => value.is_bool(),
        }
    }

    fn of(argument: &Arg) -> Self {
        let read_as = argument.get_value_parser().type_id();
        if read_as == TypeId::of::<bool>() {
            Self::Switch
        } else if read_as == TypeId::of::<PathBuf>() {
            Self::Path
        } else if read_as == TypeId::of::<String>() {
            Self::Text
        } else {
            // What is left of a setting's types: u8, u16, u32, u64.
            Self::Number
        }
    }
}

impl Setting {
    fn new(section: &str, key: &str, argument: Option<&Arg>) -> Self {
        let help = argument.and_then(Arg::get_help).map(ToString::to_string).unwrap_or_default();
        let (meaning, default) = match help.split_once(" [default: ") {
            Some((meaning, default)) => (meaning.to_owned(), Some(default.trim_end_matches(']').to_owned())),
            None => (help, None),
        };
        let kind = argument.map_or(Kind::Text, Kind::of);
        let value_name = argument.and_then(Arg::get_value_names).and_then(|names| names.first()).map(ToString::to_string);
        let flag = argument.filter(|argument| !argument.is_hide_set()).and_then(Arg::get_long).map(|long| format!("--{long}"));
        Self {
            section: section.into(),
            key: key.into(),
            meaning,
            kind,
            form: value_name.filter(|_| kind != Kind::Switch),
            default: default.or_else(|| (kind == Kind::Switch).then(|| "false".into())),
            flag,
            variable: argument.and_then(Arg::get_env).map(|name| name.to_string_lossy().into_owned()),
            secret_variable: SECRET_VARIABLES.iter().find(|(name, _)| *name == key).map(|(_, variable)| *variable),
        }
    }

    /// The default as a value of the file, as far as it can be written down: of a number that depends on the machine, what it
    /// usually is. `None` when there is nothing usual or the setting has no default.
    pub fn default_value(&self) -> Option<Value> {
        let usual = || self.default.as_deref()?.split(',').next()?.parse::<u64>().ok().map(Value::from);
        self.certain_default().or_else(|| (self.kind == Kind::Number).then(usual).flatten())
    }

    /// The default as a value of the file; `None` when it depends on the machine or the setting has none.
    fn certain_default(&self) -> Option<Value> {
        let text = self.default.as_deref()?;
        match self.kind {
            Kind::Switch => text.parse::<bool>().ok().map(Value::Bool),
            Kind::Number => text.parse::<u64>().ok().map(Value::from),
            Kind::Text | Kind::Path => (!text.contains(' ')).then(|| text.into()),
        }
    }
}

/// All settings, by section, in the order of their declaration.
pub fn settings() -> Vec<Setting> {
    let command = RawConfig::augment_args(clap::Command::new("oneiros"));
    let argument = |section: &str, key: &str| {
        let named = |id: &str| command.get_arguments().find(|argument| argument.get_id() == id);
        named(&format!("{section}_{key}")).or_else(|| named(key))
    };
    let names = serde_json::to_value(RawConfig::default()).unwrap_or_default();
    let mut settings: Vec<Setting> = sections(&names)
        .flat_map(|(section, keys)| keys.iter().map(move |(key, _)| (section, key)))
        .map(|(section, key)| Setting::new(section, key, argument(section, key)))
        .collect();
    let place = |setting: &Setting| {
        let own = argument(&setting.section, &setting.key);
        command.get_arguments().position(|argument| own.is_some_and(|own| own.get_id() == argument.get_id()))
    };
    settings.sort_by_key(place);
    settings
}

fn sections(whole: &Value) -> impl Iterator<Item = (&str, &serde_json::Map<String, Value>)> {
    whole.as_object().into_iter().flatten().filter_map(|(name, keys)| Some((name.as_str(), keys.as_object()?)))
}

/// Every setting with the value in force. `flags` and `matches` are two views of the same command line.
pub fn in_force(flags: &RawConfig, matches: &ArgMatches) -> anyhow::Result<Vec<InForce>> {
    let path = flags.config_file();
    let file = path.as_deref().map(RawConfig::read).transpose()?.unwrap_or_default();
    let config = Config::resolve(flags.clone())?;
    let as_values = |raw: &RawConfig| serde_json::to_value(raw).context("a path in the settings is not valid UTF-8");
    let (in_file, merged) = (as_values(&file)?, as_values(&flags.clone().or(file.clone()))?);
    let source = |setting: &Setting| {
        if let Some(variable) = setting.secret_variable.filter(|variable| secret_variable(variable).is_some()) {
            return Source::Variable(variable.into());
        }
        match (value_source(matches, setting), setting, &path) {
            (Some(ValueSource::CommandLine), Setting { flag: Some(flag), .. }, _) => Source::Flag(flag.clone()),
            (Some(ValueSource::EnvVariable), Setting { variable: Some(variable), .. }, _) => Source::Variable(variable.clone()),
            (_, _, Some(path)) if !in_file[&setting.section][&setting.key].is_null() => Source::File(path.clone()),
            _ => Source::Default,
        }
    };
    let told = settings().into_iter().map(|setting| {
        let source = source(&setting);
        let value = value(&setting, &source, &merged, &config);
        InForce { setting, value, source }
    });
    Ok(told.collect())
}

fn value(setting: &Setting, source: &Source, merged: &Value, config: &Config) -> Value {
    if matches!(source, Source::Variable(name) if setting.secret_variable == Some(name)) {
        return Value::Null;
    }
    match (&merged[&setting.section][&setting.key], setting.key.as_str()) {
        (Value::Null, "state_dir") => config.server.state_directory.to_string_lossy().into(),
        (Value::Null, "user") => config.server.user.as_str().into(),
        (Value::Null, "threads") => config.models.threads.into(),
        (Value::Null, _) => setting.certain_default().unwrap_or_default(),
        (Value::String(text), _) => without_password(text).into(),
        (set, _) => set.clone(),
    }
}

/// An address may hold a name and a password, as `https://NAME:PASSWORD@HOST` does.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    let host_ends = rest.find('/').unwrap_or(rest.len());
    match rest[..host_ends].rfind('@') {
        Some(at) => format!("{scheme}://…{}", &rest[at..]),
        None => text.into(),
    }
}

fn value_source(matches: &ArgMatches, setting: &Setting) -> Option<ValueSource> {
    let qualified = format!("{}_{}", setting.section, setting.key);
    [&qualified, &setting.key].into_iter().find_map(|id| matches.try_contains_id(id).ok().and_then(|_| matches.value_source(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_the_file_takes_is_explained() {
        let settings = settings();
        assert!(settings.len() >= 10, "{settings:?}");
        for setting in &settings {
            let name = format!("[{}] {}", setting.section, setting.key);
            assert!(setting.meaning.len() > 15, "{name} has no meaning: describe it where the command line is declared");
            assert!(setting.variable.as_deref().is_some_and(|name| name.starts_with("ONEIROS_")), "{name} has no variable");
        }
    }

    #[test]
    fn a_number_is_a_number() {
        for setting in settings().iter().filter(|setting| setting.kind == Kind::Number) {
            let text = format!("[{}]\n{} = 2\n", setting.section, setting.key);
            assert!(super::super::file::parse(&text).is_ok(), "[{}] {} takes no number", setting.section, setting.key);
        }
    }

    /// The example shows them: whoever takes its mark away must not be left with less than before.
    #[test]
    fn a_number_that_depends_on_the_machine_is_shown_as_it_usually_is() {
        let settings = settings();
        let shown = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap().default_value();
        assert_eq!((shown("slots"), shown("context_length")), (Some(8.into()), Some(8192.into())));
        assert_eq!((shown("keep_alive_minutes"), shown("gpu_layers")), (Some(5.into()), None));
    }

    /// Whoever writes a default into the file changes nothing.
    #[test]
    fn the_defaults_told_are_the_defaults_in_force() {
        let mut file = toml::Table::new();
        for setting in settings() {
            let Some(default) = setting.certain_default() else { continue };
            let section = file.entry(setting.section).or_insert_with(|| toml::Table::new().into());
            section.as_table_mut().unwrap().insert(setting.key, toml::Value::try_from(default).unwrap());
        }
        let written = super::super::file::parse(&file.to_string()).unwrap();
        let nowhere = RawConfig { config: Some("/dev/null".into()), ..RawConfig::default() };
        let silent = Config::resolve(nowhere.clone()).unwrap();
        let told = Config::resolve(nowhere.or(written)).unwrap();
        assert_eq!(format!("{silent:?}"), format!("{told:?}"));
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        assert_eq!(without_password("https://me:hunter2@mirror.example/a@b"), "https://…@mirror.example/a@b");
        assert_eq!(without_password("https://mirror.example/a@b"), "https://mirror.example/a@b");
        assert_eq!(without_password("127.0.0.1:8420"), "127.0.0.1:8420");
    }
}
