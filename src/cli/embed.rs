//! `oneiros embed`: one vector a line of text, as JSON lines.

use std::{io::Read as _, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    client::{Client, Content},
    output::{print_json, print_line},
};
use crate::{config::Config, engine::EmbeddingRole};

/// Texts in one request.
const BATCH: usize = 64;

#[derive(Args)]
pub struct EmbedArguments {
    /// Texts; without any, the lines of standard input
    texts: Vec<String>,
    /// What the texts are: questions to search with, or passages to be found
    #[arg(long, value_enum, default_value_t = EmbeddingRole::Passage)]
    role: EmbeddingRole,
    /// Print one JSON document with the model's name instead of one vector a line
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: EmbedArguments, config: Config) -> anyhow::Result<ExitCode> {
    let texts = match arguments.texts.is_empty() {
        false => arguments.texts,
        true => lines_of_input()?,
    };
    let mut client = Client::connect(config).await?;
    let answer = ask(&mut client, &texts, arguments.role).await;
    client.close().await?;
    let answer = answer?;
    if arguments.json {
        print_json(&answer)?;
    } else {
        for vector in answer["vectors"].as_array().into_iter().flatten() {
            print_line(&vector.to_string())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(client: &mut Client, texts: &[String], role: EmbeddingRole) -> anyhow::Result<Value> {
    let mut whole = Value::Null;
    let mut vectors = Vec::with_capacity(texts.len());
    for batch in texts.chunks(BATCH) {
        let request = json!({ "texts": batch, "role": role });
        let mut answer = client.call(Method::POST, "/api/v1/embeddings", Some(Content::json(&request))).await?;
        if let Some(some) = answer["vectors"].as_array_mut() {
            vectors.append(some);
        }
        whole = answer;
    }
    whole["vectors"] = Value::Array(vectors);
    Ok(whole)
}

fn lines_of_input() -> anyhow::Result<Vec<String>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("standard input is not UTF-8 text")?;
    let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    if lines.is_empty() {
        bail!("there is nothing to embed: give texts as arguments or as lines of standard input");
    }
    Ok(lines)
}
