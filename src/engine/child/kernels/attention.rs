//! Attention over a cache that many sequences share, where each token sees the cells of its own.
//!
//! ggml looks at every cell for every row of queries, one head at a time, or at tiles of cells for tokens that follow one
//! another. Here the cells that a token sees are listed first, and only they are read, once for all heads that share their
//! keys and for all tokens beside it that see about the same ([`blocks`]). Many rows of queries lie across a register's lanes
//! ([`rows`]); where they are few, as a single token's, the values of one do ([`few`]).
//!
//! The softmax goes along tile by tile (Milakov and Gimelshein, <https://arxiv.org/abs/1805.02867>), each tile being the
//! next [`TILE`] cells of the list. What others see of a tile and a token does not is added to its sums as exact zeros: a
//! prompt's values are the same to the bit in pieces of any number of rows that [`rows`] takes.

mod blocks;
mod few;
mod rows;
#[cfg(test)]
mod tests;

use std::{cell::RefCell, ffi::c_void, ops::Range, slice, sync::LazyLock};

use llama_cpp_sys_2::{GGML_TYPE_F16, GGML_TYPE_F32, ggml_get_type_traits, ggml_tensor};

use super::{ComputeParams, LLAMA, Pool, WHISPER, lanes::Buffer};

/// Cells of a step of the softmax.
const TILE: usize = 64;
/// Rows of queries that go over a tile together: they, their scores and sums, and a tile of keys stay in a second-level cache.
const ROWS: usize = 96;
/// Pieces of the work for each thread, so that one which is held up leaves its share to the others.
const PIECES: usize = 4;
/// The widths of heads that ours takes: multiples of this, since registers hold so many.
const WIDTH_UNIT: usize = 16;
/// Minus infinity in half precision: what a mask says of a cell that is not seen.
const HIDDEN: u16 = 0xfc00;
/// Less than any score, and still a number: what is seen later makes nothing of what was added up in relation to it.
const NOTHING_SEEN: f32 = -1e30;

/// One attention of a layer. Strides are in bytes.
#[derive(Clone, Copy)]
struct Attention {
    /// In single precision.
    queries: Matrices,
    keys: Cached,
    values: Cached,
    /// `None` where every token sees every cell.
    mask: Option<Mask>,
    /// `output[(token * heads + head) * width ..][.. width]`
    output: *mut f32,
    tokens: usize,
    cells: usize,
    heads: usize,
    /// Heads of queries that share one of keys and values.
    group: usize,
    width: usize,
    scale: f32,
}

/// A vector for each token or cell, and head.
#[derive(Clone, Copy)]
struct Matrices {
    data: *const u8,
    stride: usize,
    head_stride: usize,
}

impl Matrices {
    fn of(tensor: &ggml_tensor) -> Self {
        Self { data: tensor.data.cast(), stride: tensor.nb[1], head_stride: tensor.nb[2] }
    }

    /// # Safety
    /// There are that many.
    unsafe fn row<T>(&self, row: usize, head: usize) -> *const T {
        // SAFETY: the caller's.
        unsafe { self.data.add(row * self.stride + head * self.head_stride).cast() }
    }
}

/// [`HIDDEN`] for each token and cell that it does not see.
#[derive(Clone, Copy)]
struct Mask {
    data: *const u8,
    stride: usize,
}

impl Mask {
    fn of(tensor: &ggml_tensor) -> Option<Self> {
        let ours = tensor.type_ == GGML_TYPE_F16 && tensor.nb[0] == 2 && tensor.ne[2..] == [1, 1];
        ours.then_some(Self { data: tensor.data.cast(), stride: tensor.nb[1] })
    }

    /// # Safety
    /// There are that token and so many cells.
    unsafe fn row(&self, token: usize, cells: usize) -> &[u16] {
        // SAFETY: the caller's; ggml aligns rows of halves to halves.
        unsafe { slice::from_raw_parts(self.data.add(token * self.stride).cast(), cells) }
    }
}

