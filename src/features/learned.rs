//! Numbers that were learned from examples, as the files beside those examples hold them: little-endian, in lines of base64.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

/// Letters of a line.
const LINE: usize = 120;

/// Bytes in lines, the last without its end.
pub fn packed(bytes: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(bytes);
    let lines: Vec<String> = encoded.as_bytes().chunks(LINE).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    lines.join("\n")
}

/// `None` for what is no base64.
pub fn unpacked(lines: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(lines.split_whitespace().collect::<String>()).ok()
}

/// Numbers of 32 bits.
pub fn packed_numbers<'a>(numbers: impl Iterator<Item = &'a f32>) -> String {
    packed(&numbers.flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
}

/// `None` for what is no base64.
pub fn unpacked_numbers(lines: &str) -> Option<Vec<f32>> {
    let bytes = unpacked(lines)?;
    let (numbers, _) = bytes.as_chunks::<4>();
    Some(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// Changes with the examples: what was learned from others is not used.
pub fn version_of(examples: &[&str]) -> String {
    let mut hash = Sha256::new();
    examples.iter().for_each(|file| hash.update(file));
    hash.finalize()[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        let numbers: Vec<f32> = (0_u16..200).map(|number| f32::from(number) / 8.0 - 3.0).collect();
        let lines = packed_numbers(numbers.iter());
        assert!(lines.lines().all(|line| line.len() <= LINE) && lines.lines().count() > 1);
        assert_eq!(unpacked_numbers(&lines), Some(numbers));
        assert_eq!(unpacked("no base64!"), None);
        assert_ne!(version_of(&["a"]), version_of(&["b"]));
    }
}
