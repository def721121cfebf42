//! What attention is made of, written once for registers of any length.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

/// A register of numbers in single precision.
///
/// # Safety
/// All of it needs a processor that has the register, and inlining into a function that may use it.
pub(super) trait Lanes: Copy {
    const COUNT: usize;
    const ZERO: Self;
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
    /// The sum of each, one after another.
    unsafe fn store_sums(of: [Self; 4], to: *mut f32);
}

/// A matrix of which a product takes one value at a time: how far apart the values of a column and of a row are.
#[derive(Clone, Copy)]
pub(super) struct Factor {
    pub data: *const f32,
    pub row: usize,
    pub column: usize,
}

impl Factor {
    /// # Safety
    /// There is that row.
    #[inline(always)]
    unsafe fn from(self, row: usize) -> Self {
        // SAFETY: the caller's.
        Self { data: unsafe { self.data.add(row * self.row) }, ..self }
    }
}

#[inline(always)]
pub(super) unsafe fn fill<L: Lanes>(buffer: *mut f32, count: usize, value: f32) {
    for at in (0..count).step_by(L::COUNT) {
        // SAFETY: the buffer holds whole registers, so many numbers.
        unsafe { L::splat(value).store(buffer.add(at)) };
    }
}

/// `output[i][row] = sum over k of factor[i][k] * rows[k][row]`, or that much more.
///
/// # Safety
/// The matrices are that large, the one of rows being made of whole registers.
#[inline(always)]
pub(super) unsafe fn product<L: Lanes, const MORE: bool>(
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
                    (4.., 16) => panel::<L, 4, 4, MORE>(factor, rows, output, count, depth, stride),
                    (2.., 16) => panel::<L, 2, 8, MORE>(factor, rows, output, count, depth, stride),
                    (_, 16) => panel::<L, 1, 16, MORE>(factor, rows, output, count, depth, stride),
                    (2.., _) => panel::<L, 2, 4, MORE>(factor, rows, output, count, depth, stride),
                    _ => panel::<L, 1, 8, MORE>(factor, rows, output, count, depth, stride),
                };
        }
    }
}

/// A product for `WIDE` registers of rows, `HIGH` rows of the factor at a time; returns `WIDE`.
#[inline(always)]
unsafe fn panel<L: Lanes, const WIDE: usize, const HIGH: usize, const MORE: bool>(
    factor: Factor,
    rows: *const f32,
    output: *mut f32,
    count: usize,
    depth: usize,
    stride: usize,
) -> usize {
    let whole = count / HIGH * HIGH;
    // SAFETY: the caller's.
    unsafe {
        for first in (0..whole).step_by(HIGH) {
            block::<L, WIDE, HIGH, MORE>(factor.from(first), rows, output.add(first * stride), depth, stride);
        }
        for first in whole..count {
            block::<L, WIDE, 1, MORE>(factor.from(first), rows, output.add(first * stride), depth, stride);
        }
    }
    WIDE
}

/// A part of a product, whose sums stay in registers.
#[expect(clippy::needless_range_loop, reason = "only loops over numbers are unrolled without fail, and sums in memory take twice the time")]
#[inline(always)]
unsafe fn block<L: Lanes, const WIDE: usize, const HIGH: usize, const MORE: bool>(
    factor: Factor,
    rows: *const f32,
    output: *mut f32,
    depth: usize,
    stride: usize,
) {
    let mut sums = [[L::ZERO; WIDE]; HIGH];
    // SAFETY: the caller's.
    unsafe {
        if MORE {
            for high in 0..HIGH {
                for wide in 0..WIDE {
                    sums[high][wide] = L::load(output.add(high * stride + wide * L::COUNT));
                }
            }
        }
        for k in 0..depth {
            let mut row = [L::ZERO; WIDE];
            for wide in 0..WIDE {
                row[wide] = L::load(rows.add(k * stride + wide * L::COUNT));
            }
            for high in 0..HIGH {
                let value = L::splat(*factor.data.add(high * factor.row + k * factor.column));
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

/// e to the power of each, of which none is above 0. Exactly 0 where that is too little for single precision to be exact.
///
/// As 2 to a whole power times a polynomial in what is left, within [-ln 2 / 2, ln 2 / 2]: the one of Cephes' `expf`.
#[inline(always)]
pub(super) unsafe fn exponential<L: Lanes>(power: L) -> L {
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

/// Numbers that begin where a register's lanes do.
#[derive(Default)]
pub(super) struct Buffer(Vec<Line>);

/// A line of the processor's caches.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([f32; 16]);

impl Buffer {
    /// At least so many numbers, of whatever value.
    pub(super) fn of(&mut self, count: usize) -> *mut f32 {
        let lines = count.div_ceil(16);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0.0; 16]));
        }
        self.0.as_mut_ptr().cast()
    }
}
