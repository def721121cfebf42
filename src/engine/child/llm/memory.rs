//! What a context has read: sequences of tokens, each in cells of the KV cache, and what they share.
//!
//! The cache is unified: a cell holds one token and may belong to several sequences, so that a prefix that two requests
//! have in common is read once and copied by marking cells. What was read for a request that is done goes to the
//! [`Shelf`].

use llama_cpp_2::{
    context::{LlamaContext, session::LlamaStateSeqFlags},
    llama_batch::LlamaBatch,
    model::LlamaModel,
    token::LlamaToken,
};

use super::{
    cells::{Cell, Cells},
    shelf::{Kept, Shelf},
};
use crate::engine::{EngineError, KEPT_SEQUENCES, parse::usual_window};

/// A beginning that is worth keeping by itself is so much longer than what is there already.
const LEAST_BRANCH: usize = 32;
/// Shorter common beginnings are not worth a look.
const LEAST_SHARED: usize = 8;

/// Names a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SequenceId(usize);

/// Tokens that a sequence reads next.
pub(super) struct Piece {
    pub sequence: SequenceId,
    pub tokens: Vec<LlamaToken>,
    /// How many of the last tokens are to tell what may follow them.
    pub outputs: usize,
}

/// The context and the sequences in it.
pub(super) struct Memory {
    context: LlamaContext<'static>,
    batch: LlamaBatch<'static>,
    sequences: Vec<Sequence>,
    cells: Cells,
    /// How this model's cache can be cut and shared.
    habit: Habit,
    shelf: Shelf,
}

#[derive(Default)]
struct Sequence {
    tokens: Vec<LlamaToken>,
    cells: Vec<Cell>,
    /// It cannot be cut shorter than this: what a window has left was not kept when it was on the shelf.
    floor: usize,
    /// Where a text that could not be shared goes on differently: what is read up to there is kept by itself, for the next one.
    branch: Option<usize>,
    used: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Habit {
    Plain,
    /// llama.cpp takes cells that have left a sliding window for empty ones, unless two sequences hold them. So that what is
    /// shared stays whole, each sequence has a second one that holds the same cells.
    SlidingWindow {
        /// Tokens.
        window: usize,
    },
    /// A recurrent state cannot go back: a sequence is shared whole or not at all.
    Recurrent,
}

impl Memory {
    /// How many sequences a context for so many requests needs.
    pub(super) fn sequences(model: &LlamaModel, slots: u32) -> u32 {
        if matches!(habit(model), Habit::SlidingWindow { .. }) { slots * 2 } else { slots }
    }

    /// `context` was made for [`Self::sequences`] and holds `cells` tokens; batches have at most `batch` tokens.
    pub(super) fn new(model: &LlamaModel, context: LlamaContext<'static>, slots: u32, cells: u32, batch: u32) -> Self {
        let sequences = (0..slots).map(|_| Sequence::default()).collect();
        let batch = LlamaBatch::new(batch as usize, 1);
        let shelf = Shelf::new(KEPT_SEQUENCES as usize, cells as usize / 2);
        Self { context, batch, sequences, cells: Cells::new(cells), habit: habit(model), shelf }
    }

    /// A sequence for a request whose prompt is `wanted`, with what is shared of its beginning already read.
    ///
    /// `None`: every sequence is in use.
    pub(super) fn open(&mut self, wanted: &[LlamaToken]) -> Option<SequenceId> {
        let id = self.sequences.iter().position(|sequence| !sequence.used)?;
        let running = self.source(wanted, None);
        let kept = self.shelf.find(&wanted[..wanted.len().saturating_sub(1)], self.cuttable(), self.cells.free());
        self.sequences[id].used = true;
        // The last token is read anew by whoever asks.
        let common = self.shelf.common(wanted).min(wanted.len().saturating_sub(1));
        let shared = running.map_or(LEAST_SHARED, |(_, shared)| shared + LEAST_SHARED);
        match (kept.filter(|(_, most)| *most >= shared), running) {
            (Some((place, length)), _) => self.restore(place, id, length),
            (None, Some((source, length))) => self.copy(source, id, length),
            (None, None) => {}
        }
        self.sequences[id].branch = Some(common).filter(|common| *common >= self.sequences[id].tokens.len() + LEAST_BRANCH);
        Some(SequenceId(id))
    }

