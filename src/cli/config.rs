//! `oneiros config`: what there is to set, what is in force, and a file to begin with.

use std::process::ExitCode;

use clap::{ArgMatches, Args};

use super::output::{print_json, print_line};
use crate::config::{
    RawConfig,
    explain::{self, InForce, Setting, Source},
};

/// How wide a line of the example file may be.
const LINE: usize = 100;

#[derive(Args)]
pub struct ConfigArguments {
    /// Explain every setting: meaning, type, default, flag, variable, value and where that comes from
    #[arg(long, conflicts_with = "example")]
    explain: bool,
    /// Print a configuration file with every setting, all of them commented out
    #[arg(long, conflicts_with = "json")]
    example: bool,
    /// Print every setting with its explanation as JSON
    #[arg(long)]
    json: bool,
}

/// `settings` and `matches` are the same command line.
pub fn run(arguments: &ConfigArguments, settings: &RawConfig, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    if arguments.example {
        print_line(&example(&explain::settings()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let in_force = explain::in_force(settings, matches)?;
    match arguments {
        ConfigArguments { json: true, .. } => print_json(&in_force)?,
        ConfigArguments { explain: true, .. } => print_line(&explained(&in_force))?,
        _ => print_line(&values(&in_force))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The values in force, in the form of a configuration file.
fn values(settings: &[InForce]) -> String {
    let line = |setting: &InForce| match toml_value(&setting.value) {
        Some(value) => format!("{:40} # {}", format!("{} = {value}", setting.setting.key), origin(&setting.source)),
        None => format!("# {} is not set: {}", setting.setting.key, unset(setting)),
    };
    by_section(settings, |setting| &setting.setting, |setting| vec![line(setting)])
}

fn unset(setting: &InForce) -> String {
    match (&setting.source, &setting.setting.default) {
        (Source::Variable(name), _) => format!("{name} holds the secret itself, which is not shown"),
        (_, Some(default)) => default.clone(),
        (_, None) => "it has no default".into(),
    }
}

fn explained(settings: &[InForce]) -> String {
    let entry = |in_force: &InForce| {
        let setting = &in_force.setting;
        let form = setting.form.as_ref().map(|form| format!(", {form}")).unwrap_or_default();
        let now = match toml_value(&in_force.value) {
            Some(value) => format!("{value} ({})", origin(&in_force.source)),
            None => format!("not set: {}", unset(in_force)),
        };
        vec![
            setting.key.clone(),
            format!("    {}", setting.meaning),
            format!("    type      {}{form}", setting.kind.in_words()),
            format!("    default   {}", setting.default.as_deref().unwrap_or("none")),
            format!("    flag      {}", setting.flag.as_deref().unwrap_or("none")),
            format!("    variable  {}", setting.variable.as_deref().unwrap_or("none")),
            format!("    now       {now}"),
            String::new(),
        ]
    };
    by_section(settings, |setting| &setting.setting, entry)
}

/// The file that packages ship as `/etc/oneiros/oneiros.toml`.
fn example(settings: &[Setting]) -> String {
    let entry = |setting: &Setting| {
        let default = setting.default.as_deref().unwrap_or("none");
        let about = format!("{} (default: {default}).", setting.meaning);
        let mut lines: Vec<String> = wrapped(&about).iter().map(|line| format!("# {line}")).collect();
        let value = setting.default_value().and_then(|value| toml_value(&value));
        let value = value.unwrap_or_else(|| match setting.kind {
            explain::Kind::Number => "2".into(),
            _ => format!("\"{}\"", setting.form.as_deref().unwrap_or_default()),
        });
        lines.extend([format!("#{} = {value}", setting.key), String::new()]);
        lines
    };
    let head = "# Oneiros. Flags and variables (ONEIROS_...) win over this file; `oneiros config --explain` tells what is in force.\n\n";
    format!("{head}{}", by_section(settings, |setting| setting, entry))
}

/// Lines of text below the headings of their sections.
fn by_section<T>(entries: &[T], setting: impl Fn(&T) -> &Setting, lines: impl Fn(&T) -> Vec<String>) -> String {
    let (mut text, mut section) = (Vec::new(), "");
    for entry in entries {
        if setting(entry).section != section {
            section = &setting(entry).section;
            if text.last().is_some_and(|line: &String| !line.is_empty()) {
                text.push(String::new());
            }
            text.push(format!("[{section}]"));
        }
        text.extend(lines(entry));
    }
    text.join("\n").trim_end().to_owned()
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + word.len() < LINE => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn toml_value(value: &serde_json::Value) -> Option<String> {
    toml::Value::try_from(value).ok().map(|value| value.to_string())
}

fn origin(source: &Source) -> String {
    match source {
        Source::Flag(flag) => flag.clone(),
        Source::Variable(name) => name.clone(),
        Source::File(path) => path.display().to_string(),
        Source::Default => "default".into(),
    }
}
