use super::*;

/// Attention over made-up values.
struct Made {
    queries: Vec<f32>,
    keys: Vec<u16>,
    values: Vec<u16>,
    mask: Vec<u16>,
    /// Or every token sees every cell.
    masked: bool,
    output: Vec<f32>,
    shape: Shape,
}

#[derive(Clone, Copy)]
struct Shape {
    tokens: usize,
    cells: usize,
    key_heads: usize,
    group: usize,
    width: usize,
}

/// Which cells a token sees.
type Sees = fn(Shape, token: usize, cell: usize) -> bool;

/// As in a prompt that follows other tokens of its sequence.
const CAUSAL: Sees = |shape, token, cell| cell + shape.tokens <= shape.cells + token;
/// No more than the last 40 of those.
const WINDOW: Sees = |shape, token, cell| CAUSAL(shape, token, cell) && cell + shape.tokens + 40 > shape.cells + token;
/// Every token is of another sequence, and what sequences were given lies between one another.
const APART: Sees = |shape, token, cell| cell % shape.tokens == token;
/// Four at a time are of one sequence; the first of each sees nothing.
const MIXED: Sees = |_, token, cell| token % 4 != 0 && (cell / 16 + token / 4) % 3 == 0;

const SIGHTS: [(&str, Sees); 4] = [("causal", CAUSAL), ("window", WINDOW), ("apart", APART), ("mixed", MIXED)];

const SHAPES: [Shape; 6] = [
    Shape { tokens: 1, cells: 1, key_heads: 1, group: 1, width: 16 },
    Shape { tokens: 1, cells: 300, key_heads: 3, group: 3, width: 64 },
    Shape { tokens: 8, cells: 256, key_heads: 1, group: 4, width: 256 },
    Shape { tokens: 33, cells: 97, key_heads: 12, group: 1, width: 32 },
    Shape { tokens: 70, cells: 200, key_heads: 3, group: 3, width: 64 },
    Shape { tokens: 5, cells: 130, key_heads: 1, group: 48, width: 80 },
];

fn half(bits: u16) -> f32 {
    let size = (1.0 + f32::from(bits & 0x3ff) / 1024.0) * (f32::from(bits >> 10 & 31) - 15.0).exp2();
    if bits >> 15 == 1 { -size } else { size }
}

impl Made {
    fn new(shape: Shape, sees: Sees) -> Self {
        let Shape { tokens, cells, key_heads, group, width } = shape;
        let mut state = (tokens * 31 + cells * 7 + width) as u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as u16
        };
        // Between 2^-3 and 2 in size, of either sign.
        let mut made_half = || {
            let random = random();
            (random & 0x83ff) | (12 + random % 4) << 10
        };
        let mut halves = |count: usize| (0..count).map(|_| made_half()).collect::<Vec<_>>();
        let queries = halves(tokens * key_heads * group * width).into_iter().map(half).collect();
        let (keys, values) = (halves(cells * key_heads * width), halves(cells * key_heads * width));
        let mask = (0..tokens * cells).map(|at| if sees(shape, at / cells, at % cells) { 0 } else { HIDDEN }).collect();
        Self { queries, keys, values, mask, masked: true, output: vec![f32::NAN; tokens * key_heads * group * width], shape }
    }

    fn attention(&mut self) -> Attention {
        let Shape { tokens, cells, key_heads, group, width } = self.shape;
        let matrices =
            |data: *const u8, heads: usize, size: usize| Matrices { data, stride: heads * width * size, head_stride: width * size };
        Attention {
            queries: matrices(self.queries.as_ptr().cast(), key_heads * group, 4),
            keys: Cached { matrices: matrices(self.keys.as_ptr().cast(), key_heads, 2), widen: None },
            values: Cached { matrices: matrices(self.values.as_ptr().cast(), key_heads, 2), widen: None },
            mask: self.masked.then_some(Mask { data: self.mask.as_ptr().cast(), stride: cells * 2 }),
            output: self.output.as_mut_ptr(),
            tokens,
            cells,
            heads: key_heads * group,
            group,
            width,
            scale: 1.0 / (width as f32).sqrt(),
        }
    }

    /// By the definition, in double precision.
    fn expected(&self, token: usize, head: usize) -> Vec<f64> {
        let Shape { cells, key_heads, group, width, .. } = self.shape;
        let query = &self.queries[(token * key_heads * group + head) * width..][..width];
        let vector = |of: &[u16], cell: usize| -> Vec<f64> {
            of[(cell * key_heads + head / group) * width..][..width].iter().map(|bits| f64::from(half(*bits))).collect()
        };
        let seen: Vec<usize> = (0..cells).filter(|cell| self.mask[token * cells + cell] == 0).collect();
        let score = |cell: &usize| {
            let dot: f64 = query.iter().zip(vector(&self.keys, *cell)).map(|(query, key)| f64::from(*query) * key).sum();
            (dot / (width as f64).sqrt()).exp()
        };
        let weights: Vec<f64> = seen.iter().map(score).collect();
        let all: f64 = weights.iter().sum();
        let mut sums = vec![0.0; width];
        for (cell, weight) in seen.iter().zip(&weights) {
            sums.iter_mut().zip(vector(&self.values, *cell)).for_each(|(sum, value)| *sum += weight / all * value);
        }
        sums
    }

    fn run(&mut self, kernel: Kernel, tokens: Range<usize>) {
        let attention = self.attention();
        let mut scratch = Scratch::default();
        for key_head in 0..self.shape.key_heads {
            // SAFETY: the matrices are whole and nobody else has them.
            unsafe { kernel(&attention, tokens.clone(), key_head, &mut scratch) };
        }
    }
}

