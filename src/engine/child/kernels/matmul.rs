//! Products of quantized weights (Q4_1, Q8_0) with activations, for which ggml's kernels take one row and one column, or few.
//!
//! Before ggml multiplies row by row it asks `llamafile_sgemm` whether that can do a whole product. Every column of a
//! product is computed in the same order whatever columns stand beside it.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    ffi::{c_int, c_void},
    ops::Range,
    slice,
    sync::LazyLock,
};

use llama_cpp_sys_2::{GGML_TYPE_F32, GGML_TYPE_Q4_1, GGML_TYPE_Q8_0, GGML_TYPE_Q8_1, ggml_type};

use super::{ComputeParams, LINE, LLAMA, Pool, WHISPER, near};

/// Values of a block, of weights and of activations.
const BLOCK: usize = 32;
/// Activations that one pass over the weights meets: half of a second-level cache of a megabyte.
const COLUMN_BYTES: usize = 512 << 10;
/// Pieces of the work for each thread, so that one which is held up leaves its share to the others.
const PIECES: usize = 8;

/// How weights and activations are kept: in blocks with a scale.
#[derive(Clone, Copy, PartialEq)]
enum Format {
    /// Weights as `block_q4_1` of ggml: scale and minimum in half precision, then 32 of 4 bits, the first 16 in the low halves.
    /// Activations as `block_q8_1`: scale and scaled sum in half precision, then 32 of 8 bits.
    Q4_1,
    /// Both as `block_q8_0`: scale in half precision, then 32 of 8 bits.
    Q8_0,
}

impl Format {
    fn of(types: [ggml_type; 3]) -> Option<Self> {
        match types {
            [GGML_TYPE_Q4_1, GGML_TYPE_Q8_1, GGML_TYPE_F32] => Some(Self::Q4_1),
            [GGML_TYPE_Q8_0, GGML_TYPE_Q8_0, GGML_TYPE_F32] => Some(Self::Q8_0),
            _ => None,
        }
    }

    /// Bytes of a block of weights.
    const fn weight_block(self) -> usize {
        match self {
            Self::Q4_1 => 2 + 2 + BLOCK / 2,
            Self::Q8_0 => 2 + BLOCK,
        }
    }

    /// Bytes of a block of activations.
    const fn activation_block(self) -> usize {
        self.activation_head() + BLOCK
    }

    /// Bytes of it before its values.
    const fn activation_head(self) -> usize {
        match self {
            Self::Q4_1 => 2 + 2,
            Self::Q8_0 => 2,
        }
    }
}

/// Rows of weights times columns of activations: `output[column * output_stride + row]`.
#[derive(Clone, Copy)]
struct Product {
    weights: *const u8,
    /// Bytes from one row to the next.
    weight_stride: usize,
    activations: *const u8,
    /// Bytes from one column to the next.
    activation_stride: usize,
    output: *mut f32,
    /// Values from one column to the next.
    output_stride: usize,
    rows: usize,
    columns: usize,
    /// Of [`BLOCK`] values each, in a row and in a column.
    blocks: usize,
    /// `offsets[column * blocks + block]`: -128 times the sum of a block's activations, where the kernel asks for them.
    offsets: *const i32,
}

/// What this processor multiplies with.
#[derive(Clone, Copy)]
struct Kernel {
    /// Rows that it takes at once; a product has no fewer.
    height: usize,
    q4_1: Run,
    q8_0: Run,
    /// Whether products of Q8_0 need [`Product::offsets`]: the processor multiplies unsigned bytes with signed ones, so the
    /// weights are taken to be 128 more than they are.
    needs_offsets: bool,
}

/// Computes `rows` (from a multiple of the kernel's height on) for `columns` of the product.
///
/// # Safety
/// The product's pointers are those of whole matrices, and nobody else writes or reads these values of its output.
type Run = unsafe fn(&Product, rows: Range<usize>, columns: Range<usize>);

impl Kernel {
    fn run(self, format: Format) -> Run {
        match format {
            Format::Q4_1 => self.q4_1,
            Format::Q8_0 => self.q8_0,
        }
    }
}

/// Has a block's share of these rows brought nearer, which lie one after another: with few columns weights are used faster than
/// the processor finds out by itself which come next. Nothing is read, so they need not be there.
#[inline(always)]
fn fetch(product: &Product, format: Format, rows: Range<usize>, block: usize) {
    let bytes = rows.len() * format.weight_block();
    let from = product.weights.wrapping_add(rows.start * product.weight_stride + block * bytes);
    let mut line = 0;
    while line < bytes {
        near(from.wrapping_add(line));
        line += LINE;
    }
}

static KERNEL: LazyLock<Option<Kernel>> = LazyLock::new(|| {
    #[cfg(target_arch = "x86_64")]
    {
        avx512::kernel().or_else(avx2::kernel)
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        None
    }
});