/// Keys or values.
#[derive(Clone, Copy)]
struct Cached {
    matrices: Matrices,
    /// What makes numbers in single precision of so many; `None` for those in half precision.
    widen: Option<unsafe extern "C" fn(from: *const c_void, to: *mut f32, count: i64)>,
}

impl Cached {
    /// `None` for a type of which ggml makes no numbers.
    fn of(tensor: &ggml_tensor) -> Option<Self> {
        // SAFETY: what ggml says of its own types does not change.
        let traits = unsafe { &*ggml_get_type_traits(tensor.type_) };
        let widen = if tensor.type_ == GGML_TYPE_F16 { None } else { Some(traits.to_float?) };
        let whole = tensor.nb[0] == traits.type_size && tensor.ne[0] % traits.blck_size == 0;
        whole.then(|| Self { matrices: Matrices::of(tensor), widen })
    }
}

impl Attention {
    /// What ggml asks for, if it is one of these: no mask or one that only says which cells are seen, and nothing that few models have
    /// (soft caps, sinks, a bias by distance).
    ///
    /// # Safety
    /// `output` is a whole node of a graph, `GGML_OP_FLASH_ATTN_EXT`.
    unsafe fn of(output: &ggml_tensor) -> Option<Self> {
        // SAFETY: ggml's tensors live as long as the graph.
        let [queries, keys, values, mask, sinks] = [0, 1, 2, 3, 4].map(|source| unsafe { output.src[source].as_ref() });
        let (queries, keys, values) = (queries?, keys?, values?);
        let [scale, bias, soft_cap] = [0, 1, 2].map(|at: usize| f32::from_bits(output.op_params[at].cast_unsigned()));
        let [width, tokens, heads, _] = queries.ne.map(|length| length as usize);
        let (cells, key_heads) = (keys.ne[1] as usize, keys.ne[2] as usize);
        let ours = queries.type_ == GGML_TYPE_F32
            && [queries, keys, values].iter().all(|tensor| tensor.ne[3] == 1)
            && sinks.is_none()
            && bias == 0.0
            && soft_cap == 0.0
            && queries.nb[0] == 4
            && values.ne[..3] == keys.ne[..3]
            && key_heads > 0
            && heads % key_heads == 0
            && heads / key_heads <= ROWS
            && width % WIDTH_UNIT == 0
            && output.nb[1] == width * 4;
        if !ours {
            return None;
        }
        Some(Self {
            queries: Matrices::of(queries),
            keys: Cached::of(keys)?,
            values: Cached::of(values)?,
            mask: mask.map(|mask| Mask::of(mask).ok_or(())).transpose().ok()?,
            output: output.data.cast(),
            tokens,
            cells,
            heads,
            group: heads / key_heads,
            width,
            scale,
        })
    }
}

/// What one thread works with.
#[derive(Default)]
struct Scratch {
    /// How many of the tokens see a cell.
    seen_by: Vec<u16>,
    /// The cells that any of them sees.
    list: Vec<u32>,
    /// A value of all rows after another: `queries[dimension][row]`.
    queries: Buffer,
    /// `keys[cell][dimension]` of a tile, as are values.
    keys: Buffer,
    values: Buffer,
    /// `scores[cell][row]` of a tile.
    scores: Buffer,
    /// `sums[dimension][row]`: values by weight, so far.
    sums: Buffer,
    /// Of each row, the greatest score so far and the sum of all weights in relation to it.
    greatest: Buffer,
    weight: Buffer,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Attends for some tokens, with the queries of one head of keys.
///
/// # Safety
/// The pointers are those of whole matrices, and nobody else writes or reads these values of the output.
type Kernel = unsafe fn(&Attention, tokens: Range<usize>, key_head: usize, &mut Scratch);

/// What this processor computes with.
static KERNEL: LazyLock<Option<Kernel>> = LazyLock::new(|| kernels().into_iter().next().map(|(_, kernel)| kernel));

/// Those that this processor has the instructions for, the best first.
fn kernels() -> Vec<(&'static str, Kernel)> {
    let mut kernels: Vec<(&'static str, Kernel)> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        let fma = is_x86_feature_detected!("fma");
        if fma && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
            kernels.push(("AVX-512", avx512));
        }
        if fma && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c") {
            kernels.push(("AVX2", avx2));
        }
    }
    kernels
}

