//! What the small files beside a sentence encoder say: its shape, its pooling, its longest text, its prefixes.
//!
//! The names are those of Hugging Face's `transformers` and `sentence-transformers`. Files that a model lacks leave
//! their defaults. Read in the parse child first; the engine reads the same files again with the same code.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};

use crate::engine::{EngineError, backend::TextPrefixes, parse::encoder_files};

/// The largest small file: a `config.json` has a few KiB.
pub const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

/// `config.json`, as far as an encoder's shape goes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ModelConfig {
    pub model_type: String,
    #[serde(default, rename = "_name_or_path")]
    pub name: String,
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub intermediate_size: usize,
    pub vocab_size: usize,
    pub max_position_embeddings: usize,
    #[serde(default = "one")]
    pub type_vocab_size: usize,
    #[serde(default)]
    pub pad_token_id: u32,
    #[serde(default = "layer_norm_eps")]
    pub layer_norm_eps: f64,
    #[serde(default = "gelu")]
    pub hidden_act: String,
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
}

fn one() -> usize {
    1
}

fn layer_norm_eps() -> f64 {
    1e-12
}

fn gelu() -> String {
    "gelu".into()
}

fn absolute() -> String {
    "absolute".into()
}

/// How the vectors of a text's tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    Mean,
    /// The first token's.
    Cls,
}

/// `1_Pooling/config.json`.
#[derive(Debug, Default, Deserialize)]
struct PoolingConfig {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

#[derive(Debug, Default, Deserialize)]
struct TokenizerConfig {
    /// "No limit" is written as 1e30.
    model_max_length: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
}

/// `config_sentence_transformers.json`.
#[derive(Debug, Default, Deserialize)]
struct PromptConfig {
    #[serde(default)]
    prompts: BTreeMap<String, String>,
}

/// One step of `modules.json`.
#[derive(Debug, Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
}

/// Everything that the small files say.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderConfig {
    pub model: ModelConfig,
    pub pooling: Pooling,
    /// Tokens of the longest text, marks of beginning and end included.
    pub context_length: usize,
    /// The model's own; the catalogue's come before them.
    pub prefixes: TextPrefixes,
}

impl EncoderConfig {
    /// Reads the files; `content` gives one by its name, `None` when the model has no such file.
    pub fn read(content: impl Fn(&str) -> Result<Option<Vec<u8>>, EngineError>) -> Result<Self, EngineError> {
        let model: ModelConfig = parsed(&content, encoder_files::CONFIG)?.ok_or_else(|| wrong(encoder_files::CONFIG, "it is missing"))?;
        model.check()?;
        let tokenizer: TokenizerConfig = parsed(&content, encoder_files::TOKENIZER_CONFIG)?.unwrap_or_default();
        let sentence: SentenceConfig = parsed(&content, encoder_files::SENTENCE_CONFIG)?.unwrap_or_default();
        let modules: Vec<Module> = parsed(&content, encoder_files::MODULES)?.unwrap_or_default();
        if let Some(module) =
            modules.iter().find(|module| !["Transformer", "Pooling", "Normalize"].iter().any(|known| module.kind.ends_with(known)))
        {
            return Err(wrong(encoder_files::MODULES, format!("it asks for a step {:?}, which is not supported", module.kind)));
        }
        let prompts: PromptConfig = parsed(&content, encoder_files::PROMPTS)?.unwrap_or_default();
        let limits = [sentence.max_seq_length, tokenizer.model_max_length.map(|length| length as usize)];
        let context_length = limits.into_iter().flatten().filter(|limit| *limit > 2).fold(model.positions(), usize::min);
        Ok(Self { pooling: pooling(&content)?, context_length, prefixes: prefixes(&model, &prompts.prompts), model })
    }
}

impl ModelConfig {
    fn check(&self) -> Result<(), EngineError> {
        let bounded = [
            ("hidden_size", self.hidden_size, 1 << 14),
            ("num_hidden_layers", self.num_hidden_layers, 256),
            ("num_attention_heads", self.num_attention_heads, 256),
            ("intermediate_size", self.intermediate_size, 1 << 17),
            ("vocab_size", self.vocab_size, 1 << 22),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 20),
            ("type_vocab_size", self.type_vocab_size, 256),
        ];
        if let Some((name, value, most)) = bounded.into_iter().find(|(_, value, most)| !(1..=*most).contains(value)) {
            return Err(wrong(encoder_files::CONFIG, format!("{name} is {value}; 1 to {most} are accepted")));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let reason = format!("hidden_size {} cannot be shared by {} heads", self.hidden_size, self.num_attention_heads);
            return Err(wrong(encoder_files::CONFIG, reason));
        }
        if self.positions() < 3 || self.pad_token_id as usize >= self.vocab_size || self.position_embedding_type != "absolute" {
            return Err(wrong(encoder_files::CONFIG, "its positions or its padding are not those of an encoder that is supported"));
        }
        Ok(())
    }

    /// RoBERTa and its kin count positions from behind the padding token's id.
    pub fn is_roberta(&self) -> bool {
        ["roberta", "xlm-roberta", "camembert"].contains(&self.model_type.as_str())
    }

    /// Tokens for which there are positions.
    fn positions(&self) -> usize {
        let before = if self.is_roberta() { self.pad_token_id as usize + 1 } else { 0 };
        self.max_position_embeddings.saturating_sub(before)
    }
}

