//! Eight rows at once with AVX2: a register holds four weights of each row.

use std::{arch::x86_64::*, ops::Range};

use super::{Format, Kernel, Product, fetch};

const HEIGHT: usize = 8;

/// `None` on a processor without the instructions.
pub(super) fn kernel() -> Option<Kernel> {
    let able = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
    able.then_some(Kernel { height: HEIGHT, q4_1: run::<false>, q8_0: run::<true>, needs_offsets: false })
}

/// One block of eight rows.
struct Block {
    /// Values 4n to 4n+3 of each row in register n.
    values: [__m256i; 8],
    scales: __m256,
    /// Of Q4_1.
    minima: __m256,
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

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn panels<const Q8_0: bool>(product: &Product, rows: Range<usize>, columns: Range<usize>) {
    for wanted in rows.step_by(HEIGHT) {
        // The last panel begins earlier if it would be too short, and writes only what is missing.
        let first = wanted.min(product.rows - HEIGHT);
        let mut column = columns.start;
        while column < columns.end {
            // SAFETY: `first` and seven rows after it are there, as is every column below `columns.end`.
            column += unsafe {
                match columns.end - column {
                    4.. => four::<Q8_0>(product, first, column, wanted - first),
                    3 => three::<Q8_0>(product, first, column, wanted - first),
                    2 => two::<Q8_0>(product, first, column, wanted - first),
                    _ => one::<Q8_0>(product, first, column, wanted - first),
                }
            };
        }
    }
}

/// A function for so many columns, whose sums then stay in registers; returns how many they are.
macro_rules! panel {
    ($name:ident, $width:literal, $($column:literal)*) => {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma,f16c")]
        unsafe fn $name<const Q8_0: bool>(product: &Product, first_row: usize, first_column: usize, present: usize) -> usize {
            let stride = product.weight_stride;
            let mut sums = [_mm256_setzero_ps(); $width];
            // SAFETY: the caller promises the rows and columns; blocks are counted.
            unsafe {
                let mut weights = product.weights.add(first_row * stride);
                let mut activations = product.activations.add(first_column * product.activation_stride);
                for number in 0..product.blocks {
                    if first_column == 0 {
                        fetch(product, format(Q8_0), first_row + HEIGHT..first_row + 2 * HEIGHT, number);
                    }
                    let block = if Q8_0 { unpack_q8_0(weights, stride) } else { unpack::<$width>(weights, stride) };
                    $({
                        let activations = activations.add(usize::wrapping_mul($column, product.activation_stride));
                        sums[$column] = if Q8_0 { add_q8_0(&block, activations, sums[$column]) } else { add(&block, activations, sums[$column]) };
                    })*
                    weights = weights.add(format(Q8_0).weight_block());
                    activations = activations.add(format(Q8_0).activation_block());
                }
                let output = product.output.add(first_column * product.output_stride + first_row);
                $(store(output.add($column * product.output_stride), sums[$column], present);)*
            }
            $width
        }
    };
}

panel!(one, 1, 0);
panel!(two, 2, 0 1);
panel!(three, 3, 0 1 2);
panel!(four, 4, 0 1 2 3);

/// Writes all values but the first `present`, which are there already.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn store(output: *mut f32, values: __m256, present: usize) {
    let missing = _mm256_cmpgt_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(present as i32 - 1));
    // SAFETY: eight values of this column are the product's, those that are masked out are not touched.
    unsafe { _mm256_maskstore_ps(output, missing, values) }
}

/// Reads one block of eight rows, `stride` bytes apart.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn unpack<const WIDTH: usize>(weights: *const u8, stride: usize) -> Block {
    // SAFETY: eight blocks are there.
    let packed = |row: usize| unsafe { _mm_loadu_si128(weights.add(row.wrapping_mul(stride)).add(4).cast()) };
    // SAFETY: the same.
    let head = |row: usize| unsafe { weights.add(row.wrapping_mul(stride)).cast::<i32>().read_unaligned() };
    // Lane l of quad n is row 4l + n.
    let quad = |n: usize| _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(packed(n)), packed(4 + n));
    let quads = [quad(0), quad(1), quad(2), quad(3)];
    let heads = _mm256_setr_epi32(head(0), head(1), head(2), head(3), head(4), head(5), head(6), head(7));
    let bytes = words(quads);
    let nibble = _mm256_set1_epi8(15);
    let low = |n: usize| _mm256_and_si256(bytes[n], nibble);
    let high = |n: usize| _mm256_and_si256(_mm256_srli_epi16::<4>(bytes[n]), nibble);
    Block {
        values: [low(0), low(1), low(2), low(3), high(0), high(1), high(2), high(3)],
        scales: lower_halves(heads),
        minima: lower_halves(_mm256_srli_epi32::<16>(heads)),
    }
}

