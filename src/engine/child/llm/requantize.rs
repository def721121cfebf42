//! The same model with other weights, written by llama.cpp itself.

use std::{ffi::CString, fs::OpenOptions, io::Write as _, os::unix::ffi::OsStrExt as _, path::Path};

use rustix::io::Errno;

use crate::engine::{EngineError, parse::WeightType};

/// Rows of one tensor that are in memory at a time; llama.cpp's own default is 8 GiB.
const BUFFER_BYTES: usize = 256 << 20;
/// More than is left on a disk that could not take the model's next tensor.
const PROBE_BYTES: usize = 1 << 20;

/// Writes `model` with weights of another type into the file at `output`; returns its size.
///
/// What is quantized already is quantized again, from its rounded weights: the loss is measured by a comparison.
pub(in crate::engine::child) fn requantize(model: &Path, output: &Path, to: WeightType, threads: u16) -> Result<u64, EngineError> {
    super::backend()?;
    let name =
        |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(|_| EngineError::InvalidRequest("a path holds a NUL byte".into()));
    let (from, into) = (name(model)?, name(output)?);
    // SAFETY: takes nothing and returns a plain structure.
    let mut parameters = unsafe { llama_cpp_sys_2::llama_model_quantize_default_params() };
    parameters.ftype = match to {
        WeightType::Q4_0 => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q4_0,
        WeightType::Q8_0 => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q8_0,
        WeightType::Q4K => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q4_K_M,
    };
    parameters.nthread = i32::from(threads.max(1));
    parameters.allow_requantize = true;
    parameters.max_buf_size = BUFFER_BYTES;
    // SAFETY: both names end with NUL and outlive the call, as do the parameters, whose pointers are all null.
    let failed = unsafe { llama_cpp_sys_2::llama_model_quantize(from.as_ptr(), into.as_ptr(), &raw const parameters) } != 0;
    if failed && is_full(output) {
        return Err(EngineError::StorageFull);
    }
    if failed {
        return Err(EngineError::Failed(format!("llama.cpp could not write {} with {} weights", model.display(), to.name())));
    }
    let written = std::fs::metadata(output).map_err(|error| EngineError::Failed(format!("the new model cannot be seen: {error}")))?;
    Ok(written.len())
}

/// llama.cpp tells of no reason: whether the disk is full shows when one writes on.
fn is_full(output: &Path) -> bool {
    let written = OpenOptions::new().append(true).open(output).and_then(|mut file| {
        file.write_all(&vec![0; PROBE_BYTES])?;
        file.sync_data()
    });
    let full = [Errno::NOSPC, Errno::DQUOT, Errno::FBIG].map(Errno::raw_os_error);
    written.is_err_and(|error| error.raw_os_error().is_some_and(|code| full.contains(&code)))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::artefact, *};

    #[test]
    fn a_full_disk_and_a_file_that_is_no_model_are_told_apart() {
        let model = artefact("smollm2-135m-instruct");
        let full = requantize(&model, Path::new("/dev/full"), WeightType::Q4_0, 2).unwrap_err();
        assert!(matches!(full, EngineError::StorageFull), "{full}");
        let folder = tempfile::tempdir().unwrap();
        let (alien, output) = (folder.path().join("alien"), folder.path().join("output"));
        std::fs::write(&alien, "no model").unwrap();
        std::fs::write(&output, "").unwrap();
        let error = requantize(&alien, &output, WeightType::Q4_0, 2).unwrap_err();
        assert!(matches!(error, EngineError::Failed(_)), "{error}");
    }
}
