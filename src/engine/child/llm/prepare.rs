//! From a request to what the model is to read and write: checks, tokens, grammars.

use llama_cpp_2::{model::LlamaModel, token::LlamaToken};
use llguidance::Matcher;

use super::{
    constraint::Grammars,
    sampling,
    template::ChatTemplate,
    vocabulary::{Marks, Vocabulary},
};
use crate::engine::{EngineError, FormPart, GenerationRequest, Prompt, Slot, tools::AnswerStyle};

const MAX_PARTS: usize = 512;
const MAX_STOP_STRINGS: usize = 16;
const MAX_STOP_BYTES: usize = 64;
/// No token is longer than this or so.
const BYTES_PER_TOKEN: usize = 64;

/// Reads requests for one model.
pub(super) struct Desk {
    model: &'static LlamaModel,
    template: Option<ChatTemplate>,
    answers: AnswerStyle,
    grammars: Grammars,
    /// How control tokens are written: text of a user must not be taken for one.
    control_texts: Vec<String>,
    context_length: usize,
}

/// A request that can be served.
pub(super) struct Prepared {
    pub prompt: Vec<LlamaToken>,
    /// One for each slot; `None` where anything may be written.
    pub matchers: Vec<Option<Matcher>>,
    /// What a slot that has no limit of its own may take.
    pub room: u32,
}

impl Desk {
    pub(super) fn new(model: &'static LlamaModel, context_length: u32) -> Result<Self, EngineError> {
        let vocabulary = model.vocab();
        let control_texts = vocabulary
            .tokens()
            .filter(|token| vocabulary.is_control(*token))
            .filter_map(|token| vocabulary.text(token).map(|text| text.to_string_lossy().into_owned()))
            .filter(|text| text.chars().count() > 1)
            .collect();
        let template = ChatTemplate::of(model)?;
        let answers = template.as_ref().map(ChatTemplate::answer_style).unwrap_or_default();
        let grammars = Grammars::new(model, Marks::of(model, answers.tools))?;
        Ok(Self { model, template, answers, grammars, control_texts, context_length: context_length as usize })
    }

    pub(super) fn has_chat_template(&self) -> bool {
        self.template.is_some()
    }

    /// How the model's answers are to be read.
    pub(super) fn answer_style(&self) -> AnswerStyle {
        self.answers
    }

    /// Everything that can be wrong with a request is found here, before anything is written.
    pub(super) fn prepare(&self, request: &GenerationRequest, vocabulary: &Vocabulary) -> Result<Prepared, EngineError> {
        check_form(&request.form)?;
        sampling::check(&request.sampling, vocabulary)?;
        let prompt = self.prompt_tokens(&request.prompt)?;
        let room = self.room_for_answer(&prompt, &request.form)?;
        let matchers = slots(request).map(|slot| self.grammars.compile(&slot.constraint, &slot.stop)).collect::<Result<_, _>>()?;
        Ok(Prepared { prompt, matchers, room })
    }

    /// Whether nothing has to be compiled for a request.
    pub(super) fn knows_grammars(&self, request: &GenerationRequest) -> bool {
        slots(request).all(|slot| self.grammars.is_known(&slot.constraint, &slot.stop))
    }

    fn prompt_tokens(&self, prompt: &Prompt) -> Result<Vec<LlamaToken>, EngineError> {
        let vocabulary = self.model.vocab();
        let (text, has_control_tokens) = match prompt {
            Prompt::Text(text) => (text.clone(), false),
            Prompt::Rendered(text) => (text.clone(), true),
            Prompt::Chat(chat) => {
                let template = self.template.as_ref();
                let template = template.ok_or_else(|| {
                    EngineError::InvalidRequest("this model has no chat template: give it the whole prompt as text".into())
                })?;
                let mut chat = chat.clone();
                let mut bytes = 0;
                chat.visit_texts(&mut |text| bytes += text.len());
                self.check_bytes(bytes)?;
                chat.visit_texts(&mut |text| self.disarm(text));
                (template.render(&chat)?, true)
            }
        };
        self.check_bytes(text.len())?;
        let mut tokens = vocabulary.tokenize(text.as_bytes(), false, has_control_tokens);
        if vocabulary.should_add_bos() && tokens.first() != Some(&vocabulary.bos()) {
            tokens.insert(0, vocabulary.bos());
        }
        if tokens.is_empty() {
            return Err(EngineError::InvalidRequest("the prompt is empty".into()));
        }
        Ok(tokens)
    }

