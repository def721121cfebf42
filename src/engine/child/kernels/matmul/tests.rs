use super::*;

/// A product over made-up values, which repeat in no pattern that a fault could hide in.
struct Made {
    format: Format,
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
    fn new(format: Format, rows: usize, columns: usize, blocks: usize) -> Self {
        let mut state = (rows * 31 + columns * 7 + blocks) as u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as u16
        };
        // Scales of either sign, between 2^-7 and 2^-4 in size.
        let scale = |random: u16| (random & 0x83ff) | (8 + random % 3) << 10;
        let head = format.activation_head();
        let mut block = |bytes: usize| {
            let mut block: Vec<u8> = (0..head / 2).flat_map(|_| scale(random()).to_le_bytes()).collect();
            block.extend((head..bytes).map(|_| random() as u8).map(|byte| if byte == 0x80 { 0x81 } else { byte }));
            block
        };
        let weights = (0..rows * blocks).flat_map(|_| block(format.weight_block())).collect();
        let activations = (0..columns * blocks).flat_map(|_| block(format.activation_block())).collect();
        Self { format, weights, activations, output: vec![f32::NAN; rows * columns], rows, columns, blocks }
    }

    fn product(&mut self) -> Product {
        Product {
            weights: self.weights.as_ptr(),
            weight_stride: self.blocks * self.format.weight_block(),
            activations: self.activations.as_ptr(),
            activation_stride: self.blocks * self.format.activation_block(),
            output: self.output.as_mut_ptr(),
            output_stride: self.rows,
            rows: self.rows,
            columns: self.columns,
            blocks: self.blocks,
            offsets: std::ptr::null(),
        }
    }

    fn run(&mut self, kernel: Kernel, rows: Range<usize>, columns: Range<usize>) {
        let (mut product, mut offsets) = (self.product(), Vec::new());
        if self.format == Format::Q8_0 && kernel.needs_offsets {
            // SAFETY: the matrices are whole.
            unsafe { find_offsets(&product, &mut offsets) };
            product.offsets = offsets.as_ptr();
        }
        let run = kernel.run(self.format);
        // SAFETY: the matrices are whole and nobody else has them.
        unsafe { if columns == (0..self.columns) { compute(run, &product, rows) } else { run(&product, rows, columns) } };
    }

    /// By ggml's definition of both types, a value at a time.
    fn expected(&self, row: usize, column: usize) -> f32 {
        let word = |block: &[u8], at: usize| half(u16::from_le_bytes([block[at], block[at + 1]]));
        let of_block = |number: usize| {
            let (weight_block, activation_block) = (self.format.weight_block(), self.format.activation_block());
            let weights = &self.weights[(row * self.blocks + number) * weight_block..][..weight_block];
            let activations = &self.activations[(column * self.blocks + number) * activation_block..][..activation_block];
            let scales = f64::from(word(weights, 0)) * f64::from(word(activations, 0));
            let values = activations[self.format.activation_head()..].iter().map(|value| i32::from(value.cast_signed()));
            let dot = |weight: &dyn Fn(usize) -> i32| f64::from(values.enumerate().map(|(n, value)| weight(n) * value).sum::<i32>());
            match self.format {
                Format::Q4_1 => {
                    let nibble = |n: usize| i32::from(if n < 16 { weights[4 + n] & 15 } else { weights[4 + n - 16] >> 4 });
                    scales * dot(&nibble) + f64::from(word(weights, 2)) * f64::from(word(activations, 2))
                }
                Format::Q8_0 => scales * dot(&|n: usize| i32::from(weights[2 + n].cast_signed())),
            }
        };
        (0..self.blocks).map(of_block).sum::<f64>() as f32
    }
}

fn kernels() -> Vec<(String, Kernel, Format)> {
    let known = [("AVX-512", avx512::kernel()), ("AVX2", avx2::kernel())];
    let known = known.into_iter().filter_map(|(name, kernel)| Some((name, kernel?)));
    let formats = [("Q4_1", Format::Q4_1), ("Q8_0", Format::Q8_0)];
    known.flat_map(|(name, kernel)| formats.map(|(kind, format)| (format!("{name}, {kind}"), kernel, format))).collect()
}

