//! Writing text: a prompt, then a form whose slots the model fills.
//!
//! One sequence at a time. The context keeps what it has read ([`Reader`]), so parts of a form, and requests that begin
//! alike, are not read twice.

use std::{
    os::fd::OwnedFd,
    sync::Arc,
    time::{Duration, Instant},
};

use llama_cpp_2::{context::params::LlamaContextParams, model::LlamaModel, token::LlamaToken};
use llguidance::Matcher;

use super::{
    constraint::Grammars,
    reader::Reader,
    sampling::{self, Chooser, SamplerParts, Style},
    slot::SlotText,
    template::ChatTemplate,
};
use crate::engine::{
    Constraint, EngineError, EngineOptions, FinishReason, FormPart, GenerationEvent, GenerationRequest, GenerationUsage, Prompt, Slot,
    child::{ModelFacts, Reply, Worker},
    wire::{Event, Request},
};

const MAX_PARTS: usize = 512;
const MAX_STOP_STRINGS: usize = 16;
const MAX_STOP_BYTES: usize = 64;

/// A language model and its context.
pub(super) struct Generator {
    model: &'static LlamaModel,
    reader: Reader,
    grammars: Grammars,
    template: Option<ChatTemplate>,
    samplers: SamplerParts,
    /// For each token: is it a control token that does not end generation?
    control: Arc<Vec<bool>>,
    /// How control tokens are written: text of a user must not be taken for one.
    control_texts: Vec<String>,
}

/// What goes on while one form is filled.
struct Run<'request, 'reply> {
    reply: &'request Reply<'reply>,
    chooser: Chooser,
    /// All that the model has been given or has written.
    sequence: Vec<LlamaToken>,
    /// Given text not yet in `sequence`.
    pending: String,
    usage: GenerationUsage,
}

