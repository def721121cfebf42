//! A dream goes in, a reading comes out.

use std::{sync::atomic::Ordering, time::Duration};

use oneiros::engine::{FormPart, GenerationRequest, Prompt};
use serde_json::{Value, json};

use super::{
    engines::Behaviour,
    house::{House, request},
};

const DREAM: &str = "I was crossing a narrow bridge over the dark river at night. My grandmother stood on the other side with a lantern. \
    Suddenly the bridge broke and I fell into the cold water, but a white horse carried me home.";
const RUSSIAN: &str = "Мне снилось, что я стою на старом мосту, а внизу бежит чёрная река. Моя бабушка машет мне с другого берега и держит \
    в руках зелёный фонарь. Потом мост исчезает, и я лечу над крышами города.";

fn names(events: &[(String, Value)]) -> Vec<&str> {
    let mut names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    names
}

#[tokio::test]
async fn a_reading_is_whole_and_quotes_the_dream() {
    let house = House::new(Behaviour::Reads, &["en", "ru"]).await;
    for (text, language, lens) in [(DREAM, "en", "psychological"), (RUSSIAN, "ru", "islamic")] {
        let answer = house.interpret(&json!({"text": text, "lens": lens})).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        let answer = answer.json();
        let reading = &answer["interpretation"];
        assert_eq!(reading["language"], language);
        assert_eq!(reading["lens"], lens);
        assert_eq!((&reading["model"], &reading["cached"], &reading["grounding"]), (&json!("scripted"), &json!(false), &json!(1.0)));
        let symbols = reading["symbols"].as_array().unwrap();
        assert!(symbols.len() >= 2);
        for symbol in symbols {
            assert!(text.contains(symbol["quote"].as_str().unwrap()), "{symbol}");
        }
        let questions = reading["questions"].as_array().unwrap();
        assert!(questions.iter().all(|question| question.as_str().unwrap().ends_with('?')), "{questions:?}");
        assert!(reading["sources"].as_array().unwrap().iter().any(|source| source["kind"] == "dream"));
        assert!(answer.get("failure").is_none());
    }
}

#[tokio::test]
async fn a_stream_tells_everything_in_order() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let answer = house.stream(&json!({"text": DREAM})).await;
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let events = answer.events();
    assert_eq!(names(&events), ["dream", "similar", "delta", "interpretation", "done"]);
    assert_eq!(events[0].1["text"], DREAM);
    let told = |field: &str| {
        let pieces = events.iter().filter(|(name, data)| name == "delta" && data["field"] == field);
        pieces.map(|(_, data)| data["text"].as_str().unwrap()).collect::<String>()
    };
    let reading = &events[events.len() - 2].1;
    assert_eq!(told("title"), reading["title"].as_str().unwrap());
    assert_eq!(told("interpretation"), reading["interpretation"].as_str().unwrap());
    assert_eq!(told("symbols.0.quote"), reading["symbols"][0]["quote"].as_str().unwrap());
    assert_eq!(told("mood"), reading["mood"].as_str().unwrap());
    assert!(told("summary").starts_with("You cross"), "{}", told("summary"));
}

#[tokio::test]
async fn the_same_dream_again_comes_from_the_cache_until_it_is_deleted() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let first = house.interpret(&json!({"text": DREAM})).await.json();
    let again = house.stream(&json!({"text": DREAM})).await.events();
    assert_eq!(names(&again), ["dream", "similar", "interpretation", "done"]);
    assert_eq!(again[2].1["cached"], true);
    assert_eq!(again[0].1["id"], first["dream"]["id"]);
    house.interpret(&json!({"text": DREAM, "lens": "folk"})).await;
    // The first reading was sampled twice, having no other to be compared with.
    assert_eq!(house.writer.asked.load(Ordering::SeqCst), 3, "another lens is another reading");

    let path = format!("/api/v1/dreams/{}", first["dream"]["id"].as_str().unwrap());
    assert_eq!(house.get(&path).await.json()["interpretations"].as_array().unwrap().len(), 2);
    let delete = || request("DELETE", &path).body(axum::body::Body::empty()).unwrap();
    assert_eq!(house.send(delete()).await.status.as_u16(), 204);
    assert_eq!(house.send(delete()).await.status.as_u16(), 404);
    assert_eq!(house.get(&path).await.status.as_u16(), 404);
    assert_eq!(house.interpret(&json!({"text": DREAM})).await.json()["interpretation"]["cached"], false);
}

#[tokio::test]
async fn an_engine_that_dies_costs_the_reading_and_not_the_dream() {
    let house = House::new(Behaviour::Dies, &["en"]).await;
    let events = house.stream(&json!({"text": DREAM})).await.events();
    assert_eq!(names(&events), ["dream", "similar", "delta", "error", "done"]);
    let problem = &events[events.len() - 2].1;
    assert_eq!((&problem["status"], &problem["dream_id"]), (&json!(503), &events[0].1["id"]));

    let answer = house.interpret(&json!({"text": DREAM})).await;
    assert_eq!(answer.status.as_u16(), 503);
    assert!(answer.headers.contains_key("retry-after"));
    let kept = house.get(&format!("/api/v1/dreams/{}", answer.json()["dream_id"].as_str().unwrap())).await.json();
    assert_eq!(kept["dream"]["text"], DREAM);
    assert_eq!(kept["failure"]["reason"], "engine-unavailable");
}

