//! Writing text for many at once: continuous batching over one context.
//!
//! Each step reads one batch: the newest token of every answer that is being written, and as much of waiting prompts as
//! fits into a quarter of a second ([`Pace`]). Then each answer chooses its next token. A prompt that begins like another
//! one that is being read waits for it and takes that part over ([`Memory`]).

use std::{
    os::fd::OwnedFd,
    sync::Arc,
    time::{Duration, Instant},
};

use llama_cpp_2::{context::params::LlamaContextParams, model::LlamaModel, token::LlamaToken};

use super::{
    answer::{Answer, Next, Tools},
    intake::{Arrival, Intake},
    memory::{Memory, Piece},
    pace::Pace,
    prepare::Desk,
    sampling::Workbench,
    vocabulary::{Marks, Vocabulary},
};
use crate::engine::{
    EngineError, EngineOptions, MAX_STEP_TOKENS,
    child::{Batcher, ModelFacts, Reply},
    wire::Request,
};

/// Requests at the same time when the options leave it open.
const DEFAULT_SLOTS: u32 = 8;
/// The most tokens that are read at once.
const BATCH: u32 = MAX_STEP_TOKENS;
/// An answer that has no more than this to read is being written; more is a prompt.
const FEW: usize = 4;
/// A prompt waits for another one that is being read if it gains so many tokens from it.
const WORTH_WAITING: usize = 32;
/// How long an engine with nothing else to do waits for a request that is being prepared.
const IDLE: Duration = Duration::from_millis(50);
/// Beside its prompt, a new answer has room for so many tokens.
const ELBOW_ROOM: usize = 64;

/// A language model, its context, and the answers that are being written.
pub(super) struct Generator {
    model: &'static LlamaModel,
    intake: Intake,
    vocabulary: Arc<Vocabulary>,
    bench: Workbench,
    memory: Memory,
    pace: Pace,
    slots: u32,
    /// In the order in which they came.
    answers: Vec<Answer>,
}

/// What one answer reads in a step.
struct Share {
    /// Its place among the answers.
    answer: usize,
    /// How many tokens of its sequence, from where its memory ends.
    tokens: usize,
    /// Guesses at what follows its sequence.
    guess: Vec<LlamaToken>,
}

impl Batcher for Generator {
    fn places(&self) -> u32 {
        self.slots
    }

    fn is_busy(&self) -> bool {
        !self.answers.is_empty() || !self.intake.is_empty()
    }

    fn begin(&mut self, request: Request, _descriptors: Vec<OwnedFd>, reply: Reply) {
        let Request::Generate(request) = request else {
            return reply.fail(EngineError::InvalidRequest("a language model only writes text".into()));
        };
        self.intake.hand_in(request, reply);
    }

    fn step(&mut self) {
        self.take_in();
        self.drop_cancelled();
        self.give_memory();
        self.tell_progress();
        let shares = self.plan();
        if shares.is_empty() {
            return;
        }
        match self.read(&shares) {
            Ok(()) => self.advance(&shares),
            // What they had read is forgotten. Those that have no sequence had no part in it.
            Err(error) => self.answers.extract_if(.., |answer| answer.memory.is_some()).for_each(|answer| answer.fail(error.clone())),
        }
    }
}

impl Generator {
    pub(super) fn new(model: &'static LlamaModel, options: &EngineOptions) -> Result<(Self, ModelFacts), EngineError> {
        let context_length = super::context_length(model, options);
        let slots = if options.slots == 0 { DEFAULT_SLOTS } else { u32::from(options.slots) };
        let parameters = LlamaContextParams::default()
            .with_n_ctx(super::non_zero(context_length))
            .with_n_batch(BATCH)
            .with_n_ubatch(BATCH)
            .with_n_seq_max(Memory::sequences(model, slots))
            .with_kv_unified(true)
            // A sliding window that forgets could not go back to a shared prefix.
            .with_swa_full(true)
            .with_type_k(super::cache_type(options.cache_type))
            .with_type_v(super::cache_type(options.cache_type))
            .with_n_threads(super::threads(options))
            .with_n_threads_batch(super::threads(options));
        let context = model
            .new_context(super::backend()?, parameters)
            .map_err(|error| EngineError::Failed(format!("no memory for a context of {context_length} tokens: {error}")))?;
        let desk = Desk::new(model, context_length)?;
        let facts = ModelFacts { context_length, dimensions: 0, has_chat_template: desk.has_chat_template(), answers: desk.answer_style() };
        let vocabulary = Arc::new(Vocabulary::of(model, &Marks::of(model, facts.answers.tools)));
        let generator = Self {
            model,
            intake: Intake::new(desk, Arc::clone(&vocabulary))?,
            vocabulary,
            bench: Workbench::new(),
            memory: Memory::new(model, context, slots, context_length, BATCH),
            pace: Pace::new(BATCH as usize),
            slots,
            answers: Vec::new(),
        };
        Ok((generator, facts))
    }

