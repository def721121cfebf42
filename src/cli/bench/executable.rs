//! How large the executable is: as it lies there, and as it is installed, without names that only debuggers read.

use anyhow::Context as _;

use super::report::Section;

const MIB: f64 = (1_u64 << 20) as f64;

/// Of the executable that runs.
pub fn measure() -> anyhow::Result<Section> {
    // Also where the file was replaced or removed meanwhile.
    let bytes = std::fs::read("/proc/self/exe").context("the executable cannot be read")?;
    let mut section = Section::new("executable");
    section.ours("size", "MiB", bytes.len() as f64 / MIB);
    if let Some(debugging) = debugging_information(&bytes) {
        section.ours("size as it is installed", "MiB", (bytes.len() as u64).saturating_sub(debugging) as f64 / MIB);
    }
    Ok(section)
}

/// Bytes of the sections that `strip --strip-all` removes. `None` of a file that is no 64-bit little-endian ELF
/// (System V ABI, chapter 4: offsets of the header's and the section headers' fields).
fn debugging_information(elf: &[u8]) -> Option<u64> {
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let table = usize::try_from(number::<8>(elf, 0x28)?).ok()?;
    let [entry_size, count, names] = [0x3a, 0x3c, 0x3e].map(|place| number::<2>(elf, place));
    let (entry_size, count, names) = (usize::try_from(entry_size?).ok()?, usize::try_from(count?).ok()?, usize::try_from(names?).ok()?);
    let entry = |index: usize| table.checked_add(index.checked_mul(entry_size)?);
    let names = usize::try_from(number::<8>(elf, entry(names)? + 0x18)?).ok()?;
    let mut bytes = 0;
    for index in 0..count {
        let at = entry(index)?;
        let name = names.checked_add(usize::try_from(number::<4>(elf, at)?).ok()?)?;
        let name = elf.get(name..)?;
        if [&b".debug_"[..], b".symtab\0", b".strtab\0"].iter().any(|removed| name.starts_with(removed)) {
            bytes += number::<8>(elf, at + 0x20)?;
        }
    }
    Some(bytes)
}

fn number<const BYTES: usize>(elf: &[u8], at: usize) -> Option<u64> {
    let bytes = elf.get(at..at.checked_add(BYTES)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_executable_has_no_such_information_and_this_one_has_some_at_most() {
        assert_eq!(debugging_information(b"#!/bin/sh"), None);
        let own = std::fs::read("/proc/self/exe").unwrap();
        assert!(debugging_information(&own).is_some_and(|bytes| bytes < own.len() as u64));
        assert_eq!(debugging_information(&own[..own.len() / 2]), None, "cut short, its section headers are gone");
    }
}