/// Why a step of the work ended early.
pub(super) enum Stop {
    Cancelled,
    Failed(EngineError),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

impl Worker for Generator {
    fn serve(&mut self, request: Request, _descriptors: Vec<OwnedFd>, reply: &Reply<'_>) -> Result<(), EngineError> {
        let Request::Generate(request) = request else {
            return Err(EngineError::InvalidRequest("a language model only writes text".into()));
        };
        match self.generate(&request, reply) {
            Ok(()) | Err(Stop::Cancelled) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

impl Generator {
    pub(super) fn new(model: &'static LlamaModel, options: &EngineOptions) -> Result<(Self, ModelFacts), EngineError> {
        let context_length = super::context_length(model, options);
        let parameters = LlamaContextParams::default()
            .with_n_ctx(super::non_zero(context_length))
            .with_n_batch(Reader::MAX_BATCH)
            .with_n_ubatch(Reader::MAX_BATCH)
            .with_n_seq_max(1)
            // A sliding window that forgets could not go back to a shared prefix.
            .with_swa_full(true)
            .with_type_k(super::cache_type(options.cache_type))
            .with_type_v(super::cache_type(options.cache_type))
            .with_n_threads(super::threads(options))
            .with_n_threads_batch(super::threads(options));
        let context = model
            .new_context(super::backend()?, parameters)
            .map_err(|error| EngineError::Failed(format!("no memory for a context of {context_length} tokens: {error}")))?;
        let template = ChatTemplate::of(model)?;
        let vocabulary = model.vocab();
        let control: Vec<bool> = vocabulary.tokens().map(|token| vocabulary.is_control(token) && !vocabulary.is_eog(token)).collect();
        let control_texts = vocabulary
            .tokens()
            .filter(|token| vocabulary.is_control(*token))
            .filter_map(|token| vocabulary.text(token).map(|text| text.to_string_lossy().into_owned()))
            .filter(|text| text.chars().count() > 1)
            .collect();
        let facts = ModelFacts { context_length, dimensions: 0, has_chat_template: template.is_some() };
        let generator = Self {
            model,
            reader: Reader::new(context, context_length),
            grammars: Grammars::new(model)?,
            template,
            samplers: SamplerParts::new(),
            control: Arc::new(control),
            control_texts,
        };
        Ok((generator, facts))
    }

    fn generate(&mut self, request: &GenerationRequest, reply: &Reply<'_>) -> Result<(), Stop> {
        check_form(&request.form)?;
        sampling::check(&request.sampling)?;
        let prompt = self.prompt_tokens(&request.prompt)?;
        self.check_length(&prompt, &request.form)?;
        let mut matchers = self.compile(&request.form)?.into_iter();
        let chooser = Chooser::new(self.model, &mut self.samplers, &request.sampling, &prompt, Arc::clone(&self.control))?;
        let prompt_tokens = u32::try_from(prompt.len()).unwrap_or(u32::MAX);
        let usage = GenerationUsage { prompt_tokens, ..GenerationUsage::default() };
        let mut run = Run { reply, chooser, sequence: prompt, pending: String::new(), usage };

        run.usage.prompt_milliseconds = timed(|| self.reader.bring_to(&run.sequence, reply))?;
        let started = Instant::now();
        for part in &request.form {
            match part {
                FormPart::Literal(text) => run.pending.push_str(text),
                FormPart::Slot(slot) => self.fill(slot, matchers.next().flatten(), &mut run)?,
            }
        }
        run.usage.generation_milliseconds = milliseconds(started.elapsed());
        reply.send(Event::Generation(GenerationEvent::Finished(run.usage)))?;
        Ok(())
    }

    /// One entry for each slot. Before anything is written, so that a broken constraint leaves no half answer.
    fn compile(&self, form: &[FormPart]) -> Result<Vec<Option<Matcher>>, EngineError> {
        let slots = form.iter().filter_map(|part| match part {
            FormPart::Slot(slot) => Some(slot),
            FormPart::Literal(_) => None,
        });
        slots.map(|slot| self.grammars.compile(&slot.constraint, &slot.stop)).collect()
    }

    fn prompt_tokens(&self, prompt: &Prompt) -> Result<Vec<LlamaToken>, EngineError> {
        let vocabulary = self.model.vocab();
        let (text, is_chat) = match prompt {
            Prompt::Text(text) => (text.clone(), false),
            Prompt::Chat(messages) => {
                let template = self.template.as_ref();
                let template = template.ok_or_else(|| {
                    EngineError::InvalidRequest("this model has no chat template: give it the whole prompt as text".into())
                })?;
                let mut messages = messages.clone();
                for message in &mut messages {
                    self.disarm(&mut message.content);
                }
                (template.render(&messages)?, true)
            }
        };
        self.check_bytes(text.len())?;
        let mut tokens = vocabulary.tokenize(text.as_bytes(), false, is_chat);
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

    /// Refuses text that cannot fit before it costs time to cut it into tokens: no token is longer than 64 bytes or so.
    fn check_bytes(&self, bytes: usize) -> Result<(), EngineError> {
        let limit = self.reader.context_length() as usize * 64;
        if bytes > limit {
            let length = self.reader.context_length();
            return Err(EngineError::InvalidRequest(format!("a prompt of {bytes} bytes is too long for a context of {length} tokens")));
        }
        Ok(())
    }

    fn check_length(&self, prompt: &[LlamaToken], form: &[FormPart]) -> Result<(), EngineError> {
        let mut needed = prompt.len() as u64;
        for part in form {
            needed += match part {
                FormPart::Literal(text) => {
                    self.check_bytes(text.len())?;
                    self.model.vocab().tokenize(text.as_bytes(), false, false).len() as u64
                }
                FormPart::Slot(slot) => u64::from(slot.max_tokens),
            };
        }
        let limit = u64::from(self.reader.context_length());
        if needed > limit {
            return Err(EngineError::InvalidRequest(format!(
                "the prompt of {} tokens and an answer of up to {} tokens do not fit the model's context of {limit} tokens",
                prompt.len(),
                needed - prompt.len() as u64
            )));
        }
        Ok(())
    }

    fn fill(&mut self, slot: &Slot, mut matcher: Option<Matcher>, run: &mut Run<'_, '_>) -> Result<(), Stop> {
        self.take_pending(run);
        let begin = run.sequence.len();
        let mut text = SlotText::new(&slot.stop);
        let mut reason = FinishReason::Length;
        for written in 0..slot.max_tokens {
            if ends_early(slot, written, &mut matcher)? {
                break;
            }
            self.reader.bring_to(&run.sequence, run.reply)?;
            let Some(token) = self.next_token(slot, &mut matcher, run)? else {
                reason = FinishReason::Complete;
                break;
            };
            run.usage.generated_tokens += 1;
            run.sequence.push(token);
            run.chooser.accept(token);
            let delta = text.push(&self.model.vocab().token_to_piece(token, false, None));
            tell(run.reply, slot, delta)?;
            if text.is_stopped() || matcher.as_ref().is_some_and(Matcher::is_stopped) {
                reason = FinishReason::Complete;
                break;
            }
        }
        tell(run.reply, slot, text.finish())?;
        let finished = GenerationEvent::SlotFinished { slot: slot.name.clone(), text: text.text().to_owned(), reason };
        run.reply.send(Event::Generation(finished))?;
        let kept = text.kept();
        run.sequence.truncate(begin + kept.tokens);
        run.pending = kept.carry;
        Ok(())
    }

    /// Moves given text into the sequence.
    fn take_pending(&self, run: &mut Run<'_, '_>) {
        let pending = std::mem::take(&mut run.pending);
        for token in self.model.vocab().tokenize(pending.as_bytes(), false, false) {
            run.chooser.accept(token);
            run.sequence.push(token);
        }
    }

    /// The next token of a slot; `None` where the model ends it.
    fn next_token(&mut self, slot: &Slot, matcher: &mut Option<Matcher>, run: &mut Run<'_, '_>) -> Result<Option<LlamaToken>, EngineError> {
        let vocabulary = self.model.vocab();
        let logits = self.reader.logits();
        let token = match matcher {
            None => run.chooser.choose(logits)?,
            Some(matcher) => {
                let style = match slot.constraint {
                    Constraint::PassageOf(_) | Constraint::OneOf(_) => Style::Verbatim,
                    Constraint::Free | Constraint::Regex(_) | Constraint::JsonSchema(_) => Style::Prose,
                };
                run.chooser.choose_matching(logits, matcher, style, |token| vocabulary.is_eog(token))?
            }
        };
        if vocabulary.is_eog(token) {
            return Ok(None);
        }
        if let Some(matcher) = matcher {
            matcher
                .consume_token(token.0.cast_unsigned())
                .map_err(|error| EngineError::Failed(format!("the grammar lost its place: {error}")))?;
        }
        Ok(Some(token))
    }
}

/// A passage that nears its limit ends with the next whole word.
fn ends_early(slot: &Slot, written: u32, matcher: &mut Option<Matcher>) -> Result<bool, EngineError> {
    let (Constraint::PassageOf(_), Some(matcher)) = (&slot.constraint, matcher) else { return Ok(false) };
    if written < slot.max_tokens - slot.max_tokens / 4 {
        return Ok(false);
    }
    matcher.is_accepting().map_err(|error| EngineError::Failed(format!("the grammar lost its place: {error}")))
}

fn tell(reply: &Reply<'_>, slot: &Slot, text: String) -> Result<(), EngineError> {
    if text.is_empty() {
        return Ok(());
    }
    reply.send(Event::Generation(GenerationEvent::Delta { slot: slot.name.clone(), text }))
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

fn timed(work: impl FnOnce() -> Result<(), Stop>) -> Result<u64, Stop> {
    let started = Instant::now();
    work()?;
    Ok(milliseconds(started.elapsed()))
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