#[test]
fn values_are_those_of_the_definition() {
    for ((name, kernel), shape, (sight, sees)) in
        kernels().into_iter().flat_map(|kernel| SHAPES.into_iter().flat_map(move |shape| SIGHTS.map(|sight| (kernel, shape, sight))))
    {
        let mut made = Made::new(shape, sees);
        made.run(kernel, 0..shape.tokens);
        assert_is_expected(&made, &format!("{name}, {sight}"));
    }
}

fn assert_is_expected(made: &Made, what: &str) {
    let Shape { tokens, cells, key_heads, group, width } = made.shape;
    for (token, head) in (0..tokens).flat_map(|token| (0..key_heads * group).map(move |head| (token, head))) {
        let got = &made.output[(token * key_heads * group + head) * width..][..width];
        let expected = made.expected(token, head);
        let close = got.iter().zip(&expected).all(|(got, expected)| (f64::from(*got) - expected).abs() < 1e-5);
        assert!(close, "{what}, {tokens} tokens, {cells} cells, {width} wide: token {token}, head {head}");
    }
}

#[test]
fn without_a_mask_every_cell_is_seen() {
    let shapes = [SHAPES[0], SHAPES[2], SHAPES[3], Shape { tokens: 5, cells: 130, key_heads: 8, group: 1, width: 64 }];
    for ((name, kernel), shape) in kernels().into_iter().flat_map(|kernel| shapes.map(|shape| (kernel, shape))) {
        let mut made = Made::new(shape, |_, _, _| true);
        made.masked = false;
        made.run(kernel, 0..shape.tokens);
        assert_is_expected(&made, &format!("{name}, no mask"));
    }
}

#[test]
fn a_prompt_is_the_same_to_the_bit_however_it_was_cut() {
    for ((name, kernel), shape) in kernels().into_iter().flat_map(|kernel| [SHAPES[3], SHAPES[4]].map(|shape| (kernel, shape))) {
        let (mut together, mut apart) = (Made::new(shape, CAUSAL), Made::new(shape, CAUSAL));
        together.run(kernel, 0..shape.tokens);
        (0..shape.tokens).step_by(11).for_each(|first| apart.run(kernel, first..shape.tokens.min(first + 11)));
        assert!(together.output == apart.output, "{name}, {} tokens, {} cells", shape.tokens, shape.cells);
    }
}

#[test]
fn a_token_of_an_answer_is_the_same_to_the_bit_whatever_stands_beside_it() {
    for (name, kernel) in kernels() {
        let shape = Shape { tokens: 6, cells: 400, key_heads: 2, group: 3, width: 64 };
        let (mut together, mut apart) = (Made::new(shape, APART), Made::new(shape, APART));
        together.run(kernel, 0..shape.tokens);
        (0..shape.tokens).for_each(|token| apart.run(kernel, token..token + 1));
        assert!(together.output == apart.output, "{name}");
    }
}

#[test]
fn tokens_that_are_another_threads_are_not_touched() {
    for (name, kernel) in kernels() {
        let shape = Shape { tokens: 10, cells: 40, key_heads: 1, group: 2, width: 16 };
        let mut made = Made::new(shape, CAUSAL);
        made.run(kernel, 3..7);
        for (at, value) in made.output.iter().enumerate() {
            assert_eq!(!value.is_nan(), (3..7).contains(&(at / 32)), "{name}, value {at}");
        }
    }
}

