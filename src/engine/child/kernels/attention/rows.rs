//! Many rows of queries over the same cells: a register holds one value of many rows, so that neither a maximum nor a sum goes
//! across its lanes.

use std::ops::Range;

use super::{
    Attention, HIDDEN, NOTHING_SEEN, Scratch, TILE,
    blocks::{list_cells, rows_of, widen_tile},
};
use crate::engine::child::kernels::lanes::{Factor, Lanes, exponential, fill, product};

/// Goes over all cells that any of these tokens sees.
///
/// # Safety
/// As for [`super::Kernel`], and for [`Lanes`].
#[inline(always)]
pub(super) unsafe fn attend<L: Lanes>(attention: &Attention, tokens: Range<usize>, key_head: usize, scratch: &mut Scratch) {
    let rows = tokens.len() * attention.group;
    let stride = rows.next_multiple_of(L::COUNT);
    let width = attention.width;
    // SAFETY: the buffers are as long as is asked for here; tokens, heads and cells are the attention's.
    unsafe {
        list_cells(attention, tokens.clone(), scratch);
        let queries = scratch.queries.of(width * stride);
        let keys = scratch.keys.of(TILE * width);
        let values = scratch.values.of(TILE * width);
        let scores = scratch.scores.of(TILE * stride);
        let sums = scratch.sums.of(width * stride);
        let greatest = scratch.greatest.of(stride);
        let weight = scratch.weight.of(stride);
        fill::<L>(queries, width * stride, 0.0);
        fill::<L>(sums, width * stride, 0.0);
        fill::<L>(greatest, stride, NOTHING_SEEN);
        fill::<L>(weight, stride, 0.0);
        for (row, (token, head)) in rows_of(attention, tokens.clone(), key_head).enumerate() {
            let query = attention.queries.row::<f32>(token, head);
            for dimension in 0..width {
                *queries.add(dimension * stride + row) = *query.add(dimension) * attention.scale;
            }
        }
        for first in (0..scratch.list.len()).step_by(TILE) {
            let range = first..scratch.list.len().min(first + TILE);
            widen_tile::<L>(attention, &scratch.list, range.clone(), key_head, keys, values);
            let tile = &scratch.list[range];
            let each_key = Factor { data: keys, row: width, column: 1 };
            product::<L, false>(each_key, queries, scores, tile.len(), width, stride);
            if tile.iter().any(|cell| usize::from(scratch.seen_by[*cell as usize]) < tokens.len()) {
                hide(attention, tokens.clone(), tile, scores, stride);
            }
            weigh::<L>(scores, tile.len(), sums, width, greatest, weight, stride);
            let each_dimension = Factor { data: values, row: 1, column: width };
            product::<L, true>(each_dimension, scores, sums, width, tile.len(), stride);
        }
        for (row, (token, head)) in rows_of(attention, tokens, key_head).enumerate() {
            let output = attention.output.add((token * attention.heads + head) * width);
            let all = *weight.add(row);
            let share = if all > 0.0 { 1.0 / all } else { 0.0 };
            for dimension in 0..width {
                *output.add(dimension) = *sums.add(dimension * stride + row) * share;
            }
        }
    }
}

/// Scores of what a token does not see are as low as can be.
///
/// # Safety
/// As for [`attend`]; `scores` are those of `tile`.
#[inline(always)]
unsafe fn hide(attention: &Attention, tokens: Range<usize>, tile: &[u32], scores: *mut f32, stride: usize) {
    let Some(mask) = attention.mask else { return };
    for (index, token) in tokens.enumerate() {
        // SAFETY: the caller's.
        let seen = unsafe { mask.row(token, attention.cells) };
        for (place, _) in tile.iter().enumerate().filter(|(_, cell)| seen[**cell as usize] == HIDDEN) {
            for row in index * attention.group..(index + 1) * attention.group {
                // SAFETY: the scores of the tile's cells and of all rows are there.
                unsafe { *scores.add(place * stride + row) = f32::NEG_INFINITY };
            }
        }
    }
}

/// Makes weights of the scores of so many cells, in relation to the greatest so far, and brings what was added up before
/// into that relation.
///
/// # Safety
/// The buffers are of that many cells, dimensions and rows.
#[inline(always)]
unsafe fn weigh<L: Lanes>(
    scores: *mut f32,
    cells: usize,
    sums: *mut f32,
    width: usize,
    greatest: *mut f32,
    weight: *mut f32,
    stride: usize,
) {
    for first in (0..stride).step_by(L::COUNT) {
        // SAFETY: the caller's.
        unsafe {
            let (scores, sums) = (scores.add(first), sums.add(first));
            let before = L::load(greatest.add(first));
            let mut now = before;
            for cell in 0..cells {
                now = now.maximum(L::load(scores.add(cell * stride)));
            }
            let mut added = L::ZERO;
            for cell in 0..cells {
                let score = scores.add(cell * stride);
                let weight = exponential(L::load(score).subtract(now));
                weight.store(score);
                added = added.add(weight);
            }
            let change = exponential(before.subtract(now));
            L::load(weight.add(first)).multiply_add(change, added).store(weight.add(first));
            now.store(greatest.add(first));
            if !now.equals(before) {
                for dimension in 0..width {
                    let sum = sums.add(dimension * stride);
                    L::load(sum).multiply(change).store(sum);
                }
            }
        }
    }
}
