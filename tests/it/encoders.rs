//! Sentence encoders through ONNX Runtime and through candle: real models in confined children.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use oneiros::engine::{
    Asker, Embedder as _, EmbeddingRequest, EmbeddingRole, Embeddings, EngineOptions,
    backend::{Backend, TextPrefixes},
    confinement::Confinement,
    supervisor::{EngineSpec, Presence, Spawner, Supervisor},
    wire::EngineKind,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    command_line::run,
    state::{ARTEFACTS, ONNX_MODEL, ONNX_RUNTIME, SAFETENSORS_MODEL, StateDirectory, largest_file, pulled},
    texts, turn,
};

fn artefact(id: &str) -> PathBuf {
    pulled().join(ARTEFACTS).join(id)
}

fn backends() -> [(&'static str, Backend); 2] {
    let prefixes = TextPrefixes::default;
    let library = largest_file(&artefact(ONNX_RUNTIME));
    [(ONNX_MODEL, Backend::Onnx { library, prefixes: prefixes() }), (SAFETENSORS_MODEL, Backend::Safetensors { prefixes: prefixes() })]
}

async fn start(id: &str, backend: Backend, threads: u16) -> Supervisor {
    let model = artefact(id).join("model");
    let readable = [vec![model.clone()], backend.libraries()].concat();
    let spec = EngineSpec {
        kind: EngineKind::Embedding,
        model_id: id.into(),
        model: Some(model),
        backend,
        confinement: Confinement::Cpu { readable },
        options: EngineOptions { threads, ..EngineOptions::default() },
        allow_unsandboxed: false,
        presence: Presence::Always,
    };
    let engine = Supervisor::start(spec, Spawner::with_executable(PathBuf::from(env!("CARGO_BIN_EXE_oneiros"))).unwrap());
    let report = engine.ready().await.unwrap();
    assert!(report.confinement.is_confined() && report.confinement.profile == "cpu", "{report:?}");
    assert_eq!((report.dimensions, report.context_length), (384, 256), "{id}");
    engine
}

async fn embed(engine: &Supervisor, texts: &[String]) -> Embeddings {
    let request = EmbeddingRequest { texts: texts.to_vec(), role: EmbeddingRole::Passage };
    engine.client().embed(request, Asker::named("a test")).await.unwrap()
}

fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let dot = |left: &[f32], right: &[f32]| left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum::<f64>();
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

fn least(left: &Embeddings, right: &Embeddings) -> f64 {
    left.vectors.iter().zip(&right.vectors).map(|(left, right)| cosine(left, right)).fold(1.0, f64::min)
}

/// Texts of all lengths and scripts; the last is longer than the model's context.
fn many() -> Vec<String> {
    let plain = [texts::HORSE, texts::TRAIN, texts::LIBRARY, texts::TEETH, texts::BRIDGE, texts::GARDEN, texts::MOUNTAIN];
    let odd = [texts::RUSSIAN, texts::ARABIC, "a", "🜁 🌊 e\u{301}\u{327} ﷺ 夢を見た", "\u{200b}\u{7}\u{ad}", "UPPER lower ß ﬁ"];
    let mut all: Vec<String> = plain.into_iter().chain(odd).map(str::to_owned).collect();
    all.extend((1..12).map(texts::numbered));
    all.push(texts::HORSE.repeat(40));
    all
}

#[tokio::test]
async fn both_formats_agree_and_no_vector_depends_on_the_texts_beside_it() {
    let _turn = turn::together().await;
    let texts = many();
    let mut found = Vec::new();
    for (id, backend) in backends() {
        let engine = start(id, backend, 2).await;
        let together = embed(&engine, &texts).await;
        assert_eq!(together.vectors.len(), texts.len());
        for (text, vector) in texts.iter().zip(&together.vectors) {
            let length = vector.iter().map(|value| value * value).sum::<f32>();
            assert!(vector.len() == 384 && (length - 1.0).abs() < 1e-4, "{text:?}: {length}");
        }
        let (last, others) = together.truncated.split_last().unwrap();
        assert!(*last && !others.contains(&true), "{:?}", together.truncated);
        let mut alone = Embeddings { vectors: Vec::new(), tokens: 0, truncated: Vec::new() };
        for text in &texts {
            let one = embed(&engine, std::slice::from_ref(text)).await;
            alone.tokens += one.tokens;
            alone.vectors.extend(one.vectors);
        }
        let agreement = least(&together, &alone);
        eprintln!("{id}: a text alone and among {} others: cosine at least {agreement:.6}", texts.len() - 1);
        assert!(agreement >= 0.9999, "{id}: {agreement}");
        assert_eq!(alone.tokens, together.tokens);
        engine.stop().await;
        found.push(together);
    }
    let agreement = least(&found[0], &found[1]);
    eprintln!("8-bit weights through ONNX Runtime, full precision through candle: cosine at least {agreement:.6}");
    assert!(agreement >= 0.99, "{agreement}");
    assert_eq!(found[0].tokens, found[1].tokens);
}

#[tokio::test]
async fn what_cannot_be_embedded_is_refused_and_the_engine_goes_on() {
    let _turn = turn::together().await;
    for (id, backend) in backends() {
        // As many threads as make several sessions, and one.
        for threads in [1, 3] {
            let engine = start(id, backend.clone(), threads).await;
            let empty = EmbeddingRequest { texts: vec!["water".into(), " \n".into()], role: EmbeddingRole::Query };
            let refused = engine.client().embed(empty, Asker::named("a test")).await.unwrap_err().to_string();
            assert!(refused.contains("text 1 is empty"), "{id}: {refused}");
            let megabyte = vec!["water ".repeat(200_000)];
            assert_eq!(embed(&engine, &megabyte).await.truncated, [true]);
            assert_eq!(embed(&engine, &many()).await.vectors.len(), many().len());
            assert_eq!(engine.status().restarts, 0, "{id}");
            engine.stop().await;
        }
    }
}

#[tokio::test]
async fn an_encoder_cannot_break_out_of_its_sandbox() {
    let _turn = turn::together().await;
    let state = StateDirectory::with_encoders();
    let ended = run(state.path(), ["selfcheck", "sandbox", "--json"]).await;
    let report: Value = serde_json::from_str(ended.succeeded()).unwrap();
    let profiles = report["profiles"].as_array().unwrap();
    for backend in ["ONNX Runtime", "candle", "ggml"] {
        let answered =
            |profile: &&Value| profile["answered"].as_str().unwrap().contains(backend) && profile["confinement"]["profile"] == "cpu";
        let profile = profiles.iter().find(answered).unwrap_or_else(|| panic!("no child with {backend}: {report:#}"));
        assert!(profile["answered"].as_str().unwrap().starts_with("a vector of 384 dimensions"), "{profile:#}");
        let attempts = profile["attempts"].as_array().unwrap();
        assert!(attempts.len() >= 16 && attempts.iter().all(|attempt| attempt["denied"] == true), "{profile:#}");
    }
    assert_eq!(report["passed"], true);
}

/// As root the executable becomes another user, who must be able to read it.
fn readable_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// A copy of a model's folder that an operator might have.
fn of_operator(id: &str, folder: &Path) -> PathBuf {
    let (from, to) = (artefact(id).join("model"), folder.join(format!("my.{id}")));
    fs::create_dir_all(to.join("1_Pooling")).unwrap();
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json", "1_Pooling/config.json"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
    let model = largest_file(&from);
    fs::copy(&model, to.join(model.file_name().unwrap())).unwrap();
    to
}

#[tokio::test]
async fn an_operators_own_encoder_is_taken_in_as_a_folder_or_as_a_file() {
    let _turn = turn::together().await;
    let state = StateDirectory::with(&[ONNX_RUNTIME]);
    let folder = readable_folder();
    let safetensors = of_operator(SAFETENSORS_MODEL, folder.path());
    let onnx = of_operator(ONNX_MODEL, folder.path());
    run(state.path(), ["models".as_ref(), "import".as_ref(), safetensors.as_os_str()]).await.succeeded();
    let file = onnx.join("model.onnx");
    run(state.path(), ["models".as_ref(), "import".as_ref(), file.as_os_str(), "--id".as_ref(), "mine".as_ref()]).await.succeeded();
    let listed = run(state.path(), ["models", "list"]).await;
    assert!(listed.succeeded().contains("mine") && listed.stdout.contains("my.all-minilm-l6-v2"), "{}", listed.stdout);
    for id in ["mine", "my.all-minilm-l6-v2"] {
        run(state.path(), ["models", "verify", id]).await.succeeded();
        let measured = run(state.path(), ["bench", "embedding", id, "--sizes", "1,3", "--rounds", "1", "--json"]).await;
        let report: Value = serde_json::from_str(measured.succeeded()).unwrap();
        let (about, figures) = (&report["sections"][1]["about"], &report["sections"][1]["figures"]);
        assert!(about["dimensions"] == 384 && figures[0]["median"].as_f64().unwrap() > 0.0, "{report:#}");
    }
    // Without ONNX Runtime the one model is told apart from the other.
    fs::remove_dir_all(state.artefact(ONNX_RUNTIME)).unwrap();
    run(state.path(), ["bench", "embedding", "mine"]).await.refused(ONNX_RUNTIME);
    run(state.path(), ["bench", "embedding", "no-such-model"]).await.refused("no-such-model");
}

/// What befalls a file.
type Damage = fn(&mut Vec<u8>);

#[tokio::test]
async fn an_encoder_that_is_not_whole_is_refused_by_the_name_of_what_is_wrong() {
    let _turn = turn::together().await;
    let state = StateDirectory::with(&[]);
    let folder = readable_folder();
    for id in [ONNX_MODEL, SAFETENSORS_MODEL] {
        let damages: [(&str, Damage); 3] = [
            ("cut", |bytes| bytes.truncate(bytes.len() * 3 / 5)),
            ("bent", |bytes| bytes[..64].iter_mut().for_each(|byte| *byte ^= 0x10)),
            ("alien", |bytes| *bytes = b"\x7fELF this is no model".repeat(100)),
        ];
        for name in ["tokenizer.json", "config.json", "model.onnx", "model.safetensors"] {
            let own = of_operator(id, folder.path());
            if !own.join(name).is_file() {
                continue;
            }
            for (what, damage) in damages {
                let mut bytes = fs::read(artefact(id).join("model").join(name)).unwrap();
                damage(&mut bytes);
                fs::write(own.join(name), bytes).unwrap();
                eprintln!("{id}: {name} {what}");
                run(state.path(), ["models".as_ref(), "import".as_ref(), own.as_os_str()]).await.refused(name);
            }
            fs::remove_file(own.join(name)).unwrap();
            run(state.path(), ["models".as_ref(), "import".as_ref(), own.as_os_str()]).await.refused(name);
        }
    }
    let left: Vec<_> = fs::read_dir(state.path().join(ARTEFACTS)).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, [".staging"], "something was taken in");
}
