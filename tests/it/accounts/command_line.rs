//! `oneiros admin` on a running server, and what that server's log holds afterwards.

use oneiros::features::accounts::SESSION_COOKIE;
use serde_json::{Value, json};

use super::people::PASSWORD;
use crate::support::{
    command_line::{run, run_with_input},
    server::Server,
};

#[tokio::test]
async fn without_a_server_it_says_what_to_do() {
    let state = tempfile::tempdir().unwrap();
    run(state.path(), ["admin", "user", "list"]).await.refused("start it");
}

#[tokio::test]
async fn people_and_keys_are_made_on_the_command_line_and_no_secret_reaches_the_log() {
    let server = Server::start().await;
    let (state, base) = (server.state.path(), &server.base);
    let token = std::fs::read_to_string(state.join("setup-token")).expect("a set-up token");
    assert!(run(state, ["admin", "user", "list"]).await.succeeded().contains("Nobody has an account yet"));
    let input = format!("{PASSWORD}\n");
    run_with_input(state, ["admin", "user", "add", "bea"], input.as_bytes()).await.refused("admin first");
    run_with_input(state, ["admin", "user", "add", "ada", "--role", "admin"], b"password123\n").await.refused("password");
    let added = run_with_input(state, ["admin", "user", "add", "ada", "--role", "admin"], input.as_bytes()).await;
    assert!(added.succeeded().contains("ada is here as admin"));
    assert!(!state.join("setup-token").exists() && state.join("claimed").exists());
    run_with_input(state, ["admin", "user", "add", "bea"], input.as_bytes()).await.succeeded();
    run(state, ["admin", "user", "role", "nobody", "imam"]).await.refused("nobody is called nobody");
    assert!(run(state, ["admin", "user", "role", "bea", "operator"]).await.succeeded().contains("operator"));
    let listed = run(state, ["admin", "user", "list"]).await;
    assert!(listed.succeeded().lines().count() == 2 && listed.stdout.contains("bea") && listed.stdout.contains("operator"));

    let made = run(state, ["admin", "key", "create", "--user", "bea", "--scope", "inference", "--scope", "dreams:read", "--json"]).await;
    let key = serde_json::from_str::<Value>(made.succeeded()).unwrap()["key"].as_str().expect("a key").to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str, key: &str| client.get(format!("{base}{path}")).bearer_auth(key).send().await.unwrap().status().as_u16();
    assert_eq!((ask("/v1/models", &key).await, ask("/api/v1/dreams", &key).await), (200, 200));
    assert_eq!((ask("/api/v1/users", &key).await, ask("/v1/models", "oneiros_wrong").await), (403, 401));
    run(state, ["admin", "key", "create", "--user", "bea", "--scope", "admin"]).await.refused("scopes");

    let login = json!({ "name": "bea", "password": PASSWORD });
    let came = client.post(format!("{base}/api/v1/session")).json(&login).send().await.unwrap();
    let session = came
        .headers()
        .get_all("set-cookie")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find(|cookie| cookie.starts_with(SESSION_COOKIE));
    let session = session.and_then(|cookie| cookie.split(['=', ';']).nth(1)).expect("a session").to_owned();
    let wrong = json!({ "name": "bea", "password": "a canary in a coal mine" });
    assert_eq!(client.post(format!("{base}/api/v1/session")).json(&wrong).send().await.unwrap().status(), 401);
    let canary = json!({ "text": "A canarydream flew over the yellow sea." });
    let told = client.post(format!("{base}/api/v1/dreams/interpret?canaryquery=1")).bearer_auth(&key).json(&canary).send().await.unwrap();
    assert_eq!(told.status(), 403, "the key may read dreams, not tell them");
    let code = run(state, ["admin", "user", "reset-password", "bea", "--json"]).await;
    let code = serde_json::from_str::<Value>(code.succeeded()).unwrap()["code"].as_str().expect("a code").to_owned();
    assert!(run(state, ["admin", "user", "suspend", "bea"]).await.succeeded().contains("suspended"));
    assert_eq!(ask("/v1/models", &key).await, 401);
    run(state, ["admin", "user", "suspend", "bea", "--undo"]).await.succeeded();
    assert_eq!(ask("/v1/models", &key).await, 401, "the key went with the suspension");
    run(state, ["admin", "user", "suspend", "ada"]).await.refused("last admin");

    // The command line is the owner of the state directory, and goes on without an account.
    run(state, ["admin", "user", "list"]).await.succeeded();
    assert_eq!(client.get(format!("{base}/api/v1/dreams")).send().await.unwrap().status(), 401, "a browser of this machine does not");
    let log = server.log();
    assert!(log.contains("/api/v1/session"), "the log tells of requests");
    for secret in [token.as_str(), PASSWORD, &key, &session, &code, "canary", "password123"] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}
