//! Several units of a batch at once.
//!
//! Threads that need not wait for each other at every operation are faster, by a third and more, and by far more on a
//! machine that does other things too. So a batch is cut into units of similar length, and lanes of few threads take one
//! unit after the other. A single text gets every thread where that is faster: beside other work it is not, and threads
//! that wait for each other by spinning, as llama.cpp's do, become a hundred times slower ([`single`]).

mod single;

use std::{
    cmp::Reverse,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use self::single::Single;
use super::Piece;
use crate::engine::EngineError;

/// Lanes beside the one with every thread.
const MOST_LANES: usize = 4;

/// What may be computed as one.
#[derive(Debug, Clone, Copy)]
pub struct UnitSize {
    pub texts: usize,
    /// Padding included. One text may have more.
    pub tokens: usize,
}

/// How many lanes so many threads are shared out to; 0: there is nothing to share.
pub fn lanes_for(threads: usize) -> usize {
    if threads > 1 { threads.min(MOST_LANES) } else { 0 }
}

/// States of a model that compute independently of each other.
pub struct Lanes<L> {
    /// Has every thread.
    alone: L,
    /// Have a share of the threads each.
    parallel: Vec<L>,
    size: UnitSize,
    /// Tokens of the longest text that the parallel ones take.
    longest: usize,
    single: Single,
}

/// A text's place in the batch, and its vector.
type Found = (usize, Vec<f32>);

impl<L: Send> Lanes<L> {
    pub fn new(alone: L, parallel: Vec<L>, size: UnitSize, longest: usize) -> Self {
        Self { alone, parallel, size, longest, single: Single::default() }
    }

    /// The vectors of all pieces, in order. `compute` makes those of one unit.
    pub fn encode(
        &mut self,
        pieces: &[&Piece],
        compute: impl Fn(&mut L, &[&Piece]) -> Result<Vec<Vec<f32>>, EngineError> + Sync,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let [piece] = pieces else { return self.encode_some(pieces, false, compute) };
        if self.parallel.is_empty() || piece.ids.len() > self.longest {
            return self.encode_some(pieces, true, compute);
        }
        let (alone, started) = (self.single.gets_every_thread(), Instant::now());
        let found = self.encode_some(pieces, alone, compute);
        self.single.took(alone, started.elapsed().as_secs_f64() / piece.ids.len() as f64);
        found
    }

    /// `alone`: with every thread, one unit after the other.
    fn encode_some(
        &mut self,
        pieces: &[&Piece],
        alone: bool,
        compute: impl Fn(&mut L, &[&Piece]) -> Result<Vec<Vec<f32>>, EngineError> + Sync,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        // Few texts are shared out too.
        let texts = self.size.texts.min(pieces.len().div_ceil(self.parallel.len().max(1)));
        let is_alone = |unit: &Vec<usize>| alone || self.parallel.is_empty() || pieces[unit[0]].ids.len() > self.longest;
        let (alone, shared): (Vec<_>, Vec<_>) = units(pieces, UnitSize { texts, ..self.size }).into_iter().partition(is_alone);
        let run = |lane: &mut L, units: &[Vec<usize>], next: &AtomicUsize| -> Result<Vec<Found>, EngineError> {
            let mut found = Vec::new();
            while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
                let some: Vec<&Piece> = unit.iter().map(|index| pieces[*index]).collect();
                found.extend(unit.iter().copied().zip(compute(lane, &some)?));
            }
            Ok(found)
        };
        let mut found = run(&mut self.alone, &alone, &AtomicUsize::new(0))?;
        let next = AtomicUsize::new(0);
        let busy = self.parallel.len().min(shared.len());
        found.extend(side_by_side(&mut self.parallel[..busy], |lane| run(lane, &shared, &next))?);
        Ok(in_order(found))
    }
}

