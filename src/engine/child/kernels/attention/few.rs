//! Queries too few to fill a register, over the same cells: one holds many values of one row, or scores of many cells.

use std::ops::Range;

use super::{
    Attention, NOTHING_SEEN, Scratch, TILE,
    blocks::{list_cells, rows_of, widen_tile},
};
use crate::engine::child::kernels::lanes::{Factor, Lanes, exponential, fill, product};

/// Rows that are multiplied together, and cells.
const BLOCK: usize = 4;

/// Goes over all cells that the tokens see, which for each are the same.
///
/// # Safety
/// As for [`super::Kernel`], and for [`Lanes`].
#[inline(always)]
pub(super) unsafe fn attend<L: Lanes>(attention: &Attention, tokens: Range<usize>, key_head: usize, scratch: &mut Scratch) {
    let (rows, width) = (tokens.len() * attention.group, attention.width);
    let whole = rows.next_multiple_of(BLOCK);
    // SAFETY: the buffers are as long as is asked for here; tokens, heads and cells are the attention's.
    unsafe {
        list_cells(attention, tokens.clone(), scratch);
        let queries = scratch.queries.of(rows * width);
        let keys = scratch.keys.of(TILE * width);
        let values = scratch.values.of(TILE * width);
        let scores = scratch.scores.of(whole * TILE);
        let sums = scratch.sums.of(whole * width);
        let greatest = scratch.greatest.of(rows);
        let weight = scratch.weight.of(rows);
        // What is added to the rows that only make a block whole is never looked at.
        fill::<L>(scores, whole * TILE, 0.0);
        fill::<L>(sums, whole * width, 0.0);
        for (row, (token, head)) in rows_of(attention, tokens.clone(), key_head).enumerate() {
            let query = attention.queries.row::<f32>(token, head);
            for dimension in 0..width {
                *queries.add(row * width + dimension) = *query.add(dimension) * attention.scale;
            }
            *greatest.add(row) = NOTHING_SEEN;
            *weight.add(row) = 0.0;
        }
        for first in (0..scratch.list.len()).step_by(TILE) {
            let range = first..scratch.list.len().min(first + TILE);
            widen_tile::<L>(attention, &scratch.list, range.clone(), key_head, keys, values);
            let tile = &scratch.list[range];
            for row in 0..rows {
                let scores = scores.add(row * TILE);
                multiply::<L>(queries.add(row * width), keys, width, tile.len(), scores);
                (tile.len()..tile.len().next_multiple_of(L::COUNT)).for_each(|beyond| *scores.add(beyond) = f32::NEG_INFINITY);
                weigh::<L>(scores, tile.len(), sums.add(row * width), width, &mut *greatest.add(row), &mut *weight.add(row));
            }
            let each_row = Factor { data: scores, row: TILE, column: 1 };
            product::<L, true>(each_row, values, sums, whole, tile.len(), width);
        }
        for (row, (token, head)) in rows_of(attention, tokens, key_head).enumerate() {
            let output = attention.output.add((token * attention.heads + head) * width);
            let all = *weight.add(row);
            let share = if all > 0.0 { 1.0 / all } else { 0.0 };
            for dimension in 0..width {
                *output.add(dimension) = *sums.add(row * width + dimension) * share;
            }
        }
    }
}

/// Scores of so many cells, or a few more.
///
/// # Safety
/// The query is one, and keys and scores are those of a tile.
#[inline(always)]
unsafe fn multiply<L: Lanes>(query: *const f32, keys: *const f32, width: usize, cells: usize, scores: *mut f32) {
    for cell in (0..cells).step_by(BLOCK) {
        let mut sums = [L::ZERO; BLOCK];
        // SAFETY: the caller's; a tile is made of whole blocks.
        unsafe {
            for dimension in (0..width).step_by(L::COUNT) {
                let values = L::load(query.add(dimension));
                for (place, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(keys.add((cell + place) * width + dimension)).multiply_add(values, *sum);
                }
            }
            L::store_sums(sums, scores.add(cell));
        }
    }
}

/// Makes weights of the scores of so many cells, in relation to the greatest so far, and brings what was added up before
/// into that relation.
///
/// # Safety
/// Scores fill whole registers, as do the row's sums, which are as many as it is wide.
#[inline(always)]
unsafe fn weigh<L: Lanes>(scores: *mut f32, cells: usize, sums: *mut f32, width: usize, greatest: &mut f32, weight: &mut f32) {
    // SAFETY: the caller's.
    unsafe {
        let mut most = L::splat(*greatest);
        for cell in (0..cells).step_by(L::COUNT) {
            most = most.maximum(L::load(scores.add(cell)));
        }
        let now = numbers(most)[..L::COUNT].iter().copied().fold(*greatest, f32::max);
        let mut added = L::ZERO;
        for cell in (0..cells).step_by(L::COUNT) {
            let score = scores.add(cell);
            let weight = exponential(L::load(score).subtract(L::splat(now)));
            weight.store(score);
            added = added.add(weight);
        }
        let added: f32 = numbers(added)[..L::COUNT].iter().sum();
        let change = exponential(L::splat(*greatest - now));
        if now > *greatest {
            for dimension in (0..width).step_by(L::COUNT) {
                L::load(sums.add(dimension)).multiply(change).store(sums.add(dimension));
            }
        }
        *weight = *weight * numbers(change)[0] + added;
        *greatest = now;
    }
}

/// A register's numbers, at the beginning of these.
#[inline(always)]
unsafe fn numbers<L: Lanes>(register: L) -> [f32; 16] {
    let mut numbers = [0.0; 16];
    // SAFETY: no register is longer.
    unsafe { register.store(numbers.as_mut_ptr()) };
    numbers
}
