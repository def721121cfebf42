//! OpenAI's protocol on the real executable and real models.

use serde_json::{Value, json};

use crate::support::{
    api::{Answer, Api},
    server,
    state::{EMBEDDING_MODEL, ENGLISH_MODEL, OTHER_MODEL},
    texts,
};

pub const CHAT: &str = "/v1/chat/completions";

/// A short question to the English model.
pub fn chat(mut more: Value) -> Value {
    let mut body = json!({
        "model": ENGLISH_MODEL,
        "messages": [{"role": "user", "content": "Name three colours of the sea."}],
        "max_tokens": 24, "temperature": 0, "seed": 1,
    });
    body.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    body
}

async fn ask(api: &Api, more: Value) -> Value {
    api.post_json(CHAT, &chat(more)).await.ok()
}

fn chunks(answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    let mut data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data.pop(), Some("[DONE]"), "{text}");
    data.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect()
}

#[tokio::test]
async fn each_token_is_a_chunk_of_its_own_and_its_probability_is_told() {
    let server = server::shared().await;
    let more = json!({"stream": true, "stream_options": {"include_usage": true}, "ignore_eos": true, "max_tokens": 32,
        "logprobs": true, "top_logprobs": 2});
    let answer = server.api().post_json(CHAT, &chat(more)).await;
    let told = chunks(&answer);
    let texts: Vec<&str> =
        told.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).filter(|text| !text.is_empty()).collect();
    let usage = &told.last().unwrap()["usage"];
    assert_eq!((texts.len(), usage["completion_tokens"].as_u64()), (32, Some(32)), "{usage}");
    let tokens = told.iter().flat_map(|chunk| chunk["choices"][0]["logprobs"]["content"].as_array().cloned().unwrap_or_default());
    let tokens: Vec<Value> = tokens.collect();
    assert_eq!(tokens.iter().map(|token| token["token"].as_str().unwrap()).collect::<String>(), texts.concat());
    // Greedily chosen: each is the likeliest at its place.
    assert!(tokens.iter().all(|token| token["top_logprobs"][0]["logprob"] == token["logprob"]), "{tokens:?}");
}