    /// Breaks what a template's reader would take for a control token: `<|im_end|>` becomes `< |im_end|>`.
    fn disarm(&self, content: &mut String) {
        for text in &self.control_texts {
            if content.contains(text.as_str()) {
                let head = text.chars().next().map_or(0, char::len_utf8);
                *content = content.replace(text.as_str(), &format!("{} {}", &text[..head], &text[head..]));
            }
        }
    }

    /// Refuses text that cannot fit before it costs time to cut it into tokens.
    fn check_bytes(&self, bytes: usize) -> Result<(), EngineError> {
        let limit = self.context_length;
        if bytes > limit * BYTES_PER_TOKEN {
            return Err(EngineError::InvalidRequest(format!("a prompt of {bytes} bytes is too long for a context of {limit} tokens")));
        }
        Ok(())
    }

    /// Tokens that are left for slots without a limit.
    fn room_for_answer(&self, prompt: &[LlamaToken], form: &[FormPart]) -> Result<u32, EngineError> {
        let (mut answer, mut unbounded) = (0, 0);
        for part in form {
            match part {
                FormPart::Literal(text) => {
                    self.check_bytes(text.len())?;
                    answer += self.model.vocab().tokenize(text.as_bytes(), false, false).len() as u64;
                }
                FormPart::Slot(Slot { max_tokens: Slot::UNBOUNDED, .. }) => unbounded += 1,
                FormPart::Slot(_) if is_one_slot(form) => unbounded += 1,
                FormPart::Slot(slot) => answer += u64::from(slot.max_tokens),
            }
        }
        let (given, limit) = (prompt.len() as u64, self.context_length as u64);
        if given >= limit {
            return Err(EngineError::InvalidRequest(format!(
                "the prompt of {given} tokens is too long for the model's context of {limit} tokens: shorten it"
            )));
        }
        if given + answer + unbounded > limit {
            return Err(EngineError::InvalidRequest(format!(
                "the prompt of {given} tokens and an answer of up to {answer} tokens do not fit the model's context of {limit} tokens: shorten \
                 the prompt or allow fewer tokens"
            )));
        }
        let room = (limit - given - answer) / unbounded.max(1);
        Ok(u32::try_from(room).unwrap_or(u32::MAX))
    }
}

fn slots(request: &GenerationRequest) -> impl Iterator<Item = &Slot> {
    request.form.iter().filter_map(|part| match part {
        FormPart::Slot(slot) => Some(slot),
        FormPart::Literal(_) => None,
    })
}

/// Such an answer may be cut short by the context, whatever its limit: nothing comes after it.
pub(super) fn is_one_slot(form: &[FormPart]) -> bool {
    matches!(form, [FormPart::Slot(_)])
}

fn check_form(form: &[FormPart]) -> Result<(), EngineError> {
    let refuse = |text: String| Err(EngineError::InvalidRequest(text));
    if form.len() > MAX_PARTS {
        return refuse(format!("a form has at most {MAX_PARTS} parts"));
    }
    for part in form {
        let FormPart::Slot(slot) = part else { continue };
        if slot.stop.len() > MAX_STOP_STRINGS || slot.stop.iter().any(|stop| stop.is_empty() || stop.len() > MAX_STOP_BYTES) {
            return refuse(format!("a slot has at most {MAX_STOP_STRINGS} stop strings of 1 to {MAX_STOP_BYTES} bytes"));
        }
    }
    Ok(())
}
