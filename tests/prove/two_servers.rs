//! Two servers on one database: one is killed, the other goes on and finishes what was begun.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::support::{
    api::{Api, DREAMS, INTERPRET, list},
    command_line::{oneiros, run},
    hub::{Fault, Hub, catalogue_entry},
    processes::Signal,
    reading,
    server::{Launch, Server},
    state::{ARTEFACTS, DATABASE, EMBEDDING_MODEL, ENGLISH_MODEL, OTHER_MODEL, SPEECH_MODEL, StateDirectory, largest_file, pulled},
    texts,
};

/// The catalogue id under which the second embedding model goes.
const SECOND_MODEL: &str = "second-embedding";
/// Dreams that are embedded anew.
const DREAMS_KEPT: usize = 400;

/// A scratch PostgreSQL that lives as long as this does.
struct Database {
    child: Child,
    environment: Vec<(String, String)>,
}

impl Database {
    /// `oneiros database exec` gives its command the address of a database of its own; the command tells us and waits.
    fn start(state: &StateDirectory) -> Self {
        let mut command = oneiros(&[]);
        command.args(["database", "exec", "--sealed", "--state-dir"]).arg(state.path());
        command.args(["--", "sh", "-c", "env | grep ^DATABASE_; echo ready; read -r _"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the executable starts");
        let mut environment = Vec::new();
        for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
            match line.split_once('=') {
                Some((name, value)) if name.starts_with("DATABASE_") => environment.push((name.to_owned(), value.to_owned())),
                _ if line == "ready" => break,
                _ => {}
            }
        }
        assert!(!environment.is_empty(), "`oneiros database exec` gave no DATABASE_URL");
        Self { child, environment }
    }

    async fn server(&self, profile: &str, state: &Arc<StateDirectory>) -> Server {
        Launch { profile, environment: &self.environment, ..Launch::default() }.start(state).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn what_a_killed_server_acknowledged_is_finished_by_the_other() {
    let state = StateDirectory::with_models();
    let database = Database::start(&state);
    let mut first = database.server("starter", &StateDirectory::with_models()).await;
    let second = database.server("starter", &StateDirectory::with_models()).await;

    let answer = reading::obtain(&first.api(), &reading::request(texts::LIBRARY)).await;
    let seen = second.api().post_json(INTERPRET, &reading::request(texts::LIBRARY)).await.ok();
    assert_eq!(seen["dream"]["id"], answer["dream"]["id"], "both servers see the same dreams");
    assert_eq!(seen["interpretation"]["cached"], true, "and the same readings");

    let mut told = tokio::task::JoinSet::new();
    for number in 0..24 {
        told.spawn(tell(first.api(), texts::numbered(number).repeat(6)));
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    first.end(Signal::KILL, Duration::from_secs(5)).await;
    let mut acknowledged = Vec::new();
    while let Some(id) = told.join_next().await {
        acknowledged.extend(id.expect("a client"));
    }
    assert!(acknowledged.len() >= 4, "too few were acknowledged to prove anything: {}", acknowledged.len());
    found_by_likeness(&second.api(), &acknowledged).await;
    println!("{} dreams acknowledged by the killed server: the other one has them all", acknowledged.len());
    reading::obtain(&second.api(), &reading::request(texts::MOUNTAIN)).await;
}

/// Tells a dream and holds on until the stream ends; the dream's id when it was acknowledged.
async fn tell(api: Api, text: String) -> Option<String> {
    let mut events = api.try_stream(&reading::request(&text)).await.ok()?;
    let dream = events.next().await.filter(|event| event.name == "dream")?;
    events.until("done").await;
    dream.data["id"].as_str().map(str::to_owned)
}

/// Each dream is there and, within a minute, has others that are like it.
async fn found_by_likeness(api: &Api, ids: &[String]) {
    let start = Instant::now();
    for id in ids {
        assert_eq!(api.get(&format!("{DREAMS}/{id}")).await.status, 200, "{id} is lost");
        while neighbours(api, id).await.is_empty() {
            assert!(start.elapsed() < Duration::from_secs(60), "nobody embedded {id}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

/// The dreams like one, sorted by id; none while it has no vector.
async fn neighbours(api: &Api, id: &str) -> Vec<String> {
    let answer = api.get(&format!("{DREAMS}/{id}/similar")).await;
    if answer.status != 200 {
        return Vec::new();
    }
    let similar = answer.json();
    let mut ids: Vec<String> =
        list(&similar, "similar").iter().map(|entry| entry["dream"]["id"].as_str().expect("id").to_owned()).collect();
    ids.sort_unstable();
    ids
}

/// Another embedding model means that every dream is embedded anew. The new model here has the old one's file, so the
/// job is finished when each dream has the neighbours that it had before.
#[tokio::test]
async fn a_change_of_embedding_model_is_finished_by_the_server_that_is_left() {
    let state = StateDirectory::with_models();
    let database = Database::start(&state);
    let before = database.server("starter", &state).await;
    let mut known = Vec::new();
    for number in 0..DREAMS_KEPT {
        let (dream, _) = before.api().keep(&combined(number)).await;
        known.push(dream["id"].as_str().expect("id").to_owned());
    }
    let mut expected = Vec::new();
    for id in &known {
        expected.push(neighbours(&before.api(), id).await);
    }
    drop(before);

    let (one, other) = (with_second_model().await, with_second_model().await);
    let mut first = database.server("starter", &one).await;
    let second = database.server("starter", &other).await;
    let done = finished(&second.api(), &known, &expected).await;
    first.end(Signal::KILL, Duration::from_secs(5)).await;
    println!("killed when {done} of {DREAMS_KEPT} dreams had their neighbours again");
    assert!(done < DREAMS_KEPT * 9 / 10, "the job was over before the kill: it proves nothing");
    let start = Instant::now();
    loop {
        let done = finished(&second.api(), &known, &expected).await;
        // Vectors depend a little on the batch they came in: a tie at the list's end may fall the other way.
        if done >= DREAMS_KEPT * 95 / 100 {
            println!("the other one finished {:?} after the kill", start.elapsed());
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(300), "{done} of {DREAMS_KEPT} five minutes after the kill");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// How many dreams have the neighbours that they should have.
async fn finished(api: &Api, ids: &[String], expected: &[Vec<String>]) -> usize {
    let mut count = 0;
    for (id, expected) in ids.iter().zip(expected) {
        count += usize::from(neighbours(api, id).await == *expected);
    }
    count
}

/// A dream of three sentences, each time other ones.
fn combined(number: usize) -> String {
    let all = [texts::HORSE, texts::TRAIN, texts::LIBRARY, texts::TEETH, texts::BRIDGE, texts::GARDEN, texts::MOUNTAIN].join(" ");
    let sentences: Vec<&str> = all.split_inclusive(". ").map(str::trim).collect();
    let count = sentences.len();
    let (first, rest) = (number % count, number / count);
    let picked = [first, (first + 1 + rest) % count, (first + 2 + 3 * rest) % count];
    picked.map(|at| sentences[at]).join(" ")
}

/// A state directory whose starter has the second embedding model.
async fn with_second_model() -> Arc<StateDirectory> {
    let state = StateDirectory::with_models();
    let content = fs::read(largest_file(&pulled().join(ARTEFACTS).join(EMBEDDING_MODEL))).expect("the embedding model");
    let profile = format!("[profiles]\nstarter = {:?}\n", [ENGLISH_MODEL, OTHER_MODEL, SECOND_MODEL, SPEECH_MODEL, DATABASE]);
    let folder = state.path().join("catalog.d");
    fs::create_dir(&folder).expect("folder");
    fs::write(folder.join("second.toml"), profile + &catalogue_entry(SECOND_MODEL, &content)).expect("entry");
    let hub = Hub::start(content, Fault::None).await;
    run(state.path(), ["models", "pull", SECOND_MODEL, "--hub-endpoint", &hub.endpoint]).await.succeeded();
    state
}
