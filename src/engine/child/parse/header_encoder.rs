//! A sentence encoder of several files: the model and what belongs to it, each checked and then against each other.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read},
};

use serde::{Deserialize, de::IgnoredAny};

use super::{
    super::encoder::config::{EncoderConfig, MAX_CONFIG_BYTES},
    fields::{Fields, invalid},
    header_onnx, header_safetensors,
};
use crate::engine::{
    EngineError,
    parse::{ModelHeader, encoder_files},
};

/// XLM-RoBERTa's has 17 MB.
const MAX_TOKENIZER_BYTES: u64 = 64 * 1024 * 1024;

/// `tokenizer.json`, as far as it must be one.
#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(rename = "model")]
    _model: TokenizerModel,
}

#[derive(Deserialize)]
struct TokenizerModel {
    #[serde(rename = "vocab")]
    _vocab: IgnoredAny,
}

/// Checks the files; `files` are the names of [`encoder_files`], each with its descriptor.
pub fn inspect(files: Vec<(String, File)>) -> Result<ModelHeader, EngineError> {
    let mut files: HashMap<String, File> = files.into_iter().collect();
    if let Some(missing) = encoder_files::INDISPENSABLE.iter().find(|name| !files.contains_key(**name)) {
        return Err(invalid(format!("{missing} is missing")));
    }
    let tokenizer = files.remove(encoder_files::TOKENIZER).ok_or_else(|| invalid("its tokenizer is missing"))?;
    check_tokenizer(tokenizer).map_err(|error| within(encoder_files::TOKENIZER, &error))?;
    let model = match (files.remove(encoder_files::ONNX), files.remove(encoder_files::SAFETENSORS)) {
        (Some(onnx), None) => Model::Onnx(onnx),
        (None, Some(safetensors)) => Model::Safetensors(safetensors),
        _ => return Err(invalid(format!("there must be {} or {}, and not both", encoder_files::ONNX, encoder_files::SAFETENSORS))),
    };
    let config = EncoderConfig::read(|name| files.get(name).map(|file| small(file, name)).transpose())?;
    match model {
        Model::Onnx(file) => onnx(file, &config).map_err(|error| within(encoder_files::ONNX, &error)),
        Model::Safetensors(file) => safetensors(file, &config).map_err(|error| within(encoder_files::SAFETENSORS, &error)),
    }
}

enum Model {
    Onnx(File),
    Safetensors(File),
}

fn onnx(file: File, config: &EncoderConfig) -> Result<ModelHeader, EngineError> {
    let facts = header_onnx::inspect(&mut Fields::new(file)?)?;
    Ok(ModelHeader { tensors: facts.tensors, tensor_types: facts.tensor_types, ..header("onnx", config) })
}

fn safetensors(file: File, config: &EncoderConfig) -> Result<ModelHeader, EngineError> {
    let known = config.model.model_type == "bert" || config.model.is_roberta();
    if !known {
        return Err(invalid(format!("models of the type {:?} cannot be run; bert and xlm-roberta can", config.model.model_type)));
    }
    let facts = header_safetensors::inspect(&mut Fields::new(file)?)?;
    let words = facts.tensors.iter().find(|(name, _)| name.ends_with("embeddings.word_embeddings.weight"));
    let expected = [config.model.vocab_size as u64, config.model.hidden_size as u64];
    match words {
        Some((_, shape)) if **shape == expected => {}
        Some((_, shape)) => {
            return Err(invalid(format!("its vocabulary has the shape {shape:?}, {} says {expected:?}", encoder_files::CONFIG)));
        }
        None => return Err(invalid("it holds no word embeddings")),
    }
    Ok(ModelHeader { tensors: facts.tensors.len() as u64, tensor_types: facts.tensor_types, ..header("safetensors", config) })
}

fn header(format: &str, config: &EncoderConfig) -> ModelHeader {
    ModelHeader {
        format: format.into(),
        architecture: config.model.model_type.clone(),
        name: Some(config.model.name.clone()).filter(|name| !name.is_empty()),
        context_length: Some(config.context_length as u64),
        embedding_length: Some(config.model.hidden_size as u64),
        has_chat_template: false,
        reasons: false,
        tensors: 0,
        tensor_types: std::collections::BTreeMap::new(),
        shape: None,
    }
}

