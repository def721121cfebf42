//! Which tensors a ggml Whisper file holds, in which order, and where each comes from.
//!
//! CTranslate2 fuses the query, key and value of self-attention, and the key and value of cross-attention, into one
//! matrix each; here they are rows of it again.

/// A tensor of the output: rows of one input variable.
pub struct Tensor {
    pub name: String,
    pub variable: String,
    /// First row and number of rows of the variable; `None` takes all of it.
    pub rows: Option<(u32, u32)>,
    /// Outermost first, as in the input.
    pub shape: Vec<u32>,
    pub as_f32: bool,
}

/// Sizes that the ggml header states; read off the shapes of the weights.
pub struct Sizes {
    pub vocabulary: u32,
    pub audio_context: u32,
    pub audio_state: u32,
    pub audio_heads: u32,
    pub audio_layers: u32,
    pub text_context: u32,
    pub text_state: u32,
    pub text_heads: u32,
    pub text_layers: u32,
    pub mels: u32,
}

/// Every tensor of the output, in its order.
pub fn plan(sizes: &Sizes) -> Vec<Tensor> {
    let mut plan = Plan { tensors: Vec::new() };
    let (state, text) = (sizes.audio_state, sizes.text_state);
    plan.matrix("decoder.positional_embedding", "decoder/position_encodings/encodings", vec![sizes.text_context, text], true);
    plan.matrix("decoder.token_embedding.weight", "decoder/embeddings/weight", vec![sizes.vocabulary, text], false);
    for layer in 0..sizes.text_layers {
        plan.block("decoder", layer, text, true);
    }
    plan.norm("decoder.ln", "decoder/layer_norm", text);
    plan.matrix("encoder.positional_embedding", "encoder/position_encodings/encodings", vec![sizes.audio_context, state], true);
    plan.matrix("encoder.conv1.weight", "encoder/conv1/weight", vec![state, sizes.mels, 3], false);
    plan.convolution_bias("encoder.conv1.bias", "encoder/conv1/bias", state);
    plan.matrix("encoder.conv2.weight", "encoder/conv2/weight", vec![state, state, 3], false);
    plan.convolution_bias("encoder.conv2.bias", "encoder/conv2/bias", state);
    for layer in 0..sizes.audio_layers {
        plan.block("encoder", layer, state, false);
    }
    plan.norm("encoder.ln_post", "encoder/layer_norm", state);
    plan.tensors
}

struct Plan {
    tensors: Vec<Tensor>,
}

impl Plan {
    fn matrix(&mut self, name: &str, variable: &str, shape: Vec<u32>, as_f32: bool) {
        self.tensors.push(Tensor { name: name.into(), variable: variable.into(), rows: None, shape, as_f32 });
    }

    /// ggml keeps a convolution's bias as one column.
    fn convolution_bias(&mut self, name: &str, variable: &str, size: u32) {
        self.matrix(name, variable, vec![size, 1], true);
    }

    fn norm(&mut self, name: &str, variable: &str, size: u32) {
        self.matrix(&format!("{name}.weight"), &format!("{variable}/gamma"), vec![size], true);
        self.matrix(&format!("{name}.bias"), &format!("{variable}/beta"), vec![size], true);
    }

    /// `rows` of a linear layer that may hold several fused.
    fn linear(&mut self, name: &str, variable: &str, rows: (u32, u32), columns: u32, with_bias: bool) {
        let mut part = |suffix: &str, shape: Vec<u32>, as_f32: bool| {
            let tensor =
                Tensor { name: format!("{name}.{suffix}"), variable: format!("{variable}/{suffix}"), rows: Some(rows), shape, as_f32 };
            self.tensors.push(tensor);
        };
        part("weight", vec![rows.1, columns], false);
        if with_bias {
            part("bias", vec![rows.1], true);
        }
    }

    fn block(&mut self, side: &str, layer: u32, state: u32, cross_attention: bool) {
        let to = format!("{side}.blocks.{layer}");
        let from = format!("{side}/layer_{layer}");
        let own = format!("{from}/self_attention");
        self.linear(&format!("{to}.attn.query"), &format!("{own}/linear_0"), (0, state), state, true);
        self.linear(&format!("{to}.attn.key"), &format!("{own}/linear_0"), (state, state), state, false);
        self.linear(&format!("{to}.attn.value"), &format!("{own}/linear_0"), (2 * state, state), state, true);
        self.linear(&format!("{to}.attn.out"), &format!("{own}/linear_1"), (0, state), state, true);
        self.norm(&format!("{to}.attn_ln"), &format!("{own}/layer_norm"), state);
        if cross_attention {
            let cross = format!("{from}/attention");
            self.linear(&format!("{to}.cross_attn.query"), &format!("{cross}/linear_0"), (0, state), state, true);
            self.linear(&format!("{to}.cross_attn.key"), &format!("{cross}/linear_1"), (0, state), state, false);
            self.linear(&format!("{to}.cross_attn.value"), &format!("{cross}/linear_1"), (state, state), state, true);
            self.linear(&format!("{to}.cross_attn.out"), &format!("{cross}/linear_2"), (0, state), state, true);
            self.norm(&format!("{to}.cross_attn_ln"), &format!("{cross}/layer_norm"), state);
        }
        self.linear(&format!("{to}.mlp.0"), &format!("{from}/ffn/linear_0"), (0, 4 * state), state, true);
        self.linear(&format!("{to}.mlp.2"), &format!("{from}/ffn/linear_1"), (0, state), 4 * state, true);
        self.norm(&format!("{to}.mlp_ln"), &format!("{from}/ffn/layer_norm"), state);
    }
}
