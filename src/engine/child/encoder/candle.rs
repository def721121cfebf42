//! safetensors models through candle: BERT and the family of RoBERTa, on the processor.
//!
//! Texts are computed in parallel, a few of similar length at a time; within one the matrix products share the same
//! threads. All of them belong to one pool of the size that the operator gave.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::{Activation, VarBuilder};
use candle_transformers::models::{bert, xlm_roberta};
use rayon::{
    ThreadPool, ThreadPoolBuilder,
    iter::{IntoParallelRefIterator as _, ParallelIterator as _},
};

use super::{
    Encoder,
    config::{EncoderConfig, ModelConfig, Pooling},
};
use crate::engine::{
    EngineError,
    child::embedding::{
        Piece,
        lanes::{UnitSize, in_order, units},
    },
    parse::encoder_files,
};

/// Texts that are computed at once.
const AT_ONCE: usize = 4;

pub(super) struct CandleEncoder {
    model: Model,
    pooling: Pooling,
    padding: u32,
    pool: ThreadPool,
}

enum Model {
    Bert(bert::BertModel),
    Roberta(xlm_roberta::XLMRobertaModel),
}

impl CandleEncoder {
    pub(super) fn load(folder: &Path, config: &EncoderConfig, threads: usize) -> Result<Self, EngineError> {
        let file = folder.join(encoder_files::SAFETENSORS);
        // SAFETY: the file is an artefact of the store, which nobody writes to while it is in use; it is read once, here,
        // and a file that is cut meanwhile ends this process alone.
        let weights = unsafe { VarBuilder::from_mmaped_safetensors(&[file], DType::F32, &Device::Cpu) };
        let model = weights
            .and_then(|weights| Model::load(weights, &config.model))
            .map_err(|error| EngineError::Failed(format!("candle could not load the model: {error}")))?;
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|error| EngineError::Failed(format!("the threads of the embedding cannot be started: {error}")))?;
        Ok(Self { model, pooling: config.pooling, padding: config.model.pad_token_id, pool })
    }

    /// The vectors of a few texts.
    fn run(&self, pieces: &[&Piece]) -> candle_core::Result<Vec<Vec<f32>>> {
        let longest = pieces.iter().map(|piece| piece.ids.len()).max().unwrap_or(0);
        let mut ids = Vec::with_capacity(pieces.len() * longest);
        let mut mask = Vec::with_capacity(pieces.len() * longest);
        for piece in pieces {
            let missing = longest - piece.ids.len();
            ids.extend(piece.ids.iter().copied().chain(std::iter::repeat_n(self.padding, missing)));
            mask.extend(std::iter::repeat_n(1_u32, piece.ids.len()).chain(std::iter::repeat_n(0, missing)));
        }
        let shape = (pieces.len(), longest);
        let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let hidden = self.model.forward(&ids, &mask)?;
        let (_, _, width) = hidden.dims3()?;
        let hidden = hidden.flatten_all()?.to_vec1::<f32>()?;
        let texts = hidden.chunks(longest * width);
        Ok(pieces.iter().zip(texts).map(|(piece, hidden)| pooled(&hidden[..piece.ids.len() * width], width, self.pooling)).collect())
    }
}

impl Encoder for CandleEncoder {
    fn encode(&mut self, pieces: &[&Piece]) -> Result<Vec<Vec<f32>>, EngineError> {
        let texts = AT_ONCE.min(pieces.len().div_ceil(self.pool.current_num_threads()));
        let run = |unit: &Vec<usize>| -> candle_core::Result<Vec<_>> {
            let some: Vec<&Piece> = unit.iter().map(|index| pieces[*index]).collect();
            Ok(unit.iter().copied().zip(self.run(&some)?).collect())
        };
        let units = units(pieces, UnitSize { texts, tokens: usize::MAX });
        let found = self.pool.install(|| units.par_iter().map(run).collect::<candle_core::Result<Vec<_>>>());
        let found = found.map_err(|error| EngineError::Failed(format!("candle could not embed: {error}")))?;
        Ok(in_order(found.concat()))
    }
}