    /// Takes over more of the beginning of `wanted` where another sequence has read more of it by now.
    /// `true` if there was more.
    pub(super) fn catch_up(&mut self, SequenceId(id): SequenceId, wanted: &[LlamaToken]) -> bool {
        let found = self.source(wanted, Some(id));
        let Some((source, shared)) = found.filter(|(_, shared)| *shared >= self.sequences[id].tokens.len() + LEAST_SHARED) else {
            return false;
        };
        self.clear(id);
        self.copy(source, id, shared);
        true
    }

    /// Whether a sequence can forget its end: guesses need that.
    pub(super) fn goes_back(&self) -> bool {
        self.habit != Habit::Recurrent
    }

    fn has_window(&self) -> bool {
        matches!(self.habit, Habit::SlidingWindow { .. })
    }

    /// Texts of fewer tokens can be cut when they come from the shelf. Of longer ones llama.cpp writes down only what a window
    /// still sees.
    fn cuttable(&self) -> usize {
        match self.habit {
            Habit::Plain => usize::MAX,
            Habit::SlidingWindow { window } => window,
            Habit::Recurrent => 0,
        }
    }

    /// How many more tokens can be read.
    pub(super) fn room(&self) -> usize {
        self.cells.free()
    }

    /// How many tokens a sequence has read.
    pub(super) fn length(&self, SequenceId(id): SequenceId) -> usize {
        self.sequences[id].tokens.len()
    }

    /// Forgets what a sequence has read of anything else than the beginning of `wanted`, and at least its last token, so that
    /// reading on tells what may follow it.
    pub(super) fn align(&mut self, SequenceId(id): SequenceId, wanted: &[LlamaToken]) {
        let length = common(&self.sequences[id].tokens, wanted).min(wanted.len().saturating_sub(1));
        self.cut(id, length);
    }

    /// Nobody reads this sequence any more. What it holds is kept for others, if it is worth it.
    pub(super) fn close(&mut self, SequenceId(id): SequenceId) {
        self.keep(id);
        self.clear(id);
        self.sequences[id].used = false;
    }

    /// Whether there is room for so many more tokens.
    pub(super) fn has_room(&self, tokens: usize) -> bool {
        self.cells.free() >= tokens
    }

    /// Reads all pieces in one batch. [`Self::logits`] then has an entry for each output, in order.
    ///
    /// On an error everything is forgotten, sequences in use included.
    pub(super) fn read(&mut self, pieces: &[Piece]) -> Result<(), EngineError> {
        self.batch.clear();
        for piece in pieces {
            let SequenceId(id) = piece.sequence;
            let start = self.sequences[id].tokens.len();
            for (index, token) in piece.tokens.iter().enumerate() {
                let position = i32::try_from(start + index).unwrap_or(i32::MAX);
                let tells = index + piece.outputs >= piece.tokens.len();
                if let Err(error) = self.batch.add(*token, position, &[llama_id(id)], tells) {
                    self.forget_all();
                    return Err(EngineError::Failed(format!("a step holds more than a batch: {error}")));
                }
            }
        }
        if let Err(error) = self.context.decode(&mut self.batch) {
            self.forget_all();
            return Err(EngineError::Failed(format!("llama.cpp could not read the text: {error}")));
        }
        for piece in pieces {
            self.has_read(piece);
        }
        Ok(())
    }

    /// How likely each token of the vocabulary is to follow the token at this place of the last batch.
    pub(super) fn logits(&self, place: usize) -> &[f32] {
        self.context.get_logits_ith(i32::try_from(place).unwrap_or(i32::MAX))
    }

