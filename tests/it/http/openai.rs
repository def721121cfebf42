//! OpenAI's protocol as its clients see it: shapes, statuses, streams.

use std::time::Duration;

use axum::{body::Body, http::header};
use oneiros::engine::{Constraint, FormPart, Prompt};
use serde_json::{Value, json};

use super::{
    engines::Behaviour,
    house::{Answer, House, request},
};

const CHAT: &str = "/v1/chat/completions";

async fn house(behaviour: Behaviour) -> House {
    House::new(behaviour, &["en"]).await
}

fn chat(mut more: Value) -> Value {
    let mut body = json!({"model": "scripted", "messages": [{"role": "user", "content": "I was flying."}]});
    body.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    body
}

/// Data of a stream's events; the last is what ends it.
fn data(answer: &Answer) -> Vec<String> {
    let lines = answer.text.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(str::to_owned).collect()
}

fn chunks(answer: &Answer) -> Vec<Value> {
    let mut data = data(answer);
    assert_eq!(data.pop().as_deref(), Some("[DONE]"), "{}", answer.text);
    data.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect()
}

fn check(document: &Value, schema: &str, answer: &Value) {
    let schema = json!({"$ref": format!("#/components/schemas/{schema}"), "components": document["components"]});
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(answer).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{answer:#}");
}

#[tokio::test]
async fn answers_are_what_the_document_says() {
    let house = House::without_database();
    let document = house.get("/openapi.json").await.json();
    check(&document, "ModelObjects", &house.get("/v1/models").await.json());
    check(&document, "ChatCompletion", &house.post(CHAT, chat(json!({"n": 2, "logprobs": true})).to_string()).await.json());
    for chunk in chunks(&house.post(CHAT, chat(json!({"stream": true, "stream_options": {"include_usage": true}})).to_string()).await) {
        check(&document, "ChatChunk", &chunk);
    }
    let completion = json!({"model": "scripted", "prompt": ["a", "b"]});
    check(&document, "Completion", &house.post("/v1/completions", completion.to_string()).await.json());
    let embeddings = json!({"model": "letters", "input": ["a", "b"], "encoding_format": "base64"});
    check(&document, "EmbeddingObjects", &house.post("/v1/embeddings", embeddings.to_string()).await.json());
    let response = json!({"model": "scripted", "input": "Hello", "metadata": {"a": "b"}});
    check(&document, "ResponseObject", &house.post("/v1/responses", response.to_string()).await.json());
    check(&document, "ErrorBody", &house.post(CHAT, "{}").await.json());
}

#[tokio::test]
async fn a_dialog_is_answered_whole_and_in_chunks() {
    let house = House::without_database();
    let whole = house.post(CHAT, chat(json!({"model": "gpt-4o"})).to_string()).await;
    assert_eq!(whole.status.as_u16(), 200, "{}", whole.text);
    let whole = whole.json();
    let content = whole["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!((whole["model"].as_str(), whole["choices"][0]["finish_reason"].as_str()), (Some("scripted"), Some("stop")));
    assert_eq!(whole["usage"]["total_tokens"], 300);
    let streamed = chunks(&house.post(CHAT, chat(json!({"stream": true, "stream_options": {"include_usage": true}})).to_string()).await);
    assert_eq!(streamed[0]["choices"][0]["delta"]["role"], "assistant");
    let told: String = streamed.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(told, content);
    let last = streamed.last().unwrap();
    assert!(last["choices"].as_array().unwrap().is_empty() && last["usage"]["completion_tokens"] == 200, "{last}");
    assert!(streamed[0]["usage"].is_null() && streamed[0].as_object().unwrap().contains_key("usage"));
    let ids: std::collections::BTreeSet<_> = streamed.iter().map(|chunk| chunk["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn errors_have_the_protocols_shape_whoever_refuses() {
    let house = House::without_database();
    let error = |answer: Answer| {
        let error = answer.json()["error"].clone();
        assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{}", answer.text);
        (
            answer.status.as_u16(),
            error["param"].as_str().unwrap_or_default().to_owned(),
            error["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let post = async |path: &str, body: Value| error(house.post(path, body.to_string()).await);
    assert_eq!(post(CHAT, chat(json!({"model": "gpt-9"}))).await, (404, "model".into(), "model_not_found".into()));
    assert_eq!(post(CHAT, chat(json!({"model": "letters"}))).await, (400, "model".into(), String::new()));
    assert_eq!(post(CHAT, chat(json!({"audio": {"voice": "alloy"}}))).await, (400, "audio".into(), String::new()));
    assert_eq!(
        post("/v1/embeddings", json!({"model": "letters", "input": "a", "dimensions": 8})).await,
        (400, "dimensions".into(), String::new())
    );
    assert_eq!(error(house.get("/v1/models/nothing").await).0, 404);
    assert_eq!(error(house.get(CHAT).await).0, 405);
    assert_eq!(error(house.get("/v1/files").await), (404, String::new(), "unknown_url".into()));
    let text = request("POST", CHAT).header(header::CONTENT_TYPE, "text/plain").body(Body::from("x")).unwrap();
    assert_eq!(error(house.send(text).await).0, 415);
    let foreign = request("POST", CHAT).header(header::ORIGIN, "https://example.com").body(Body::empty()).unwrap();
    assert_eq!(error(house.send(foreign).await).0, 403);
    let starting = House::starting().post(CHAT, chat(json!({})).to_string()).await;
    assert!(starting.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(error(starting).0, 503);
    assert!(house.get("/api/v1/nothing").await.json()["type"].is_string(), "elsewhere errors are problem details");
}

#[tokio::test]
async fn an_engine_that_dies_in_mid_answer_ends_the_stream_with_its_error() {
    let house = house(Behaviour::Dies).await;
    let streamed = house.post(CHAT, chat(json!({"stream": true})).to_string()).await;
    assert_eq!(streamed.status.as_u16(), 200);
    let told = chunks(&streamed);
    assert!(told.last().unwrap()["error"]["message"].as_str().unwrap().contains("stopped"), "{}", streamed.text);
    let whole = house.post(CHAT, chat(json!({})).to_string()).await;
    assert_eq!((whole.status.as_u16(), whole.headers.contains_key(header::RETRY_AFTER)), (503, true), "{}", whole.text);
    let response = house.post("/v1/responses", json!({"model": "scripted", "input": "a", "stream": true}).to_string()).await;
    assert_eq!(response.events().last().unwrap().0, "error");
}

#[tokio::test]
async fn a_client_that_leaves_frees_the_engine() {
    let house = house(Behaviour::Hangs).await;
    let body = chat(json!({"stream": true})).to_string();
    let asked = request("POST", CHAT).header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap();
    let left = tokio::time::timeout(Duration::from_millis(300), house.send(asked)).await;
    assert!(left.is_err(), "the stream goes on until the client leaves");
    tokio::time::timeout(Duration::from_secs(2), house.writer.cancelled.notified()).await.expect("the engine is told");
}

#[tokio::test]
async fn a_response_is_told_as_typed_events() {
    let house = House::without_database();
    let answer = house.post("/v1/responses", json!({"model": "scripted", "input": "Hello", "stream": true}).to_string()).await;
    let events = answer.events();
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    let begins = ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"];
    let ends = ["response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"];
    assert!(names.starts_with(&begins) && names.ends_with(&ends), "{names:?}");
    assert!(events.iter().enumerate().all(|(number, (name, data))| data["type"] == **name && data["sequence_number"] == number));
    let deltas: String =
        events.iter().filter(|(name, _)| name == "response.output_text.delta").map(|(_, data)| data["delta"].as_str().unwrap()).collect();
    let whole = &events.last().unwrap().1["response"];
    assert_eq!(whole["output"][0]["content"][0]["text"], deltas.as_str());
    assert_eq!(whole["usage"]["output_tokens"], 200);
}

#[tokio::test]
async fn a_recording_is_told_in_every_form() {
    let house = House::without_database();
    let send = async |fields: &[(&str, &str)]| {
        let part = |(name, text): &(&str, &str)| {
            let file = if *name == "file" { "; filename=\"a.wav\"" } else { "" };
            format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n")
        };
        let body = fields.iter().map(part).collect::<String>() + "--X--\r\n";
        let kind = "multipart/form-data; boundary=X";
        house.send(request("POST", "/v1/audio/transcriptions").header(header::CONTENT_TYPE, kind).body(body.into()).unwrap()).await
    };
    let recording = [("file", "RIFF sound"), ("model", "whisper-1")];
    let formed = async |format: &'static str| send(&[&recording[..], &[("response_format", format)]].concat()).await;
    assert_eq!(send(&recording).await.json()["text"], "I was flying over water.");
    assert_eq!(formed("text").await.text, "I was flying over water.\n");
    assert!(formed("srt").await.text.starts_with("1\n00:00:00,000 --> 00:00:01,"));
    assert!(formed("vtt").await.text.starts_with("WEBVTT\n"));
    let verbose = formed("verbose_json").await.json();
    assert_eq!((verbose["language"].as_str(), verbose["segments"][0]["id"].as_u64()), (Some("english"), Some(0)), "{verbose}");
    let words = [("response_format", "verbose_json"), ("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")];
    let both = send(&[&recording[..], &words].concat()).await.json();
    assert!(both["words"].is_array() && both["segments"].is_array(), "{both}");
    for (wrong, field) in [
        (&[("model", "whisper-1")][..], "file"),
        (&[("file", "RIFF")], "model"),
        (&[("file", "RIFF"), ("model", "scripted")], "model"),
        (&[("file", "RIFF"), ("model", "whisper-1"), ("stream", "true")], "stream"),
        (&[("file", "RIFF"), ("model", "whisper-1"), ("response_format", "xml")], "response_format"),
        (&[("file", "RIFF"), ("model", "whisper-1"), ("temperature", "warm")], "temperature"),
        (&[("file", "RIFF"), ("model", "whisper-1"), ("temperature", "NaN")], "temperature"),
        (&[("file", "RIFF"), ("model", "whisper-1"), ("timestamp_granularities[]", "word")], "timestamp_granularities[]"),
        (&[("file", "silent"), ("model", "whisper-1")], "file"),
    ] {
        let answer = send(wrong).await;
        assert_eq!((answer.status.as_u16(), answer.json()["error"]["param"].as_str()), (400, Some(field)), "{}", answer.text);
    }
}

#[tokio::test]
async fn what_clients_send_back_is_taken_and_a_forced_call_is_not_cut_by_a_stop_text() {
    let house = House::without_database();
    let messages = json!([
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi.", "reasoning": "A greeting.", "reasoning_content": "A greeting."},
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "a.b", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "c"},
    ]);
    let tools = json!([{"type": "function", "function": {"name": "time"}}]);
    let body = chat(json!({"messages": messages, "tools": tools, "tool_choice": "required", "stop": ["}", "\n"]}));
    let answer = house.post(CHAT, body.to_string()).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let asked = house.writer.requests.lock().unwrap().pop().unwrap();
    let [FormPart::Slot(slot)] = asked.form.as_slice() else { panic!("{:?}", asked.form) };
    assert!(slot.stop.is_empty() && matches!(slot.constraint, Constraint::ToolCall(_)), "{slot:?}");
    let Prompt::Chat(dialog) = asked.prompt else { panic!("no dialog") };
    assert_eq!(dialog.messages[1].reasoning.as_deref(), Some("A greeting."));
}
