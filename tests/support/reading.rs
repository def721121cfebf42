//! What a reading must be like, whatever the model.

use serde_json::{Value, json};

use super::api::{Api, INTERPRET};

const MOODS: &[&str] = &["joyful", "peaceful", "hopeful", "neutral", "confused", "sad", "anxious", "fearful", "angry"];
/// The fields of running text.
pub const PROSE: &[&str] = &["title", "summary", "interpretation", "advice"];

/// Asks for a reading until there is one. A small model may fail at a dream, which is told in the answer and is no
/// fault of the server; three times in a row it may not.
pub async fn obtain(api: &Api, request: &Value) -> Value {
    let mut answer = Value::Null;
    for _ in 0..3 {
        answer = api.post_json(INTERPRET, request).await.ok();
        if !answer["interpretation"].is_null() {
            return answer;
        }
    }
    panic!("no reading in three attempts: {answer}");
}

/// Every field is there, of its type and in its range, and every quote is in the text.
#[track_caller]
pub fn check(reading: &Value, text: &str) {
    // What a small model advises may be left out.
    let needed = PROSE.iter().filter(|field| **field != "advice");
    for field in needed.chain(&["model", "prompt_version", "language", "lens"]) {
        assert!(reading[field].as_str().is_some_and(|text| !text.trim().is_empty()), "`{field}` is empty: {reading}");
    }
    let symbols = reading["symbols"].as_array().expect("symbols");
    for symbol in symbols {
        let quote = symbol["quote"].as_str().expect("a quote");
        assert!(!quote.trim().is_empty() && text.contains(quote), "`{quote}` is not in the dream");
        assert!(symbol["name"].is_string() && symbol["meaning"].is_string(), "{symbol}");
    }
    assert!(symbols.len() >= 2, "at least two symbols with quotes: {reading}");
    for emotion in reading["emotions"].as_array().expect("emotions") {
        assert!(emotion["name"].as_str().is_some_and(|name| !name.is_empty()), "{emotion}");
        assert_share(&emotion["intensity"], emotion);
    }
    assert!(MOODS.contains(&reading["mood"].as_str().expect("mood")), "{reading}");
    for list in ["archetypes", "questions"] {
        assert!(reading[list].as_array().is_some_and(|list| list.iter().all(Value::is_string)), "`{list}`: {reading}");
    }
    for source in reading["sources"].as_array().expect("sources") {
        assert!(source["kind"].is_string() && source["reference"].is_string(), "{source}");
    }
    assert_share(&reading["confidence"], reading);
    assert_share(&reading["grounding"], reading);
    assert!(reading["cached"].is_boolean(), "{reading}");
    assert!(reading["latency_ms"].as_u64().is_some_and(|milliseconds| milliseconds > 0), "{reading}");
    assert!(["prompt", "generated"].iter().all(|count| reading["tokens"][count].as_u64().is_some_and(|count| count > 0)), "{reading}");
}

#[track_caller]
fn assert_share(value: &Value, context: &Value) {
    assert!(value.as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)), "not between 0 and 1: {value} in {context}");
}

/// The running text of a reading.
pub fn prose(reading: &Value) -> String {
    PROSE.iter().filter_map(|field| reading[field].as_str()).collect::<Vec<_>>().join(" ")
}

/// Share of the letters that belong to a language's script.
pub fn share_in_script(text: &str, language: &str) -> f64 {
    let belongs = |letter: char| match language {
        "ru" => ('\u{400}'..='\u{52f}').contains(&letter),
        "ar" => ('\u{600}'..='\u{6ff}').contains(&letter),
        "en" => letter.is_ascii(),
        other => panic!("no script is known for {other}"),
    };
    let letters: Vec<char> = text.chars().filter(|letter| letter.is_alphabetic()).collect();
    let belonging = letters.iter().filter(|&&letter| belongs(letter)).count();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand letters")]
    let share = belonging as f64 / letters.len().max(1) as f64;
    share
}

/// Faults of an answer against the schema that `/openapi.json` states for it.
pub fn faults_by_schema(openapi: &Value, (method, path): (&str, &str), answer: &Value) -> Vec<String> {
    let operation = &openapi["paths"][path][method];
    let responses = operation["responses"].as_object().unwrap_or_else(|| panic!("{method} {path} is not documented"));
    let success = responses.iter().find(|(status, _)| status.starts_with('2')).expect("a success is documented").1;
    let mut schema = success["content"]["application/json"]["schema"].clone();
    assert!(schema.is_object(), "the answer of {method} {path} has no schema: {success}");
    // References point to `#/components/…`, so the components travel with the schema.
    schema["components"] = openapi["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("the schema itself is wrong: {error}"));
    validator.iter_errors(answer).map(|fault| format!("{fault} at {}", fault.instance_path())).collect()
}

/// The request for a reading of a text.
pub fn request(text: &str) -> Value {
    json!({ "text": text })
}
