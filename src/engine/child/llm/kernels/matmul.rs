//! Products of 4-bit weights (Q4_1) with activations, for which llama.cpp has kernels of one row and one column only.
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
    ffi::{c_int, c_void},
    ops::Range,
    sync::LazyLock,
};

use llama_cpp_sys_2::{GGML_TYPE_F32, GGML_TYPE_Q4_1, GGML_TYPE_Q8_1};

use super::{ComputeParams, ggml_threadpool_chunk_add};

/// `block_q4_1` of ggml: scale and minimum in half precision, then 32 weights of 4 bits, the first 16 in the low halves.
const WEIGHT_BLOCK: usize = 2 + 2 + 16;
/// `block_q8_1` of ggml: scale and scaled sum in half precision, then 32 activations of 8 bits.
const ACTIVATION_BLOCK: usize = 2 + 2 + 32;
/// Activations that one pass over the weights meets: half of a second-level cache of a megabyte.
const COLUMN_BYTES: usize = 512 << 10;
/// Pieces of the work for each thread, so that one which is held up leaves its share to the others.
const PIECES: usize = 8;

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
    /// Of 32 values each, in a row and in a column.
    blocks: usize,
}

/// What this processor multiplies with.
#[derive(Clone, Copy)]
struct Kernel {
    /// Rows that it takes at once; a product has no fewer.
    height: usize,
    /// Computes `rows` (from a multiple of `height` on) for `columns` of the product.
    ///
    /// # Safety
    /// The product's pointers are those of whole matrices, and nobody else writes or reads these values of its output.
    run: unsafe fn(&Product, rows: Range<usize>, columns: Range<usize>),
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

unsafe extern "C" {
    /// What `llamafile_sgemm` means without the linker's diversion.
    fn __real_llamafile_sgemm(
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

/// Called by every thread of a product in ggml's `llamafile_sgemm` place; `true` when this thread's share is done.
///
/// # Safety
/// ggml's: matrices of the types named, strides in blocks of those types.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_llamafile_sgemm(
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
    let ours = [(weight_type, GGML_TYPE_Q4_1), (activation_type, GGML_TYPE_Q8_1), (output_type, GGML_TYPE_F32)];
    let ours = ours.iter().all(|(is, wanted)| is.cast_unsigned() == *wanted);
    if let Some(kernel) = KERNEL.filter(|kernel| ours && rows >= kernel.height as i64) {
        let product = Product {
            weights: weights.cast(),
            weight_stride: weight_stride as usize * WEIGHT_BLOCK,
            activations: activations.cast(),
            activation_stride: activation_stride as usize * ACTIVATION_BLOCK,
            output: output.cast(),
            output_stride: output_stride as usize,
            rows: rows as usize,
            columns: columns as usize,
            blocks: blocks as usize,
        };
        // SAFETY: ggml passes its own parameters, which live through the call, and whole matrices; each piece has one thread.
        unsafe { share(&*params, kernel, &product) };
        return true;
    }
    // SAFETY: the arguments are those that ggml meant for it.
    unsafe {
        __real_llamafile_sgemm(
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

/// This thread's part of the product.
///
/// # Safety
/// As for [`Kernel::run`]; every thread of the pool calls it with the same product.
unsafe fn share(params: &ComputeParams, kernel: Kernel, product: &Product) {
    let (thread, threads) = (params.thread.max(0) as usize, params.threads.max(1) as usize);
    // ggml sets the counter for the first matrix of a product, whose activations begin its work area. Later ones are
    // divided evenly: setting it again would take a barrier.
    let counted = std::ptr::eq(product.activations, params.work.cast());
    let pieces = if counted { threads * PIECES } else { threads };
    let panels = product.rows.div_ceil(kernel.height);
    let height = panels.div_ceil(pieces) * kernel.height;
    let mut piece = thread;
    while piece * height < product.rows {
        let rows = piece * height..product.rows.min((piece + 1) * height);
        // SAFETY: pieces do not overlap, and no two threads have the same.
        unsafe { compute(kernel, product, rows) };
        // SAFETY: the pool is the one that called.
        piece = if counted { (unsafe { ggml_threadpool_chunk_add(params.pool, 1) }) as usize } else { piece + threads };
    }
}

/// Some rows for all columns, as many columns at a time as stay near.
///
/// # Safety
/// As for [`Kernel::run`].
unsafe fn compute(kernel: Kernel, product: &Product, rows: Range<usize>) {
    let near = (COLUMN_BYTES / product.activation_stride.max(1)).max(16).next_multiple_of(16);
    for first in (0..product.columns).step_by(near) {
        let columns = first..product.columns.min(first + near);
        // SAFETY: the caller's.
        unsafe { (kernel.run)(product, rows.clone(), columns) };
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