    /// Takes in what has been prepared. Waits a moment for it when there is nothing else to do.
    fn take_in(&mut self) {
        loop {
            let idle = self.answers.is_empty() && !self.intake.is_empty();
            let Some(Arrival { request, reply, prepared }) = self.intake.take(if idle { IDLE } else { Duration::ZERO }) else { return };
            match prepared {
                Ok(prepared) => {
                    let mut tools = Tools { model: self.model, vocabulary: &self.vocabulary, bench: &mut self.bench };
                    self.answers.push(Answer::new(request, prepared, reply, &mut tools));
                }
                Err(error) => reply.fail(error),
            }
        }
    }

    fn drop_cancelled(&mut self) {
        self.intake.drop_cancelled();
        // Each is looked at once: its asker may leave between two looks.
        for answer in self.answers.extract_if(.., |answer| answer.is_cancelled()) {
            answer.memory.into_iter().for_each(|sequence| self.memory.close(sequence));
        }
    }

    /// Gives sequences to answers that have none, in the order in which they came, while there is room for their prompts.
    fn give_memory(&mut self) {
        let mut promised: usize = self.answers.iter().filter(|answer| answer.memory.is_some()).map(|answer| self.unread(answer)).sum();
        for answer in &mut self.answers {
            if answer.memory.is_some() {
                continue;
            }
            let needed = answer.sequence().len() + ELBOW_ROOM;
            let alone = promised == 0;
            if !alone && !self.memory.has_room(promised + needed) {
                return;
            }
            let Some(sequence) = self.memory.open(answer.sequence()) else { return };
            answer.found(self.memory.length(sequence));
            answer.memory = Some(sequence);
            promised += needed;
        }
    }

    fn tell_progress(&mut self) {
        self.intake.tell_progress();
        for answer in &mut self.answers {
            let read = answer.memory.map_or(0, |sequence| self.memory.length(sequence));
            answer.tell_progress(read);
        }
    }

    fn unread(&self, answer: &Answer) -> usize {
        let read = answer.memory.map_or(0, |sequence| self.memory.length(sequence));
        answer.sequence().len().saturating_sub(read)
    }

    /// What this step reads: all that answers being written need, and a part of prompts. Makes the room for it.
    fn plan(&mut self) -> Vec<Share> {
        loop {
            let shares = self.shares();
            let tokens = shares.iter().map(|share| share.tokens + share.guess.len()).sum();
            if self.memory.has_room(tokens) || !self.park_youngest() {
                return shares;
            }
        }
    }

    /// Takes the memory of the answer that came last, which then goes on when there is room. `false`: only one has any.
    fn park_youngest(&mut self) -> bool {
        let mut holders: Vec<usize> = (0..self.answers.len()).filter(|index| self.answers[*index].memory.is_some()).collect();
        let Some(youngest) = holders.pop().filter(|_| !holders.is_empty()) else { return false };
        if let Some(sequence) = self.answers[youngest].park() {
            self.memory.close(sequence);
        }
        true
    }

    fn shares(&mut self) -> Vec<Share> {
        let (mut shares, mut prompts) = (Vec::new(), Vec::new());
        for index in 0..self.answers.len() {
            let answer = &mut self.answers[index];
            let Some(sequence) = answer.memory else { continue };
            self.memory.align(sequence, answer.sequence());
            let unread = answer.sequence().len() - self.memory.length(sequence);
            if unread > FEW && self.memory.catch_up(sequence, answer.sequence()) {
                answer.found(self.memory.length(sequence));
            }
            let unread = self.unread(&self.answers[index]);
            if unread <= FEW {
                shares.push(Share { answer: index, tokens: unread, guess: Vec::new() });
            } else if !self.follows(index) {
                prompts.push((unread, index));
            }
        }
        if prompts.is_empty() {
            self.guess(&mut shares);
        } else {
            let waiting = prompts.iter().map(|(unread, _)| unread).sum();
            let portion = self.pace.portion(waiting, shares.iter().map(|share| share.tokens).sum());
            self.share_out(portion, prompts, &mut shares);
        }
        shares
    }