fn pooling(content: &impl Fn(&str) -> Result<Option<Vec<u8>>, EngineError>) -> Result<Pooling, EngineError> {
    let Some(config) = parsed::<PoolingConfig>(content, encoder_files::POOLING)? else { return Ok(Pooling::Mean) };
    match (config.pooling_mode_mean_tokens, config.pooling_mode_cls_token) {
        (true, false) => Ok(Pooling::Mean),
        (false, true) => Ok(Pooling::Cls),
        _ => Err(wrong(encoder_files::POOLING, "only pooling by the mean or by the first token is supported")),
    }
}

/// The model's own prompts, else those of the E5 family (Wang et al. 2022, arXiv:2212.03533).
fn prefixes(model: &ModelConfig, prompts: &BTreeMap<String, String>) -> TextPrefixes {
    let prompt = |names: [&str; 2]| names.iter().find_map(|name| prompts.get(*name)).cloned();
    let name = model.name.to_lowercase();
    let is_e5 = name.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "e5");
    let usual = |text: &str| if is_e5 { text.to_owned() } else { String::new() };
    TextPrefixes {
        query: prompt(["query", "question"]).unwrap_or_else(|| usual("query: ")),
        passage: prompt(["passage", "document"]).unwrap_or_else(|| usual("passage: ")),
    }
}

fn parsed<T: DeserializeOwned>(
    content: &impl Fn(&str) -> Result<Option<Vec<u8>>, EngineError>,
    name: &str,
) -> Result<Option<T>, EngineError> {
    let Some(bytes) = content(name)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| wrong(name, error.to_string()))
}

fn wrong(file: &str, reason: impl std::fmt::Display) -> EngineError {
    EngineError::InvalidRequest(format!("{file} is not what it should be: {reason}"))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub const MINILM: &str = r#"{"model_type": "bert", "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12,
        "intermediate_size": 1536, "vocab_size": 30522, "max_position_embeddings": 512, "type_vocab_size": 2, "pad_token_id": 0}"#;

    fn read(files: &[(&str, &str)]) -> Result<EncoderConfig, EngineError> {
        EncoderConfig::read(|name| Ok(files.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_bytes().to_vec())))
    }

    #[test]
    fn the_shortest_limit_holds_and_roberta_counts_from_its_padding() {
        assert_eq!(read(&[("config.json", MINILM)]).unwrap().context_length, 512);
        let limited = [("config.json", MINILM), ("sentence_bert_config.json", r#"{"max_seq_length": 256}"#)];
        assert_eq!(read(&limited).unwrap().context_length, 256);
        let unlimited = [("config.json", MINILM), ("tokenizer_config.json", r#"{"model_max_length": 1e30}"#)];
        assert_eq!(read(&unlimited).unwrap().context_length, 512);
        let roberta = MINILM.replace("bert", "xlm-roberta").replace("512", "514").replace("\"pad_token_id\": 0", "\"pad_token_id\": 1");
        assert_eq!(read(&[("config.json", &roberta)]).unwrap().context_length, 512);
    }

    #[test]
    fn pooling_and_prefixes_come_from_the_model() {
        let bare = read(&[("config.json", MINILM)]).unwrap();
        assert_eq!((bare.pooling, bare.prefixes), (Pooling::Mean, TextPrefixes::default()));
        let e5 = MINILM.replacen('{', r#"{"_name_or_path": "intfloat/multilingual-e5-small","#, 1);
        assert_eq!(read(&[("config.json", &e5)]).unwrap().prefixes.query, "query: ");
        let told = [
            ("config.json", MINILM),
            ("1_Pooling/config.json", r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#),
            ("config_sentence_transformers.json", r#"{"prompts": {"query": "search: ", "document": ""}}"#),
        ];
        let told = read(&told).unwrap();
        assert_eq!((told.pooling, told.prefixes.query.as_str(), told.prefixes.passage.as_str()), (Pooling::Cls, "search: ", ""));
    }

    #[test]
    fn what_cannot_be_served_is_refused_by_name() {
        for (file, text) in [
            ("config.json", "[]"),
            ("config.json", &MINILM.replace("384", "0")),
            ("config.json", &MINILM.replace("384", "99999999999")),
            ("config.json", &MINILM.replace("12", "7")),
            ("1_Pooling/config.json", r#"{"pooling_mode_max_tokens": true}"#),
            ("modules.json", r#"[{"type": "sentence_transformers.models.Dense"}]"#),
            ("tokenizer_config.json", "{"),
        ] {
            let mut files = vec![(file, text)];
            if file != "config.json" {
                files.push(("config.json", MINILM));
            }
            let error = read(&files).unwrap_err().to_string();
            assert!(error.starts_with(file), "{error}");
        }
    }
}
