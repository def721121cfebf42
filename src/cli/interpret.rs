//! `oneiros interpret`: a dream as text, file, standard input or speech; a reading on standard output.

use std::{
    io::{IsTerminal as _, Read as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    client::{Client, Content},
    output::{print_json, print_line},
    transcribe,
};
use crate::{config::Config, features::lore::LensId};

/// The largest text that can hold 4,000 characters, with room to spare for combining marks.
const MAX_TEXT_BYTES: u64 = 256 * 1024;

#[derive(Args)]
pub struct InterpretArguments {
    /// The dream, 20 to 4000 characters; `-` reads standard input
    text: Option<String>,
    /// Read the dream from a text file
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
    /// Listen to the dream: a recording (WAV, MP3, FLAC, Ogg, WebM, M4A)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "file"])]
    audio: Option<PathBuf>,
    /// Through which eyes the dream is read: psychological, jungian, scientific, islamic, folk, or one of your own [default: the one
    /// that you choose most often]
    #[arg(long)]
    lens: Option<LensId>,
    /// Language of the dream, ISO 639-1 [default: detected]
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Print the whole answer as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: InterpretArguments, config: Config) -> anyhow::Result<ExitCode> {
    let typed = match (&arguments.audio, &arguments.file, arguments.text.as_deref()) {
        (Some(_), _, _) => None,
        (_, Some(path), _) => Some(read_text(std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?)?),
        (_, _, Some("-")) => Some(read_text(std::io::stdin())?),
        (_, _, Some(text)) => Some(text.to_owned()),
        (_, _, None) if std::io::stdin().is_terminal() => {
            bail!("there is no dream: give it as an argument, or with --file, --audio, or `-` for standard input")
        }
        _ => Some(read_text(std::io::stdin())?),
    };
    let speech = arguments.audio.as_deref().map(transcribe::read_audio).transpose()?;
    let mut client = Client::connect(config).await?;
    let answer = ask(&mut client, typed, speech, &arguments).await;
    client.close().await?;
    let answer = answer?;
    if arguments.json {
        print_json(&answer)?
    } else {
        print_line(&for_people(&answer))?
    }
    let answered = !answer["interpretation"].is_null() || (answer["failure"].is_null() && !answer["care"].is_null());
    Ok(if answered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn ask(client: &mut Client, typed: Option<String>, speech: Option<Content>, arguments: &InterpretArguments) -> anyhow::Result<Value> {
    let text = match (typed, speech) {
        (Some(text), _) => text,
        (None, Some(speech)) => {
            let heard = transcribe::ask(client, speech, arguments.language.as_deref()).await?;
            heard["text"].as_str().unwrap_or_default().to_owned()
        }
        (None, None) => bail!("there is no dream to interpret"),
    };
    let mut request = json!({ "text": text });
    if let Some(lens) = &arguments.lens {
        request["lens"] = serde_json::to_value(lens)?;
    }
    if let Some(language) = &arguments.language {
        request["language"] = json!(language);
    }
    client.call(Method::POST, "/api/v1/dreams/interpret", Some(Content::json(&request))).await
}

fn read_text(source: impl std::io::Read) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    source.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes).context("the dream cannot be read")?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        bail!("the text is too long: a dream has 20 to 4000 characters");
    }
    String::from_utf8(bytes).context("the text is not UTF-8: save it as UTF-8 and try again")
}

fn for_people(answer: &Value) -> String {
    let words = [words_of_help(&answer["care"]), reading_for_people(answer)];
    words.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// What is said to somebody who may need help, before anything else.
fn words_of_help(care: &Value) -> Option<String> {
    let mut lines = vec![care["title"].as_str()?.to_owned()];
    lines.extend(care["text"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    for resource in care["resources"].as_array().into_iter().flatten() {
        let parts = ["name", "phone", "url", "hours"].iter().filter_map(|name| resource[*name].as_str());
        lines.push(format!("• {}", parts.collect::<Vec<_>>().join(", ")));
    }
    Some(lines.join("\n"))
}

fn reading_for_people(answer: &Value) -> Option<String> {
    let reading = &answer["interpretation"];
    if reading.is_null() && answer["failure"].is_null() && !answer["care"].is_null() {
        return None;
    }
    Some(text_of(answer, reading))
}

fn text_of(answer: &Value, reading: &Value) -> String {
    if reading.is_null() {
        let detail = answer["failure"]["detail"].as_str().unwrap_or("the model gave no usable answer");
        return format!("No reading: {detail}\nThe dream is kept.");
    }
    let text = |name: &str| reading[name].as_str().unwrap_or_default().to_owned();
    let mut lines = vec![text("title"), String::new(), text("summary"), String::new(), text("interpretation"), String::new()];
    for symbol in reading["symbols"].as_array().into_iter().flatten() {
        let part = |name: &str| symbol[name].as_str().unwrap_or_default();
        lines.push(format!("• {} (“{}”): {}", part("name"), part("quote"), part("meaning")));
        if let Some(tradition) = symbol["tradition"]["text"].as_str() {
            lines.push(format!("  The dictionary: {tradition}"));
        }
    }
    lines.extend([String::new(), text("advice")]);
    for item in ["questions", "notices", "said"].iter().flat_map(|name| reading[*name].as_array().into_iter().flatten()) {
        lines.push(format!("– {}", item.as_str().unwrap_or_default()));
    }
    lines.push(format!("\nWritten by {} on this machine.", text("model")));
    lines.join("\n")
}
