use super::*;

/// A product over made-up values, which repeat in no pattern that a fault could hide in.
struct Made {
    weights: Vec<u8>,
    activations: Vec<u8>,
    output: Vec<f32>,
    rows: usize,
    columns: usize,
    blocks: usize,
}

fn half(bits: u16) -> f32 {
    let exponent = i32::from(bits >> 10 & 31) - 15;
    assert!(exponent > -15 && exponent < 16, "only ordinary numbers are made here");
    let size = (1.0 + f32::from(bits & 0x3ff) / 1024.0) * (exponent as f32).exp2();
    if bits >> 15 == 1 { -size } else { size }
}

impl Made {
    fn new(rows: usize, columns: usize, blocks: usize) -> Self {
        let mut state = (rows * 31 + columns * 7 + blocks) as u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as u16
        };
        // Scales of either sign, between 2^-7 and 2^-4 in size.
        let scale = |random: u16| (random & 0x83ff) | (8 + random % 3) << 10;
        let mut block = |bytes: usize| {
            let mut block: Vec<u8> = [scale(random()), scale(random())].into_iter().flat_map(u16::to_le_bytes).collect();
            block.extend((0..bytes).map(|_| random() as u8).map(|byte| if byte == 0x80 { 0x81 } else { byte }));
            block
        };
        let weights = (0..rows * blocks).flat_map(|_| block(16)).collect();
        let activations = (0..columns * blocks).flat_map(|_| block(32)).collect();
        Self { weights, activations, output: vec![f32::NAN; rows * columns], rows, columns, blocks }
    }

    fn product(&mut self) -> Product {
        Product {
            weights: self.weights.as_ptr(),
            weight_stride: self.blocks * WEIGHT_BLOCK,
            activations: self.activations.as_ptr(),
            activation_stride: self.blocks * ACTIVATION_BLOCK,
            output: self.output.as_mut_ptr(),
            output_stride: self.rows,
            rows: self.rows,
            columns: self.columns,
            blocks: self.blocks,
        }
    }

    /// By ggml's definition of both types, a value at a time.
    fn expected(&self, row: usize, column: usize) -> f32 {
        let word = |block: &[u8], at: usize| half(u16::from_le_bytes([block[at], block[at + 1]]));
        let of_block = |number: usize| {
            let weights = &self.weights[(row * self.blocks + number) * WEIGHT_BLOCK..][..WEIGHT_BLOCK];
            let activations = &self.activations[(column * self.blocks + number) * ACTIVATION_BLOCK..][..ACTIVATION_BLOCK];
            let weight = |n: usize| i32::from(if n < 16 { weights[4 + n] & 15 } else { weights[4 + n - 16] >> 4 });
            let dot: i32 = (0..32).map(|n| weight(n) * i32::from(activations[4 + n].cast_signed())).sum();
            f64::from(word(weights, 0)) * f64::from(word(activations, 0)) * f64::from(dot)
                + f64::from(word(weights, 2)) * f64::from(word(activations, 2))
        };
        (0..self.blocks).map(of_block).sum::<f64>() as f32
    }
}

fn kernels() -> Vec<(&'static str, Kernel)> {
    let known = [("AVX-512", avx512::kernel()), ("AVX2", avx2::kernel())];
    known.into_iter().filter_map(|(name, kernel)| Some((name, kernel?))).collect()
}

#[test]
fn products_are_those_of_the_definition_for_every_shape() {
    for (name, kernel) in kernels() {
        for (rows, columns, blocks) in [(16, 1, 1), (17, 2, 3), (31, 3, 2), (48, 5, 4), (64, 12, 18), (33, 29, 5), (16, 1000, 18)] {
            let mut made = Made::new(rows, columns, blocks);
            let product = made.product();
            // SAFETY: the matrices are whole and nobody else has them.
            unsafe { compute(kernel, &product, 0..rows) };
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let (got, expected) = (made.output[column * rows + row], made.expected(row, column));
                assert!((got - expected).abs() <= 1e-4 * (1.0 + expected.abs()), "{name}, {rows}×{columns}×{blocks}: {got} for {expected}");
            }
        }
    }
}

