//! `oneiros packs`: lenses and symbols that an operator adds, on the server that runs on this state directory or one started for
//! the command.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use hyper::{Method, body::Bytes};
use serde_json::{Value, json};

use super::{
    client::{Client, Content},
    output::{print_json, print_line},
};
use crate::{
    config::Config,
    features::lore::{LARGEST_PACK_BYTES, Lore, Pack},
};

#[derive(Debug, Args)]
pub struct PacksArguments {
    #[command(subcommand)]
    command: PacksCommand,
    /// Answer as JSON on standard output
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum PacksCommand {
    /// Which packs are here
    List,
    /// Say whether a file is a pack in order, and where it is not; needs no server
    Check { file: PathBuf },
    /// Take a pack in: TOML of lenses, symbols and sources. One of the same name is replaced
    Import { file: PathBuf },
    /// Print a pack as it was imported
    Export {
        #[arg(value_parser = pack_name)]
        name: String,
    },
    /// Remove a pack; what it replaced is as it was before
    Remove {
        #[arg(value_parser = pack_name)]
        name: String,
    },
}

pub async fn run(arguments: PacksArguments, config: Config) -> anyhow::Result<ExitCode> {
    let PacksArguments { command, json } = arguments;
    let named = |name: &str| format!("/api/v1/packs/{name}");
    let answer = match &command {
        PacksCommand::Check { file } => checked(&read(file)?)?,
        PacksCommand::List => ask(config, Method::GET, "/api/v1/packs", None).await?,
        PacksCommand::Import { file } => {
            // Read before a server is sought or engines are started: a file that is no text needs neither.
            let content = Content { media_type: "application/toml", bytes: Bytes::from(read(file)?) };
            ask(config, Method::POST, "/api/v1/packs", Some(content)).await?
        }
        PacksCommand::Export { name } => ask(config, Method::GET, &named(name), None).await?,
        PacksCommand::Remove { name } => {
            ask(config, Method::DELETE, &named(name), None).await?;
            json!({ "removed": name })
        }
    };
    if json {
        print_json(&answer)?
    } else {
        tell(&command, &answer)?
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(config: Config, method: Method, path: &str, content: Option<Content>) -> anyhow::Result<Value> {
    let mut client = Client::connect(config).await?;
    let answer = client.call(method, path, content).await;
    client.close().await?;
    answer
}

/// A pack that goes with what comes with the executable, as the server tells of one.
fn checked(text: &str) -> anyhow::Result<Value> {
    let pack = Pack::parse(text)?;
    Lore::with(std::slice::from_ref(&pack))?;
    let (lenses, symbols, sources) = (pack.lens_ids(), pack.symbol_count(), pack.source_count());
    Ok(json!({ "name": pack.name, "version": pack.version, "lenses": lenses, "symbols": symbols, "sources": sources }))
}

fn tell(command: &PacksCommand, answer: &Value) -> anyhow::Result<()> {
    match command {
        PacksCommand::List => list(answer),
        PacksCommand::Check { .. } => print_line(&format!("{} is in order.", line_of(answer))),
        PacksCommand::Import { .. } => print_line(&format!("{} is here.", line_of(answer))),
        PacksCommand::Export { .. } => print_line(answer["content"].as_str().unwrap_or_default().trim_end()),
        PacksCommand::Remove { name } => print_line(&format!("{name} is removed.")),
    }
}

fn list(packs: &Value) -> anyhow::Result<()> {
    let packs = packs.as_array().map(Vec::as_slice).unwrap_or_default();
    if packs.is_empty() {
        return print_line("No pack is here: readings lean on what comes with the server.");
    }
    for pack in packs {
        let problem = pack["problem"].as_str().map(|problem| format!("; left out: {problem}")).unwrap_or_default();
        print_line(&format!("{}, imported {}{problem}", line_of(pack), pack["added_at"].as_str().unwrap_or("-")))?;
    }
    Ok(())
}

/// `my-pack 1 (lenses: sailors; symbols: 3; sources: 1)`.
fn line_of(pack: &Value) -> String {
    let text = |field: &str| pack[field].as_str().unwrap_or("-").to_owned();
    let lenses: Vec<&str> = pack["lenses"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let lenses = if lenses.is_empty() { "none".to_owned() } else { lenses.join(", ") };
    format!("{} {} (lenses: {lenses}; symbols: {}; sources: {})", text("name"), text("version"), pack["symbols"], pack["sources"])
}

/// A file's text, unless it is larger than a pack may be.
fn read(file: &Path) -> anyhow::Result<String> {
    let opened = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut bytes = Vec::new();
    opened.take(LARGEST_PACK_BYTES + 1).read_to_end(&mut bytes).with_context(|| format!("{} cannot be read", file.display()))?;
    if bytes.len() as u64 > LARGEST_PACK_BYTES {
        bail!("{} is larger than {LARGEST_PACK_BYTES} bytes: split it into several packs of other names", file.display());
    }
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8 text: save it as UTF-8 and try again", file.display()))
}

fn pack_name(name: &str) -> Result<String, String> {
    if Pack::is_name(name) { Ok(name.to_owned()) } else { Err("a pack is named by 2 to 32 of a-z, 0-9 and -".into()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_that_is_too_large_or_no_text_is_not_read() {
        let mut large = tempfile::NamedTempFile::new().unwrap();
        large.as_file_mut().set_len(100 * 1024 * 1024).unwrap();
        assert!(read(large.path()).unwrap_err().to_string().contains("split it"));
        let mut broken = tempfile::NamedTempFile::new().unwrap();
        broken.write_all(b"name = \"\xff\xfe\"").unwrap();
        assert!(read(broken.path()).unwrap_err().to_string().contains("UTF-8"));
    }

    #[test]
    fn a_pack_is_told_on_one_line() {
        let pack = json!({ "name": "sea", "version": "2", "lenses": ["sailors"], "symbols": 3, "sources": 1 });
        assert_eq!(line_of(&pack), "sea 2 (lenses: sailors; symbols: 3; sources: 1)");
        assert!(pack_name("../x").is_err() && pack_name("my-pack").is_ok());
    }
}
