//! What the kernel needs in order to execute one program: the loader that its ELF header names.

use std::{
    fs::File,
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

/// The type of the program header that names the loader (ELF specification, `PT_INTERP`).
const INTERPRETER: u32 = 3;

/// The program's dynamic loader; `None` for a static program.
pub(super) fn loader(program: &Path) -> anyhow::Result<Option<PathBuf>> {
    read_loader(program).with_context(|| format!("cannot read the program {}", program.display()))
}

fn read_loader(program: &Path) -> anyhow::Result<Option<PathBuf>> {
    let file = File::open(program)?;
    let mut header = [0; 64];
    file.read_exact_at(&mut header, 0)?;
    ensure!(header.starts_with(b"\x7fELF\x02\x01"), "it is not a 64-bit little-endian ELF program");
    let table = u64_at(&header, 32);
    let (size, count) = (u64::from(u16_at(&header, 54)), u64::from(u16_at(&header, 56)));
    for index in 0..count {
        let mut entry = [0; 56];
        file.read_exact_at(&mut entry, table.saturating_add(index * size))?;
        if u32::from(u16_at(&entry, 0)) | u32::from(u16_at(&entry, 2)) << 16 == INTERPRETER {
            let mut name = vec![0; usize::try_from(u64_at(&entry, 32))?.min(libc::PATH_MAX as usize)];
            file.read_exact_at(&mut name, u64_at(&entry, 8))?;
            name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
            return Ok(Some(PathBuf::from(std::ffi::OsStr::from_bytes(&name))));
        }
    }
    Ok(None)
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes([bytes[offset], bytes[offset + 1]])
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    (0..4).fold(0, |value, part| value | u64::from(u16_at(bytes, offset + 2 * part)) << (16 * part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_of_a_program_is_a_file_and_a_text_file_has_none() {
        let loader = loader(Path::new("/bin/true")).unwrap().unwrap();
        assert!(loader.is_absolute() && loader.is_file(), "{loader:?}");
        assert!(super::loader(Path::new("/etc/passwd")).is_err());
    }
}
