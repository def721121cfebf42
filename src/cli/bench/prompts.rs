//! The requests that `oneiros bench llm` sends. None is like another, of this run or an earlier one, so that no cache knows
//! more of it than a load says.

use std::cell::Cell;

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{chat, texts};

/// Tokens of an answer in the form of a schema, at most.
pub const STRUCTURED_TOKENS: u32 = 200;

/// Numbers each request.
pub struct Prompts {
    ignore_eos: bool,
    run: u64,
    number: Cell<u32>,
}

/// Whose request it is.
#[derive(Clone, Copy)]
pub struct Sender<'a> {
    pub model: &'a str,
    pub client: usize,
}

impl Prompts {
    /// `ignore_eos`: answers have all the tokens asked for, by a field that is not OpenAI's.
    pub fn new(ignore_eos: bool) -> anyhow::Result<Self> {
        Ok(Self { ignore_eos, run: texts::number_of_this_run()?, number: Cell::new(0) })
    }

    /// How many were numbered.
    pub fn numbered(&self) -> u32 {
        self.number.get()
    }

    /// Another server is asked the same: what came after so many comes again.
    pub fn go_back_to(&self, numbered: u32) {
        self.number.set(numbered);
    }

    fn next(&self) -> u32 {
        self.number.replace(self.number.get() + 1)
    }

    /// For several requests to begin with.
    pub fn new_beginning(&self) -> String {
        format!("Guideline {} of run {}. {}", self.next(), self.run, chat::system_prompt())
    }

    pub fn short(&self, sender: Sender<'_>, beginning: &str, tokens: u32) -> Bytes {
        let user = format!("Case {} of run {}: I was flying over a wide river at night and could not land.", self.next(), self.run);
        chat::bytes(&self.request(sender, beginning, &user, tokens))
    }

    /// About 1,500 tokens; no cache can know more of it than the template's own beginning.
    pub fn long(&self, sender: Sender<'_>) -> Bytes {
        let number = self.next();
        let dreams: Vec<&str> = texts::DREAMS.lines().cycle().skip(number as usize % 8).take(16).collect();
        let collection = format!("Collection {number} of run {}. {}", self.run, dreams.join(" "));
        chat::bytes(&self.request(sender, &collection, "Which of these dreams is the longest?", 2))
    }

    /// `constrained`: the answer is under the schema of a reading.
    pub fn reading(&self, sender: Sender<'_>, constrained: bool) -> Bytes {
        let number = self.next();
        let dream = texts::DREAMS.lines().cycle().nth(number as usize).unwrap_or_default();
        let user =
            format!("Dream {number} of run {}. Interpret it as a JSON object with a title, a summary and symbols: {dream}", self.run);
        let mut request = self.request(sender, &chat::system_prompt(), &user, STRUCTURED_TOKENS);
        if constrained {
            without_ignore_eos(&mut request);
            request["response_format"] =
                json!({ "type": "json_schema", "json_schema": { "name": "reading", "strict": true, "schema": schema() } });
        }
        chat::bytes(&request)
    }

    fn request(&self, sender: Sender<'_>, system: &str, user: &str, tokens: u32) -> Value {
        let mut request = chat::request(sender.model, system, user, tokens);
        request["user"] = json!(super::name_of_client(sender.client));
        if !self.ignore_eos {
            without_ignore_eos(&mut request);
        }
        request
    }
}

fn without_ignore_eos(request: &mut Value) {
    if let Some(fields) = request.as_object_mut() {
        fields.remove(chat::IGNORE_EOS);
    }
}

/// What a reading of a dream holds, as a schema.
fn schema() -> Value {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "array", "items": text, "minItems": 2, "maxItems": 4 });
    let symbol = json!({
        "type": "object", "additionalProperties": false, "required": ["name", "quote", "meaning"],
        "properties": { "name": text, "quote": text, "meaning": text },
    });
    json!({
        "type": "object", "additionalProperties": false,
        "required": ["title", "summary", "interpretation", "symbols", "emotions", "mood", "advice", "questions"],
        "properties": {
            "title": text, "summary": text, "interpretation": text,
            "symbols": { "type": "array", "items": symbol, "minItems": 2, "maxItems": 5 },
            "emotions": texts, "mood": { "enum": ["peaceful", "anxious", "joyful", "sad", "mixed"] },
            "advice": text, "questions": texts,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_servers_are_asked_the_same_and_nothing_is_asked_twice() {
        let prompts = Prompts::new(true).unwrap();
        let sender = Sender { model: "a-model", client: 3 };
        let asked = || {
            let short = prompts.short(sender, "You are careful.", 8);
            [short, prompts.long(sender), prompts.reading(sender, true), prompts.new_beginning().into()]
        };
        let first = asked();
        prompts.go_back_to(0);
        assert_eq!(asked(), first);
        assert!(asked().iter().zip(&first).all(|(one, other)| one != other));
        let request: Value = serde_json::from_slice(&first[0]).unwrap();
        assert_eq!((&request["user"], &request["model"], &request[chat::IGNORE_EOS]), (&json!("bench 3"), &json!("a-model"), &json!(true)));
    }
}
