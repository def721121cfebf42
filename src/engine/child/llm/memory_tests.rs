//! What llama.cpp really allocates, by its own account, against what [`crate::models::fit`] computes from the header.

use std::{
    cell::RefCell,
    ffi::{CStr, c_char, c_void},
    fs::File,
};

use llama_cpp_2::{
    context::params::LlamaContextParams,
    model::{LlamaModel, params::LlamaModelParams},
};

use super::{super::parse, backend, cache_type, memory::Memory, non_zero, tests::artefact};
use crate::{
    engine::{
        CacheType, MAX_STEP_TOKENS,
        parse::{ModelHeader, ParseOutcome, ParseRequest},
    },
    models::fit::{self, Facts, Machine, Wish},
};

const MIB: f64 = 1024.0 * 1024.0;

thread_local! {
    /// What llama.cpp says on this thread: other tests load models on theirs.
    static LOG: RefCell<Option<String>> = const { RefCell::new(None) };
}

unsafe extern "C" fn listen(level: llama_cpp_sys_2::ggml_log_level, text: *const c_char, data: *mut c_void) {
    // SAFETY: llama.cpp passes a NUL-terminated string that outlives the call.
    let said = unsafe { CStr::from_ptr(text) };
    let kept = LOG.with_borrow_mut(|log| log.as_mut().map(|log| log.push_str(&said.to_string_lossy())));
    if kept.is_none() {
        // SAFETY: the arguments are those of this call.
        unsafe { super::log_to_stderr(level, text, data) };
    }
}

fn heard<T>(work: impl FnOnce() -> T) -> (T, String) {
    LOG.set(Some(String::new()));
    let done = work();
    (done, LOG.take().unwrap())
}

/// The sum of all `… WHAT buffer size = X MiB` of a log.
fn allocated(log: &str, what: &str) -> f64 {
    let size = |line: &str| line.split_once(&format!("{what} buffer size ="))?.1.trim().split(' ').next()?.parse::<f64>().ok();
    log.lines().filter_map(size).sum()
}

fn header(id: &str) -> ModelHeader {
    let file = File::open(artefact(id)).unwrap();
    match parse::parse(ParseRequest::InspectModel, vec![file.into()]).unwrap() {
        ParseOutcome::Model(header) => header,
        other => panic!("no header but {other:?}"),
    }
}

/// Loads the model, then makes contexts of several kinds beside a plan for each.
fn compare(id: &str) {
    let backend = backend().unwrap();
    // SAFETY: the callback has llama.cpp's signature, lives for ever and needs no user data.
    unsafe { llama_cpp_sys_2::llama_log_set(Some(listen), std::ptr::null_mut()) };
    let header = header(id);
    let facts = Facts { shape: header.shape.as_deref().unwrap(), trained_context_length: None };
    let machine = Machine { available_bytes: u64::MAX, gpu: None };
    let parameters = LlamaModelParams::default().with_n_gpu_layers(0);
    let (model, log) = heard(|| LlamaModel::load_from_file(backend, artefact(id), &parameters).unwrap());
    // Weights that are kept in another order for this processor are told twice: mapped, and again as a copy.
    let weights = allocated(&log, "CPU_Mapped model");
    for (context_length, slots, kind) in [
        (512, 1, CacheType::F16),
        (4096, 8, CacheType::F16),
        (8192, 8, CacheType::F16),
        (8192, 4, CacheType::Q8_0),
        (3000, 2, CacheType::Q4_0),
    ] {
        let parameters = LlamaContextParams::default()
            .with_n_ctx(non_zero(context_length))
            .with_n_batch(MAX_STEP_TOKENS)
            .with_n_ubatch(MAX_STEP_TOKENS)
            .with_n_seq_max(Memory::sequences(&model, slots))
            .with_kv_unified(true)
            .with_swa_full(true)
            .with_type_k(cache_type(kind))
            .with_type_v(cache_type(kind));
        let (made, log) = heard(|| model.new_context(backend, parameters).map(drop));
        made.unwrap();
        let wish = Wish { context_length: Some(context_length), slots: Some(slots as u16), cache_type: kind, gpu_layers: None };
        let plan = fit::plan(&facts, &machine, &wish).unwrap().memory;
        let what = format!("{id}, {context_length} tokens, {slots} slots, {}", kind.name());
        for (part, planned, real, tolerance) in [
            ("weights", plan.weights, weights, 0.01),
            ("cache", plan.cache, allocated(&log, "KV"), 0.001),
            ("buffers", plan.buffers, allocated(&log, "compute"), 0.05),
            ("outputs", plan.outputs, allocated(&log, "output"), 0.05),
        ] {
            let planned = planned as f64 / MIB;
            println!("{what}: {part} {planned:.2} MiB planned, {real:.2} MiB allocated");
            assert!(real > 0.0, "llama.cpp tells nothing of {part} any more: {log}");
            // A hundredth of a MiB is what its log rounds to.
            assert!((planned - real).abs() <= real * tolerance + 0.01, "{what}: {part} {planned:.2} MiB planned, {real:.2} allocated");
        }
    }
}

#[test]
fn what_smollm2_takes_is_what_was_planned() {
    compare("smollm2-135m-instruct");
}

#[test]
fn what_gemma_with_its_sliding_window_takes_is_what_was_planned() {
    compare("gemma3-270m");
}
