//! Who asks for vectors, and whose text is next.
//!
//! Start-time fair queueing (Goyal et al. 1996) with a text's tokens as its cost: a request that has had more tokens comes
//! after those that have had fewer, a new one begins level with whoever is being served, and of equal ones the oldest is
//! first. So a short request beside a long one is in the next batch, and none waits for ever.

use std::{iter::Enumerate, mem, vec};

use super::Piece;
use crate::engine::{EmbeddingRole, Embeddings, EngineError, child::Reply, wire::Event};

/// A request that is worked on.
pub(super) struct Asked {
    reply: Reply,
    role: EmbeddingRole,
    unread: Enumerate<vec::IntoIter<String>>,
    /// The text whose turn it is next, and its place in the request.
    next: Option<(usize, Piece)>,
    /// Empty where a vector is still to come.
    vectors: Vec<Vec<f32>>,
    missing: usize,
    truncated: Vec<bool>,
    tokens: usize,
    turn: u64,
    failed: Option<EngineError>,
}

/// One text of a batch.
pub(super) struct Picked {
    /// Whose it is.
    request: usize,
    /// Its place there.
    index: usize,
    pub(super) piece: Piece,
}

/// The requests in the order in which they came.
#[derive(Default)]
pub(super) struct Turns {
    requests: Vec<Asked>,
    /// The latest turn that was served.
    now: u64,
}

impl Asked {
    pub(super) fn new(reply: Reply, texts: Vec<String>, role: EmbeddingRole) -> Self {
        let missing = texts.len();
        let (vectors, truncated) = (vec![Vec::new(); missing], vec![false; missing]);
        let unread = texts.into_iter().enumerate();
        Self { reply, role, unread, next: None, vectors, missing, truncated, tokens: 0, turn: 0, failed: None }
    }

    /// Reads the next text if that is not done. `None`: there is none, or it cannot be read.
    fn next_length(&mut self, read: &impl Fn(EmbeddingRole, &str, usize) -> Result<Piece, EngineError>) -> Option<usize> {
        if self.next.is_none() && self.failed.is_none() {
            let (index, text) = self.unread.next()?;
            match read(self.role, &text, index) {
                Ok(piece) => self.next = Some((index, piece)),
                Err(error) => self.failed = Some(error),
            }
        }
        self.next.as_ref().map(|(_, piece)| piece.ids.len())
    }

    fn take(&mut self, index: usize, piece: &Piece, found: Result<Vec<f32>, EngineError>) {
        match found {
            Ok(vector) => self.vectors[index] = vector,
            Err(error) => self.failed = Some(error),
        }
        self.missing -= 1;
        self.truncated[index] = piece.truncated;
        self.tokens += piece.ids.len();
    }

    /// Ends it, with an answer or why there is none.
    fn answer(self) {
        let Self { reply, vectors, truncated, tokens, failed, .. } = self;
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        match failed {
            Some(error) => reply.fail(error),
            // A server that is gone is noticed by the thread that reads.
            None => drop(reply.send(Event::Embeddings(Embeddings { vectors, tokens, truncated }))),
        }
    }
}

impl Turns {
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn join(&mut self, asked: Asked) {
        self.requests.push(Asked { turn: self.now, ..asked });
    }

    pub(super) fn drop_cancelled(&mut self) {
        self.requests.retain(|request| !request.reply.is_cancelled());
    }

    /// The texts whose turn it is, with at most so many tokens; the first may have more.
    pub(super) fn pick(
        &mut self,
        most_tokens: usize,
        read: impl Fn(EmbeddingRole, &str, usize) -> Result<Piece, EngineError>,
    ) -> Vec<Picked> {
        let (mut picked, mut left) = (Vec::new(), most_tokens);
        loop {
            let lengths = self.requests.iter_mut().map(|request| request.next_length(&read)).collect::<Vec<_>>();
            let waiting = lengths.into_iter().enumerate().filter_map(|(at, length)| Some((at, length?)));
            let Some((at, length)) = waiting.min_by_key(|(at, _)| (self.requests[*at].turn, *at)) else { return picked };
            if length > left && !picked.is_empty() {
                return picked;
            }
            left = left.saturating_sub(length);
            let request = &mut self.requests[at];
            self.now = self.now.max(request.turn);
            request.turn += length as u64;
            picked.extend(request.next.take().map(|(index, piece)| Picked { request: at, index, piece }));
        }
    }

    /// Takes what came of a batch, which was picked since requests last left.
    pub(super) fn give(&mut self, batch: Vec<Picked>, found: Vec<Result<Vec<f32>, EngineError>>) {
        for (Picked { request, index, piece }, found) in batch.into_iter().zip(found) {
            self.requests[request].take(index, &piece, found);
        }
    }

    /// Answers the requests that are done or have failed. Returns where one goes that is not.
    pub(super) fn answer_finished(&mut self) -> Option<&Reply> {
        let done = |request: &Asked| request.missing == 0 || request.failed.is_some();
        let (finished, waiting): (Vec<_>, Vec<_>) = mem::take(&mut self.requests).into_iter().partition(done);
        finished.into_iter().for_each(Asked::answer);
        self.requests = waiting;
        self.requests.first().map(|request| &request.reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::child::testing::Asker;

    fn ask(turns: &mut Turns, texts: &[usize]) {
        let texts = texts.iter().map(|length| "x".repeat(*length)).collect();
        turns.join(Asked::new(Asker::new(|_| true).reply(), texts, EmbeddingRole::Query));
    }

    /// Serves a batch; returns the lengths of its texts, a token a letter.
    fn serve(turns: &mut Turns, most_tokens: usize) -> Vec<usize> {
        let read = |_, text: &str, _| Ok(Piece { text: text.into(), ids: vec![1; text.len()], truncated: false });
        let batch = turns.pick(most_tokens, read);
        let lengths: Vec<usize> = batch.iter().map(|picked| picked.piece.ids.len()).collect();
        let found = lengths.iter().map(|_| Ok(vec![1.0])).collect();
        turns.give(batch, found);
        turns.answer_finished();
        lengths
    }

    #[test]
    fn requests_share_a_batch_by_tokens_and_a_new_one_begins_level() {
        let mut turns = Turns::default();
        ask(&mut turns, &[40; 50]);
        assert_eq!(serve(&mut turns, 100), [40, 40]);
        ask(&mut turns, &[10; 50]);
        assert_eq!(serve(&mut turns, 100), [10, 10, 10, 10, 40, 10, 10], "who has had fewer tokens is first, then who came first");
        assert_eq!(serve(&mut turns, 5), [10], "a text that is too long for a batch has one of its own");
    }

    #[test]
    fn a_long_text_is_served_although_short_ones_never_end() {
        let mut turns = Turns::default();
        ask(&mut turns, &[3, 90]);
        let mut steps = 0;
        while !serve(&mut turns, 100).contains(&90) {
            ask(&mut turns, &[2]);
            steps += 1;
            assert!(steps < 10);
        }
    }
}