fn check_tokenizer(file: File) -> Result<(), EngineError> {
    let length = Fields::new(&file)?.length();
    if length > MAX_TOKENIZER_BYTES {
        return Err(invalid(format!("it has {length} bytes; at most {MAX_TOKENIZER_BYTES} are accepted")));
    }
    let reader = BufReader::new(file.take(MAX_TOKENIZER_BYTES));
    serde_json::from_reader::<_, TokenizerFile>(reader).map(drop).map_err(|error| invalid(error.to_string()))
}

fn small(file: &File, name: &str) -> Result<Vec<u8>, EngineError> {
    let mut fields = Fields::new(file)?;
    let length = fields.length();
    fields.bytes(length, MAX_CONFIG_BYTES, name)
}

fn within(file: &str, error: &EngineError) -> EngineError {
    match error {
        EngineError::InvalidRequest(reason) => invalid(format!("{file}: {reason}")),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::{
        super::{super::encoder::config::tests::MINILM, header_onnx, header_safetensors},
        *,
    };

    const TOKENIZER: &str = r#"{"version": "1.0", "model": {"type": "WordPiece", "vocab": {"[PAD]": 0}}}"#;

    fn weights(rows: u64) -> Vec<u8> {
        let header = format!(
            r#"{{"embeddings.word_embeddings.weight": {{"dtype": "F32", "shape": [{rows}, 2], "data_offsets": [0, {}]}}}}"#,
            rows * 8
        );
        header_safetensors::tests::file(&header, usize::try_from(rows * 8).unwrap())
    }

    fn config() -> String {
        MINILM.replace("384", "2").replace("30522", "5").replace("\"num_attention_heads\": 12", "\"num_attention_heads\": 1")
    }

    fn read(files: &[(&str, &[u8])]) -> Result<ModelHeader, EngineError> {
        let opened = files.iter().map(|(name, bytes)| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            file.rewind().unwrap();
            ((*name).to_owned(), file)
        });
        inspect(opened.collect())
    }

    #[test]
    fn whole_encoders_tell_what_they_are() {
        let (config, tokenizer) = (config(), TOKENIZER.as_bytes());
        let header =
            read(&[("model.safetensors", &weights(5)), ("config.json", config.as_bytes()), ("tokenizer.json", tokenizer)]).unwrap();
        assert_eq!((header.format.as_str(), header.architecture.as_str(), header.embedding_length), ("safetensors", "bert", Some(2)));
        let onnx = header_onnx::tests::small();
        let header = read(&[("model.onnx", &onnx), ("config.json", config.as_bytes()), ("tokenizer.json", tokenizer)]).unwrap();
        assert_eq!((header.format.as_str(), header.tensors, header.context_length), ("onnx", 1, Some(512)));
    }

    #[test]
    fn what_is_missing_or_does_not_belong_together_is_named() {
        let (config, tokenizer) = (config(), TOKENIZER.as_bytes());
        let (config, five, six, onnx) = (config.as_bytes(), weights(5), weights(6), header_onnx::tests::small());
        let distil = String::from_utf8_lossy(config).replace("bert", "distilbert");
        type Files<'a> = &'a [(&'a str, &'a [u8])];
        let cases: &[(&str, Files<'_>)] = &[
            ("tokenizer.json is missing", &[("model.safetensors", &five), ("config.json", config)]),
            ("config.json is missing", &[("model.safetensors", &five), ("tokenizer.json", tokenizer)]),
            ("model.onnx or model.safetensors", &[("config.json", config), ("tokenizer.json", tokenizer)]),
            ("not both", &[("model.onnx", &onnx), ("model.safetensors", &five), ("config.json", config), ("tokenizer.json", tokenizer)]),
            ("vocabulary", &[("model.safetensors", &six), ("config.json", config), ("tokenizer.json", tokenizer)]),
            ("distilbert", &[("model.safetensors", &five), ("config.json", distil.as_bytes()), ("tokenizer.json", tokenizer)]),
            ("tokenizer.json", &[("model.safetensors", &five), ("config.json", config), ("tokenizer.json", b"{\"model\": {}}")]),
            ("tokenizer.json", &[("model.safetensors", &five), ("config.json", config), ("tokenizer.json", b"\x7fELF")]),
            ("model.onnx", &[("model.onnx", b"\x7fELF"), ("config.json", config), ("tokenizer.json", tokenizer)]),
        ];
        for (part, files) in cases {
            let error = read(files).unwrap_err().to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
        let nested = format!("{{\"model\": {{\"vocab\": {}", "[".repeat(100_000));
        assert!(read(&[("model.onnx", &onnx), ("config.json", config), ("tokenizer.json", nested.as_bytes())]).is_err());
    }
}
