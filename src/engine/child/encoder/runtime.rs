//! ONNX Runtime's shared library, from the artefact store into this process.
//!
//! It is loaded after the process was sealed, so that its own code never runs unconfined. What it links to belongs to the
//! system and is out of a sealed process's reach: that is loaded before ([`load_system_libraries`]).

use std::{
    ffi::{CStr, CString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use crate::engine::EngineError;

/// What `libonnxruntime.so` names as needed, by `readelf -d`; glibc finds a library that is loaded by its name.
const SYSTEM_LIBRARIES: [&CStr; 6] = [c"libdl.so.2", c"librt.so.1", c"libpthread.so.0", c"libm.so.6", c"libgcc_s.so.1", c"libstdc++.so.6"];

/// Loads what ONNX Runtime links to. One that is not there is reported when ONNX Runtime asks for it.
pub(crate) fn load_system_libraries() {
    for name in SYSTEM_LIBRARIES {
        // SAFETY: `name` is a C string; the system's own libraries run their constructors, as at the start of a program.
        unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    }
}

/// Loads ONNX Runtime; the `ort` crate then finds it loaded, under the path that the server put into the environment.
pub(super) fn load_onnxruntime(library: &Path) -> Result<(), EngineError> {
    let path = CString::new(library.as_os_str().as_bytes()).map_err(|_| failed(library, "its path holds a zero byte"))?;
    // SAFETY: `path` is a C string; the library is the verified artefact of the store.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if !handle.is_null() {
        return Ok(());
    }
    // SAFETY: no other thread of this process loads libraries; the text is copied at once.
    let reason = unsafe { libc::dlerror().as_ref().map(|text| CStr::from_ptr(text).to_string_lossy().into_owned()) };
    Err(failed(library, reason.as_deref().unwrap_or("the loader gives no reason")))
}

fn failed(library: &Path, reason: &str) -> EngineError {
    EngineError::Failed(format!("ONNX Runtime could not be loaded from {}: {reason}", library.display()))
}