    fn has_read(&mut self, piece: &Piece) {
        let SequenceId(id) = piece.sequence;
        let start = self.sequences[id].tokens.len();
        self.sequences[id].tokens.extend_from_slice(&piece.tokens);
        for _ in &piece.tokens {
            let cell = self.cells.take();
            self.sequences[id].cells.push(cell);
        }
        self.guard(id, start);
        if self.sequences[id].branch == Some(self.sequences[id].tokens.len()) {
            self.sequences[id].branch = None;
            self.keep(id);
        }
    }

    /// Who has read most of the beginning of `wanted`, and how much, if that is worth sharing.
    fn source(&self, wanted: &[LlamaToken], except: Option<usize>) -> Option<(usize, usize)> {
        // The last token is read anew: only reading tells what may follow it.
        let most = wanted.len().saturating_sub(1);
        let shared = |sequence: &Sequence| {
            let shared = common(&sequence.tokens, wanted).min(most);
            let least = if self.goes_back() { sequence.floor } else { sequence.tokens.len() };
            if shared < least { 0 } else { shared }
        };
        let others = self.sequences.iter().enumerate().filter(|(id, sequence)| Some(*id) != except && sequence.used);
        let best = others.map(|(id, sequence)| (id, shared(sequence))).max_by_key(|(_, shared)| *shared);
        best.filter(|(_, shared)| *shared >= LEAST_SHARED)
    }

    /// Makes the empty sequence `target` begin as `source` does.
    fn copy(&mut self, source: usize, target: usize, length: usize) {
        let end = (self.habit != Habit::Recurrent).then(|| u32::try_from(length).unwrap_or(u32::MAX));
        if self.context.copy_kv_cache_seq(llama_id(source), llama_id(target), end.map(|_| 0), end).is_err() {
            return;
        }
        let cells = self.sequences[source].cells[..length].to_vec();
        cells.iter().for_each(|cell| self.cells.share(*cell));
        self.sequences[target].tokens = self.sequences[source].tokens[..length].to_vec();
        self.sequences[target].floor = self.sequences[source].floor;
        self.sequences[target].cells = cells;
        self.guard(target, 0);
    }

    /// Puts a copy of what a sequence holds on the shelf, if it is worth it.
    fn keep(&mut self, id: usize) {
        let cuttable = self.cuttable();
        let tokens = &self.sequences[id].tokens;
        if tokens.len() < LEAST_SHARED || !self.shelf.wants(tokens, cuttable) {
            return;
        }
        self.shelf.make_room(tokens, cuttable);
        match self.context.state_seq_get(llama_id(id), LlamaStateSeqFlags::empty()) {
            Ok(state) => self.shelf.keep(Kept::new(tokens.clone(), state)),
            Err(error) => eprintln!("what a request has read could not be kept: {error}"),
        }
    }

    /// How many tokens a sequence may read at once before it has to stop for a moment.
    pub(super) fn stretch(&self, SequenceId(id): SequenceId) -> usize {
        let read = self.sequences[id].tokens.len();
        self.sequences[id].branch.and_then(|branch| branch.checked_sub(read)).filter(|left| *left > 0).unwrap_or(usize::MAX)
    }

    /// Makes the empty sequence `target` begin as what is kept at this place does.
    fn restore(&mut self, place: usize, target: usize, length: usize) {
        let Some(kept) = self.shelf.take_down(place, length) else { return };
        if let Err(error) = self.context.state_seq_set(&kept.state, llama_id(target)) {
            eprintln!("what was kept could not be taken up again: {error}");
            return self.clear(target);
        }
        self.sequences[target].tokens = kept.tokens.clone();
        self.sequences[target].cells = kept.tokens.iter().map(|_| self.cells.take()).collect();
        self.guard(target, 0);
        if self.cuttable() > self.sequences[target].tokens.len() {
            return self.cut(target, length);
        }
        self.sequences[target].floor = self.sequences[target].tokens.len();
    }

