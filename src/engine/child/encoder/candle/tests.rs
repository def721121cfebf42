use std::{collections::HashMap, fs, iter::repeat_n};

use super::*;

const WIDTH: usize = 8;
const WORDS: usize = 20;
const POSITIONS: usize = 12;
/// RoBERTa's padding token; positions begin behind it.
const PADDING: usize = 1;

/// Numbers that look random and are always the same.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|index| (((index * 7919 + seed * 104_729 + 13) % 1009) as f32 / 1009.0 - 0.5) * 0.6).collect()
}

fn tensor(rows: &[usize], seed: usize) -> Tensor {
    Tensor::from_vec(numbers(rows.iter().product(), seed), rows, &Device::Cpu).unwrap()
}

/// The weights of one layer; `positions` is the table of positions.
fn weights(prefix: &str, positions: Tensor) -> HashMap<String, Tensor> {
    let mut all = HashMap::from([
        ("embeddings.word_embeddings.weight".to_owned(), tensor(&[WORDS, WIDTH], 1)),
        ("embeddings.position_embeddings.weight".to_owned(), positions),
        ("embeddings.token_type_embeddings.weight".to_owned(), tensor(&[1, WIDTH], 3)),
    ]);
    let layer = "encoder.layer.0";
    let dense = [
        ("attention.self.query", WIDTH, WIDTH),
        ("attention.self.key", WIDTH, WIDTH),
        ("attention.self.value", WIDTH, WIDTH),
        ("attention.output.dense", WIDTH, WIDTH),
        ("intermediate.dense", 2 * WIDTH, WIDTH),
        ("output.dense", WIDTH, 2 * WIDTH),
    ];
    for (seed, (name, out, into)) in dense.into_iter().enumerate() {
        all.insert(format!("{layer}.{name}.weight"), tensor(&[out, into], 10 + seed));
        all.insert(format!("{layer}.{name}.bias"), tensor(&[out], 20 + seed));
    }
    for name in ["embeddings".to_owned(), format!("{layer}.attention.output"), format!("{layer}.output")] {
        all.insert(format!("{name}.LayerNorm.weight"), (tensor(&[WIDTH], 30) + 1.0).unwrap());
        all.insert(format!("{name}.LayerNorm.bias"), tensor(&[WIDTH], 31));
    }
    all.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect()
}

fn encoder(model_type: &str, prefix: &str, positions: Tensor, pooling: Pooling) -> CandleEncoder {
    let folder = tempfile::tempdir().unwrap();
    candle_core::safetensors::save(&weights(prefix, positions.clone()), folder.path().join("model.safetensors")).unwrap();
    let rows = positions.dims()[0];
    let config = format!(
        r#"{{"model_type": "{model_type}", "hidden_size": {WIDTH}, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": {WORDS},
            "intermediate_size": {}, "max_position_embeddings": {rows}, "type_vocab_size": 1, "pad_token_id": {PADDING}}}"#,
        2 * WIDTH
    );
    fs::write(folder.path().join("config.json"), config).unwrap();
    let config = EncoderConfig::read(|name| Ok(fs::read(folder.path().join(name)).ok())).unwrap();
    assert_eq!(config.context_length, POSITIONS);
    CandleEncoder::load(folder.path(), &EncoderConfig { pooling, ..config }, 2).unwrap()
}

fn bert(prefix: &str, pooling: Pooling) -> CandleEncoder {
    encoder("bert", prefix, tensor(&[POSITIONS, WIDTH], 2), pooling)
}

/// The same model with the positions where RoBERTa looks for them; those before are never right.
fn roberta(prefix: &str) -> CandleEncoder {
    let before =
        Tensor::from_vec(repeat_n(9.0_f32, (PADDING + 1) * WIDTH).collect::<Vec<_>>(), (PADDING + 1, WIDTH), &Device::Cpu).unwrap();
    let positions = Tensor::cat(&[before, tensor(&[POSITIONS, WIDTH], 2)], 0).unwrap();
    encoder("xlm-roberta", prefix, positions, Pooling::Mean)
}

fn pieces() -> Vec<Piece> {
    let piece =
        |length: usize| Piece { text: String::new(), ids: (0..length as u32).map(|id| 2 + id * 5 % 17).collect(), truncated: false };
    [3, 12, 1, 7, 7, 2, 10].into_iter().map(piece).collect()
}

fn vectors(encoder: &mut CandleEncoder, pieces: &[Piece]) -> Vec<Vec<f32>> {
    encoder.encode(&pieces.iter().collect::<Vec<_>>()).unwrap()
}

fn assert_close(left: &[Vec<f32>], right: &[Vec<f32>]) {
    assert_eq!(left.len(), right.len());
    let apart = left.iter().flatten().zip(right.iter().flatten()).map(|(left, right)| (left - right).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-5, "{apart}");
}

#[test]
fn a_vector_is_the_same_alone_and_among_longer_texts() {
    for mut encoder in [bert("", Pooling::Mean), bert("bert.", Pooling::Cls), roberta(""), roberta("roberta.")] {
        let together = vectors(&mut encoder, &pieces());
        let alone: Vec<_> = pieces().chunks(1).flat_map(|one| vectors(&mut encoder, one)).collect();
        assert_close(&together, &alone);
    }
}

#[test]
fn roberta_is_bert_with_its_positions_behind_the_padding() {
    assert_close(&vectors(&mut bert("", Pooling::Mean), &pieces()), &vectors(&mut roberta(""), &pieces()));
}

#[test]
fn pooling_is_the_mean_of_the_tokens_or_the_first_of_them() {
    let hidden = [1.0, 2.0, 3.0, 6.0];
    assert_eq!(pooled(&hidden, 2, Pooling::Mean), [2.0, 4.0]);
    assert_eq!(pooled(&hidden, 2, Pooling::Cls), [1.0, 2.0]);
}
