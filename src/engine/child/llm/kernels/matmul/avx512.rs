//! Sixteen rows at once with AVX-512's 8-bit dot products: a register holds four weights of each row.

use std::{arch::x86_64::*, ops::Range};

use super::{ACTIVATION_BLOCK, Kernel, Product, WEIGHT_BLOCK};

const HEIGHT: usize = 16;

/// `None` on a processor without the instructions.
pub(super) fn kernel() -> Option<Kernel> {
    let able = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("f16c");
    able.then_some(Kernel { height: HEIGHT, run })
}

/// One block of sixteen rows.
struct Block {
    /// Values 4n to 4n+3 of each row in register n.
    values: [__m512i; 8],
    scales: __m512,
    minima: __m512,
}

/// # Safety
/// As for [`Kernel::run`], on a processor for which [`kernel`] is one.
unsafe fn run(product: &Product, rows: Range<usize>, columns: Range<usize>) {
    // SAFETY: the caller's.
    unsafe { panels(product, rows, columns) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
unsafe fn panels(product: &Product, rows: Range<usize>, columns: Range<usize>) {
    for wanted in rows.step_by(HEIGHT) {
        // The last panel begins earlier if it would be too short, and writes only what is missing.
        let first = wanted.min(product.rows - HEIGHT);
        let missing = u16::MAX << (wanted - first);
        let mut column = columns.start;
        while column < columns.end {
            let left = columns.end - column;
            // SAFETY: `first` and fifteen rows after it are there, as is every column below `columns.end`.
            column += unsafe {
                match left {
                    12.. => twelve(product, first, column, missing),
                    8.. => eight(product, first, column, missing),
                    4.. => four(product, first, column, missing),
                    3 => three(product, first, column, missing),
                    2 => two(product, first, column, missing),
                    _ => one(product, first, column, missing),
                }
            };
        }
    }
}

/// A function for so many columns, whose sums then stay in registers; returns how many they are.
macro_rules! panel {
    ($name:ident, $width:literal, $($column:literal)*) => {
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
        unsafe fn $name(product: &Product, first_row: usize, first_column: usize, missing: __mmask16) -> usize {
            let stride = product.weight_stride;
            let offsets = _mm512_mullo_epi32(
                _mm512_set1_epi32(stride as i32),
                _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
            );
            let mut sums = [_mm512_setzero_ps(); $width];
            // SAFETY: the caller promises the rows and columns; blocks are counted.
            unsafe {
                let mut weights = product.weights.add(first_row * stride);
                let mut activations = product.activations.add(first_column * product.activation_stride);
                for _ in 0..product.blocks {
                    let block = unpack::<$width>(weights, stride, offsets);
                    $(sums[$column] = add(&block, activations.add(usize::wrapping_mul($column, product.activation_stride)), sums[$column]);)*
                    weights = weights.add(WEIGHT_BLOCK);
                    activations = activations.add(ACTIVATION_BLOCK);
                }
                let output = product.output.add(first_column * product.output_stride + first_row);
                $(_mm512_mask_storeu_ps(output.add($column * product.output_stride), missing, sums[$column]);)*
            }
            $width
        }
    };
}

panel!(one, 1, 0);
panel!(two, 2, 0 1);
panel!(three, 3, 0 1 2);
panel!(four, 4, 0 1 2 3);
panel!(eight, 8, 0 1 2 3 4 5 6 7);
panel!(twelve, 12, 0 1 2 3 4 5 6 7 8 9 10 11);

/// Reads one block of sixteen rows, `stride` bytes apart.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
unsafe fn unpack<const WIDTH: usize>(weights: *const u8, stride: usize, offsets: __m512i) -> Block {
    // SAFETY: sixteen blocks of WEIGHT_BLOCK bytes are there.
    let (heads, quads) = unsafe {
        let packed = |row: usize| _mm_loadu_si128(weights.add(row.wrapping_mul(stride)).add(4).cast());
        // Lane l of quad n is row 4l + n.
        let quad = |n: usize| {
            let lanes = _mm512_castsi128_si512(packed(n));
            let lanes = _mm512_inserti32x4::<1>(lanes, packed(4 + n));
            let lanes = _mm512_inserti32x4::<2>(lanes, packed(8 + n));
            _mm512_inserti32x4::<3>(lanes, packed(12 + n))
        };
        (_mm512_i32gather_epi32::<1>(offsets, weights.cast()), [quad(0), quad(1), quad(2), quad(3)])
    };
    let (front, back) = (_mm512_unpacklo_epi32(quads[0], quads[1]), _mm512_unpacklo_epi32(quads[2], quads[3]));
    let (front_high, back_high) = (_mm512_unpackhi_epi32(quads[0], quads[1]), _mm512_unpackhi_epi32(quads[2], quads[3]));
    // Register n has four bytes of every row, two values in each.
    let bytes = [
        _mm512_unpacklo_epi64(front, back),
        _mm512_unpackhi_epi64(front, back),
        _mm512_unpacklo_epi64(front_high, back_high),
        _mm512_unpackhi_epi64(front_high, back_high),
    ];
    let nibble = _mm512_set1_epi8(15);
    let low = |n: usize| _mm512_and_si512(bytes[n], nibble);
    let high = |n: usize| _mm512_and_si512(_mm512_srli_epi16::<4>(bytes[n]), nibble);
    Block {
        values: [low(0), low(1), low(2), low(3), high(0), high(1), high(2), high(3)],
        scales: _mm512_cvtph_ps(_mm512_cvtepi32_epi16(heads)),
        minima: _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(heads))),
    }
}

/// `sums` and what one block of a column adds to them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
unsafe fn add(block: &Block, activations: *const u8, sums: __m512) -> __m512 {
    // SAFETY: a block of ACTIVATION_BLOCK bytes is there.
    let word = |n: usize| unsafe { activations.add(4 * n).cast::<i32>().read_unaligned() };
    let four = |n: usize| _mm512_set1_epi32(word(1 + n));
    let dot = _mm512_dpbusd_epi32(_mm512_setzero_si512(), block.values[0], four(0));
    let dot = _mm512_dpbusd_epi32(dot, block.values[1], four(1));
    let dot = _mm512_dpbusd_epi32(dot, block.values[2], four(2));
    let dot = _mm512_dpbusd_epi32(dot, block.values[3], four(3));
    let dot = _mm512_dpbusd_epi32(dot, block.values[4], four(4));
    let dot = _mm512_dpbusd_epi32(dot, block.values[5], four(5));
    let dot = _mm512_dpbusd_epi32(dot, block.values[6], four(6));
    let dot = _mm512_dpbusd_epi32(dot, block.values[7], four(7));
    let head = _mm_cvtph_ps(_mm_cvtsi32_si128(word(0)));
    let (scale, sum) = (_mm512_broadcastss_ps(head), _mm512_broadcastss_ps(_mm_movehdup_ps(head)));
    let sums = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_mul_ps(block.scales, scale), sums);
    _mm512_fmadd_ps(block.minima, sum, sums)
}