#[tokio::test]
async fn what_may_not_be_shown_is_written_anew_once_and_then_composed_and_marked() {
    let house = House::new(Behaviour::Loops, &["en"]).await;
    let answer = house.interpret(&json!({"text": DREAM})).await;
    assert_eq!(answer.status.as_u16(), 200);
    let reading = answer.json()["interpretation"].clone();
    assert_eq!(reading["composed"], json!(["interpretation"]), "{reading}");
    let text = reading["interpretation"].as_str().unwrap();
    let told = reading["symbols"].as_array().unwrap().iter().filter_map(|symbol| symbol["tradition"]["text"].as_str());
    assert!(told.into_iter().any(|tradition| text.contains(tradition)), "{reading}");
    assert!(!text.contains("the river is wide"), "{text}");
    let step = |name: &str| reading["steps"].as_array().unwrap().iter().find(|step| step["name"] == name).unwrap()["outcome"].clone();
    assert_eq!((step("generation"), step("check")), (json!("repaired"), json!("repaired")));

    let requests = house.writer.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 3, "a first pass, a repair, a second look");
    assert_ne!(requests[0].sampling.seed, requests[1].sampling.seed);
    assert!(requests[1].sampling.temperature < requests[0].sampling.temperature);
    let asked = |request: &GenerationRequest| {
        let slots = request.form.iter().filter_map(|part| if let FormPart::Slot(slot) = part { Some(slot.name.clone()) } else { None });
        slots.collect::<Vec<_>>()
    };
    assert_eq!(asked(&requests[1]), ["interpretation"], "what was good stays");
    assert_eq!(asked(&requests[2]), ["mood", "emotions.0.name", "emotions.1.name"]);
}

#[tokio::test]
async fn a_repair_that_holds_leaves_nothing_to_compose() {
    let house = House::new(Behaviour::LoopsOnce, &["en"]).await;
    let events = house.stream(&json!({"text": DREAM})).await.events();
    assert_eq!(names(&events), ["dream", "similar", "delta", "interpretation", "done"]);
    let reading = &events[events.len() - 2].1;
    assert_eq!(reading["composed"], json!([]), "{reading}");
    assert!(reading["interpretation"].as_str().unwrap().contains("wish for guidance"), "{reading}");
}

#[tokio::test]
async fn a_client_that_leaves_frees_the_engine_and_the_dream_stays() {
    let house = House::new(Behaviour::Hangs, &["en"]).await;
    let first = house.stream_and_leave(&json!({"text": DREAM})).await;
    assert!(first.contains("event: dream"), "{first}");
    let freed = tokio::time::timeout(Duration::from_secs(2), house.writer.cancelled.notified()).await;
    // Left before the engine was asked: then there was nothing to free.
    assert!(freed.is_ok() || house.writer.asked.load(Ordering::SeqCst) == 0, "the engine is still held");
    assert_eq!(house.get("/api/v1/dreams").await.json()["dreams"][0]["text"], DREAM);
}

#[tokio::test]
async fn another_language_is_answered_in_english_and_says_so() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let french =
        "J'ai rêvé que je marchais sur un pont étroit au-dessus d'une rivière sombre, et ma grand-mère m'attendait avec une lanterne.";
    let reading = house.interpret(&json!({"text": french})).await.json()["interpretation"].clone();
    assert_eq!(reading["language"], "en");
    assert!(reading["notices"][0].as_str().unwrap().contains("French"), "{reading}");
}

#[tokio::test]
async fn a_long_dream_fits_the_model_and_quotes_come_from_all_of_it() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let filler = "Then I walked along another street and looked for the station again. ".repeat(53);
    let text = format!("{filler}At the end a white horse stood beside the frozen lake.");
    let answer = house.interpret(&json!({"text": text})).await.json();
    let requests = house.writer.requests.lock().unwrap().clone();
    let Prompt::Chat(chat) = &requests[0].prompt else { panic!("an instructed model is asked in a chat") };
    let shown = &chat.messages.last().unwrap().content;
    assert!(shown.len() < text.len() && shown.ends_with('.'), "{} of {}", shown.len(), text.len());
    assert!(answer["interpretation"]["notices"][0].as_str().unwrap().contains("long"), "{answer}");
}

#[tokio::test]
async fn dreams_come_in_pages_and_find_their_like() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let dream = |number: usize| format!("Dream number {number}: I was crossing a narrow bridge over the dark river at night.");
    let mut ids = Vec::new();
    for number in 0..3 {
        let answer = house.interpret(&json!({"text": dream(number)})).await.json();
        assert_eq!(answer["similar"].as_array().unwrap().len(), number);
        ids.push(answer["dream"]["id"].clone());
    }
    let page = house.get("/api/v1/dreams?limit=2").await.json();
    assert_eq!(page["dreams"][0]["id"], ids[2]);
    let rest = house.get(&format!("/api/v1/dreams?limit=2&cursor={}", page["next_cursor"].as_str().unwrap())).await.json();
    assert_eq!(rest["dreams"][0]["id"], ids[0]);
    assert!(rest["next_cursor"].is_null());
    let similar = house.get(&format!("/api/v1/dreams/{}/similar?limit=1", ids[0].as_str().unwrap())).await.json();
    assert!(similar[0]["similarity"].as_f64().unwrap() > 0.9, "{similar}");
    assert_eq!(house.get("/api/v1/dreams?cursor=%21%21").await.status.as_u16(), 422);
}