    /// Forgets all but the first `length` tokens; more where the model cannot go back.
    fn cut(&mut self, id: usize, length: usize) {
        if length >= self.sequences[id].tokens.len() {
            return;
        }
        let position = u32::try_from(length).unwrap_or(u32::MAX);
        let (guard, floor, windowed) = (self.guard_id(id), self.sequences[id].floor, self.has_window());
        let mut forget =
            |sequence: i32| self.context.clear_kv_cache_seq(u32::try_from(sequence).ok(), Some(position), None).unwrap_or(false);
        let possible = length > 0 && length >= floor && self.habit != Habit::Recurrent && forget(llama_id(id));
        if !possible {
            return self.clear(id);
        }
        if windowed {
            forget(guard);
        }
        let sequence = &mut self.sequences[id];
        sequence.tokens.truncate(length);
        let gone = sequence.cells.split_off(length);
        gone.into_iter().for_each(|cell| self.cells.release(cell));
    }

    fn clear(&mut self, id: usize) {
        // Removing a whole sequence always succeeds.
        let _ = self.context.clear_kv_cache_seq(u32::try_from(id).ok(), None, None);
        if self.has_window() {
            let _ = self.context.clear_kv_cache_seq(u32::try_from(self.guard_id(id)).ok(), None, None);
        }
        let sequence = &mut self.sequences[id];
        sequence.tokens.clear();
        (sequence.floor, sequence.branch) = (0, None);
        let gone = std::mem::take(&mut sequence.cells);
        gone.into_iter().for_each(|cell| self.cells.release(cell));
    }

    /// Has the second sequence hold the cells from `start` on, too.
    fn guard(&mut self, id: usize, start: usize) {
        if self.has_window() {
            let start = u32::try_from(start).ok();
            let _ = self.context.copy_kv_cache_seq(llama_id(id), self.guard_id(id), start, None);
        }
    }

    fn guard_id(&self, id: usize) -> i32 {
        llama_id(self.sequences.len() + id)
    }

