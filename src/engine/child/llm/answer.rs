//! One request while it is served: what the model has to read for it, and what becomes of the tokens that it chooses.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use llama_cpp_2::{model::LlamaModel, token::LlamaToken};
use llguidance::Matcher;

use super::{
    likelihood::log_probabilities,
    lookup::{self, Prices, Record},
    memory::SequenceId,
    prepare::{Prepared, is_one_slot},
    sampling::{Chooser, Style, Workbench},
    slot::SlotText,
    vocabulary::Vocabulary,
};
use crate::engine::{
    Constraint, EngineError, FinishReason, FormPart, GenerationEvent, GenerationRequest, GenerationUsage, Sampling, Slot, TokenLogprob,
    child::Reply, wire::Event,
};

/// How often the asker hears how far its prompt is.
const PROGRESS: Duration = Duration::from_secs(1);

/// What an answer needs of its model at each token.
pub(super) struct Tools<'a> {
    pub model: &'a LlamaModel,
    pub vocabulary: &'a Vocabulary,
    pub bench: &'a mut Workbench,
}

/// A request and how far it is.
pub(super) struct Answer {
    reply: Reply,
    form: VecDeque<FormPart>,
    matchers: VecDeque<Option<Matcher>>,
    /// What a slot that has no limit of its own may take.
    room: u32,
    /// The form is one slot and nothing else: it ends where the context does.
    is_one_slot: bool,
    /// Marks of calls and reasoning are told as text.
    marks: bool,
    chooser: Chooser,
    sampling: Sampling,
    slot: Option<OpenSlot>,
    /// All that the model is to have read: the prompt, given text, and what it has written.
    sequence: Vec<LlamaToken>,
    /// Given text not yet in `sequence`.
    pending: String,
    /// Where in the memory it is read; none while it waits for room.
    pub memory: Option<SequenceId>,
    usage: GenerationUsage,
    record: Record,
    /// What would have been guessed to follow.
    unspoken: Option<LlamaToken>,
    begun: Instant,
    prompt_read: Option<Instant>,
    /// Its memory was given to others meanwhile: what is found again is its own.
    parked: bool,
    told: Instant,
}

struct OpenSlot {
    slot: Slot,
    matcher: Option<Matcher>,
    text: SlotText,
    /// Where it begins in the sequence.
    begin: usize,
    written: u32,
    /// Of tokens whose text is not told yet.
    logprobs: VecDeque<TokenLogprob>,
    logprobs_told: usize,
}

/// What an answer does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A token more is in its slot.
    Written,
    /// A slot has ended; its sequence may have changed before its end.
    Read,
    /// It is complete, and its asker knows.
    Finished,
}

impl Answer {
    pub(super) fn new(request: GenerationRequest, prepared: Prepared, reply: Reply, tools: &mut Tools<'_>) -> Self {
        let marks = request.shows_marks();
        let chooser = Chooser::new(tools.model, tools.bench, &request.sampling, &prepared.prompt, marks);
        let prompt_tokens = count(prepared.prompt.len());
        let now = Instant::now();
        let mut answer = Self {
            reply,
            is_one_slot: is_one_slot(&request.form),
            form: request.form.into(),
            matchers: prepared.matchers.into(),
            room: prepared.room,
            marks,
            chooser,
            sampling: request.sampling,
            slot: None,
            sequence: prepared.prompt,
            pending: String::new(),
            memory: None,
            usage: GenerationUsage { prompt_tokens, ..GenerationUsage::default() },
            record: Record::new(),
            unspoken: None,
            begun: now,
            prompt_read: None,
            parked: false,
            told: now,
        };
        answer.open_next(tools.model);
        answer
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.reply.is_cancelled()
    }

    /// What the model is to have read.
    pub(super) fn sequence(&self) -> &[LlamaToken] {
        &self.sequence
    }

    /// Ends it with an error.
    pub(super) fn fail(self, error: EngineError) {
        self.reply.fail(error);
    }

    /// So much of its prompt need not be read, since another request had it read.
    pub(super) fn found(&mut self, shared: usize) {
        if self.prompt_read.is_none() && !self.parked {
            self.usage.cached_tokens = self.usage.cached_tokens.max(count(shared));
        }
    }