#[tokio::test]
async fn several_answers_share_their_prompt() {
    let server = server::shared().await;
    let api = server.api();
    let three = ask(&api, json!({"n": 3, "temperature": 1})).await;
    let texts = |answer: &Value| -> Vec<String> {
        let choices = answer["choices"].as_array().unwrap();
        choices.iter().map(|choice| choice["message"]["content"].as_str().unwrap().to_owned()).collect()
    };
    let told = texts(&three);
    assert!(told.len() == 3 && told[0] != told[1], "{told:?}");
    assert!(three["usage"]["completion_tokens"].as_u64() > Some(24), "{three:#}");
    let dream = json!({"messages": [{"role": "user", "content": texts::HORSE.repeat(4)}]});
    ask(&api, dream.clone()).await;
    let again = ask(&api, dream).await;
    let cached = again["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap();
    assert!(cached >= 128 && cached.is_multiple_of(128), "{again:#}");
}

#[tokio::test]
async fn a_schema_a_pattern_and_a_forced_call_are_kept_to() {
    let server = server::shared().await;
    let api = server.api();
    let schema = json!({"type": "object", "properties": {"place": {"enum": ["sea", "wood"]}, "count": {"type": "integer", "minimum": 1, "maximum": 9}},
        "required": ["place", "count"], "additionalProperties": false});
    let format = json!({"type": "json_schema", "json_schema": {"name": "dream", "strict": true, "schema": schema}});
    let answer = ask(&api, json!({"response_format": format, "max_tokens": 60})).await;
    let content: Value = serde_json::from_str(answer["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
    assert!(jsonschema::is_valid(&schema, &content), "{content}");
    let answer = ask(&api, json!({"regex": "(red|green|blue), (red|green|blue)"})).await;
    assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().contains(", "), "{answer:#}");
    let tools = json!([{"type": "function", "function": {"name": "look_up", "description": "Looks a symbol up", "parameters": {
        "type": "object", "properties": {"symbol": {"enum": ["river", "bridge"]}}, "required": ["symbol"], "additionalProperties": false}}}]);
    let forced = json!({"tools": tools, "tool_choice": "required", "max_tokens": 80});
    let answer = ask(&api, forced.clone()).await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{answer:#}");
    let call = &choice["message"]["tool_calls"][0];
    let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert!(call["function"]["name"] == "look_up" && ["river", "bridge"].iter().any(|symbol| arguments["symbol"] == *symbol), "{call:#}");
    let mut streamed = chat(forced);
    streamed["stream"] = true.into();
    let told = chunks(&api.post_json(CHAT, &streamed).await);
    assert!(told.iter().any(|chunk| chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["name"] == "look_up"), "{told:?}");
    // The dialog goes on with what the tool said.
    let messages = json!([{"role": "user", "content": "What does it mean?"}, {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "A passage."}]);
    assert!(ask(&api, json!({"messages": messages, "tools": tools})).await["choices"][0]["message"].is_object());
}

#[tokio::test]
async fn a_grammar_is_kept_to_and_stop_texts_do_not_cut_what_ends_by_itself() {
    let server = server::shared().await;
    let api = server.api();
    let grammar = "start: \"I see \" colour (\" and \" colour)? \".\"\ncolour: /red|green|blue/";
    let answer = ask(&api, json!({"grammar": grammar})).await;
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
    let sentences: Vec<String> = ["red", "green", "blue"]
        .iter()
        .flat_map(|one| ["", " and red", " and green", " and blue"].map(|other| format!("I see {one}{other}.")))
        .collect();
    assert!(sentences.iter().any(|sentence| sentence == content), "{content}");
    let completion = json!({"model": OTHER_MODEL, "prompt": "Yes or no?", "grammar": "start: \" yes\" | \" no\"", "temperature": 0});
    let answer = api.post_json("/v1/completions", &completion).await.ok();
    assert!([" yes", " no"].iter().any(|text| answer["choices"][0]["text"] == *text), "{answer:#}");
    for (wrong, says) in [
        ("start: nothing", "nothing"),
        ("start: \"a", "cannot be used"),
        ("root ::= \"yes\"", "GBNF"),
        ("start: <|im_start|>", "no way on"),
        ("start: <[999999999]>", "cannot be used"),
        (&"(".repeat(60_000), "nested"),
    ] {
        let refused = api.post_json(CHAT, &chat(json!({"grammar": wrong}))).await;
        let error = refused.json()["error"].clone();
        assert_eq!((refused.status, error["param"].as_str()), (400, Some("grammar")), "{error}");
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
    }
    let tools = json!([{"type": "function", "function": {"name": "look", "parameters": {
        "type": "object", "properties": {}, "additionalProperties": false}}}]);
    let answer = ask(&api, json!({"tools": tools, "tool_choice": "required", "stop": ["{", "\n"], "max_tokens": 60})).await;
    assert_eq!(answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "look", "{answer:#}");
}

#[tokio::test]
async fn control_tokens_count_in_a_prompt_of_the_clients_own_and_never_in_a_message() {
    let server = server::shared().await;
    let api = server.api();
    let tokens = |answer: Value| answer["usage"]["prompt_tokens"].as_u64().unwrap();
    let raw = async |prompt: &str| {
        let body = json!({"model": ENGLISH_MODEL, "prompt": prompt, "max_tokens": 1});
        tokens(api.post_json("/v1/completions", &body).await.ok())
    };
    assert_eq!(raw("<|im_start|>").await, 1);
    let rendered = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(raw(rendered).await, raw("user\nHello\nassistant\n").await + 3, "each is one token");
    let message = async |content: &str| tokens(ask(&api, json!({"messages": [{"role": "user", "content": content}]})).await);
    assert!(message("Hello<|im_end|>").await > message("Hello").await + 3, "in a message it is text");
}

#[tokio::test]
async fn a_prompt_longer_than_the_context_is_refused_with_both_numbers_and_a_limit_beyond_it_is_cut() {
    let server = server::shared().await;
    let api = server.api();
    for stream in [false, true] {
        let long = json!({"messages": [{"role": "user", "content": "the sea ".repeat(5000)}], "stream": stream});
        let answer = api.post_json(CHAT, &chat(long)).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        let error = answer.json()["error"].clone();
        let numbers: Vec<u64> = error["message"]
            .as_str()
            .unwrap()
            .split(|letter: char| !letter.is_ascii_digit())
            .filter_map(|text| text.parse().ok())
            .collect();
        assert_eq!((error["code"].as_str(), numbers.len()), (Some("context_length_exceeded"), 2), "{error}");
        assert_eq!(error["param"], "messages");
        assert!(numbers[0] > 10_000 && numbers[1] == 8192, "{numbers:?}");
    }
    for (path, field) in [("/v1/completions", "prompt"), ("/v1/responses", "input")] {
        let refused = api.post_json(path, &json!({"model": ENGLISH_MODEL, field: "the sea ".repeat(5000)})).await;
        let error = refused.json()["error"].clone();
        assert_eq!((&error["param"], &error["code"]), (&field.into(), &"context_length_exceeded".into()), "{error}");
    }
    let many = ask(&api, json!({"max_tokens": 1_000_000_000_u64, "stop": ["."]})).await;
    assert!(many["usage"]["completion_tokens"].as_u64() < Some(8192), "{many:#}");
}

#[tokio::test]
async fn texts_are_continued_and_vectors_are_the_same_in_both_encodings() {
    let server = server::shared().await;
    let api = server.api();
    let body = json!({"model": OTHER_MODEL, "prompt": ["Once upon a time", "The capital of France is"], "max_tokens": 8, "temperature": 0, "logprobs": 2});
    let answer = api.post_json("/v1/completions", &body).await.ok();
    let choices = answer["choices"].as_array().unwrap();
    assert_eq!((choices.len(), choices[0]["finish_reason"].as_str()), (2, Some("length")), "{answer:#}");
    let logprobs = &choices[1]["logprobs"];
    assert_eq!(logprobs["tokens"].as_array().unwrap().len(), 8);
    assert!(logprobs["top_logprobs"][0].as_object().unwrap().len() <= 2);
    let embed = async |encoding: &str| {
        let body = json!({"model": "text-embedding-3-small", "input": [texts::HORSE, texts::LIBRARY], "encoding_format": encoding, "dimensions": 384});
        api.post_json("/v1/embeddings", &body).await.ok()
    };
    let (floats, packed) = (embed("float").await, embed("base64").await);
    assert_eq!((floats["model"].as_str(), floats["data"][1]["index"].as_u64()), (Some(EMBEDDING_MODEL), Some(1)));
    let first = floats["data"][0]["embedding"][0].as_f64().unwrap() as f32;
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed["data"][0]["embedding"].as_str().unwrap()).unwrap();
    assert_eq!((bytes.len(), f32::from_le_bytes(bytes[..4].try_into().unwrap())), (384 * 4, first));
    // Letters that this model writes in halves.
    let letters = json!({"model": ENGLISH_MODEL, "prompt": "x", "regex": "[бгжщ]{12}", "max_tokens": 100, "logprobs": 1, "temperature": 0});
    let answer = api.post_json("/v1/completions", &letters).await.ok();
    let (text, logprobs) = (answer["choices"][0]["text"].as_str().unwrap(), &answer["choices"][0]["logprobs"]);
    assert!(text.chars().count() == 12 && text.chars().all(|letter| "бгжщ".contains(letter)), "{answer:#}");
    let tokens: Vec<&str> = logprobs["tokens"].as_array().unwrap().iter().map(|token| token.as_str().unwrap()).collect();
    assert!(tokens.iter().any(|token| token.starts_with("bytes:\\xd")) && !tokens.concat().contains('\u{fffd}'), "{tokens:?}");
    let offsets: Vec<u64> = logprobs["text_offset"].as_array().unwrap().iter().map(|offset| offset.as_u64().unwrap()).collect();
    assert!(offsets.len() == tokens.len() && offsets[0] == 0 && offsets.is_sorted() && offsets.last() == Some(&11), "{offsets:?}");
    let long = json!({"model": EMBEDDING_MODEL, "input": ["short", texts::HORSE.repeat(40)]});
    let refused = api.post_json("/v1/embeddings", &long).await;
    assert_eq!((refused.status, refused.json()["error"]["param"].as_str()), (400, Some("input[1]")), "{}", refused.text());
}

#[tokio::test]
async fn the_models_are_listed_with_their_other_names() {
    let server = server::shared().await;
    let api = server.api();
    let models = api.get("/v1/models").await.ok();
    let model =
        |id: &str| models["data"].as_array().unwrap().iter().find(|model| model["id"] == id).unwrap_or_else(|| panic!("{models:#}"));
    assert!(model(ENGLISH_MODEL)["aliases"].as_array().unwrap().contains(&"gpt-4o-mini".into()), "{models:#}");
    assert_eq!((&model(OTHER_MODEL)["task"], &model(EMBEDDING_MODEL)["dimensions"]), (&json!("completion"), &json!(384)));
    assert_eq!(api.get("/v1/models/whisper-1").await.ok()["task"], "transcription");
}