    fn forget_all(&mut self) {
        self.context.clear_kv_cache();
        for id in 0..self.sequences.len() {
            let sequence = &mut self.sequences[id];
            sequence.tokens.clear();
            (sequence.floor, sequence.used) = (0, false);
            let gone = std::mem::take(&mut sequence.cells);
            gone.into_iter().for_each(|cell| self.cells.release(cell));
        }
    }
}

fn habit(model: &LlamaModel) -> Habit {
    let architecture = model.meta_val_str("general.architecture").unwrap_or_default();
    let told = model.meta_val_str(&format!("{architecture}.attention.sliding_window")).ok();
    let window = told.and_then(|window| window.parse().ok()).or_else(|| usual_window(&architecture)).unwrap_or(0);
    let window = usize::try_from(window).unwrap_or(usize::MAX);
    if model.is_recurrent() || model.is_hybrid() {
        Habit::Recurrent
    } else if window > 0 {
        Habit::SlidingWindow { window }
    } else {
        Habit::Plain
    }
}

fn llama_id(id: usize) -> i32 {
    i32::try_from(id).unwrap_or(i32::MAX)
}

/// How many tokens two texts have in common at their beginning.
pub(super) fn common(one: &[LlamaToken], other: &[LlamaToken]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use llama_cpp_2::context::params::LlamaContextParams;

    use super::{
        super::tests::{OPTIONS, artefact},
        *,
    };

    const SLOTS: u32 = 4;
    const CELLS: u32 = 4096;
    const BATCH: u32 = 256;

    fn memory(id: &str) -> (&'static LlamaModel, Memory) {
        let model = super::super::load_model(&artefact(id), &OPTIONS, &|_| ()).unwrap();
        let parameters = LlamaContextParams::default()
            .with_n_ctx(std::num::NonZeroU32::new(CELLS))
            .with_n_batch(BATCH)
            .with_n_ubatch(BATCH)
            .with_n_seq_max(Memory::sequences(model, SLOTS))
            .with_kv_unified(true)
            .with_swa_full(true)
            .with_n_threads(2)
            .with_n_threads_batch(2);
        let context = model.new_context(super::super::backend().unwrap(), parameters).unwrap();
        (model, Memory::new(model, context, SLOTS, CELLS, BATCH))
    }

    fn story(model: &LlamaModel, subject: &str, tokens: usize) -> Vec<LlamaToken> {
        let text = (1..).map(|night| format!("On night {night} {subject} came to the door and said {}. ", night * 7919 % 1000));
        let text: String = text.take(tokens).collect();
        model.vocab().tokenize(text.as_bytes(), false, false)[..tokens].to_vec()
    }

    /// Reads what is missing of `wanted` and returns what may follow it.
    fn read(memory: &mut Memory, sequence: SequenceId, wanted: &[LlamaToken]) -> Vec<f32> {
        memory.align(sequence, wanted);
        let mut last = 0;
        while memory.length(sequence) < wanted.len() {
            let stretch = memory.stretch(sequence);
            let from = memory.length(sequence);
            // The last token by itself, as when it was chosen.
            let most = if from + 1 < wanted.len() { wanted.len() - 1 } else { wanted.len() };
            let tokens = wanted[from..most.min(from + stretch.min(100))].to_vec();
            last = tokens.len() - 1;
            memory.read(&[Piece { sequence, tokens, outputs: 1 }]).unwrap();
        }
        memory.logits(last).to_vec()
    }

    fn furthest(one: &[f32], other: &[f32]) -> f32 {
        one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn what_is_shared_is_as_if_it_had_been_read_anew_also_beyond_a_sliding_window() {
        for id in ["smollm2-135m-instruct", "gemma3-270m"] {
            let (model, mut memory) = memory(id);
            let tokens = |text: &str| model.vocab().tokenize(text.as_bytes(), false, false);
            // Gemma 3's window is 512 tokens: what the question asks for is beyond it.
            let told = tokens(&"The secret word of this night is lighthouse. ".repeat(5));
            let wanted = [&told[..], &story(model, "a wolf", 850)].concat();
            let first = memory.open(&wanted).unwrap();
            assert_eq!(memory.length(first), 0);
            let fresh = read(&mut memory, first, &wanted);

            let second = memory.open(&wanted).unwrap();
            assert_eq!(memory.length(second), wanted.len() - 1, "{id}");
            assert!(furthest(&fresh, &read(&mut memory, second, &wanted)) < 1e-3, "{id}: shared while the other is in use");
            memory.close(first);
            memory.close(second);

            // Others use the cells meanwhile.
            for subject in ["a bird", "the sea"] {
                let other = story(model, subject, 300);
                let sequence = memory.open(&other).unwrap();
                read(&mut memory, sequence, &other);
                memory.close(sequence);
                let again = memory.open(&wanted[..700]).unwrap();
                let length = memory.length(again);
                // A window has not kept the text's middle: it is read once more, and kept by itself.
                assert!(length == 699 || id.starts_with("gemma") && subject == "a bird", "{id}: {length}");
                read(&mut memory, again, &wanted[..700]);
                memory.close(again);
            }
            let question = tokens(" The secret word of this night is");
            let asked = [&wanted[..700], &question].concat();
            let sequence = memory.open(&asked).unwrap();
            assert!(memory.length(sequence) >= 699, "{id}: {}", memory.length(sequence));
            let answer = read(&mut memory, sequence, &asked);
            let (_, mut untouched) = self::memory(id);
            let sequence = untouched.open(&asked).unwrap();
            let expected = read(&mut untouched, sequence, &asked);
            // In other pieces, or with more cells in use, sums are rounded differently: by up to 2 in a logit that does not matter.
            assert!(divergence(&expected, &answer) < 0.2, "{id}: {}", divergence(&expected, &answer));
            let never_told = read(&mut untouched, sequence, &asked[told.len()..]);
            assert!(divergence(&expected, &never_told) > 0.5, "{id}: the answer is in what was shared");
        }
    }

    /// The Kullback-Leibler divergence in nats between what one and the other expect to follow.
    fn divergence(one: &[f32], other: &[f32]) -> f32 {
        let log_probabilities = |logits: &[f32]| {
            let most = logits.iter().copied().fold(f32::MIN, f32::max);
            let sum = logits.iter().map(|logit| (logit - most).exp()).sum::<f32>().ln();
            logits.iter().map(|logit| logit - most - sum).collect::<Vec<f32>>()
        };
        let (one, other) = (log_probabilities(one), log_probabilities(other));
        one.iter().zip(&other).map(|(one, other)| one.exp() * (one - other)).sum()
    }

    #[test]
    fn what_is_done_makes_room_and_the_least_recently_used_is_forgotten() {
        let (model, mut memory) = memory("smollm2-135m-instruct");
        let texts = ["a bird", "the sea", "my sister", "an old key"].map(|subject| story(model, subject, 900));
        let mut used = Vec::new();
        for text in &texts {
            let sequence = memory.open(text).unwrap();
            read(&mut memory, sequence, text);
            used.push(sequence);
        }
        assert!(memory.has_room(400) && !memory.has_room(600));
        assert!(memory.open(&texts[0]).is_none(), "there are only so many sequences");
        used.into_iter().for_each(|sequence| memory.close(sequence));
        assert!(memory.has_room(CELLS as usize));
        // 2,048 tokens are kept: the last two texts.
        let mut found = |text: &[LlamaToken]| {
            let sequence = memory.open(text).unwrap();
            let length = memory.length(sequence);
            memory.close(sequence);
            length
        };
        assert_eq!((found(&texts[3]), found(&texts[2])), (899, 899));
        assert!(found(&texts[0]) < 20 && found(&texts[1]) < 20);
    }

    #[test]
    fn what_others_have_begun_like_outlasts_a_crowd_that_is_never_asked_for_again() {
        let (model, mut memory) = memory("smollm2-135m-instruct");
        let mut ask = |text: &[LlamaToken]| {
            let sequence = memory.open(text).unwrap();
            let known = memory.length(sequence);
            read(&mut memory, sequence, text);
            memory.close(sequence);
            known
        };
        let instructions = story(model, "the guide", 200);
        let question = |subject: &str| [&instructions[..], &story(model, subject, 50)].concat();
        assert!(ask(&question("a wolf")) < 20);
        assert!(ask(&question("a bird")) >= 200);
        // Twice what is kept in all.
        for subject in ["the sea", "my sister", "an old key", "a train", "the rain"] {
            ask(&story(model, subject, 800));
        }
        assert!(ask(&question("a bell")) >= 200);
    }

    #[test]
    fn what_a_window_has_left_is_read_anew_when_only_a_part_of_a_kept_text_is_shared() {
        let (model, mut memory) = memory("gemma3-270m");
        let tokens = |text: &str| model.vocab().tokenize(text.as_bytes(), false, false);
        let shared = story(model, "a wolf", 300);
        let long = [&shared[..], &story(model, "the sea", 1200)].concat();
        let first = memory.open(&long).unwrap();
        read(&mut memory, first, &long);
        memory.close(first);
        let asked = [&shared[..], &tokens(" In the morning the wolf")].concat();
        let sequence = memory.open(&asked).unwrap();
        let answer = read(&mut memory, sequence, &asked);
        let (_, mut untouched) = self::memory("gemma3-270m");
        let sequence = untouched.open(&asked).unwrap();
        let expected = read(&mut untouched, sequence, &asked);
        assert!(divergence(&expected, &answer) < 0.05, "{}", divergence(&expected, &answer));
    }

    #[test]
    fn a_text_that_goes_on_takes_the_place_of_its_beginning() {
        let (model, mut memory) = memory("gemma3-270m");
        let text = story(model, "a wolf", 500);
        for length in [100, 200, 300, 400, 500] {
            let sequence = memory.open(&text[..length]).unwrap();
            assert_eq!(memory.length(sequence), length.saturating_sub(100), "{length}");
            read(&mut memory, sequence, &text[..length]);
            memory.close(sequence);
        }
        let sequence = memory.open(&text[..250]).unwrap();
        assert_eq!(memory.length(sequence), 249);
    }
}