    /// The shortest prompt first, since so most are answered soonest; for the one that came first an equal share is kept, so
    /// that others cannot overtake it for ever.
    fn share_out(&self, budget: usize, mut prompts: Vec<(usize, usize)>, shares: &mut Vec<Share>) {
        let Some((first_unread, first)) = prompts.iter().copied().min_by_key(|(_, answer)| *answer) else { return };
        let (mut left, mut kept) = (budget, (budget / prompts.len()).max(1).min(first_unread).min(budget));
        prompts.sort_unstable();
        for (unread, answer) in prompts {
            let its_own = if answer == first { std::mem::take(&mut kept) } else { 0 };
            let most = left - kept;
            // A step that has had half its time ends with a whole prompt: that one is answered sooner.
            let tokens = if unread <= most || left * 2 > budget { unread.min(most) } else { its_own };
            let stretch = self.answers[answer].memory.map_or(usize::MAX, |sequence| self.memory.stretch(sequence));
            let tokens = tokens.min(stretch);
            left -= tokens;
            if tokens > 0 {
                shares.push(Share { answer, tokens, guess: Vec::new() });
            }
        }
    }

    /// Adds guesses where they pay. Never beside prompts, which use the time better.
    fn guess(&mut self, shares: &mut [Share]) {
        if !self.memory.goes_back() {
            return;
        }
        let answers = shares.len();
        let mut tokens: usize = shares.iter().map(|share| share.tokens).sum();
        for share in shares {
            // Nobody is parked for a guess.
            let room = (BATCH as usize).min(self.memory.room()).saturating_sub(tokens);
            let Some(prices) = self.pace.prices(answers, tokens) else { return };
            share.guess = self.answers[share.answer].guess(&prices, room);
            tokens += share.guess.len();
        }
    }

    /// Whether it had better wait for an earlier answer to read what both begin with.
    fn follows(&self, index: usize) -> bool {
        if !self.memory.goes_back() {
            // A part of a recurrent state cannot be shared.
            return false;
        }
        let wanted = self.answers[index].sequence();
        let read = wanted.len() - self.unread(&self.answers[index]);
        self.answers[..index].iter().any(|earlier| {
            let common = earlier.sequence().iter().zip(wanted).take_while(|(one, other)| one == other).count();
            let will_read = earlier.sequence().len() - self.unread(earlier) < common;
            earlier.memory.is_some() && will_read && common >= read + WORTH_WAITING
        })
    }

    fn read(&mut self, shares: &[Share]) -> Result<(), EngineError> {
        let mut pieces = Vec::with_capacity(shares.len());
        let (mut prompt, mut generated) = (0, 0);
        for share in shares {
            let answer = &self.answers[share.answer];
            let Some(sequence) = answer.memory else { continue };
            let from = self.memory.length(sequence);
            let whole = from + share.tokens == answer.sequence().len();
            let tokens = [&answer.sequence()[from..from + share.tokens], &share.guess].concat();
            *if share.tokens > FEW { &mut prompt } else { &mut generated } += tokens.len();
            pieces.push(Piece { sequence, tokens, outputs: if whole { 1 + share.guess.len() } else { 0 } });
        }
        let started = Instant::now();
        self.memory.read(&pieces)?;
        self.pace.took(prompt, generated, started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Lets each answer whose sequence has been read choose its next token.
    fn advance(&mut self, shares: &[Share]) {
        let mut place = 0;
        let mut ended = Vec::new();
        for share in shares {
            place += share.tokens;
            match self.advance_one(share, place - 1) {
                Ok(Next::Read | Next::Written) => {}
                Ok(Next::Finished) => ended.push((share.answer, None)),
                Err(error) => ended.push((share.answer, Some(error))),
            }
            place += share.guess.len();
        }
        ended.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
        for (index, error) in ended {
            let answer = self.answers.remove(index);
            if let Some(sequence) = answer.memory {
                // Wrong guesses are nothing to keep. Where none can be made, nothing can be cut either.
                if self.memory.goes_back() {
                    self.memory.align(sequence, answer.sequence());
                }
                self.memory.close(sequence);
            }
            if let Some(error) = error {
                answer.fail(error);
            }
        }
    }

    /// `place`: where in the batch the answer's newest token stands, before its guesses.
    fn advance_one(&mut self, share: &Share, place: usize) -> Result<Next, EngineError> {
        let answer = &mut self.answers[share.answer];
        let read = answer.memory.map_or(0, |sequence| self.memory.length(sequence)) - share.guess.len();
        if read < answer.sequence().len() {
            return Ok(Next::Read);
        }
        let mut right = 0;
        loop {
            let mut tools = Tools { model: self.model, vocabulary: &self.vocabulary, bench: &mut self.bench };
            let next = answer.advance(self.memory.logits(place + right), &mut tools)?;
            let written = answer.sequence().get(read + right..).unwrap_or_default();
            let goes_on = next == Next::Written && share.guess.get(right) == written.first();
            if !goes_on {
                let chosen = written.first().copied();
                answer.guessed(share.guess.len(), right, chosen);
                return Ok(next);
            }
            right += 1;
        }
    }
}
