//! Sixteen rows at once with AVX-512's 8-bit dot products: a register holds four weights of each row.

use std::{arch::x86_64::*, ops::Range};

use super::{Format, Kernel, Product, fetch};

const HEIGHT: usize = 16;

/// `None` on a processor without the instructions.
pub(super) fn kernel() -> Option<Kernel> {
    let able = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("f16c");
    able.then_some(Kernel { height: HEIGHT, q4_1: run::<false>, q8_0: run::<true>, needs_offsets: true })
}

/// One block of sixteen rows.
struct Block {
    /// Values 4n to 4n+3 of each row in register n; those of Q8_0 are 128 more.
    values: [__m512i; 8],
    scales: __m512,
    /// Of Q4_1.
    minima: __m512,
}

const fn format(is_q8_0: bool) -> Format {
    if is_q8_0 { Format::Q8_0 } else { Format::Q4_1 }
}

/// # Safety
/// As for [`super::Run`], on a processor for which [`kernel`] is one.
unsafe fn run<const Q8_0: bool>(product: &Product, rows: Range<usize>, columns: Range<usize>) {
    // SAFETY: the caller's.
    unsafe { panels::<Q8_0>(product, rows, columns) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
unsafe fn panels<const Q8_0: bool>(product: &Product, rows: Range<usize>, columns: Range<usize>) {
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
                    12.. => twelve::<Q8_0>(product, first, column, missing),
                    8.. => eight::<Q8_0>(product, first, column, missing),
                    5 => five::<Q8_0>(product, first, column, missing),
                    4.. => four::<Q8_0>(product, first, column, missing),
                    3 => three::<Q8_0>(product, first, column, missing),
                    2 => two::<Q8_0>(product, first, column, missing),
                    _ => one::<Q8_0>(product, first, column, missing),
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
        unsafe fn $name<const Q8_0: bool>(product: &Product, first_row: usize, first_column: usize, missing: __mmask16) -> usize {
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
                for number in 0..product.blocks {
                    if first_column == 0 {
                        fetch(product, format(Q8_0), first_row + HEIGHT..first_row + 2 * HEIGHT, number);
                    }
                    let block = if Q8_0 { unpack_q8_0(weights, stride, offsets) } else { unpack::<$width>(weights, stride, offsets) };
                    $({
                        let activations = activations.add(usize::wrapping_mul($column, product.activation_stride));
                        let offset = if Q8_0 { *product.offsets.add((first_column + $column) * product.blocks + number) } else { 0 };
                        sums[$column] = add::<Q8_0>(&block, activations, offset, sums[$column]);
                    })*
                    weights = weights.add(format(Q8_0).weight_block());
                    activations = activations.add(format(Q8_0).activation_block());
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
panel!(five, 5, 0 1 2 3 4);
panel!(eight, 8, 0 1 2 3 4 5 6 7);
panel!(twelve, 12, 0 1 2 3 4 5 6 7 8 9 10 11);

/// Reads one block of sixteen rows, `stride` bytes apart.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
unsafe fn unpack<const WIDTH: usize>(weights: *const u8, stride: usize, offsets: __m512i) -> Block {
    // SAFETY: sixteen blocks are there.
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
    let bytes = words(quads);
    let nibble = _mm512_set1_epi8(15);
    let low = |n: usize| _mm512_and_si512(bytes[n], nibble);
    let high = |n: usize| _mm512_and_si512(_mm512_srli_epi16::<4>(bytes[n]), nibble);
    Block {
        values: [low(0), low(1), low(2), low(3), high(0), high(1), high(2), high(3)],
        scales: _mm512_cvtph_ps(_mm512_cvtepi32_epi16(heads)),
        minima: _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(heads))),
    }
}

/// Reads one block of sixteen rows of Q8_0, `stride` bytes apart.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
unsafe fn unpack_q8_0(weights: *const u8, stride: usize, offsets: __m512i) -> Block {
    // Lane l of quad n is half a block of row 4l + n.
    // SAFETY: sixteen blocks are there.
    let quads = |at: usize| unsafe {
        let packed = |row: usize| _mm_loadu_si128(weights.add(row.wrapping_mul(stride)).add(at).cast());
        let quad = |n: usize| {
            let lanes = _mm512_castsi128_si512(packed(n));
            let lanes = _mm512_inserti32x4::<1>(lanes, packed(4 + n));
            let lanes = _mm512_inserti32x4::<2>(lanes, packed(8 + n));
            _mm512_inserti32x4::<3>(lanes, packed(12 + n))
        };
        [quad(0), quad(1), quad(2), quad(3)]
    };
    let more = |values: [__m512i; 4]| values.map(|values| _mm512_xor_si512(values, _mm512_set1_epi8(i8::MIN)));
    let ([a, b, c, d], [e, f, g, h]) = (more(words(quads(2))), more(words(quads(18))));
    // SAFETY: the same.
    let heads = unsafe { _mm512_i32gather_epi32::<1>(offsets, weights.cast()) };
    Block { values: [a, b, c, d, e, f, g, h], scales: _mm512_cvtph_ps(_mm512_cvtepi32_epi16(heads)), minima: _mm512_setzero_ps() }
}

/// Register n has four bytes of every row, of sixteen in each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
fn words(quads: [__m512i; 4]) -> [__m512i; 4] {
    let (front, back) = (_mm512_unpacklo_epi32(quads[0], quads[1]), _mm512_unpacklo_epi32(quads[2], quads[3]));
    let (front_high, back_high) = (_mm512_unpackhi_epi32(quads[0], quads[1]), _mm512_unpackhi_epi32(quads[2], quads[3]));
    [
        _mm512_unpacklo_epi64(front, back),
        _mm512_unpackhi_epi64(front, back),
        _mm512_unpacklo_epi64(front_high, back_high),
        _mm512_unpackhi_epi64(front_high, back_high),
    ]
}

/// `sums` and what one block of a column adds to them. `offset`: see [`Product::offsets`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
unsafe fn add<const Q8_0: bool>(block: &Block, activations: *const u8, offset: i32, sums: __m512) -> __m512 {
    // SAFETY: a block of activations is there.
    let word = |at: usize| unsafe { activations.add(at).cast::<i32>().read_unaligned() };
    let four = |n: usize| _mm512_set1_epi32(word(format(Q8_0).activation_head() + 4 * n));
    let dot = _mm512_dpbusd_epi32(_mm512_set1_epi32(offset), block.values[0], four(0));
    let dot = _mm512_dpbusd_epi32(dot, block.values[1], four(1));
    let dot = _mm512_dpbusd_epi32(dot, block.values[2], four(2));
    let dot = _mm512_dpbusd_epi32(dot, block.values[3], four(3));
    let dot = _mm512_dpbusd_epi32(dot, block.values[4], four(4));
    let dot = _mm512_dpbusd_epi32(dot, block.values[5], four(5));
    let dot = _mm512_dpbusd_epi32(dot, block.values[6], four(6));
    let dot = _mm512_dpbusd_epi32(dot, block.values[7], four(7));
    let head = _mm_cvtph_ps(_mm_cvtsi32_si128(word(0)));
    let scale = _mm512_broadcastss_ps(head);
    let sums = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_mul_ps(block.scales, scale), sums);
    if Q8_0 { sums } else { _mm512_fmadd_ps(block.minima, _mm512_broadcastss_ps(_mm_movehdup_ps(head)), sums) }
}