    /// At most `most` tokens that may follow, if it pays to guess.
    pub(super) fn guess(&mut self, prices: &Prices, most: usize) -> Vec<LlamaToken> {
        let left = self.slot.as_ref().map_or(0, |open| open.slot.max_tokens.saturating_sub(open.written + 1) as usize);
        let found = lookup::guess(&self.sequence, lookup::LONGEST.min(left).min(most));
        let guess = found[..self.record.worthwhile(found.len(), prices)].to_vec();
        self.unspoken = found.first().copied().filter(|_| guess.is_empty());
        guess
    }

    /// So many tokens were guessed for it, of which so many were right. `next` is what the model has chosen.
    pub(super) fn guessed(&mut self, guessed: usize, right: usize, next: Option<LlamaToken>) {
        match (self.unspoken.take(), next) {
            // What did not seem worth its price is known all the same.
            (Some(unspoken), Some(next)) if guessed == 0 => self.record.add(1, usize::from(unspoken == next)),
            _ => self.record.add(guessed, right),
        }
        self.usage.drafted_tokens += count(guessed);
        self.usage.accepted_tokens += count(right);
    }

    /// Gives up where it is read, until there is room again.
    pub(super) fn park(&mut self) -> Option<SequenceId> {
        self.parked = true;
        self.memory.take()
    }

    /// Tells the asker now and then that it is not forgotten, and how much of its prompt the model has `read`.
    pub(super) fn tell_progress(&mut self, read: usize) {
        if self.told.elapsed() < PROGRESS {
            return;
        }
        self.told = Instant::now();
        // An asker that is gone is noticed by the step.
        let _ = if self.prompt_read.is_none() { self.tell_read(count(read)) } else { self.reply.send(Event::Working) };
    }

    fn tell_read(&self, length: u32) -> Result<(), EngineError> {
        let of = self.usage.prompt_tokens;
        self.reply.send(Event::Generation(GenerationEvent::Reading { read: length.min(of), of }))
    }

    /// Goes on with the `logits` that follow the whole sequence.
    pub(super) fn advance(&mut self, logits: &[f32], tools: &mut Tools<'_>) -> Result<Next, EngineError> {
        if self.prompt_read.is_none() {
            self.prompt_read = Some(Instant::now());
            self.tell_read(self.usage.prompt_tokens)?;
        }
        let Some(open) = &mut self.slot else { return self.finish() };
        if open.is_full() {
            return self.close(FinishReason::Length, tools.model);
        }
        if open.ends_early()? {
            return self.close(FinishReason::Complete, tools.model);
        }
        let style = open.style();
        let token = self.chooser.choose(logits, open.matcher.as_mut(), style, tools.vocabulary, tools.bench)?;
        if tools.vocabulary.ends(token) {
            return self.close(FinishReason::Complete, tools.model);
        }
        self.take(token, logits, tools)
    }

    /// Opens the form's next slot, if there is one, and has the text before it read.
    fn open_next(&mut self, model: &LlamaModel) {
        while let Some(part) = self.form.pop_front() {
            match part {
                FormPart::Literal(text) => self.pending.push_str(&text),
                FormPart::Slot(slot) => return self.open(slot, model),
            }
        }
    }

    fn open(&mut self, mut slot: Slot, model: &LlamaModel) {
        let pending = std::mem::take(&mut self.pending);
        for token in model.vocab().tokenize(pending.as_bytes(), false, false) {
            self.chooser.accept(token);
            self.sequence.push(token);
        }
        if slot.max_tokens == Slot::UNBOUNDED || self.is_one_slot {
            slot.max_tokens = slot.max_tokens.min(self.room);
        }
        self.slot = Some(OpenSlot {
            text: SlotText::new(&slot.stop),
            matcher: self.matchers.pop_front().flatten(),
            slot,
            begin: self.sequence.len(),
            written: 0,
            logprobs: VecDeque::new(),
            logprobs_told: 0,
        });
    }