#[test]
fn a_column_is_the_same_to_the_bit_whatever_stands_beside_it() {
    for (name, kernel) in kernels() {
        let mut together = Made::new(40, 23, 7);
        // SAFETY: the matrices are whole and nobody else has them.
        unsafe { compute(kernel, &together.product(), 0..40) };
        let mut apart = Made::new(40, 23, 7);
        let product = apart.product();
        for column in 0..23 {
            // SAFETY: the same.
            unsafe { (kernel.run)(&product, 0..40, column..column + 1) };
        }
        assert_eq!(together.output, apart.output, "{name}");
    }
}

#[test]
fn rows_that_are_another_threads_are_not_touched() {
    for (name, kernel) in kernels() {
        let (rows, from, to) = (kernel.height * 4 + 3, kernel.height, kernel.height * 3);
        let mut made = Made::new(rows, 2, 2);
        let product = made.product();
        // SAFETY: the matrices are whole and nobody else has them.
        unsafe { compute(kernel, &product, from..to) };
        for (at, value) in made.output.iter().enumerate() {
            assert_eq!(!value.is_nan(), (from..to).contains(&(at % rows)), "{name}, value {at}");
        }
    }
}

unsafe extern "C" {
    fn quantize_row_q8_1(values: *const f32, blocks: *mut c_void, count: i64);
}

/// What ggml makes of a product, by `threads` threads.
fn ggml_product(weights: &[u8], activations: &[f32], (rows, columns, width): (usize, usize, usize), threads: c_int) -> Vec<f32> {
    use llama_cpp_sys_2::*;
    // SAFETY: the context has room for all of this, the slices fill the tensors, and nothing of it outlives the context.
    unsafe {
        ggml_cpu_init();
        let context = ggml_init(ggml_init_params { mem_size: 64 << 20, mem_buffer: std::ptr::null_mut(), no_alloc: false });
        let matrix = ggml_new_tensor_2d(context, GGML_TYPE_Q4_1, width as i64, rows as i64);
        let vectors = ggml_new_tensor_2d(context, GGML_TYPE_F32, width as i64, columns as i64);
        std::ptr::copy_nonoverlapping(weights.as_ptr(), ggml_get_data(matrix).cast(), weights.len());
        std::ptr::copy_nonoverlapping(activations.as_ptr(), ggml_get_data(vectors).cast(), activations.len());
        let product = ggml_mul_mat(context, matrix, vectors);
        let graph = ggml_new_graph(context);
        ggml_build_forward_expand(graph, product);
        assert_eq!(ggml_graph_compute_with_ctx(context, graph, threads), 0);
        let values = std::slice::from_raw_parts(ggml_get_data_f32(product), rows * columns).to_vec();
        ggml_free(context);
        values
    }
}

#[test]
fn ggml_multiplies_with_this_kernel_on_any_number_of_threads() {
    let Some(kernel) = *KERNEL else { return };
    for (rows, columns, blocks) in [(576, 1, 18), (199, 5, 48), (1536, 40, 18)] {
        let mut made = Made::new(rows, columns, blocks);
        let activations: Vec<f32> = (0..columns * blocks * 32).map(|at| ((at * 7919 % 1009) as f32) / 256.0 - 2.0).collect();
        // SAFETY: both hold whole columns.
        unsafe { quantize_row_q8_1(activations.as_ptr(), made.activations.as_mut_ptr().cast(), activations.len() as i64) };
        // SAFETY: the matrices are whole and nobody else has them.
        unsafe { compute(kernel, &made.product(), 0..rows) };
        for threads in [1, 2, 3] {
            let got = ggml_product(&made.weights, &activations, (rows, columns, blocks * 32), threads);
            assert_eq!(got, made.output, "{rows}×{columns}×{blocks} on {threads} threads: ggml has used another kernel");
        }
    }
}
