//! Which tokens go over the cells together, and over which.

use std::ops::Range;

use super::{Attention, Cached, HIDDEN, Scratch, one, rows};
use crate::engine::child::kernels::lanes::Lanes;

/// Neighbours go over the cells together when no more of them than this, and an eighth, are seen by one only.
const ALIKE: u32 = 8;

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
            } else {
                // No closure, which would be a function without the registers.
                for token in first..end {
                    one::attend::<L>(attention, token, key_head, scratch);
                }
            }
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

/// Writes down which cells any of these tokens sees.
///
/// # Safety
/// As for [`Attention::seen`].
#[inline(always)]
pub(super) unsafe fn list_cells(attention: &Attention, tokens: Range<usize>, scratch: &mut Scratch) {
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

/// Numbers of one cell in single precision.
///
/// # Safety
/// The cell and the head are there, and room for so many numbers, which are whole registers.
#[inline(always)]
pub(super) unsafe fn widen<L: Lanes>(of: &Cached, cell: usize, head: usize, to: *mut f32, count: usize) {
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
