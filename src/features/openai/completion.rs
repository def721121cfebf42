//! From a request to continue a text to what an engine is asked, and its answers in the protocol's words.

use super::{
    Answers, Defaults, Failure, Fields, Heard, Prompts, Told, Writing,
    answers::Whole,
    chat::{MOST_CHOICES, MOST_STOPS, done},
    constraint::{check_stops, constraint},
    logprobs,
    model::{Completion, CompletionChoice, CompletionLogprobs, CompletionRequest, FinishedBy, Inputs, Usage},
    narration::{Line, Narrator},
    sampling::{MOST_TOP_LOGPROBS, stops, within},
    service::{FINGERPRINT, asker, max_tokens, new_id, now},
};
use crate::{
    engine::Prompt,
    error::{Error, Result},
};

/// The protocol's own default.
const DEFAULT_TOKENS: i64 = 16;

/// What an engine is asked.
pub fn writing(request: &CompletionRequest) -> Result<Writing> {
    let n = request.n.map_or(Ok(1), |n| within("n", n, 1, MOST_CHOICES))?;
    if request.echo == Some(true) {
        return Err(Error::invalid("echo", "is not supported by this server: put the prompt before the answer yourself"));
    }
    if request.best_of.is_some_and(|best_of| best_of != i64::from(n)) {
        return Err(Error::invalid("best_of", "is not supported by this server: ask for `n` answers and choose among them"));
    }
    let constraint = constraint(request.response_format.as_ref(), request.regex.as_deref(), request.grammar.as_deref())?;
    let stop = stops(request.stop.clone().map(Vec::from).unwrap_or_default(), MOST_STOPS)?;
    check_stops(&constraint, &stop)?;
    let mut sampling = request.sampling();
    let top = request.logprobs.map(|top| within("logprobs", top, 0, MOST_TOP_LOGPROBS)).transpose()?;
    sampling.top_logprobs = top.and_then(|top| u8::try_from(top).ok());
    Ok(Writing {
        // A client of this operation renders dialogs by itself, in the model's notation.
        prompts: Prompts::Texts(texts("prompt", request.prompt.clone())?.into_iter().map(Prompt::Rendered).collect()),
        n: n as usize,
        constraint,
        stop,
        max_tokens: max_tokens("max_tokens", Some(request.max_tokens.unwrap_or(DEFAULT_TOKENS)))?,
        sampling: sampling.resolve(Defaults::OPENAI)?,
        asker: asker(request.user.as_deref())?,
        fields: Fields { prompt: "prompt", format: "response_format" },
    })
}

/// Texts, of which none is empty; token numbers are refused.
pub fn texts(field: &str, given: Inputs) -> Result<Vec<String>> {
    let texts = match given {
        Inputs::Text(text) => vec![text],
        Inputs::Texts(texts) => texts,
        Inputs::Tokens(_) | Inputs::TokenLists(_) => {
            let advice = "token numbers are not supported by this server: send text (in LangChain: check_embedding_ctx_length=False)";
            return Err(Error::invalid(field, advice));
        }
    };
    if texts.is_empty() {
        return Err(Error::invalid(field, "must hold at least one text"));
    }
    match texts.iter().position(String::is_empty) {
        Some(index) => Err(Error::invalid(format!("{field}[{index}]"), "is empty")),
        None => Ok(texts),
    }
}

/// The whole answer.
pub async fn completion(mut answers: Answers, request: &CompletionRequest) -> Result<Completion> {
    let whole = answers.whole().await?;
    let choices = whole.into_iter().enumerate().map(|(index, answer)| choice(index, answer, request.logprobs.is_some())).collect();
    let head = Head::new(&answers, false);
    Ok(Completion { usage: Some(Some(answers.usage())), ..head.completion(choices) })
}

fn choice(index: usize, answer: Whole, wants_logprobs: bool) -> CompletionChoice {
    let Whole { text, logprobs, ending, .. } = answer;
    let logprobs = wants_logprobs.then(|| logprobs::for_completion(logprobs, &mut 0));
    CompletionChoice { index, text, logprobs, finish_reason: Some(ending.into()) }
}

