//! What llama.cpp computes on a processor and is computed here instead: products of quantized weights, and attention.
//!
//! `build.rs` has the linker lead ggml's calls here (`--wrap`); what is not ours goes on to the original.
//!
//! Must not panic: this is called by ggml's threads.

mod attention;
mod lanes;
mod matmul;

use std::ffi::{c_int, c_void};

/// ggml's `struct ggml_compute_params` of the pinned llama.cpp.
#[repr(C)]
struct ComputeParams {
    thread: c_int,
    threads: c_int,
    work_size: usize,
    work: *mut c_void,
    pool: *mut c_void,
    reference: bool,
}

unsafe extern "C" {
    /// Adds to the number of the next piece of work and returns what it was.
    fn ggml_threadpool_chunk_add(pool: *mut c_void, count: c_int) -> c_int;
    /// Sets the number of the next piece of work.
    fn ggml_threadpool_chunk_set(pool: *mut c_void, value: c_int);
    /// Waits for the other threads of the pool.
    fn ggml_barrier(pool: *mut c_void);
}
