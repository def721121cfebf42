//! Which tokens go over the cells together, and over which.

use std::ops::Range;

use super::{Attention, Cached, HIDDEN, Scratch, few, rows};
use crate::engine::child::kernels::{LINE, lanes::Lanes, near};

/// Neighbours go over the cells together when no more of them than this, and an eighth, are seen by one only.
const ALIKE: u32 = 8;
/// How many cells before they are needed they are fetched.
const AHEAD: usize = 12;

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
            if (end - first) * attention.group > L::COUNT / 2 {
                rows::attend::<L>(attention, first..end, key_head, scratch);
            } else if attention.mask.is_none() {
                few::attend::<L>(attention, first..end, key_head, scratch);
            } else {
                // Each by itself: a token's values do not depend on what stands beside it. No closure, which would be a
                // function without the registers.
                for token in first..end {
                    few::attend::<L>(attention, token..token + 1, key_head, scratch);
                }
            }
            first = end;
        }
    }
}

/// Where the tokens from the first of these on stop to see about the same cells.
///
/// # Safety
/// There are those tokens.
#[inline(always)]
unsafe fn alike(attention: &Attention, tokens: Range<usize>) -> usize {
    let Some(mask) = attention.mask else { return tokens.end };
    let mut next = tokens.start + 1;
    while next < tokens.end {
        // SAFETY: the caller's.
        let (last, this) = unsafe { (mask.row(next - 1, attention.cells), mask.row(next, attention.cells)) };
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

/// Writes down which cells any of these tokens sees.
///
/// # Safety
/// There are those tokens.
#[inline(always)]
pub(super) unsafe fn list_cells(attention: &Attention, tokens: Range<usize>, scratch: &mut Scratch) {
    let Scratch { seen_by, list, .. } = scratch;
    seen_by.clear();
    list.clear();
    let Some(mask) = attention.mask else {
        seen_by.resize(attention.cells, tokens.len() as u16);
        list.extend(0..attention.cells as u32);
        return;
    };
    seen_by.resize(attention.cells, 0);
    for token in tokens {
        // SAFETY: the caller's.
        let seen = unsafe { mask.row(token, attention.cells) };
        seen_by.iter_mut().zip(seen).for_each(|(count, cell)| *count += u16::from(*cell != HIDDEN));
    }
    list.extend((0..).zip(seen_by.iter()).filter(|(_, count)| **count > 0).map(|(cell, _)| cell));
}

/// Tokens and heads of queries in the order of their rows.
#[inline(always)]
pub(super) fn rows_of(attention: &Attention, tokens: Range<usize>, key_head: usize) -> impl Iterator<Item = (usize, usize)> {
    let heads = key_head * attention.group..(key_head + 1) * attention.group;
    tokens.flat_map(move |token| heads.clone().map(move |head| (token, head)))
}

/// Keys and values of some of the list's cells in single precision, one cell after another.
///
/// # Safety
/// The cells and the head are there, and room for so many numbers, which are whole registers for each cell.
#[inline(always)]
pub(super) unsafe fn widen_tile<L: Lanes>(
    attention: &Attention,
    list: &[u32],
    tile: Range<usize>,
    key_head: usize,
    keys: *mut f32,
    values: *mut f32,
) {
    let width = attention.width;
    for at in tile.clone() {
        // SAFETY: the caller's.
        unsafe {
            // Heads lie side by side in a cell, so that the next cell of this one is too far for the processor to foresee.
            if let Some(cell) = list.get(at + AHEAD) {
                fetch(&attention.keys, *cell as usize, key_head, width);
                fetch(&attention.values, *cell as usize, key_head, width);
            }
            let (cell, place) = (list[at] as usize, (at - tile.start) * width);
            widen::<L>(&attention.keys, cell, key_head, keys.add(place), width);
            widen::<L>(&attention.values, cell, key_head, values.add(place), width);
        }
    }
}

/// Has the numbers of a cell brought nearer.
///
/// # Safety
/// The cell and the head are there.
#[inline(always)]
unsafe fn fetch(of: &Cached, cell: usize, head: usize, count: usize) {
    // SAFETY: the caller's.
    let from = unsafe { of.matrices.row::<u8>(cell, head) };
    // As long as in half precision; a quantized cell is shorter.
    for line in (0..2 * count).step_by(LINE) {
        near(from.wrapping_add(line));
    }
}

/// Numbers of one cell in single precision.
///
/// # Safety
/// The cell and the head are there, and room for so many numbers, which are whole registers.
#[inline(always)]
unsafe fn widen<L: Lanes>(of: &Cached, cell: usize, head: usize, to: *mut f32, count: usize) {
    // SAFETY: the caller's.
    unsafe {
        if let Some(widen) = of.widen {
            return widen(of.matrices.row(cell, head), to, count as i64);
        }
        let halves = of.matrices.row::<u16>(cell, head);
        for at in (0..count).step_by(L::COUNT) {
            L::widen(halves.add(at)).store(to.add(at));
        }
    }
}
