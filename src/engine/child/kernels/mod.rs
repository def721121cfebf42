//! What llama.cpp and whisper.cpp compute on a processor and is computed here instead: products of quantized weights, and
//! attention.
//!
//! `build.rs` has the linker lead ggml's calls here (`--wrap`); what is not ours goes on to the original.
//!
//! Must not panic: this is called by ggml's threads.

mod attention;
mod lanes;
mod matmul;

use std::ffi::{c_int, c_void};

/// ggml's `struct ggml_compute_params`, as far as both libraries have it.
#[repr(C)]
struct ComputeParams {
    thread: c_int,
    threads: c_int,
    work_size: usize,
    work: *mut c_void,
    pool: *mut c_void,
}

/// Bytes of a line of the processor's caches.
const LINE: usize = 64;

/// Has the line at this address brought to the nearest cache. Any address will do: none is read.
#[inline(always)]
fn near(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every such processor has the instruction, which has no effect on memory.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
}

/// What a library's threads share work by. There are two, with a ggml each.
#[derive(Clone, Copy)]
struct Pool {
    /// Adds to the number of the next piece of work and returns what it was.
    add_piece: unsafe extern "C" fn(pool: *mut c_void, count: c_int) -> c_int,
    /// Sets the number of the next piece of work.
    set_piece: unsafe extern "C" fn(pool: *mut c_void, value: c_int),
    /// Waits for the other threads of the pool.
    wait: unsafe extern "C" fn(pool: *mut c_void),
}

const LLAMA: Pool = Pool { add_piece: ggml_threadpool_chunk_add, set_piece: ggml_threadpool_chunk_set, wait: ggml_barrier };
const WHISPER: Pool = Pool {
    add_piece: whisper_private_ggml_threadpool_chunk_add,
    set_piece: whisper_private_ggml_threadpool_chunk_set,
    wait: whisper_private_ggml_barrier,
};

unsafe extern "C" {
    fn ggml_threadpool_chunk_add(pool: *mut c_void, count: c_int) -> c_int;
    fn ggml_threadpool_chunk_set(pool: *mut c_void, value: c_int);
    fn ggml_barrier(pool: *mut c_void);
    // whisper.cpp's, under the names that its ggml is linked by.
    fn whisper_private_ggml_threadpool_chunk_add(pool: *mut c_void, count: c_int) -> c_int;
    fn whisper_private_ggml_threadpool_chunk_set(pool: *mut c_void, value: c_int);
    fn whisper_private_ggml_barrier(pool: *mut c_void);
}
