//! Products of two matrices in half precision: models that are kept so.
//!
//! ggml's widens both sides again for each few rows and columns. Here a panel of rows is widened and laid across lanes once
//! for all columns, and columns once for each panel.

use std::{arch::x86_64::*, cell::RefCell, ops::Range, sync::LazyLock};

use super::{
    ComputeParams,
    lanes::{Buffer, Factor, Lanes, product},
};

/// Rows come in multiples of this, as do the values of each.
const UNIT: usize = 16;
/// Rows of a panel.
const PANEL: usize = 64;
/// With fewer columns a panel is not worth its laying out.
const LEAST_COLUMNS: usize = 16;
/// Columns that a panel meets at a time: half of a second-level cache of a megabyte.
const COLUMN_BYTES: usize = 512 << 10;

/// `output[column * output_stride + row]`: rows times columns of `depth` values. Strides are in values.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub left: *const u16,
    pub left_stride: usize,
    pub right: *const u16,
    pub right_stride: usize,
    pub output: *mut f32,
    pub output_stride: usize,
    pub rows: usize,
    pub columns: usize,
    pub depth: usize,
}

#[derive(Default)]
struct Scratch {
    /// `left[k][row]` of a panel.
    left: Buffer,
    /// `right[column][k]` of some columns.
    right: Buffer,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// # Safety
/// The pointers are those of whole matrices, and nobody else writes or reads these rows of the output.
type Kernel = unsafe fn(&Product, rows: Range<usize>, &mut Scratch);

static KERNEL: LazyLock<Option<Kernel>> = LazyLock::new(|| {
    let fma = is_x86_feature_detected!("fma");
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") && fma {
        Some(avx512)
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c") && fma {
        Some(avx2)
    } else {
        None
    }
});

#[target_feature(enable = "avx512f,avx512bw,fma")]
unsafe fn avx512(product: &Product, rows: Range<usize>, scratch: &mut Scratch) {
    // SAFETY: the caller's.
    unsafe { multiply::<__m512>(product, rows, scratch) }
}

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn avx2(product: &Product, rows: Range<usize>, scratch: &mut Scratch) {
    // SAFETY: the caller's.
    unsafe { multiply::<__m256>(product, rows, scratch) }
}

/// Whether such products are computed here. The same for every thread of one.
pub(super) fn takes(rows: usize, columns: usize, depth: usize) -> bool {
    KERNEL.is_some() && columns >= LEAST_COLUMNS && rows.is_multiple_of(UNIT) && depth.is_multiple_of(UNIT)
}

/// This thread's part.
///
/// # Safety
/// As for [`Kernel`]; every thread of the pool calls it with the same product, which [`takes`] takes.
pub(super) unsafe fn share(params: &ComputeParams, product: &Product) {
    let Some(kernel) = *KERNEL else { return };
    let (thread, threads) = (params.thread.max(0) as usize, params.threads.max(1) as usize);
    let each = product.rows.div_ceil(threads).next_multiple_of(UNIT);
    let rows = (thread * each).min(product.rows)..((thread + 1) * each).min(product.rows);
    // SAFETY: threads have rows of their own.
    SCRATCH.with_borrow_mut(|scratch| unsafe { kernel(product, rows, scratch) });
}

/// # Safety
/// As for [`Kernel`], and for [`Lanes`].
#[inline(always)]
unsafe fn multiply<L: Lanes>(product_of: &Product, rows: Range<usize>, scratch: &mut Scratch) {
    let Product { left, left_stride, right, right_stride, output, output_stride, columns, depth, .. } = *product_of;
    let near = (COLUMN_BYTES / (4 * depth)).max(LEAST_COLUMNS);
    for row in rows.clone().step_by(PANEL) {
        let high = PANEL.min(rows.end - row);
        // SAFETY: the caller's; the buffers are as long as is asked for here.
        unsafe {
            let panel = scratch.left.of(depth * high);
            for lane in 0..high {
                lay::<L>(left.add((row + lane) * left_stride), panel.add(lane), depth, high);
            }
            for first in (0..columns).step_by(near) {
                let count = near.min(columns - first);
                let factor = scratch.right.of(count * depth);
                for column in 0..count {
                    for k in (0..depth).step_by(L::COUNT) {
                        L::widen(right.add((first + column) * right_stride + k)).store(factor.add(column * depth + k));
                    }
                }
                let factor = Factor { data: factor, row: depth, column: 1 };
                product::<L, false>(factor, panel, output.add(first * output_stride + row), count, depth, (high, output_stride));
            }
        }
    }
}

/// Lays a row across: one value after another, `stride` apart.
#[inline(always)]
unsafe fn lay<L: Lanes>(row: *const u16, to: *mut f32, depth: usize, stride: usize) {
    let mut values = [0.0; UNIT];
    for first in (0..depth).step_by(L::COUNT) {
        // SAFETY: a row has `depth` values, whole registers, and so many places.
        unsafe {
            L::widen(row.add(first)).store(values.as_mut_ptr());
            for (k, value) in values[..L::COUNT].iter().enumerate() {
                *to.add((first + k) * stride) = *value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1/32 times a whole number from -64 to 63, exactly.
    fn half(number: usize) -> (u16, f32) {
        let value = (number * 7919 % 128) as f32 / 32.0 - 2.0;
        let bits = value.to_bits();
        let half = if value == 0.0 { 0 } else { (bits >> 16 & 0x8000) | (((bits >> 23 & 0xff) - 112) << 10) | (bits >> 13 & 0x3ff) };
        (half as u16, value)
    }

    #[test]
    fn products_are_those_of_the_definition() {
        let mut kernels: Vec<Kernel> = Vec::new();
        kernels.extend(is_x86_feature_detected!("avx512bw").then_some(avx512 as Kernel));
        kernels.extend((is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c")).then_some(avx2 as Kernel));
        for (kernel, (rows, columns, depth)) in
            kernels.into_iter().flat_map(|kernel| [(16, 16, 16), (176, 33, 64), (64, 300, 1088)].map(|shape| (kernel, shape)))
        {
            let (left, left_values): (Vec<u16>, Vec<f32>) = (0..rows * depth).map(half).unzip();
            let (right, right_values): (Vec<u16>, Vec<f32>) = (0..columns * depth).map(|at| half(at * 3 + 1)).unzip();
            let mut output = vec![f32::NAN; rows * columns];
            let product = Product {
                left: left.as_ptr(),
                left_stride: depth,
                right: right.as_ptr(),
                right_stride: depth,
                output: output.as_mut_ptr(),
                output_stride: rows,
                rows,
                columns,
                depth,
            };
            // SAFETY: the matrices are whole and nobody else has them.
            unsafe { kernel(&product, 0..rows, &mut Scratch::default()) };
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let values = left_values[row * depth..][..depth].iter().zip(&right_values[column * depth..]);
                let expected: f32 = values.map(|(left, right)| left * right).sum();
                // All of these are multiples of 1/1024 below 2^24 of them: no sum is rounded.
                assert_eq!(output[column * rows + row], expected, "{rows}×{columns}×{depth}: {row}, {column}");
            }
        }
    }
}