/// A function that a library calls in `llamafile_sgemm`'s place, by every thread of a product; `true` when this thread's share
/// is done.
macro_rules! divert {
    ($ours:ident, $original:ident, $pool:expr) => {
        unsafe extern "C" {
            /// What the call means without the linker's diversion.
            fn $original(
                params: *const ComputeParams,
                rows: i64,
                columns: i64,
                blocks: i64,
                weights: *const c_void,
                weight_stride: i64,
                activations: *const c_void,
                activation_stride: i64,
                output: *mut c_void,
                output_stride: i64,
                weight_type: c_int,
                activation_type: c_int,
                output_type: c_int,
            ) -> bool;
        }

        /// # Safety
        /// ggml's: matrices of the types named, strides in blocks of those types.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $ours(
            params: *const ComputeParams,
            rows: i64,
            columns: i64,
            blocks: i64,
            weights: *const c_void,
            weight_stride: i64,
            activations: *const c_void,
            activation_stride: i64,
            output: *mut c_void,
            output_stride: i64,
            weight_type: c_int,
            activation_type: c_int,
            output_type: c_int,
        ) -> bool {
            let types = [weight_type, activation_type, output_type].map(|kind| kind.cast_unsigned() as ggml_type);
            let format = Format::of(types);
            if let Some((kernel, format)) = KERNEL.filter(|kernel| rows >= kernel.height as i64).zip(format) {
                let product = Product {
                    weights: weights.cast(),
                    weight_stride: weight_stride as usize * format.weight_block(),
                    activations: activations.cast(),
                    activation_stride: activation_stride as usize * format.activation_block(),
                    output: output.cast(),
                    output_stride: output_stride as usize,
                    rows: rows as usize,
                    columns: columns as usize,
                    blocks: blocks as usize,
                    offsets: std::ptr::null(),
                };
                // SAFETY: ggml passes its own parameters, which live through the call, and whole matrices; each piece has one
                // thread, by its own counter.
                unsafe { share(&*params, $pool, kernel, format, product) };
                return true;
            }
            // SAFETY: the arguments are those that ggml meant for it.
            unsafe {
                $original(
                    params,
                    rows,
                    columns,
                    blocks,
                    weights,
                    weight_stride,
                    activations,
                    activation_stride,
                    output,
                    output_stride,
                    weight_type,
                    activation_type,
                    output_type,
                )
            }
        }
    };
}

divert!(__wrap_llamafile_sgemm, __real_llamafile_sgemm, LLAMA);
divert!(__wrap_whisper_private_llamafile_sgemm, __real_whisper_private_llamafile_sgemm, WHISPER);

thread_local! {
    static OFFSETS: RefCell<Vec<i32>> = const { RefCell::new(Vec::new()) };
}

/// This thread's part of the product.
///
/// # Safety
/// As for [`Run`]; every thread of the pool calls it with the same product.
unsafe fn share(params: &ComputeParams, pool: Pool, kernel: Kernel, format: Format, mut product: Product) {
    let (thread, threads) = (params.thread.max(0) as usize, params.threads.max(1) as usize);
    // ggml sets the counter for the first matrix of a product, whose activations begin its work area. Later ones are
    // divided evenly: setting it again would take a barrier.
    let counted = std::ptr::eq(product.activations, params.work.cast());
    let pieces = if counted { threads * PIECES } else { threads };
    let panels = product.rows.div_ceil(kernel.height);
    let height = panels.div_ceil(pieces) * kernel.height;
    OFFSETS.with_borrow_mut(|offsets| {
        if format == Format::Q8_0 && kernel.needs_offsets {
            // SAFETY: the caller's.
            unsafe { find_offsets(&product, offsets) };
            product.offsets = offsets.as_ptr();
        }
        let mut piece = thread;
        while piece * height < product.rows {
            let rows = piece * height..product.rows.min((piece + 1) * height);
            // SAFETY: pieces do not overlap, and no two threads have the same.
            unsafe { compute(kernel.run(format), &product, rows) };
            // SAFETY: the pool is the one that called.
            piece = if counted { (unsafe { (pool.add_piece)(params.pool, 1) }) as usize } else { piece + threads };
        }
    });
}

/// [`Product::offsets`], which every thread finds for itself: they are few beside the product.
///
/// # Safety
/// As for [`Run`]; the product is one of Q8_0.
unsafe fn find_offsets(product: &Product, offsets: &mut Vec<i32>) {
    let format = Format::Q8_0;
    offsets.clear();
    for column in 0..product.columns {
        // SAFETY: the column is there, as are its blocks.
        let column = unsafe {
            slice::from_raw_parts(product.activations.add(column * product.activation_stride), product.blocks * format.activation_block())
        };
        let sum = |block: &[u8]| block[format.activation_head()..].iter().map(|value| i32::from(value.cast_signed())).sum::<i32>();
        offsets.extend(column.chunks_exact(format.activation_block()).map(|block| -128 * sum(block)));
    }
}

/// Some rows for all columns, as many columns at a time as stay near.
///
/// # Safety
/// As for [`Run`].
unsafe fn compute(run: Run, product: &Product, rows: Range<usize>) {
    let near = (COLUMN_BYTES / product.activation_stride.max(1)).max(16).next_multiple_of(16);
    for first in (0..product.columns).step_by(near) {
        let columns = first..product.columns.min(first + near);
        // SAFETY: the caller's.
        unsafe { run(product, rows.clone(), columns) };
    }
}

/// Called where ggml asks for buffers in the layout of AMX: there are none, and weights take the layouts of AVX-512.
///
/// GCC 12, Debian's, loses most of the tiles' configuration (its `_tile_loadconfig` tells of eight of the 64 bytes that
/// it reads), so that the first product would end the process. Confined engines may not ask for AMX anyway.
#[unsafe(no_mangle)]
extern "C" fn __wrap__Z28ggml_backend_amx_buffer_typev() -> *mut c_void {
    std::ptr::null_mut()
}

/// The same for whisper.cpp's ggml.
#[unsafe(no_mangle)]
extern "C" fn __wrap_whisper_private__Z28ggml_backend_amx_buffer_typev() -> *mut c_void {
    std::ptr::null_mut()
}