    /// Adds a chosen token to the open slot.
    fn take(&mut self, token: LlamaToken, logits: &[f32], tools: &mut Tools<'_>) -> Result<Next, EngineError> {
        let Some(open) = &mut self.slot else { return Ok(Next::Read) };
        if let Some(matcher) = &mut open.matcher {
            let taken = matcher.consume_token(token.0.cast_unsigned());
            taken.map_err(|error| EngineError::Failed(format!("the grammar lost its place: {error}")))?;
        }
        let marks = self.marks;
        let bytes = |token| tools.model.vocab().token_to_piece(token, marks && tools.vocabulary.marks(token), None);
        let piece = bytes(token);
        if let Some(top) = self.sampling.top_logprobs {
            let (logprob, top) = log_probabilities(logits, token, usize::from(top));
            let top = top.into_iter().map(|(token, logprob)| (bytes(token), logprob)).collect();
            open.logprobs.push_back(TokenLogprob { bytes: piece.clone(), logprob, top });
        }
        open.written += 1;
        self.usage.generated_tokens += 1;
        self.sequence.push(token);
        self.chooser.accept(token);
        let text = open.text.push(&piece);
        open.tell(&self.reply, text)?;
        if open.text.is_stopped() || open.matcher.as_ref().is_some_and(Matcher::is_stopped) {
            return self.close(FinishReason::Complete, tools.model);
        }
        if open.is_full() {
            return self.close(FinishReason::Length, tools.model);
        }
        Ok(Next::Written)
    }

    /// Ends the open slot and opens the next one.
    fn close(&mut self, reason: FinishReason, model: &LlamaModel) -> Result<Next, EngineError> {
        let Some(mut open) = self.slot.take() else { return Ok(Next::Read) };
        let rest = open.text.finish();
        open.tell(&self.reply, rest)?;
        let OpenSlot { slot, text, begin, .. } = open;
        let kept = text.kept();
        let finished = GenerationEvent::SlotFinished { slot: slot.name, text: text.into_text(), reason };
        self.reply.send(Event::Generation(finished))?;
        self.sequence.truncate(begin + kept.tokens);
        self.pending = kept.carry;
        self.open_next(model);
        if self.slot.is_some() { Ok(Next::Read) } else { self.finish() }
    }

    fn finish(&mut self) -> Result<Next, EngineError> {
        let read = self.prompt_read.unwrap_or_else(Instant::now);
        self.usage.prompt_milliseconds = milliseconds(read - self.begun);
        self.usage.generation_milliseconds = milliseconds(read.elapsed());
        self.reply.send(Event::Generation(GenerationEvent::Finished(self.usage.clone())))?;
        Ok(Next::Finished)
    }
}

impl OpenSlot {
    fn style(&self) -> Style {
        match self.slot.constraint {
            Constraint::PassageOf(_) | Constraint::OneOf(_) => Style::Verbatim,
            Constraint::Free | Constraint::Regex(_) | Constraint::Grammar(_) | Constraint::JsonSchema(_) | Constraint::ToolCall(_) => {
                Style::Prose
            }
        }
    }

    fn is_full(&self) -> bool {
        self.written >= self.slot.max_tokens
    }

    /// A passage that nears its limit ends with the next whole word.
    fn ends_early(&mut self) -> Result<bool, EngineError> {
        let (Constraint::PassageOf(_), Some(matcher)) = (&self.slot.constraint, &mut self.matcher) else { return Ok(false) };
        if self.written < self.slot.max_tokens - self.slot.max_tokens / 4 {
            return Ok(false);
        }
        matcher.is_accepting().map_err(|error| EngineError::Failed(format!("the grammar lost its place: {error}")))
    }

    /// Tells text that is certain, with what is known of its tokens.
    fn tell(&mut self, reply: &Reply, text: String) -> Result<(), EngineError> {
        if text.is_empty() {
            return Ok(());
        }
        let told = self.text.tokens_told() - self.logprobs_told;
        let logprobs: Vec<_> = self.logprobs.drain(..told.min(self.logprobs.len())).collect();
        self.logprobs_told += logprobs.len();
        reply.send(Event::Generation(GenerationEvent::Delta { slot: self.slot.name.clone(), text, logprobs }))
    }
}

fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