/// What all pieces of an answer have in common.
struct Head {
    id: String,
    created: i64,
    model: String,
    wants_usage: bool,
}

impl Head {
    fn new(answers: &Answers, wants_usage: bool) -> Self {
        Self { id: new_id("cmpl-"), created: now(), model: answers.model().to_owned(), wants_usage }
    }

    fn completion(&self, choices: Vec<CompletionChoice>) -> Completion {
        Completion {
            id: self.id.clone(),
            object: "text_completion",
            created: self.created,
            model: self.model.clone(),
            system_fingerprint: FINGERPRINT.into(),
            choices,
            usage: self.wants_usage.then_some(None),
        }
    }
}

/// Tells continuations piece by piece.
pub struct CompletionNarrator {
    head: Head,
    wants_logprobs: bool,
    /// How many characters of each answer have been told.
    told: Vec<usize>,
}

impl CompletionNarrator {
    pub fn new(request: &CompletionRequest, answers: &Answers) -> Self {
        let head = Head::new(answers, request.wants_usage());
        Self { head, wants_logprobs: request.logprobs.is_some(), told: vec![0; answers.count()] }
    }

    fn line(&self, index: usize, text: String, logprobs: Option<CompletionLogprobs>, finish_reason: Option<FinishedBy>) -> Line {
        Line::data(&self.head.completion(vec![CompletionChoice { index, text, logprobs, finish_reason }]))
    }

    fn last(&self, usage: Usage) -> Line {
        Line::data(&Completion { usage: Some(Some(usage)), ..self.head.completion(Vec::new()) })
    }
}

impl Narrator for CompletionNarrator {
    fn begin(&mut self, _: &Answers) -> Vec<Line> {
        Vec::new()
    }

    fn tell(&mut self, Heard { index, told }: Heard) -> Vec<Line> {
        match told {
            Told::Text { text, logprobs } => {
                let logprobs = self.wants_logprobs.then(|| logprobs::for_completion(logprobs, &mut self.told[index]));
                vec![self.line(index, text, logprobs, None)]
            }
            // Nothing is marked in a text.
            Told::Reasoning(_) | Told::Call { .. } => Vec::new(),
            Told::Ended(ending) => vec![self.line(index, String::new(), None, Some(ending.into()))],
        }
    }

    fn end(&mut self, answers: &Answers) -> Vec<Line> {
        let usage = self.head.wants_usage.then(|| self.last(answers.usage()));
        usage.into_iter().chain([done()]).collect()
    }

    fn fail(&mut self, error: &Error) -> Vec<Line> {
        vec![Line::data(&Failure::from(error).body), done()]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::features::openai::read;

    fn asked(mut more: Value) -> Result<Writing> {
        let mut body = json!({"model": "m", "prompt": "Once"});
        body.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
        writing(&read(body.to_string().as_bytes())?)
    }

    #[test]
    fn several_prompts_are_several_answers() {
        let asked = asked(json!({"prompt": ["a", "b"], "n": 3, "logprobs": 0, "best_of": 3})).unwrap();
        let Prompts::Texts(texts) = &asked.prompts else { panic!("no texts") };
        assert_eq!((texts.len(), asked.n, asked.max_tokens), (2, 3, Some(16)));
        assert_eq!(asked.sampling.top_logprobs, Some(0));
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        for (named, more) in [
            ("prompt", json!({"prompt": []})),
            ("prompt[1]", json!({"prompt": ["a", ""]})),
            ("prompt", json!({"prompt": [1, 2]})),
            ("prompt", json!({"prompt": [[1], [2]]})),
            ("prompt", json!({"prompt": {"a": 1}})),
            ("echo", json!({"echo": true})),
            ("best_of", json!({"best_of": 2})),
            ("suffix", json!({"suffix": "x"})),
            ("logprobs", json!({"logprobs": 21})),
        ] {
            let error = asked(more).unwrap_err();
            assert!(matches!(&error, Error::Invalid { field, .. } if field == named), "{named}: {error}");
        }
    }
}
