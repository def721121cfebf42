//! The API document: reviewed as a snapshot, and true.

use serde_json::{Value, json};

use super::{engines::Behaviour, house::House};

#[tokio::test]
async fn the_document_is_the_one_that_was_reviewed() {
    let document = House::without_database().get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    insta::with_settings!({snapshot_path => "../snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_json_snapshot!("openapi", document);
    });
}

/// Whether an answer is what the document says of it.
fn check(document: &Value, schema: &str, answer: &Value) {
    let schema = json!({"$ref": format!("#/components/schemas/{schema}"), "components": document["components"]});
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(answer).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{answer:#}");
}

#[tokio::test]
async fn answers_are_what_the_document_says() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let document = house.get("/openapi.json").await.json();
    let dream = "I was crossing a narrow bridge over the dark river at night and my grandmother waited with a lantern.";
    let answer = house.interpret(&json!({"text": dream})).await.json();
    check(&document, "InterpretResponse", &answer);
    check(&document, "DreamWithReadings", &house.get(&format!("/api/v1/dreams/{}", answer["dream"]["id"].as_str().unwrap())).await.json());
    check(&document, "DreamPage", &house.get("/api/v1/dreams").await.json());
    check(&document, "ModelList", &house.get("/api/v1/models").await.json());
    check(&document, "SystemReport", &house.get("/api/v1/system").await.json());
    check(&document, "Problem", &house.interpret(&json!({"text": ""})).await.json());
    let failing = House::new(Behaviour::Loops, &["en"]).await;
    check(&document, "InterpretResponse", &failing.interpret(&json!({"text": dream})).await.json());
}

#[tokio::test]
async fn the_reference_page_loads_nothing_from_outside() {
    let page = House::without_database().get("/reference").await.text;
    assert!(page.contains("/api/v1/dreams/interpret") && page.contains("InterpretResponse"));
    assert!(!page.contains("<script") && !page.contains("style=") && !page.contains("//cdn"));
    let loaded: Vec<_> = page.match_indices("href=\"http").collect();
    assert!(loaded.is_empty());
}
