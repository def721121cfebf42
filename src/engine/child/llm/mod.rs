//! Language and embedding models through llama.cpp.
//!
//! Owns loading a GGUF file and what both kinds of engine share; [`generate`] writes text, [`embedding`] makes vectors.
//! A child process holds one model until it ends, so the model is leaked on purpose: contexts borrow it for ever.

mod answer;
mod cells;
mod compare;
mod constraint;
mod embedding;
mod generate;
mod intake;
mod likelihood;
mod lookup;
mod memory;
#[cfg(test)]
mod memory_tests;
mod pace;
mod prepare;
mod requantize;
mod sampling;
mod shelf;
mod slot;
mod template;
#[cfg(test)]
pub(in crate::engine::child) mod tests;
mod vocabulary;

use std::{
    ffi::{CStr, c_char, c_void},
    num::NonZeroU32,
    path::Path,
    sync::{OnceLock, mpsc},
    thread,
};

pub(super) use compare::compare;
use llama_cpp_2::{
    context::params::KvCacheType,
    llama_backend::LlamaBackend,
    model::{LlamaModel, params::LlamaModelParams},
};

pub(super) use pace::Pace;
pub(super) use requantize::requantize;

use super::{Batcher, ModelFacts, embedding::Embedder};
use crate::engine::{CacheType, EngineError, EngineOptions};

/// What a context holds when the options leave it open, in tokens: a dream, its prompt and a reading fit.
const DEFAULT_CONTEXT_LENGTH: u32 = 4096;

/// Loads a language model. `loading` hears of progress from 0 to 1.
pub fn load_generator(model: &Path, options: &EngineOptions, loading: &dyn Fn(f32)) -> Result<(Box<dyn Batcher>, ModelFacts), EngineError> {
    let model = load_model(model, options, loading)?;
    let (generator, facts) = generate::Generator::new(model, options)?;
    Ok((Box::new(generator), facts))
}

/// Loads an embedding model. `loading` hears of progress from 0 to 1.
pub fn load_embedder(model: &Path, options: &EngineOptions, loading: &dyn Fn(f32)) -> Result<(Box<dyn Batcher>, ModelFacts), EngineError> {
    let model = load_model(model, options, loading)?;
    let (embedder, facts) = Embedder::new(Box::new(embedding::ModelEmbedder::new(model, options)?), embedding::prefixes(model))?;
    Ok((Box::new(embedder), facts))
}

/// llama.cpp's global state, made once in a process.
fn backend() -> Result<&'static LlamaBackend, EngineError> {
    static BACKEND: OnceLock<Option<LlamaBackend>> = OnceLock::new();
    BACKEND
        .get_or_init(|| {
            // SAFETY: the callback has llama.cpp's signature, lives for ever and needs no user data.
            unsafe { llama_cpp_sys_2::llama_log_set(Some(log_to_stderr), std::ptr::null_mut()) };
            LlamaBackend::init().ok()
        })
        .as_ref()
        .ok_or_else(|| EngineError::Failed("llama.cpp was started by something else in this process".into()))
}

fn load_model(path: &Path, options: &EngineOptions, loading: &dyn Fn(f32)) -> Result<&'static LlamaModel, EngineError> {
    let backend = backend()?;
    if !path.is_file() {
        return Err(EngineError::Failed(format!("there is no model file at {}", path.display())));
    }
    // The callback that llama.cpp takes must own what it touches: another thread loads and reports here.
    let (sender, progress) = mpsc::channel();
    let model = thread::scope(|scope| {
        let loader = scope.spawn(move || {
            let mut reported = 0.0;
            let parameters =
                LlamaModelParams::default().with_n_gpu_layers(options.gpu_layers).with_progress_callback(move |fraction: f32| {
                    if fraction - reported >= 0.01 || fraction >= 1.0 {
                        reported = fraction;
                        let _ = sender.send(fraction);
                    }
                    true
                });
            LlamaModel::load_from_file(backend, path, &parameters)
        });
        for fraction in progress {
            loading(fraction);
        }
        loader.join()
    });
    match model {
        Ok(Ok(model)) => Ok(Box::leak(Box::new(model))),
        Ok(Err(error)) => Err(EngineError::Failed(format!("llama.cpp could not load {}: {error}", path.display()))),
        Err(_) => Err(EngineError::Failed(format!("loading {} panicked", path.display()))),
    }
}

/// How many tokens a context of this model gets.
fn context_length(model: &LlamaModel, options: &EngineOptions) -> u32 {
    let wanted = if options.context_length == 0 { DEFAULT_CONTEXT_LENGTH } else { options.context_length };
    let trained = model.n_ctx_train().max(1);
    wanted.clamp(1, trained)
}

/// llama.cpp's word for how keys and values are kept.
fn cache_type(kind: CacheType) -> KvCacheType {
    match kind {
        CacheType::F16 => KvCacheType::F16,
        CacheType::Q8_0 => KvCacheType::Q8_0,
        CacheType::Q4_0 => KvCacheType::Q4_0,
    }
}

fn threads(options: &EngineOptions) -> i32 {
    i32::from(options.threads.max(1))
}

fn non_zero(tokens: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(tokens)
}

/// Sends what llama.cpp warns of to standard error, where the server keeps the last lines; the rest is noise.
unsafe extern "C" fn log_to_stderr(level: llama_cpp_sys_2::ggml_log_level, text: *const c_char, _: *mut c_void) {
    let serious = matches!(level, llama_cpp_sys_2::GGML_LOG_LEVEL_WARN | llama_cpp_sys_2::GGML_LOG_LEVEL_ERROR);
    if serious && !text.is_null() {
        // SAFETY: llama.cpp passes a NUL-terminated string that outlives the call.
        let text = unsafe { CStr::from_ptr(text) };
        eprint!("{}", text.to_string_lossy());
    }
}
