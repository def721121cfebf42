use std::{fs, sync::Arc};

use super::{super::testing::*, *};
use crate::{
    egress::{Egress, EgressPolicy, LogSink},
    models::{ArtifactKind, ArtifactStore, CatalogEntry, HubFile, HubFolder, Licence, NoProgress, PullOutcome, Puller, Source},
};

const CONFIG: &str = r#"{"model_type": "bert", "hidden_size": 2, "num_hidden_layers": 1, "num_attention_heads": 1,
    "intermediate_size": 2, "vocab_size": 3, "max_position_embeddings": 8}"#;
const TOKENIZER: &str = r#"{"model": {"type": "WordPiece", "vocab": {"a": 0}}}"#;

/// The smallest files that hold together.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let header = r#"{"embeddings.word_embeddings.weight": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]}}"#;
    let model = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[7; 24]].concat();
    vec![("model.safetensors", model), ("config.json", CONFIG.into()), ("tokenizer.json", TOKENIZER.into())]
}

fn entry() -> CatalogEntry {
    let names = files().into_iter().map(|(name, _)| HubFile { file: name.into(), into: None, bytes: None, sha256: None });
    let folder = HubFolder { repository: "some/repository".into(), revision: "main".into(), files: names.collect() };
    CatalogEntry {
        id: "e".into(),
        kind: ArtifactKind::Embedding,
        format: ArtifactFormat::Safetensors,
        title: "e".into(),
        licence: Licence { spdx: "MIT".into(), url: String::new() },
        file: "model".into(),
        languages: Vec::new(),
        memory_bytes: 0,
        tasks: Vec::new(),
        instruct: false,
        context_length: None,
        embedding: None,
        needs: Vec::new(),
        sources: vec![Source::HubFolder(folder)],
    }
}

/// A hub that knows large files by SHA-256 and small ones by git's name; `bend` is what it does to a file's content.
async fn hub(bend: fn(&str, &mut Vec<u8>)) -> Hub {
    Hub::start(move |asked| {
        let (name, whole) = files().into_iter().find(|(name, _)| asked.path.ends_with(name)).unwrap();
        let mut checksum = files::Checksum::default();
        checksum.update(&whole);
        let place = tempfile::NamedTempFile::new().unwrap();
        fs::write(place.path(), &whole).unwrap();
        let mut sent = whole.clone();
        bend(name, &mut sent);
        let mut answer = Answer::file(asked, &sent);
        if name == "model.safetensors" {
            let large = [("x-linked-etag", format!("\"{}\"", checksum.finish())), ("x-linked-size", whole.len().to_string())];
            answer.headers.extend(large.map(|(name, value)| (name.to_owned(), value)));
        } else {
            answer.headers.push(("etag".into(), format!("W/\"{}\"", files::git_blob_sha1(place.path()).unwrap())));
        }
        answer
    })
    .await
}

async fn pulled(hub: &Hub) -> (tempfile::TempDir, Arc<ArtifactStore>, Result<PullOutcome, ModelError>) {
    let state = tempfile::tempdir().unwrap();
    let store = Arc::new(ArtifactStore::open(state.path(), Arc::new(InProcess)).unwrap());
    let egress = Arc::new(Egress::new(EgressPolicy::for_hub(&hub.endpoint).unwrap(), Arc::new(LogSink)));
    let outcome = Puller::new(Arc::clone(&store), egress, &hub.endpoint, Arc::new(NoProgress)).pull_one(&entry()).await;
    (state, store, outcome)
}

#[tokio::test]
async fn several_files_of_the_hub_land_as_one_folder() {
    let (_state, store, outcome) = pulled(&hub(|_, _| ()).await).await;
    assert_eq!(outcome.unwrap(), PullOutcome::Fetched);
    let valid = store.verify("e").await.unwrap();
    assert_eq!((valid.header.unwrap().format.as_str(), valid.manifest.files.len()), ("safetensors", 3));
    assert_eq!(fs::read_to_string(valid.path.join("config.json")).unwrap(), CONFIG);
    assert!(store.has(&entry()).unwrap().is_some());
    assert!(!store.staging("e").exists(), "nothing is left in staging");
}

#[tokio::test]
async fn one_bent_file_of_several_is_refused_whoever_names_its_checksum() {
    for bend in [
        (|name, content| {
            if name == "config.json" {
                content[5] ^= 1
            }
        }) as fn(&str, &mut Vec<u8>),
        |name, content| {
            if name == "model.safetensors" {
                *content.last_mut().unwrap() ^= 1
            }
        },
    ] {
        let (_state, store, outcome) = pulled(&hub(bend).await).await;
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("checksum"), "{error}");
        assert!(store.list().unwrap().is_empty());
    }
}

#[test]
fn an_encoder_is_found_in_a_folder_beside_its_tokenizer_or_in_the_folder_above() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bge-small-en-v1.5");
    fs::create_dir_all(place.join("onnx")).unwrap();
    let id = |path: &Path| files::identifier_from(&EncoderFiles::at(path).unwrap().unwrap().name).unwrap();
    for name in ["config.json", "tokenizer.json", "onnx/model.onnx", "onnx/model_quantized.onnx"] {
        fs::write(place.join(name), "").unwrap();
    }
    let found = EncoderFiles::at(&place).unwrap().unwrap();
    assert_eq!((found.format, found.beside.as_path()), (ArtifactFormat::Onnx, place.as_path()));
    found.check("x").unwrap();
    assert_eq!((id(&place), id(&place.join("onnx/model_quantized.onnx"))), ("bge-small-en-v1.5".into(), "bge-small-en-v1.5".into()));
    fs::remove_file(place.join("tokenizer.json")).unwrap();
    let error = EncoderFiles::at(&place).unwrap().unwrap().check("x").unwrap_err().to_string();
    assert!(error.contains("tokenizer.json must lie in"), "{error}");
    fs::write(place.join("model.safetensors"), "").unwrap();
    assert!(EncoderFiles::at(&place).is_err_and(|error| error.to_string().contains("more than one model")));
    assert!(EncoderFiles::at(Path::new("x.gguf")).unwrap().is_none());
}
