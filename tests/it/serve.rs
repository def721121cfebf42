//! A dream goes in, a reading comes out; dreams are kept, listed, found again and deleted.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    api::{Api, DREAMS, INTERPRET, list, names},
    events::Event,
    reading, server, speech, texts,
};

#[tokio::test]
async fn an_english_dream_is_read_and_the_answer_keeps_what_the_documentation_says() {
    let server = server::shared().await;
    let api = server.api();
    let answer = reading::obtain(&api, &reading::request(texts::HORSE)).await;

    assert_eq!(answer["dream"]["text"], texts::HORSE);
    assert_eq!(answer["dream"]["language"], "en");
    let interpretation = &answer["interpretation"];
    reading::check(interpretation, texts::HORSE);
    assert_eq!(interpretation["lens"], "psychological", "the default");
    assert_eq!(interpretation["language"], "en");
    assert!(reading::share_in_script(&reading::prose(interpretation), "en") > 0.95, "{interpretation}");
    list(&answer["similar"], "similar");

    let openapi = api.get("/openapi.json").await.ok();
    assert_eq!(reading::faults_by_schema(&openapi, ("post", INTERPRET), &answer), Vec::<String>::new());
    let id = answer["dream"]["id"].as_str().expect("id");
    let kept = api.get(&format!("{DREAMS}/{id}")).await.ok();
    assert_eq!(reading::faults_by_schema(&openapi, ("get", "/api/v1/dreams/{id}"), &kept), Vec::<String>::new());
    assert!(kept.to_string().contains("horse"), "the dream is kept: {kept}");
    let page = api.get(DREAMS).await.ok();
    assert_eq!(reading::faults_by_schema(&openapi, ("get", DREAMS), &page), Vec::<String>::new());
}

#[tokio::test]
async fn a_streamed_reading_grows_field_by_field() {
    let server = server::shared().await;
    let api = server.api();
    // In a language that nobody wrote choices for, the model writes every sentence.
    let (events, whole) = streamed_reading(&api, texts::GERMAN).await;

    let seen = names(&events);
    assert_eq!(&seen[..2], ["dream", "similar"], "{seen:?}");
    assert_eq!(&seen[seen.len() - 2..], ["interpretation", "done"], "{seen:?}");
    // Others ask the same server.
    let between: Vec<_> = seen[2..seen.len() - 2].iter().skip_while(|name| **name == "waiting").collect();
    assert!(between.len() >= 4 && between.iter().all(|name| ["delta", "waiting"].contains(*name)), "{seen:?}");
    assert_eq!(events[0].data["text"], texts::GERMAN);
    list(&events[1].data, "similar");

    reading::check(&whole, texts::GERMAN);
    let fields = ["title", "summary", "interpretation"].map(|field| (grown(&events, field), whole[field].as_str().expect("text")));
    // What was written anew or composed comes with the finished reading.
    let streamed = fields.iter().filter(|(grown, last)| !grown.is_empty() && squeezed(grown) == squeezed(last));
    let rewritten = whole["steps"].to_string().contains("repaired");
    assert!(streamed.count() == fields.len() || rewritten, "{fields:?}");
    assert!(fields.iter().any(|(grown, _)| !grown.is_empty()), "nothing was streamed: {events:?}");
    let first_words = events[2].at.duration_since(events[0].at);
    let all = events[events.len() - 1].at.duration_since(events[0].at);
    assert!(first_words < all / 2, "the first words came after {first_words:?} of {all:?}: that is no stream");
}

#[tokio::test]
async fn a_model_that_only_chooses_tells_what_it_chose_and_what_is_composed_around_it() {
    let server = server::shared().await;
    let (events, whole) = streamed_reading(&server.api(), texts::LIBRARY).await;
    reading::check(&whole, texts::LIBRARY);
    for field in ["title", "summary", "interpretation"] {
        assert_eq!(grown(&events, field), whole[field].as_str().expect("text"), "{field}");
        assert!(whole["composed"].as_array().expect("composed").contains(&json!(field)), "{whole}");
    }
    assert_eq!(grown(&events, "mood"), whole["mood"].as_str().expect("mood"));
    assert!(whole["notices"].to_string().contains("small"), "it is said: {whole}");
    assert!(!whole["advice"].as_str().expect("advice").is_empty() && whole["questions"].as_array().expect("questions").len() == 2);
}

