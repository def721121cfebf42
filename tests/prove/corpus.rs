//! The bars of the reading and of the search, on real reports.

use std::{sync::Arc, time::Instant};

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    reports::{percentile, spread},
    support::{
        api::{Api, DREAMS, INTERPRET, list},
        reading,
        server::Server,
    },
};

const STORED: usize = 1_000;
const READ: usize = 100;
const CLIENTS: usize = 4;

/// English dreams that stand among the thousand, and each one told in Russian in other words.
const PARAPHRASES: &[(&str, &str)] = &[
    (
        "I was swimming in a lake inside a cathedral. The water was warm and full of candles that burned below the surface, and a choir of \
         foxes sang from the balcony.",
        "Мне приснилось, будто посреди огромного собора было озеро, и я плавала в нём. Вода тёплая, под водой горели свечи, а с балкона пели лисы.",
    ),
    (
        "My dead grandfather came to my door with a suitcase full of snow. He asked me to keep it cold until he returned, and I put it in the \
         oven by mistake.",
        "Покойный дедушка пришёл ко мне с чемоданом, полным снега, и попросил сохранить снег холодным до его возвращения. Я по ошибке поставил \
         чемодан в печь.",
    ),
    (
        "I was an astronaut on the moon and found my school desk there with my name carved into it. When I sat down, the bell rang and the \
         Earth went dark.",
        "Во сне я был космонавтом на Луне и нашёл там свою школьную парту, на которой вырезано моё имя. Я сел за неё, прозвенел звонок, и Земля погасла.",
    ),
];

#[tokio::test]
async fn a_thousand_reports_are_kept_and_a_paraphrase_in_russian_is_found() {
    let mut texts = spread(STORED - PARAPHRASES.len());
    for (number, (english, _)) in PARAPHRASES.iter().enumerate() {
        texts.insert(number * 300 + 100, (*english).to_owned());
    }
    let server = Server::start().await;
    let api = server.api();
    let start = Instant::now();
    let ids = keep_all(&api, texts.clone()).await;
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a thousand")]
    let rate = STORED as f64 / seconds;
    println!("{}", json!({ "stored_and_embedded": ids.len(), "seconds": seconds, "texts_per_second": rate }));
    assert_eq!(count(&api).await, STORED, "every report is kept once");

    for (number, (english, russian)) in PARAPHRASES.iter().enumerate() {
        let (told, similar) = api.keep(russian).await;
        let found = list(&similar, "similar");
        let place = found.iter().position(|entry| entry["dream"]["text"] == *english);
        let nearest = found.first().map(|entry| entry["similarity"].clone());
        println!("{}", json!({ "paraphrase": number, "place": place.map(|place| place + 1), "nearest_similarity": nearest }));
        assert!(place.is_some_and(|place| place < 3), "{russian}\nfound {similar:#}");
        // The next query must not meet this one, which is in its own language.
        api.delete(&format!("{DREAMS}/{}", told["id"].as_str().expect("id"))).await;
    }
    print_neighbours(&api, &texts, &ids).await;
}

/// For a person to judge: a few dreams with what the search thinks is like them.
async fn print_neighbours(api: &Api, texts: &[String], ids: &[String]) {
    let beginning = |text: &str| text.chars().take(110).collect::<String>();
    for number in [7, 333, 666] {
        let similar = api.get(&format!("{DREAMS}/{}/similar", ids[number])).await.ok();
        println!("like: {}", beginning(&texts[number]));
        for entry in list(&similar, "similar").iter().take(3) {
            println!(
                "  {:.3} {}",
                entry["similarity"].as_f64().expect("similarity"),
                beginning(entry["dream"]["text"].as_str().expect("text"))
            );
        }
    }
}