#[test]
fn products_are_those_of_the_definition_for_every_shape() {
    for (name, kernel, format) in kernels() {
        for (rows, columns, blocks) in [(16, 1, 1), (17, 2, 3), (31, 3, 2), (48, 5, 4), (64, 12, 18), (33, 29, 5), (16, 1000, 18)] {
            let mut made = Made::new(format, rows, columns, blocks);
            made.run(kernel, 0..rows, 0..columns);
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let (got, expected) = (made.output[column * rows + row], made.expected(row, column));
                assert!((got - expected).abs() <= 1e-4 * (1.0 + expected.abs()), "{name}, {rows}×{columns}×{blocks}: {got} for {expected}");
            }
        }
    }
}

#[test]
fn a_column_is_the_same_to_the_bit_whatever_stands_beside_it() {
    for (name, kernel, format) in kernels() {
        let mut together = Made::new(format, 40, 23, 7);
        together.run(kernel, 0..40, 0..23);
        let mut apart = Made::new(format, 40, 23, 7);
        (0..23).for_each(|column| apart.run(kernel, 0..40, column..column + 1));
        assert_eq!(together.output, apart.output, "{name}");
    }
}

#[test]
fn rows_that_are_another_threads_are_not_touched() {
    for (name, kernel, format) in kernels() {
        let (rows, from, to) = (kernel.height * 4 + 3, kernel.height, kernel.height * 3);
        let mut made = Made::new(format, rows, 2, 2);
        made.run(kernel, from..to, 0..2);
        for (at, value) in made.output.iter().enumerate() {
            assert_eq!(!value.is_nan(), (from..to).contains(&(at % rows)), "{name}, value {at}");
        }
    }
}

unsafe extern "C" {
    fn quantize_row_q8_1(values: *const f32, blocks: *mut c_void, count: i64);
    fn quantize_row_q8_0(values: *const f32, blocks: *mut c_void, count: i64);
}

/// What ggml makes of a product, by `threads` threads.
fn ggml_product(made: &Made, activations: &[f32], threads: c_int) -> Vec<f32> {
    use llama_cpp_sys_2::*;
    let (rows, columns, width) = (made.rows, made.columns, made.blocks * BLOCK);
    let kind = if made.format == Format::Q4_1 { GGML_TYPE_Q4_1 } else { GGML_TYPE_Q8_0 };
    // SAFETY: the context has room for all of this, the slices fill the tensors, and nothing of it outlives the context.
    unsafe {
        ggml_cpu_init();
        let context = ggml_init(ggml_init_params { mem_size: 64 << 20, mem_buffer: std::ptr::null_mut(), no_alloc: false });
        let matrix = ggml_new_tensor_2d(context, kind, width as i64, rows as i64);
        let vectors = ggml_new_tensor_2d(context, GGML_TYPE_F32, width as i64, columns as i64);
        std::ptr::copy_nonoverlapping(made.weights.as_ptr(), ggml_get_data(matrix).cast(), made.weights.len());
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
    for (format, (rows, columns, blocks)) in [Format::Q4_1, Format::Q8_0]
        .into_iter()
        .flat_map(|format| [(576, 1, 18), (199, 5, 48), (1536, 40, 18)].map(|shape| (format, shape)))
    {
        let mut made = Made::new(format, rows, columns, blocks);
        let activations: Vec<f32> = (0..columns * blocks * BLOCK).map(|at| ((at * 7919 % 1009) as f32) / 256.0 - 2.0).collect();
        let quantize = if format == Format::Q4_1 { quantize_row_q8_1 } else { quantize_row_q8_0 };
        // SAFETY: both hold whole columns.
        unsafe { quantize(activations.as_ptr(), made.activations.as_mut_ptr().cast(), activations.len() as i64) };
        made.run(kernel, 0..rows, 0..columns);
        for threads in [1, 2, 3] {
            let got = ggml_product(&made, &activations, threads);
            assert!(got == made.output, "{rows}×{columns}×{blocks} on {threads} threads: ggml has used another kernel");
        }
    }
}