/// The events of a stream that gave a reading, and the reading.
async fn streamed_reading(api: &Api, text: &str) -> (Vec<Event>, Value) {
    let mut last = Vec::new();
    for _ in 0..3 {
        last = api.stream(&reading::request(text)).await.rest().await;
        let whole = last.iter().find(|event| event.name == "interpretation").map(|event| event.data.clone());
        if let Some(whole) = whole.filter(|data| data["title"].is_string()) {
            return (last, whole);
        }
    }
    panic!("no reading in three attempts; the last one's events: {last:?}");
}

fn grown(events: &[Event], field: &str) -> String {
    let deltas = events.iter().filter(|event| event.name == "delta" && event.data["field"] == field);
    deltas.map(|event| event.data["text"].as_str().expect("a delta has text")).collect()
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_russian_dream_is_answered_in_russian() {
    answered_in(texts::RUSSIAN, "ru").await;
}

#[tokio::test]
async fn an_arabic_dream_is_answered_in_arabic() {
    answered_in(texts::ARABIC, "ar").await;
}

async fn answered_in(text: &str, language: &str) {
    let server = server::shared().await;
    let answer = reading::obtain(&server.api(), &reading::request(text)).await;
    assert_eq!(answer["dream"]["language"], language);
    let interpretation = &answer["interpretation"];
    reading::check(interpretation, text);
    assert_eq!(interpretation["language"], language);
    let share = reading::share_in_script(&reading::prose(interpretation), language);
    assert!(share > 0.8, "only {share:.2} of the letters are of that script: {interpretation}");
}

#[tokio::test]
async fn every_lens_reads_in_its_own_way() {
    let server = server::shared().await;
    let api = server.api();
    let mut readings: Vec<String> = Vec::new();
    for lens in ["psychological", "jungian", "scientific", "islamic", "folk"] {
        let answer = reading::obtain(&api, &json!({ "text": texts::GARDEN, "lens": lens })).await;
        assert_eq!(answer["interpretation"]["lens"], lens);
        reading::check(&answer["interpretation"], texts::GARDEN);
        let prose = reading::prose(&answer["interpretation"]);
        assert!(!readings.contains(&prose), "two lenses gave word for word the same reading: {prose}");
        readings.push(prose);
    }
}

#[tokio::test]
async fn the_same_request_again_is_answered_from_the_cache_until_the_dream_is_deleted() {
    let server = server::shared().await;
    let api = server.api();
    let request = reading::request(texts::TRAIN);
    let first = reading::obtain(&api, &request).await;
    assert_eq!(first["interpretation"]["cached"], false);

    let start = Instant::now();
    let second = api.post_json(INTERPRET, &request).await.ok();
    assert!(start.elapsed() < Duration::from_secs(2), "a cached reading took {:?}", start.elapsed());
    assert_eq!(second["interpretation"]["cached"], true);
    assert_eq!(second["dream"]["id"], first["dream"]["id"]);
    assert_eq!(second["interpretation"]["interpretation"], first["interpretation"]["interpretation"]);

    let path = format!("{DREAMS}/{}", first["dream"]["id"].as_str().expect("id"));
    assert!((200..300).contains(&api.delete(&path).await.status));
    let gone = api.get(&path).await;
    assert_eq!(gone.status, 404);
    gone.problem();
    assert_eq!(api.delete(&path).await.status, 404);
    assert_eq!(api.get(&format!("{path}/similar")).await.status, 404);

    let third = reading::obtain(&api, &request).await;
    assert_eq!(third["interpretation"]["cached"], false, "the reading outlived its dream");
    assert_ne!(third["dream"]["id"], first["dream"]["id"]);
}

#[tokio::test]
async fn a_stream_of_a_cached_reading_has_the_same_events() {
    let server = server::shared().await;
    let api = server.api();
    let first = reading::obtain(&api, &reading::request(texts::TEETH)).await;
    let events = api.stream(&reading::request(texts::TEETH)).await.rest().await;
    let seen = names(&events);
    assert_eq!(&seen[..2], ["dream", "similar"], "{seen:?}");
    assert_eq!(&seen[seen.len() - 2..], ["interpretation", "done"], "{seen:?}");
    let again = &events[events.len() - 2].data;
    assert_eq!(again["cached"], true);
    assert_eq!(again["summary"], first["interpretation"]["summary"]);
}

#[tokio::test]
async fn pages_hold_every_dream_once_newest_first() {
    let server = server::shared().await;
    let api = server.api();
    let mut kept = Vec::new();
    for number in 1..=5 {
        let (dream, _) = api.keep(&texts::numbered(number)).await;
        kept.push(dream["id"].as_str().expect("id").to_owned());
    }

    let (mut seen, mut times, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
    for _ in 0..200 {
        let path = format!("{DREAMS}?limit=2{}", cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default());
        let page = api.get(&path).await.ok();
        let dreams = page["dreams"].as_array().expect("dreams");
        assert!(dreams.len() <= 2, "{page}");
        seen.extend(dreams.iter().map(|dream| dream["id"].as_str().expect("id").to_owned()));
        times.extend(dreams.iter().map(|dream| time(&dream["created_at"])));
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert!(cursor.is_none(), "the pages never end");
    for id in &kept {
        assert_eq!(seen.iter().filter(|other| *other == id).count(), 1, "{id} in {seen:?}");
    }
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "not newest first: {times:?}");
}

fn time(value: &Value) -> time::OffsetDateTime {
    let text = value.as_str().expect("a time");
    time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).expect("a time as RFC 3339 writes it")
}

#[tokio::test]
async fn a_dream_told_again_in_other_words_or_another_language_is_found() {
    let server = server::shared().await;
    let api = server.api();
    let (whale, _) = api.keep("A huge whale swam through the streets of my town, and I rode on its back above the rooftops.").await;
    let (exam, _) = api.keep("I sat in an exam and could not read the questions because all the letters were moving like ants.").await;
    let (again, _) = api.keep("I was sitting on the back of an enormous whale that was floating over the houses of our city.").await;
    let (russian, similar) = api.keep("Огромный кит плыл по улицам моего города, и я сидел у него на спине над крышами домов.").await;

    let found = |similar: &Value| -> Vec<(String, f64)> {
        let entry =
            |entry: &Value| (entry["dream"]["id"].as_str().expect("id").to_owned(), entry["similarity"].as_f64().expect("similarity"));
        list(similar, "similar").iter().map(entry).collect()
    };
    let of_whale = found(&api.get(&format!("{DREAMS}/{}/similar", whale["id"].as_str().expect("id"))).await.ok());
    assert!(of_whale.iter().all(|(id, _)| id != whale["id"].as_str().expect("id")), "a dream is not similar to itself");
    assert!(of_whale.windows(2).all(|pair| pair[0].1 >= pair[1].1), "most similar first: {of_whale:?}");
    assert!(of_whale.iter().all(|(_, similarity)| (-1.0..=1.0).contains(similarity)), "{of_whale:?}");
    let place = |id: &Value, among: &[(String, f64)]| among.iter().position(|(other, _)| other == id.as_str().expect("id"));
    assert!(place(&again["id"], &of_whale).is_some_and(|place| place < 2), "{of_whale:?}");
    assert!(place(&russian["id"], &of_whale).is_some(), "{of_whale:?}");
    assert!(place(&exam["id"], &of_whale).is_none_or(|place| place >= 2), "{of_whale:?}");
    assert!(place(&whale["id"], &found(&similar)).is_some_and(|place| place < 3), "at once, in the answer: {similar}");
}

#[tokio::test]
async fn speech_is_written_down() {
    let server = server::shared().await;
    let recording = speech::spoken("Last night I was flying over the dark ocean. A white bird followed me to the lighthouse.");
    let answer = server.api().transcribe("dream.wav", &recording).await.ok();
    let text = answer["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"));
    assert!(speech::heard(text, &["night", "flying", "dark", "ocean", "white", "bird", "followed"]) >= 5, "{text}");
    assert_eq!(answer["language"], "en", "{answer}");
}

#[tokio::test]
async fn the_system_page_shows_confined_engines_and_the_api_documents_itself() {
    let server = server::shared().await;
    let api = server.api();
    let system = api.system().await;
    let kinds: Vec<String> = api.engines().await.into_iter().map(|engine| engine.kind).collect();
    for kind in ["llm", "embedding", "asr"] {
        assert!(kinds.iter().any(|other| other == kind), "no {kind} in {system}");
    }
    for engine in system["engines"].as_array().expect("engines") {
        for what in ["no_new_privileges", "seccomp", "landlock_files"] {
            assert_eq!(engine["confinement"][what], true, "{what} of {engine}");
        }
        assert_ne!(engine["confinement"]["uid"], 0, "{engine}");
    }
    assert_eq!(api.get("/healthz").await.status, 200);
    let openapi = api.get("/openapi.json").await.ok();
    for path in [INTERPRET, DREAMS, "/api/v1/dreams/{id}", "/api/v1/dreams/{id}/similar", "/api/v1/speech/transcriptions", "/api/v1/system"]
    {
        assert!(openapi["paths"][path].is_object(), "{path} is not documented");
    }
}
