//! The computation itself, written once for registers of any length.

use std::ops::Range;

use super::{ALIKE, Attention, HIDDEN, Scratch, TILE};

/// Less than any score, and still a number: what is seen later makes nothing of what was added up in relation to it.
const NOTHING_SEEN: f32 = -1e30;

/// A register of numbers in single precision.
///
/// # Safety
/// All of it needs a processor that has the register, and inlining into a function that may use it.
pub(super) trait Lanes: Copy {
    const COUNT: usize;
    /// Sums that are kept in registers at once.
    const SUMS: usize;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// From half precision.
    unsafe fn widen(from: *const u16) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn subtract(self, other: Self) -> Self;
    unsafe fn multiply(self, other: Self) -> Self;
    /// `self * factor + addend`
    unsafe fn multiply_add(self, factor: Self, addend: Self) -> Self;
    unsafe fn maximum(self, other: Self) -> Self;
    /// To whole numbers.
    unsafe fn round(self) -> Self;
    /// 2 to the power of each, which are whole numbers from -126 to 0; whatever it be for others.
    unsafe fn exponent(self) -> Self;
    /// These where the others are above the least, and 0 elsewhere.
    unsafe fn above(self, least: Self, other: Self) -> Self;
    unsafe fn equals(self, other: Self) -> bool;
}

/// A matrix of which a product takes one value at a time: how far apart the values of a column and of a row are.
#[derive(Clone, Copy)]
struct Factor {
    data: *const f32,
    row: usize,
    column: usize,
}

/// A [`super::Kernel`].
///
/// # Safety
/// As for it, and for [`Lanes`].
#[inline(always)]
pub(super) unsafe fn attend<L: Lanes>(attention: &Attention, tokens: Range<usize>, key_head: usize, scratch: &mut Scratch) {
    let mut first = tokens.start;
    while first < tokens.end {
        // SAFETY: the caller's.
        unsafe {
            let end = alike(attention, first..tokens.end);
            attend_together::<L>(attention, first..end, key_head, scratch);
            first = end;
        }
    }
}

/// Where the tokens from the first of these on stop to see about the same cells.
///
/// # Safety
/// As for [`Attention::seen`].
#[inline(always)]
unsafe fn alike(attention: &Attention, tokens: Range<usize>) -> usize {
    let mut next = tokens.start + 1;
    while next < tokens.end {
        // SAFETY: the caller's.
        let (last, this) = unsafe { (attention.seen(next - 1), attention.seen(next)) };
        let (mut seen, mut different) = (0, 0);
        for (last, this) in last.iter().zip(this) {
            seen += u32::from(*this != HIDDEN);
            different += u32::from(last != this);
        }
        if different > ALIKE + seen / 8 {
            break;
        }
        next += 1;
    }
    next
}

