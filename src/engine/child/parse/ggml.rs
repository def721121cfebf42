//! ggml's tensor types: name, weights in a block, bytes of a block (`type_traits` in ggml 0.26's `ggml.c`).

/// One tensor type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorType {
    pub name: &'static str,
    pub block_weights: u64,
    pub block_bytes: u64,
}

/// The type with ggml's number, if the engines know it.
pub fn tensor_type(number: u32) -> Option<TensorType> {
    let (name, block_weights, block_bytes) = match number {
        0 => ("F32", 1, 4),
        1 => ("F16", 1, 2),
        2 => ("Q4_0", 32, 18),
        3 => ("Q4_1", 32, 20),
        6 => ("Q5_0", 32, 22),
        7 => ("Q5_1", 32, 24),
        8 => ("Q8_0", 32, 34),
        9 => ("Q8_1", 32, 36),
        10 => ("Q2_K", 256, 84),
        11 => ("Q3_K", 256, 110),
        12 => ("Q4_K", 256, 144),
        13 => ("Q5_K", 256, 176),
        14 => ("Q6_K", 256, 210),
        15 => ("Q8_K", 256, 292),
        16 => ("IQ2_XXS", 256, 66),
        17 => ("IQ2_XS", 256, 74),
        18 => ("IQ3_XXS", 256, 98),
        19 => ("IQ1_S", 256, 50),
        20 => ("IQ4_NL", 32, 18),
        21 => ("IQ3_S", 256, 110),
        22 => ("IQ2_S", 256, 82),
        23 => ("IQ4_XS", 256, 136),
        24 => ("I8", 1, 1),
        25 => ("I16", 1, 2),
        26 => ("I32", 1, 4),
        27 => ("I64", 1, 8),
        28 => ("F64", 1, 8),
        29 => ("IQ1_M", 256, 56),
        30 => ("BF16", 1, 2),
        34 => ("TQ1_0", 256, 54),
        35 => ("TQ2_0", 256, 66),
        39 => ("MXFP4", 32, 17),
        40 => ("NVFP4", 64, 36),
        41 => ("Q1_0", 128, 18),
        42 => ("Q2_0", 64, 18),
        _ => return None,
    };
    Some(TensorType { name, block_weights, block_bytes })
}

impl TensorType {
    /// Bytes of a tensor; `shape` has the innermost dimension first. `None` when rows are not whole blocks or the
    /// product does not fit.
    pub fn bytes(&self, shape: &[u64]) -> Option<u64> {
        if !shape.first().copied().unwrap_or(1).is_multiple_of(self.block_weights) {
            return None;
        }
        let elements = shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size))?;
        // The engines count in signed 64-bit integers.
        (elements / self.block_weights).checked_mul(self.block_bytes).filter(|&bytes| i64::try_from(bytes).is_ok())
    }
}