/// Has every lane work; this thread works too.
fn side_by_side<L: Send>(
    lanes: &mut [L],
    work: impl Fn(&mut L) -> Result<Vec<Found>, EngineError> + Sync,
) -> Result<Vec<Found>, EngineError> {
    let Some((own, others)) = lanes.split_first_mut() else { return Ok(Vec::new()) };
    thread::scope(|scope| {
        let others: Vec<_> = others.iter_mut().map(|lane| scope.spawn(|| work(lane))).collect();
        let mut found = work(own)?;
        for other in others {
            found.extend(other.join().unwrap_or_else(|_| Err(EngineError::Failed("a thread of the embedding panicked".into())))?);
        }
        Ok(found)
    })
}

/// The vectors in the order of their texts.
pub fn in_order(mut found: Vec<Found>) -> Vec<Vec<f32>> {
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, vector)| vector).collect()
}

/// Indices of the pieces in units of similar length, the longest first: what is computed together is padded little, and
/// lanes that take one unit after the other end at about the same time.
pub fn units(pieces: &[&Piece], size: UnitSize) -> Vec<Vec<usize>> {
    let length = |index: usize| pieces[index].ids.len();
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|index| Reverse(length(*index)));
    let mut units: Vec<Vec<usize>> = Vec::new();
    for index in order {
        let fits = |unit: &&mut Vec<usize>| {
            let longest = length(unit[0]);
            unit.len() < size.texts && (unit.len() + 1) * longest <= size.tokens && longest < 2 * length(index)
        };
        match units.last_mut().filter(fits) {
            Some(unit) => unit.push(index),
            None => units.push(vec![index]),
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(lengths: &[usize]) -> Vec<Piece> {
        let piece = |length: &usize| Piece { text: String::new(), ids: vec![1; *length], truncated: false };
        lengths.iter().map(piece).collect()
    }

    fn cut(lengths: &[usize], texts: usize, tokens: usize) -> Vec<Vec<usize>> {
        units(&pieces(lengths).iter().collect::<Vec<_>>(), UnitSize { texts, tokens })
    }

    #[test]
    fn units_hold_every_text_once_the_longest_first_and_are_padded_little() {
        assert_eq!(cut(&[5, 9, 4, 7, 6], 2, 100), [vec![1, 3], vec![4, 0], vec![2]]);
        assert_eq!(cut(&[5, 9, 4, 7, 6], 1, 100).len(), 5);
        assert_eq!(cut(&[8, 8, 8, 8], 4, 16), [vec![0, 1], vec![2, 3]], "as many tokens as are allowed");
        assert_eq!(cut(&[3, 100, 3, 60], 4, 1000), [vec![1, 3], vec![0, 2]], "short texts are not padded to long ones");
        assert_eq!(cut(&[50], 4, 10), [vec![0]], "a text that is longer than a unit has one of its own");
    }

    #[test]
    fn every_vector_comes_back_in_its_place_whatever_lane_it_took() {
        let pieces = pieces(&[4, 40, 1, 9, 2, 30, 9]);
        let pieces: Vec<&Piece> = pieces.iter().collect();
        for parallel in [0, 1, 3] {
            let mut lanes = Lanes::new(true, vec![false; parallel], UnitSize { texts: 2, tokens: 64 }, 20);
            let found = lanes.encode(&pieces, |alone, unit| {
                assert_eq!(*alone, parallel == 0 || unit[0].ids.len() > 20);
                Ok(unit.iter().map(|piece| vec![piece.ids.len() as f32]).collect())
            });
            assert_eq!(found.unwrap().concat(), [4.0, 40.0, 1.0, 9.0, 2.0, 30.0, 9.0]);
            let failed = lanes.encode(&pieces, |_, unit| match unit[0].ids.len() {
                1 => Err(EngineError::Failed("one text is too short".into())),
                _ => Ok(vec![vec![]; unit.len()]),
            });
            assert!(failed.is_err_and(|error| error.to_string().contains("too short")));
        }
    }
}
