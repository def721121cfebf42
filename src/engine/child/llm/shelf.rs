//! What was read for requests that are done, kept for the next one that begins alike; the least recently used goes first.
//!
//! Those that others have begun like outlast those that nobody has: a crowd of questions that are asked once, or a few long
//! texts, would else displace the instructions that every other request begins with. They have half the shelf at most.
//!
//! It is kept beside the context's cells, not in them: attention looks at every cell in use, also at those that it must not
//! take into account, so that what nobody reads would slow everybody down (4,096 such cells cost SmolLM2 a fifth of its speed).

use llama_cpp_2::{context::session::SeqState, token::LlamaToken};

use super::memory::common;

/// A text that shares fewer tokens with another one has not been of use to it: a template's own first words are in all.
const OF_USE: usize = 32;

pub(super) struct Shelf {
    /// The least recently used first.
    kept: Vec<Kept>,
    most: usize,
    most_tokens: usize,
}

pub(super) struct Kept {
    pub tokens: Vec<LlamaToken>,
    pub state: SeqState,
    /// Another text has begun like it.
    proven: bool,
}

impl Kept {
    pub(super) fn new(tokens: Vec<LlamaToken>, state: SeqState) -> Self {
        Self { tokens, state, proven: false }
    }

    fn is(&self, cuttable: usize) -> bool {
        self.tokens.len() < cuttable
    }
}

impl Shelf {
    /// For at most so many texts, and so many tokens in all.
    pub(super) fn new(most: usize, most_tokens: usize) -> Self {
        Self { kept: Vec::new(), most, most_tokens }
    }

    /// Whether a text is worth keeping: it is not here yet, and there is room for it. Texts of fewer than `cuttable` tokens can
    /// be cut when they are taken down.
    pub(super) fn wants(&self, tokens: &[LlamaToken], cuttable: usize) -> bool {
        let here = |kept: &Kept| kept.tokens == tokens || kept.is(cuttable) && kept.tokens.starts_with(tokens);
        tokens.len() <= self.most_tokens && !self.kept.iter().any(here)
    }

    /// Forgets what has to go for a text, before a copy of that is made: what it goes on from is no longer needed, if it can be
    /// cut.
    pub(super) fn make_room(&mut self, tokens: &[LlamaToken], cuttable: usize) {
        self.kept.retain(|kept| !(tokens.len() < cuttable && tokens.starts_with(&kept.tokens)));
        while !self.kept.is_empty() && (self.kept.len() >= self.most || self.tokens() + tokens.len() > self.most_tokens) {
            let place = self.kept.iter().position(|kept| !kept.proven).unwrap_or(0);
            self.kept.remove(place);
        }
    }

    /// Keeps a text for which there is room.
    pub(super) fn keep(&mut self, text: Kept) {
        self.kept.push(text);
    }

    /// The text that shares most of the beginning of `wanted`, and how much: a text that cannot be cut, all of itself. Texts
    /// of more than `room` tokens do not count.
    pub(super) fn find(&self, wanted: &[LlamaToken], cuttable: usize, room: usize) -> Option<(usize, usize)> {
        let fitting = self.kept.iter().enumerate().filter(|(_, kept)| kept.tokens.len() <= room);
        let shared = fitting.map(|(place, kept)| (place, common(&kept.tokens, wanted)));
        let usable = |kept: &Kept, shared: usize| kept.is(cuttable) || shared == kept.tokens.len();
        shared.filter(|(place, shared)| usable(&self.kept[*place], *shared)).max_by_key(|(_, shared)| *shared)
    }

    /// How much of the beginning of `wanted` is in any text here, usable or not.
    pub(super) fn common(&self, wanted: &[LlamaToken]) -> usize {
        self.kept.iter().map(|kept| common(&kept.tokens, wanted)).max().unwrap_or(0)
    }

    /// A text that is used now, and so much of its beginning.
    pub(super) fn take_down(&mut self, place: usize, shared: usize) -> Option<&Kept> {
        let mut text = self.kept.remove(place);
        text.proven |= shared >= OF_USE;
        self.kept.push(text);
        while tokens_of(self.proven()) > self.most_tokens / 2 || self.proven().count() > self.most / 2 {
            self.kept.iter_mut().find(|kept| kept.proven)?.proven = false;
        }
        self.kept.last()
    }

    fn proven(&self) -> impl Iterator<Item = &Kept> {
        self.kept.iter().filter(|kept| kept.proven)
    }

    fn tokens(&self) -> usize {
        tokens_of(self.kept.iter())
    }
}

fn tokens_of<'a>(texts: impl Iterator<Item = &'a Kept>) -> usize {
    texts.map(|kept| kept.tokens.len()).sum()
}