/// Keeps every text with its vector, several clients at once; the ids in the order of the texts.
async fn keep_all(api: &Api, texts: Vec<String>) -> Vec<String> {
    let count = texts.len();
    let queue = Arc::new(Mutex::new(texts.into_iter().enumerate()));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (api, queue) = (api.clone(), Arc::clone(&queue));
        clients.spawn(async move {
            let mut kept = Vec::new();
            loop {
                let Some((number, text)) = queue.lock().await.next() else { return kept };
                let (dream, _) = api.keep(&text).await;
                kept.push((number, dream["id"].as_str().expect("id").to_owned()));
            }
        });
    }
    let mut ids = vec![String::new(); count];
    while let Some(kept) = clients.join_next().await {
        for (number, id) in kept.expect("a client") {
            ids[number] = id;
        }
    }
    ids
}

async fn count(api: &Api) -> usize {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let page = api.get(&format!("{DREAMS}?limit=100{cursor}")).await.ok();
        count += page["dreams"].as_array().expect("dreams").len();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return count,
        }
    }
}

/// What became of one report.
struct Outcome {
    valid: bool,
    quotes: usize,
    grounding: f64,
    in_language: bool,
    seconds: f64,
    reason: String,
}

#[tokio::test]
async fn a_hundred_reports_are_read() {
    let server = Server::start().await;
    let api = server.api();
    let openapi = api.get("/openapi.json").await.ok();
    let mut outcomes = Vec::new();
    for text in spread(READ) {
        outcomes.push(read(&api, &openapi, &text).await);
    }
    let count = |holds: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| holds(outcome)).count();
    let (valid, quoted, in_language) = (count(|one| one.valid), count(|one| one.quotes >= 2), count(|one| one.in_language));
    let mut seconds: Vec<f64> = outcomes.iter().map(|one| one.seconds).collect();
    #[expect(clippy::cast_precision_loss, reason = "a hundred")]
    let grounding = outcomes.iter().map(|one| one.grounding).sum::<f64>() / outcomes.len() as f64;
    let reasons: Vec<&str> = outcomes.iter().map(|one| one.reason.as_str()).filter(|reason| !reason.is_empty()).collect();
    println!(
        "{}",
        json!({
            "read": outcomes.len(), "valid": valid, "two_kept_quotes": quoted, "in_language": in_language,
            "grounding_before_dropping": grounding, "seconds_median": percentile(&mut seconds, 0.5),
            "seconds_p95": percentile(&mut seconds, 0.95), "without_reading": reasons,
        })
    );
    assert!(quoted >= 90, "at least two kept quotes in {quoted} of 100 reports; the bar is 90");
    assert!(valid >= 90, "{valid} of 100 answers are valid");
    assert!(in_language >= 90, "{in_language} of 100 answers are in the dream's language");
}

async fn read(api: &Api, openapi: &Value, text: &str) -> Outcome {
    let start = Instant::now();
    let answer = api.post_json(INTERPRET, &json!({ "text": text })).await.ok();
    let seconds = start.elapsed().as_secs_f64();
    let interpretation = &answer["interpretation"];
    let faults = reading::faults_by_schema(openapi, ("post", INTERPRET), &answer);
    assert!(faults.is_empty(), "{faults:?} in {answer}");
    let symbols = interpretation["symbols"].as_array().cloned().unwrap_or_default();
    let quotes =
        symbols.iter().filter(|symbol| symbol["quote"].as_str().is_some_and(|quote| !quote.is_empty() && text.contains(quote))).count();
    assert_eq!(quotes, symbols.len(), "a quote that is not in the dream was kept: {interpretation}");
    let read = interpretation.is_object();
    let language = interpretation["language"].as_str().unwrap_or_default();
    Outcome {
        valid: read,
        quotes,
        grounding: interpretation["grounding"].as_f64().unwrap_or(0.0),
        in_language: read
            && language == answer["dream"]["language"]
            && language == "en"
            && reading::share_in_script(&reading::prose(interpretation), "en") > 0.9,
        seconds,
        reason: if read { String::new() } else { answer["failure"].to_string() },
    }
}