/// What ggml makes of it, by `threads` threads, with keys and values of that type. `bias`: by distance, which is not ours.
fn ggml_attention(made: &Made, threads: std::ffi::c_int, cached: llama_cpp_sys_2::ggml_type, bias: f32) -> Vec<f32> {
    use llama_cpp_sys_2::*;
    let Shape { tokens, cells, key_heads, group, width } = made.shape;
    // SAFETY: the context has room for all of this, the slices fill the tensors, and nothing of it outlives the context.
    unsafe {
        ggml_cpu_init();
        let context = ggml_init(ggml_init_params { mem_size: 64 << 20, mem_buffer: std::ptr::null_mut(), no_alloc: false });
        let tensor = |kind, heads: usize, rows: usize, from: *const u8, bytes: usize| {
            let tensor = ggml_new_tensor_3d(context, kind, width as i64, heads as i64, rows as i64);
            std::ptr::copy_nonoverlapping(from, ggml_get_data(tensor).cast(), bytes);
            tensor
        };
        let each_head = |tensor| ggml_permute(context, tensor, 0, 2, 1, 3);
        let queries = tensor(GGML_TYPE_F32, key_heads * group, tokens, made.queries.as_ptr().cast(), made.queries.len() * 4);
        let queries = each_head(queries);
        let keys = tensor(GGML_TYPE_F16, key_heads, cells, made.keys.as_ptr().cast(), made.keys.len() * 2);
        let values = tensor(GGML_TYPE_F16, key_heads, cells, made.values.as_ptr().cast(), made.values.len() * 2);
        let [keys, values] = [keys, values].map(|tensor| each_head(ggml_cast(context, tensor, cached)));
        let mask = ggml_new_tensor_2d(context, GGML_TYPE_F16, cells as i64, tokens as i64);
        std::ptr::copy_nonoverlapping(made.mask.as_ptr(), ggml_get_data(mask).cast(), made.mask.len());
        let attention = ggml_flash_attn_ext(context, queries, keys, values, mask, 1.0 / (width as f32).sqrt(), bias, 0.0);
        let graph = ggml_new_graph(context);
        ggml_build_forward_expand(graph, attention);
        assert_eq!(ggml_graph_compute_with_ctx(context, graph, threads), 0);
        let values = std::slice::from_raw_parts(ggml_get_data_f32(attention), made.output.len()).to_vec();
        ggml_free(context);
        values
    }
}

#[test]
fn ggml_attends_with_this_kernel_on_any_number_of_threads() {
    let Some(kernel) = *KERNEL else { return };
    for (shape, threads) in SHAPES.into_iter().flat_map(|shape| [1, 2, 3].map(|threads| (shape, threads))) {
        let mut made = Made::new(shape, CAUSAL);
        made.run(kernel, 0..shape.tokens);
        let furthest = furthest(&ggml_attention(&made, threads, GGML_TYPE_F16, 0.0), &made.output);
        // ggml's own adds up in half precision, which is a hundred times as far off.
        assert!(furthest < 1e-6, "{} tokens, {} cells on {threads} threads: {furthest}", shape.tokens, shape.cells);
    }
}

fn furthest(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
}

#[test]
fn what_is_not_ours_is_left_to_ggml() {
    let Some(kernel) = *KERNEL else { return };
    let mut made = Made::new(SHAPES[2], CAUSAL);
    made.run(kernel, 0..made.shape.tokens);
    let biased = ggml_attention(&made, 2, GGML_TYPE_F16, 8.0);
    // A mask of zeros stays one whatever it is multiplied with, so only the kernel is another.
    let furthest = furthest(&biased, &made.output);
    assert!(furthest > 1e-6 && furthest < 0.02, "{furthest}");
}

#[test]
fn quantized_caches_differ_by_no_more_than_their_rounding() {
    for shape in [SHAPES[1], SHAPES[4]] {
        let made = Made::new(shape, CAUSAL);
        let [half, quantized] = [GGML_TYPE_F16, llama_cpp_sys_2::GGML_TYPE_Q8_0].map(|cached| ggml_attention(&made, 2, cached, 0.0));
        let furthest = furthest(&half, &quantized);
        assert!(furthest > 0.0 && furthest < 0.02, "{} tokens: {furthest}", shape.tokens);
    }
}