/// Goes over all cells that any of these tokens sees.
///
/// # Safety
/// As for [`attend`].
#[inline(always)]
unsafe fn attend_together<L: Lanes>(attention: &Attention, tokens: Range<usize>, key_head: usize, scratch: &mut Scratch) {
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
        for tile in scratch.list.chunks(TILE) {
            for (place, cell) in tile.iter().enumerate() {
                widen::<L>(attention.keys.row(*cell as usize, key_head), keys.add(place * width), width);
                widen::<L>(attention.values.row(*cell as usize, key_head), values.add(place * width), width);
            }
            // Products take whole blocks. What is in the keys beyond the list is of no consequence.
            let cells = tile.len().next_multiple_of(L::SUMS);
            let each_key = Factor { data: keys, row: width, column: 1 };
            product::<L, false>(each_key, queries, scores, cells, width, stride);
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

/// Tokens and heads of queries in the order of their rows.
#[inline(always)]
fn rows_of(attention: &Attention, tokens: Range<usize>, key_head: usize) -> impl Iterator<Item = (usize, usize)> {
    let heads = key_head * attention.group..(key_head + 1) * attention.group;
    tokens.flat_map(move |token| heads.clone().map(move |head| (token, head)))
}

/// # Safety
/// As for [`Attention::seen`].
#[inline(always)]
unsafe fn list_cells(attention: &Attention, tokens: Range<usize>, scratch: &mut Scratch) {
    let Scratch { seen_by, list, .. } = scratch;
    seen_by.clear();
    seen_by.resize(attention.cells, 0);
    for token in tokens {
        // SAFETY: the caller's.
        let seen = unsafe { attention.seen(token) };
        seen_by.iter_mut().zip(seen).for_each(|(count, cell)| *count += u16::from(*cell != HIDDEN));
    }
    list.clear();
    list.extend((0..).zip(seen_by.iter()).filter(|(_, count)| **count > 0).map(|(cell, _)| cell));
}

#[inline(always)]
unsafe fn fill<L: Lanes>(buffer: *mut f32, count: usize, value: f32) {
    for at in (0..count).step_by(L::COUNT) {
        // SAFETY: the buffer holds whole registers, so many numbers.
        unsafe { L::splat(value).store(buffer.add(at)) };
    }
}

#[inline(always)]
unsafe fn widen<L: Lanes>(halves: *const u16, to: *mut f32, count: usize) {
    for at in (0..count).step_by(L::COUNT) {
        // SAFETY: both hold so many numbers, whole registers.
        unsafe { L::widen(halves.add(at)).store(to.add(at)) };
    }
}

/// `output[i][row] = sum over k of factor[i][k] * rows[k][row]`, or that much more.
///
/// # Safety
/// The matrices are that large, `count` being a multiple of [`Lanes::SUMS`].
#[inline(always)]
unsafe fn product<L: Lanes, const MORE: bool>(
    factor: Factor,
    rows: *const f32,
    output: *mut f32,
    count: usize,
    depth: usize,
    stride: usize,
) {
    let mut first = 0;
    while first < stride {
        let left = (stride - first) / L::COUNT;
        // SAFETY: the caller's; so many registers of rows are left.
        unsafe {
            let (rows, output) = (rows.add(first), output.add(first));
            first += L::COUNT
                * match (left, L::SUMS) {
                    (4.., 16) => block::<L, 4, 4, MORE>(factor, rows, output, count, depth, stride),
                    (2.., 16) => block::<L, 2, 8, MORE>(factor, rows, output, count, depth, stride),
                    (_, 16) => block::<L, 1, 16, MORE>(factor, rows, output, count, depth, stride),
                    (2.., _) => block::<L, 2, 4, MORE>(factor, rows, output, count, depth, stride),
                    _ => block::<L, 1, 8, MORE>(factor, rows, output, count, depth, stride),
                };
        }
    }
}

/// A product for `WIDE` registers of rows, `HIGH` rows of the factor at a time; returns `WIDE`.
#[inline(always)]
unsafe fn block<L: Lanes, const WIDE: usize, const HIGH: usize, const MORE: bool>(
    factor: Factor,
    rows: *const f32,
    output: *mut f32,
    count: usize,
    depth: usize,
    stride: usize,
) -> usize {
    for first in (0..count).step_by(HIGH) {
        // SAFETY: the caller's.
        unsafe {
            let output = output.add(first * stride);
            let mut sums = [[L::splat(0.0); WIDE]; HIGH];
            if MORE {
                for high in 0..HIGH {
                    for wide in 0..WIDE {
                        sums[high][wide] = L::load(output.add(high * stride + wide * L::COUNT));
                    }
                }
            }
            for k in 0..depth {
                let mut row = [L::splat(0.0); WIDE];
                for wide in 0..WIDE {
                    row[wide] = L::load(rows.add(k * stride + wide * L::COUNT));
                }
                for high in 0..HIGH {
                    let value = L::splat(*factor.data.add((first + high) * factor.row + k * factor.column));
                    for wide in 0..WIDE {
                        sums[high][wide] = value.multiply_add(row[wide], sums[high][wide]);
                    }
                }
            }
            for high in 0..HIGH {
                for wide in 0..WIDE {
                    sums[high][wide].store(output.add(high * stride + wide * L::COUNT));
                }
            }
        }
    }
    WIDE
}

/// e to the power of each, of which none is above 0. Exactly 0 where that is too little for single precision to be exact.
///
/// As 2 to a whole power times a polynomial in what is left, within [-ln 2 / 2, ln 2 / 2]: the one of Cephes' `expf`.
#[inline(always)]
unsafe fn exponential<L: Lanes>(power: L) -> L {
    /// -126 ln 2: what is below is no normal number.
    const LEAST: f32 = -87.336_55;
    /// ln 2 in two parts, of which multiples of the first are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const POLYNOMIAL: [f32; 5] = [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5];
    // SAFETY: the caller's.
    unsafe {
        let whole = power.maximum(L::splat(LEAST)).multiply(L::splat(std::f32::consts::LOG2_E)).round();
        let left = whole.multiply_add(L::splat(-LN_2[0]), power);
        let left = whole.multiply_add(L::splat(-LN_2[1]), left);
        let mut series = L::splat(1.987_569_1e-4);
        for factor in POLYNOMIAL {
            series = series.multiply_add(left, L::splat(factor));
        }
        let fraction = series.multiply_add(left.multiply(left), left.add(L::splat(1.0)));
        fraction.multiply(whole.exponent()).above(L::splat(LEAST), power)
    }
}

/// Scores of what a token does not see are as low as can be.
///
/// # Safety
/// As for [`attend`]; `scores` are those of `tile`.
#[inline(always)]
unsafe fn hide(attention: &Attention, tokens: Range<usize>, tile: &[u32], scores: *mut f32, stride: usize) {
    for (index, token) in tokens.enumerate() {
        // SAFETY: the caller's.
        let seen = unsafe { attention.seen(token) };
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
            let mut added = L::splat(0.0);
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