impl Model {
    fn load(weights: VarBuilder<'_>, config: &ModelConfig) -> candle_core::Result<Self> {
        if config.is_roberta() {
            // Saved with a task's head, the encoder lies below this name.
            let weights =
                if weights.contains_tensor("roberta.embeddings.word_embeddings.weight") { weights.pp("roberta") } else { weights };
            return xlm_roberta::XLMRobertaModel::new(&roberta_config(config)?, weights).map(Self::Roberta);
        }
        let weights = if weights.contains_tensor("bert.embeddings.word_embeddings.weight") { weights.pp("bert") } else { weights };
        bert::BertModel::load(weights, &bert_config(config)?).map(Self::Bert)
    }

    /// Vectors of every token, `[texts, tokens, width]`.
    fn forward(&self, ids: &Tensor, mask: &Tensor) -> candle_core::Result<Tensor> {
        let types = ids.zeros_like()?;
        match self {
            Self::Bert(model) => model.forward(ids, &types, Some(mask)),
            Self::Roberta(model) => model.forward(ids, mask, &types, None, None, None),
        }
    }
}

/// One vector of the vectors of a text's tokens.
fn pooled(hidden: &[f32], width: usize, pooling: Pooling) -> Vec<f32> {
    match pooling {
        Pooling::Cls => hidden[..width].to_vec(),
        Pooling::Mean => {
            let mut sum = vec![0.0_f32; width];
            for token in hidden.chunks(width) {
                sum.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
            }
            let tokens = (hidden.len() / width).max(1) as f32;
            sum.into_iter().map(|value| value / tokens).collect()
        }
    }
}

fn unknown_activation(name: &str) -> candle_core::Error {
    candle_core::Error::Msg(format!("its activation {name:?} is not supported"))
}

fn bert_config(config: &ModelConfig) -> candle_core::Result<bert::Config> {
    let hidden_act = match config.hidden_act.as_str() {
        "gelu" => bert::HiddenAct::Gelu,
        "gelu_new" | "gelu_pytorch_tanh" => bert::HiddenAct::GeluApproximate,
        "relu" => bert::HiddenAct::Relu,
        other => return Err(unknown_activation(other)),
    };
    Ok(bert::Config {
        vocab_size: config.vocab_size,
        hidden_size: config.hidden_size,
        num_hidden_layers: config.num_hidden_layers,
        num_attention_heads: config.num_attention_heads,
        intermediate_size: config.intermediate_size,
        hidden_act,
        max_position_embeddings: config.max_position_embeddings,
        type_vocab_size: config.type_vocab_size,
        layer_norm_eps: config.layer_norm_eps,
        pad_token_id: config.pad_token_id as usize,
        ..bert::Config::default()
    })
}

fn roberta_config(config: &ModelConfig) -> candle_core::Result<xlm_roberta::Config> {
    let hidden_act = match config.hidden_act.as_str() {
        "gelu" => Activation::Gelu,
        "gelu_new" | "gelu_pytorch_tanh" => Activation::NewGelu,
        "relu" => Activation::Relu,
        other => return Err(unknown_activation(other)),
    };
    Ok(xlm_roberta::Config {
        hidden_size: config.hidden_size,
        layer_norm_eps: config.layer_norm_eps,
        // Only training drops anything.
        attention_probs_dropout_prob: 0.0,
        hidden_dropout_prob: 0.0,
        num_attention_heads: config.num_attention_heads,
        position_embedding_type: config.position_embedding_type.clone(),
        intermediate_size: config.intermediate_size,
        hidden_act,
        num_hidden_layers: config.num_hidden_layers,
        vocab_size: config.vocab_size,
        max_position_embeddings: config.max_position_embeddings,
        type_vocab_size: config.type_vocab_size,
        pad_token_id: config.pad_token_id,
    })
}

#[cfg(test)]
mod tests;
