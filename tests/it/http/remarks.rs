//! Opinions, associations and questions about readings.

use std::{sync::atomic::Ordering, time::Duration};

use axum::{body::Body, http::header};
use oneiros::{
    engine::Prompt,
    features::{
        accounts::UserId,
        dreams::{DialogTurn, DreamStore},
    },
};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use super::{
    engines::Behaviour,
    house::{Answer, House, request},
};

const DREAM: &str = "I was crossing a narrow bridge over the dark river at night. My grandmother stood on the other side with a lantern. \
    Suddenly the bridge broke and I fell into the cold water, but a white horse carried me home.";
const RUSSIAN: &str = "Мне снилось, что я стою на старом мосту, а внизу бежит чёрная река. Моя бабушка машет мне с другого берега и держит \
    в руках зелёный фонарь. Потом мост исчезает, и я лечу над крышами города.";
const QUESTION: &str = "What else could the river mean?";

async fn call(house: &House, method: &str, path: &str, body: &Value) -> Answer {
    let request = request(method, path).header(header::CONTENT_TYPE, "application/json");
    house.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// Reads a dream through a lens and gives its address.
async fn read(house: &House, text: &str, lens: &str) -> String {
    let answer = house.interpret(&json!({"text": text, "lens": lens})).await.json();
    assert_eq!(answer["interpretation"]["lens"], lens, "{answer}");
    format!("/api/v1/dreams/{}", answer["dream"]["id"].as_str().unwrap())
}

#[track_caller]
fn refused(answer: &Answer, field: &str) {
    assert_eq!(answer.status.as_u16(), 422, "{}", answer.text);
    assert_eq!(answer.json()["errors"][0]["field"], field, "{}", answer.text);
}

#[tokio::test]
async fn a_reading_is_rated_and_one_is_chosen() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let dream = read(&house, DREAM, "psychological").await;
    read(&house, DREAM, "folk").await;
    let think = async |lens: &str, body: Value| call(&house, "PUT", &format!("{dream}/opinions/{lens}"), &body).await;
    assert_eq!(think("psychological", json!({"rating": 2})).await.json(), json!({"lens": "psychological", "rating": 2, "chosen": false}));
    assert_eq!(think("psychological", json!({"chosen": true})).await.json(), json!({"lens": "psychological", "rating": 2, "chosen": true}));
    assert_eq!(think("folk", json!({"rating": 5, "chosen": true})).await.json(), json!({"lens": "folk", "rating": 5, "chosen": true}));
    let opinions = house.get(&dream).await.json()["opinions"].clone();
    let expected = json!([{"lens": "folk", "rating": 5, "chosen": true}, {"lens": "psychological", "rating": 2, "chosen": false}]);
    assert_eq!(opinions, expected);
    assert_eq!(think("folk", json!({"rating": null})).await.json()["rating"], Value::Null);

    for wrong in [json!({"rating": 0}), json!({"rating": 6}), json!({"rating": "good"})] {
        refused(&think("folk", wrong).await, "rating");
    }
    refused(&think("folk", json!({"stars": 3})).await, "stars");
    let unread = think("jungian", json!({"rating": 3})).await;
    assert_eq!(unread.status.as_u16(), 404);
    assert!(unread.json()["detail"].as_str().unwrap().contains("first"), "{}", unread.text);
    assert_eq!(think("No%20Lens", json!({"rating": 3})).await.status.as_u16(), 404);

    let next = house.interpret(&json!({"text": format!("{DREAM} Then I woke up.")})).await.json();
    assert_eq!(next["interpretation"]["lens"], "folk", "the next reading is through the lens that was chosen: {next}");
}

