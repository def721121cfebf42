//! Erasure on the disk of a running appliance: every file below its state directory is searched.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::people::PASSWORD;
use crate::support::{
    command_line::{run, run_with_input},
    server::Server,
};

/// What nobody else writes. Short enough to be kept as it is, without compression.
const CANARIES: [&str; 4] = ["canarydream", "canaryname", "canaryplace", "canary@example.org"];

/// Files below a folder that hold one of the canaries. What is removed while it is looked at held what it held.
fn holding_canaries(folder: &Path, found: &mut Vec<(PathBuf, &'static str)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let Ok(kind) = fs::symlink_metadata(&path) else { continue };
        if kind.is_dir() && path.file_name().is_some_and(|name| name != "artefacts") {
            holding_canaries(&path, found);
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap_or_default();
            found.extend(CANARIES.iter().filter(|canary| holds(&bytes, canary)).map(|canary| (path.clone(), *canary)));
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

fn found(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let mut found = Vec::new();
    holding_canaries(folder, &mut found);
    found
}

#[tokio::test]
async fn erasure_leaves_nothing_of_a_person_on_the_disk() {
    let server = Server::start().await;
    let (state, base) = (server.state.path(), &server.base);
    let input = format!("{PASSWORD}\n");
    run_with_input(state, ["admin", "user", "add", "ada", "--role", "admin"], input.as_bytes()).await.succeeded();
    run_with_input(state, ["admin", "user", "add", "canaryname", "--email", "canary@example.org"], input.as_bytes()).await.succeeded();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let came = client.post(format!("{base}/api/v1/session")).json(&json!({ "name": "canaryname", "password": PASSWORD }));
    let came = came.send().await.unwrap();
    let cookies: Vec<(String, String)> = came
        .headers()
        .get_all("set-cookie")
        .iter()
        .filter_map(|value| value.to_str().ok()?.split(';').next()?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let header: String = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let csrf = &cookies.iter().find(|(name, _)| name.ends_with("csrf")).expect("a token").1;
    let ask = async |method: reqwest::Method, path: &str, body: Value| {
        let request = client.request(method, format!("{base}{path}")).header("cookie", &header).header("x-csrf-token", csrf);
        request.json(&body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(reqwest::Method::PATCH, "/api/v1/account", json!({ "place": "canaryplace" })).await, 200);
    for number in 0..3 {
        let text = json!({ "text": format!("Dream {number}: the canarydream flew through a yellow house.") });
        assert_eq!(ask(reqwest::Method::POST, "/api/v1/dreams/interpret", text).await, 200);
    }
    let before = found(state);
    for canary in CANARIES {
        let is_found = before.iter().any(|(_, found)| *found == canary);
        assert!(is_found, "{canary}: a search that does not find it now would not find it afterwards either");
    }

    assert_eq!(ask(reqwest::Method::POST, "/api/v1/account/erasure", json!({ "password": PASSWORD })).await, 204);
    let since = Instant::now();
    loop {
        let left = found(state);
        if left.is_empty() {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "a minute later there is still {left:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(run(state, ["admin", "user", "list"]).await.succeeded().contains("ada"), "everybody else is there");
    assert!(!holds(server.log().as_bytes(), "canarydream"), "nor was it in the log");
}
