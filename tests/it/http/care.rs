//! Words of help: for whom they come, and that nothing of it stays.

use serde_json::{Value, json};

use super::{engines::Behaviour, house::House};

const AWAKE: &str = "I dreamed of a bridge over a dark river and my grandmother waited with a lantern. Then I woke up. I want to kill \
    myself, I can't go on any more.";
const DREAMED: &str = "I dreamed that I died. I saw my own funeral: my grandmother stood by the grave with a lantern, and the river behind \
    the house was dark.";

#[tokio::test]
async fn words_of_help_come_beside_the_reading_and_are_kept_nowhere() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let answer = house.interpret(&json!({"text": AWAKE})).await.json();
    let care = &answer["care"];
    assert!(care["title"].is_string() && !care["resources"].as_array().unwrap().is_empty(), "{answer}");
    assert!(answer["interpretation"].is_object(), "the reading comes all the same");
    let kept = house.get(&format!("/api/v1/dreams/{}", answer["dream"]["id"].as_str().unwrap())).await;
    let title = care["title"].as_str().unwrap();
    assert!(!kept.text.contains(title), "nothing of it is kept: {}", kept.text);
    let step = answer["interpretation"]["steps"].as_array().unwrap().iter().find(|step| step["name"] == "care").unwrap();
    assert_eq!(step["facts"], json!([]), "that it was looked at, not what was found");
}

#[tokio::test]
async fn they_come_before_any_word_of_a_model_and_with_what_fails() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let events = house.stream(&json!({"text": AWAKE})).await.events();
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..2], ["dream", "care"], "{names:?}");

    let house = House::new(Behaviour::Dies, &["en"]).await;
    let answer = house.interpret(&json!({"text": AWAKE})).await;
    assert_eq!(answer.status.as_u16(), 503);
    let problem = answer.json();
    assert!(problem["care"]["title"].is_string() && problem["dream_id"].is_string(), "{problem}");
}

#[tokio::test]
async fn death_in_a_dream_is_not_intent() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let answer = house.interpret(&json!({"text": DREAMED})).await.json();
    assert_eq!(answer.get("care"), None, "{answer}");
}

#[tokio::test]
async fn whoever_looks_for_help_finds_it_in_three_languages() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let mut titles = Vec::new();
    for language in ["en", "ru", "ar"] {
        let page = house.get(&format!("/api/v1/care?language={language}&country=EG")).await.json();
        assert_eq!(page["message"]["language"], language);
        let first: &Value = &page["message"]["resources"][0];
        assert_eq!(first["country"], "EG", "{page}");
        assert!(page["countries"].as_array().unwrap().len() >= 25);
        titles.push(page["message"]["title"].as_str().unwrap().to_owned());
    }
    titles.dedup();
    assert_eq!(titles.len(), 3, "{titles:?}");
    let elsewhere = house.get("/api/v1/care?language=xx&country=ZZ").await.json();
    assert_eq!(elsewhere["message"]["language"], "en");
    assert!(elsewhere["message"]["resources"].as_array().unwrap().iter().all(|resource| resource["country"] == ""), "{elsewhere}");
}