#[tokio::test]
async fn what_comes_to_mind_is_kept_changed_and_deleted() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let dream = read(&house, DREAM, "folk").await;
    let river = format!("{dream}/associations/River");
    let kept = call(&house, "PUT", &river, &json!({"note": "  the village\nof my childhood "})).await.json();
    assert_eq!((&kept["symbol"], &kept["note"]), (&json!("river"), &json!("the village of my childhood")));
    // "мост" in a path.
    let word = format!("{dream}/associations/%D0%BC%D0%BE%D1%81%D1%82");
    assert_eq!(call(&house, "PUT", &word, &json!({"note": "n"})).await.json()["symbol"], "мост");
    call(&house, "PUT", &river, &json!({"note": "another"})).await;
    let notes = house.get(&dream).await.json()["associations"].clone();
    assert_eq!((&notes[0]["symbol"], &notes[0]["note"], notes.as_array().unwrap().len()), (&json!("river"), &json!("another"), 2));

    for wrong in [json!({"note": ""}), json!({"note": " \n "}), json!({"note": "a".repeat(501)}), json!({"note": "a\u{0}b"}), json!({})] {
        refused(&call(&house, "PUT", &river, &wrong).await, "note");
    }
    for wrong in ["a%00b".to_owned(), "%20".to_owned(), "a".repeat(65)] {
        refused(&call(&house, "PUT", &format!("{dream}/associations/{wrong}"), &json!({"note": "n"})).await, "symbol");
        refused(&call(&house, "DELETE", &format!("{dream}/associations/{wrong}"), &Value::Null).await, "symbol");
    }
    assert_eq!(call(&house, "PUT", &format!("{dream}/associations/%FF"), &json!({"note": "n"})).await.status.as_u16(), 404);
    assert_eq!(call(&house, "DELETE", &river, &Value::Null).await.status.as_u16(), 204);
    assert_eq!(call(&house, "DELETE", &river, &Value::Null).await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_question_is_answered_from_the_dream_and_what_is_known_of_it() {
    let house = House::new(Behaviour::Reads, &["en", "ru"]).await;
    for (text, question, language) in [(DREAM, QUESTION, "en"), (RUSSIAN, "Что ещё может значить река?", "ru")] {
        let dream = read(&house, text, "jungian").await;
        call(&house, "PUT", &format!("{dream}/associations/river"), &json!({"note": "моя деревня"})).await;
        let asked = house.post(&format!("{dream}/dialog"), json!({"lens": "jungian", "question": question}).to_string()).await;
        assert_eq!(asked.status.as_u16(), 200, "{}", asked.text);
        let turn = asked.json()["turn"].clone();
        assert_eq!((&turn["lens"], &turn["question"], &turn["language"]), (&json!("jungian"), &json!(question), &json!(language)));
        assert!(
            turn["answer"].as_str().unwrap().ends_with(if language == "ru" {
                "решимость это сделать."
            } else {
                "courage to do so."
            }),
            "{turn}"
        );
        assert!(asked.json().get("care").is_none());
        assert_eq!(house.get(&dream).await.json()["dialog"], json!([turn]));

        let requests = house.writer.requests.lock().unwrap().clone();
        let Prompt::Chat(chat) = &requests.last().unwrap().prompt else { panic!("an instructed model is asked in a chat") };
        let told = &chat.messages.last().unwrap().content;
        assert!(told.contains(text) && told.contains("моя деревня") && told.ends_with(question), "{told}");
        assert_eq!(call(&house, "DELETE", &format!("{dream}/dialog"), &Value::Null).await.status.as_u16(), 204);
        assert_eq!(house.get(&dream).await.json()["dialog"], json!([]));
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let dream = read(&house, DREAM, "folk").await;
    let asked_so_far = house.writer.asked.load(Ordering::SeqCst);
    let ask = async |body: Value| house.post(&format!("{dream}/dialog"), body.to_string()).await;
    for wrong in ["", "?", " \n ", &"a".repeat(501), "what\u{1b}[2J?"] {
        refused(&ask(json!({"lens": "folk", "question": wrong})).await, "question");
    }
    refused(&ask(json!({"lens": "folk"})).await, "question");
    refused(&ask(json!({"lens": "../etc", "question": QUESTION})).await, "lens");
    let unread = ask(json!({"lens": "jungian", "question": QUESTION})).await;
    assert_eq!(unread.status.as_u16(), 404);
    assert!(unread.json()["detail"].as_str().unwrap().contains("first"), "{}", unread.text);

    let store = DreamStore::new(house.database.as_ref().unwrap().pool.clone());
    let id: Uuid = dream.rsplit('/').next().unwrap().parse().unwrap();
    for _ in 0..50 {
        let turn = DialogTurn {
            id: Uuid::now_v7(),
            lens: "folk".parse().unwrap(),
            question: "q".into(),
            answer: "a".into(),
            language: "en".into(),
            model: "m".into(),
            created_at: time::OffsetDateTime::UNIX_EPOCH,
        };
        store.keep_turn(UserId::LOCAL, id, turn).await.unwrap();
    }
    refused(&ask(json!({"lens": "folk", "question": QUESTION})).await, "question");
    assert_eq!(house.writer.asked.load(Ordering::SeqCst), asked_so_far, "no model was asked");
}

#[tokio::test]
async fn a_question_that_tells_of_need_gets_words_of_help_as_well() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let dream = read(&house, DREAM, "folk").await;
    let asked = json!({"lens": "folk", "question": "I want to kill myself tonight. What does the river mean?"});
    let answer = house.post(&format!("{dream}/dialog"), asked.to_string()).await.json();
    assert!(!answer["care"]["text"].as_array().unwrap().is_empty(), "{answer}");
    assert!(answer["turn"]["answer"].is_string(), "{answer}");
}

#[tokio::test]
async fn whoever_leaves_a_question_frees_the_engine_and_nothing_is_kept() {
    let house = House::new(Behaviour::HangsAsked, &["en"]).await;
    let dream = read(&house, DREAM, "folk").await;
    let body = Body::from(json!({"lens": "folk", "question": QUESTION}).to_string());
    let request = request("POST", &format!("{dream}/dialog")).header(header::CONTENT_TYPE, "application/json").body(body).unwrap();
    let before = house.writer.asked.load(Ordering::SeqCst);
    let asking = tokio::spawn(house.router.clone().oneshot(request));
    while house.writer.asked.load(Ordering::SeqCst) == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    asking.abort();
    let freed = tokio::time::timeout(Duration::from_secs(2), house.writer.cancelled.notified()).await;
    assert!(freed.is_ok(), "the engine is still held");
    assert_eq!(house.get(&dream).await.json()["dialog"], json!([]));
}

#[tokio::test]
async fn an_image_leads_to_the_dreams_that_hold_it() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let first = read(&house, DREAM, "folk").await;
    let second = read(&house, "Tonight a wide river ran through the garden of my school.", "folk").await;
    let ids = |dreams: &Value| dreams.as_array().unwrap().iter().map(|dream| dream["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let found = house.get("/api/v1/symbols/river/dreams").await.json();
    assert_eq!(ids(&found), [&second, &first].map(|path| path.rsplit('/').next().unwrap().to_owned()));
    assert_eq!(ids(&house.get("/api/v1/symbols/horse/dreams").await.json()).len(), 1);
    assert_eq!(house.get("/api/v1/symbols/nothing-of-the-kind/dreams").await.json(), json!([]));
    refused(&house.get("/api/v1/symbols/a%00b/dreams").await, "symbol");
}

#[tokio::test]
async fn anothers_dream_is_not_there() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let database = house.database.as_ref().unwrap();
    let another = UserId(Uuid::now_v7());
    sqlx::query("INSERT INTO users (id) VALUES ($1)").bind(another.0).execute(&database.owner_pool).await.unwrap();
    let store = DreamStore::new(database.pool.clone());
    let dream = store.keep(another, DREAM, "en").await.unwrap().id;
    store.keep_symbols(another, dream, &["river".to_owned()]).await.unwrap();
    store.keep_association(another, dream, "river", "theirs").await.unwrap();
    for (method, rest, body) in [
        ("PUT", "opinions/folk", json!({"rating": 3})),
        ("PUT", "associations/river", json!({"note": "mine"})),
        ("DELETE", "associations/river", Value::Null),
        ("POST", "dialog", json!({"lens": "folk", "question": QUESTION})),
        ("DELETE", "dialog", Value::Null),
    ] {
        for id in [dream.to_string(), Uuid::now_v7().to_string(), "no-id".to_owned()] {
            let answer = call(&house, method, &format!("/api/v1/dreams/{id}/{rest}"), &body).await;
            assert_eq!(answer.status.as_u16(), 404, "{method} {rest}: {}", answer.text);
        }
    }
    assert_eq!(house.get("/api/v1/symbols/river/dreams").await.json(), json!([]));
    assert_eq!(store.associations(another, dream).await.unwrap()[0].note, "theirs");
}
