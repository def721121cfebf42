//! Real models of every back end, as `make test` pulls them.
//!
//! ONNX Runtime is found through the environment, which a process of many threads cannot change: for that back end these
//! tests run once more in a process of their own.

use std::{env, path::PathBuf, process::Command};

use super::*;
use crate::engine::{
    Embeddings, EngineOptions,
    backend::Backend,
    child::{
        encoder,
        llm::{
            self,
            tests::{OPTIONS, artefact, artefacts},
        },
        testing::{Asker, begin, finish},
    },
};

const ONNXRUNTIME: &str = "ORT_DYLIB_PATH";

fn models() -> Vec<Box<dyn Batcher>> {
    let none = |_| ();
    let encoder = |id: &str, backend: Backend| {
        encoder::load(&artefacts().join(id).join("model"), &backend, &EngineOptions { context_length: 0, ..OPTIONS }, &none).unwrap().0
    };
    if let Some(library) = env::var_os(ONNXRUNTIME).map(PathBuf::from) {
        return vec![encoder("all-minilm-l6-v2-int8", Backend::Onnx { library, prefixes: TextPrefixes::default() })];
    }
    let e5 = llm::load_embedder(&artefact("multilingual-e5-small"), &OPTIONS, &none).unwrap().0;
    vec![e5, encoder("all-minilm-l6-v2", Backend::Safetensors { prefixes: TextPrefixes::default() })]
}

fn ask<T: ToString>(model: &mut dyn Batcher, texts: &[T]) -> std::sync::Arc<Asker> {
    let request = EmbeddingRequest { texts: texts.iter().map(T::to_string).collect(), role: EmbeddingRole::Passage };
    begin(model, Request::Embed(request), |_| true)
}

/// The answer of one who has it.
fn answer(asker: &Asker) -> Result<Embeddings, EngineError> {
    assert!(asker.has_ended());
    let (result, mut events) = asker.answered();
    result?;
    match events.pop() {
        Some(Event::Embeddings(embeddings)) => Ok(embeddings),
        other => panic!("unexpected {other:?}"),
    }
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
}

fn long(number: usize) -> String {
    format!("Dream {number}. ") + &"I walked along a river that ran backwards, and the boats were full of letters. ".repeat(8)
}

#[test]
fn askers_at_the_same_time_get_what_they_get_alone() {
    let first = [long(1), "A door.".into(), "river ".repeat(3000), "Я летал над морем ночью.".into(), "x".into()];
    let second = ["A door in the sea, and nobody behind it.".to_owned(), "🦋".into(), long(2)];
    for model in &mut models() {
        let model = model.as_mut();
        let both = [ask(model, &first), ask(model, &second)];
        finish(model);
        for (texts, together) in [&first[..], &second[..]].into_iter().zip(both) {
            let together = answer(&together).unwrap();
            let alone: Vec<Embeddings> = texts
                .iter()
                .map(|text| {
                    let asker = ask(model, &[text]);
                    finish(model);
                    answer(&asker).unwrap()
                })
                .collect();
            assert_eq!(together.tokens, alone.iter().map(|alone| alone.tokens).sum::<u32>());
            assert_eq!(together.truncated, alone.iter().map(|alone| alone.truncated[0]).collect::<Vec<_>>());
            assert_eq!(together.truncated, texts.iter().map(|text| text.len() > 10_000).collect::<Vec<_>>());
            for (together, alone) in together.vectors.iter().zip(&alone) {
                let cosine = cosine(together, &alone.vectors[0]);
                assert!(cosine > 0.99999, "{cosine}");
            }
        }
    }
}

#[test]
fn a_request_of_many_long_texts_does_not_hold_up_a_short_one() {
    for model in &mut models() {
        let model = model.as_mut();
        let many = ask(model, &(0..50).map(long).collect::<Vec<_>>());
        for _ in 0..3 {
            model.step();
        }
        let short = ask(model, &["A door."]);
        model.step();
        assert!(short.has_ended() && !many.has_ended());
        assert_eq!(answer(&short).unwrap().vectors.len(), 1);
        finish(model);
        let (_, events) = many.answered();
        assert!(events.iter().rev().skip(1).all(|event| matches!(event, Event::Working)), "the server hears that it has not hung");
        assert!(matches!(events.last(), Some(Event::Embeddings(all)) if all.vectors.len() == 50 && events.len() > 3));
    }
}

#[test]
fn who_leaves_in_the_middle_is_forgotten_and_the_others_get_their_answers() {
    for model in &mut models() {
        let model = model.as_mut();
        let [leaves, stays] = [50, 20].map(|count| ask(model, &(0..count).map(long).collect::<Vec<_>>()));
        model.step();
        leaves.cancel();
        model.step();
        assert!(leaves.has_ended() && !stays.has_ended());
        assert!(leaves.answered().1.iter().all(|event| matches!(event, Event::Working)));
        finish(model);
        assert_eq!(answer(&stays).unwrap().vectors.len(), 20);
    }
}

#[test]
fn what_cannot_be_embedded_is_refused_by_name_and_nobody_else_suffers() {
    for model in &mut models() {
        let model = model.as_mut();
        let good = ask(model, &["A door."]);
        let wrong = [
            (vec![], "no text"),
            (vec!["a good one".into(), " \n\t".into()], "text 1 is empty"),
            (vec!["x".to_owned(); 4097], "at most 4096"),
        ];
        for (texts, name) in wrong {
            let error = answer(&ask(model, &texts)).unwrap_err();
            let of_the_request = matches!(error, EngineError::InvalidRequest(_) | EngineError::InvalidText { .. });
            assert!(of_the_request && error.to_string().contains(name), "{error}");
        }
        let huge = ask(model, &["a ".repeat(200_000)]);
        finish(model);
        assert_eq!(answer(&huge).unwrap().truncated, [true]);
        assert_eq!(answer(&good).unwrap().truncated, [false]);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "runs these tests themselves, with another environment")]
fn all_of_this_holds_for_onnx_runtime() {
    if env::var_os(ONNXRUNTIME).is_some() {
        return;
    }
    let mut again = Command::new(env::current_exe().unwrap());
    let outcome = again.env(ONNXRUNTIME, artefact("onnxruntime")).arg(module_path!().split_once("::").unwrap().1).output().unwrap();
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stdout));
    assert!(String::from_utf8_lossy(&outcome.stdout).contains("6 passed"));
}

/// A model that fails on a text by its name.
struct Fussy;

impl TextModel for Fussy {
    fn context_length(&self) -> usize {
        64
    }

    fn tokens(&self, text: &str) -> Result<(Vec<u32>, bool), String> {
        if text == "unreadable" { Err("is unreadable".into()) } else { Ok((vec![1; text.len()], false)) }
    }

    fn encode(&mut self, pieces: &[&Piece]) -> Result<Vec<Vec<f32>>, EngineError> {
        let vector = |piece: &&Piece| {
            if piece.text == "bad" { Err(EngineError::Failed("bad".into())) } else { Ok(vec![piece.ids.len() as f32, 1.0]) }
        };
        pieces.iter().map(vector).collect()
    }
}

#[test]
fn a_text_that_fails_fails_its_own_request_only() {
    let mut model = Embedder::new(Box::new(Fussy), TextPrefixes::default()).unwrap().0;
    let askers = [&["one", "bad"][..], &["two", "three"], &["four", "unreadable"]].map(|texts| ask(&mut model, texts));
    finish(&mut model);
    assert_eq!(askers.each_ref().map(|asker| answer(asker).is_ok()), [false, true, false]);
}