/// The half-precision number in the lower half of each word.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn lower_halves(words: __m256i) -> __m256 {
    let words = _mm256_and_si256(words, _mm256_set1_epi32(0xffff));
    let packed = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
    _mm256_cvtph_ps(packed)
}

/// `sums` and what one block of a column adds to them.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add(block: &Block, activations: *const u8, sums: __m256) -> __m256 {
    // SAFETY: a block of activations is there.
    let word = |n: usize| unsafe { activations.add(4 * n).cast::<i32>().read_unaligned() };
    // A pair is at most 2 · 15 · 127 in size, so eight of them fit into 16 bits.
    let pairs = |n: usize| _mm256_maddubs_epi16(block.values[n], _mm256_set1_epi32(word(1 + n)));
    let (first, second) = (_mm256_add_epi16(pairs(0), pairs(1)), _mm256_add_epi16(pairs(2), pairs(3)));
    let (third, fourth) = (_mm256_add_epi16(pairs(4), pairs(5)), _mm256_add_epi16(pairs(6), pairs(7)));
    let pairs = _mm256_add_epi16(_mm256_add_epi16(first, second), _mm256_add_epi16(third, fourth));
    let dot = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    let head = _mm_cvtph_ps(_mm_cvtsi32_si128(word(0)));
    let (scale, sum) = (_mm256_broadcastss_ps(head), _mm256_broadcastss_ps(_mm_movehdup_ps(head)));
    let sums = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(block.scales, scale), sums);
    _mm256_fmadd_ps(block.minima, sum, sums)
}

/// Reads one block of eight rows of Q8_0, `stride` bytes apart.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn unpack_q8_0(weights: *const u8, stride: usize) -> Block {
    // Lane l of quad n is half a block of row 4l + n.
    let quads = |at: usize| {
        // SAFETY: eight blocks are there.
        let packed = |row: usize| unsafe { _mm_loadu_si128(weights.add(row.wrapping_mul(stride)).add(at).cast()) };
        let quad = |n: usize| _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(packed(n)), packed(4 + n));
        [quad(0), quad(1), quad(2), quad(3)]
    };
    // SAFETY: the same.
    let head = |row: usize| unsafe { weights.add(row.wrapping_mul(stride)).cast::<i32>().read_unaligned() };
    let heads = _mm256_setr_epi32(head(0), head(1), head(2), head(3), head(4), head(5), head(6), head(7));
    let ([a, b, c, d], [e, f, g, h]) = (words(quads(2)), words(quads(18)));
    Block { values: [a, b, c, d, e, f, g, h], scales: lower_halves(heads), minima: _mm256_setzero_ps() }
}

/// Register n has four bytes of every row, of sixteen in each lane.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn words(quads: [__m256i; 4]) -> [__m256i; 4] {
    let (front, back) = (_mm256_unpacklo_epi32(quads[0], quads[1]), _mm256_unpacklo_epi32(quads[2], quads[3]));
    let (front_high, back_high) = (_mm256_unpackhi_epi32(quads[0], quads[1]), _mm256_unpackhi_epi32(quads[2], quads[3]));
    [
        _mm256_unpacklo_epi64(front, back),
        _mm256_unpackhi_epi64(front, back),
        _mm256_unpacklo_epi64(front_high, back_high),
        _mm256_unpackhi_epi64(front_high, back_high),
    ]
}

/// `sums` and what one block of a column of Q8_0 adds to them.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_q8_0(block: &Block, activations: *const u8, sums: __m256) -> __m256 {
    // SAFETY: a block of activations is there.
    let word = |at: usize| unsafe { activations.add(at).cast::<i32>().read_unaligned() };
    // Unsigned bytes times signed ones: the sign goes to the other side. A pair fits into 16 bits, two do not.
    let four = |n: usize| {
        let values = block.values[n];
        let signed = _mm256_sign_epi8(_mm256_set1_epi32(word(Format::Q8_0.activation_head() + 4 * n)), values);
        _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(values), signed), _mm256_set1_epi16(1))
    };
    let (first, second) = (_mm256_add_epi32(four(0), four(1)), _mm256_add_epi32(four(2), four(3)));
    let (third, fourth) = (_mm256_add_epi32(four(4), four(5)), _mm256_add_epi32(four(6), four(7)));
    let dot = _mm256_add_epi32(_mm256_add_epi32(first, second), _mm256_add_epi32(third, fourth));
    let scale = _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(word(0))));
    _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_mul_ps(block.scales, scale), sums)
}