/// A [`Kernel`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,fma")]
unsafe fn avx512(attention: &Attention, tokens: Range<usize>, key_head: usize, scratch: &mut Scratch) {
    // SAFETY: the caller's.
    unsafe { blocks::attend::<std::arch::x86_64::__m512>(attention, tokens, key_head, scratch) }
}

/// A [`Kernel`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn avx2(attention: &Attention, tokens: Range<usize>, key_head: usize, scratch: &mut Scratch) {
    // SAFETY: the caller's.
    unsafe { blocks::attend::<std::arch::x86_64::__m256>(attention, tokens, key_head, scratch) }
}

type Compute = unsafe extern "C" fn(params: *const ComputeParams, output: *mut ggml_tensor);

unsafe extern "C" {
    /// What the call means without the linker's diversion.
    fn __real_ggml_compute_forward_flash_attn_ext(params: *const ComputeParams, output: *mut ggml_tensor);
    /// The same of whisper.cpp's ggml, whose tensors are laid out alike.
    fn __real_whisper_private_ggml_compute_forward_flash_attn_ext(params: *const ComputeParams, output: *mut ggml_tensor);
}

/// Called by every thread in the place of ggml's own.
///
/// # Safety
/// ggml's: a node of a graph that is being computed.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_ggml_compute_forward_flash_attn_ext(params: *const ComputeParams, output: *mut ggml_tensor) {
    // SAFETY: the caller's.
    unsafe { attend(params, output, LLAMA, __real_ggml_compute_forward_flash_attn_ext) }
}

/// The same in whisper.cpp.
///
/// # Safety
/// ggml's: a node of a graph that is being computed.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_whisper_private_ggml_compute_forward_flash_attn_ext(params: *const ComputeParams, output: *mut ggml_tensor) {
    // SAFETY: the caller's.
    unsafe { attend(params, output, WHISPER, __real_whisper_private_ggml_compute_forward_flash_attn_ext) }
}

/// # Safety
/// The arguments are those of a ggml, and pool and original are its own.
unsafe fn attend(params: *const ComputeParams, output: *mut ggml_tensor, pool: Pool, original: Compute) {
    // SAFETY: ggml passes its own parameters and a node of its graph, which live through the call.
    let (known, attention) = unsafe { (&*params, Attention::of(&*output)) };
    match KERNEL.zip(attention) {
        // SAFETY: the node's tensors are whole, and each piece of the output has one thread.
        Some((kernel, attention)) => unsafe { share(known, pool, kernel, &attention) },
        // SAFETY: the arguments are those that ggml meant for it.
        None => unsafe { original(params, output) },
    }
}

/// This thread's part.
///
/// # Safety
/// As for [`Kernel`]; every thread of the pool calls it with the same attention.
unsafe fn share(params: &ComputeParams, pool: Pool, kernel: Kernel, attention: &Attention) {
    let (thread, threads) = (params.thread.max(0) as usize, params.threads.max(1) as usize);
    // SAFETY: the pool is the one that called, with all of its threads.
    unsafe {
        if thread == 0 {
            (pool.set_piece)(params.pool, params.threads);
        }
        (pool.wait)(params.pool);
    }
    let key_heads = attention.heads / attention.group;
    let most = (ROWS / attention.group).max(1);
    let tokens = (attention.tokens * key_heads / (threads * PIECES)).clamp(1, most);
    let mut piece = thread;
    SCRATCH.with_borrow_mut(|scratch| {
        while piece < attention.tokens.div_ceil(tokens) * key_heads {
            let first = piece / key_heads * tokens;
            let range = first..attention.tokens.min(first + tokens);
            // SAFETY: pieces do not overlap, and no two threads have the same; the pool is the one that called.
            piece = unsafe {
                kernel(attention, range, piece % key_heads, scratch);
                (pool.add_piece)(params.pool, 1) as usize
            };
        }
    });
}
