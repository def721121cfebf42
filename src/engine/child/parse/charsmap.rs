//! A SentencePiece "precompiled charsmap": text normalisation as an XOR double array, which llama.cpp's unigram
//! tokenizer walks byte by byte.
//!
//! The layout is darts-clone's (<https://github.com/s-yata/darts-clone>): entry 0 is the root; an entry holds its
//! label in bits 0–7, "a text ends here" in bit 8 and, in bits 10–30, what its own index is XORed with to reach the
//! base of its children. The child for byte `c` is at `base ^ c`; at the base itself lies the value, marked by bit 31.

use std::collections::BTreeMap;

use super::fields::invalid;
use crate::engine::EngineError;

const BLOCK: usize = 256;
/// Offsets are 21 bits wide.
const MAX_ENTRIES: usize = 1 << 21;
const IS_VALUE: u32 = 1 << 31;
const HAS_VALUE: u32 = 1 << 8;

#[derive(Default)]
struct Node {
    children: BTreeMap<u8, Node>,
    value: Option<u32>,
}

/// Builds the map: each character of `replacements` becomes its text.
pub fn build(replacements: &BTreeMap<char, String>) -> Result<Vec<u8>, EngineError> {
    let mut root = Node::default();
    let mut texts = Vec::new();
    for (character, text) in replacements {
        let mut node = &mut root;
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            node = node.children.entry(byte).or_default();
        }
        node.value = Some(texts.len() as u32);
        texts.extend_from_slice(text.as_bytes());
        texts.push(0);
    }
    let mut array = DoubleArray { entries: vec![0; BLOCK], taken: vec![false; BLOCK], bases: vec![false; BLOCK], first_free: 1 };
    array.taken[0] = true;
    array.place(&root, 0)?;
    let mut map = ((array.entries.len() * 4) as u32).to_le_bytes().to_vec();
    map.extend(array.entries.iter().flat_map(|entry| entry.to_le_bytes()));
    map.extend_from_slice(&texts);
    Ok(map)
}

/// Always whole blocks, so that `base ^ byte` never leaves the array.
struct DoubleArray {
    entries: Vec<u32>,
    taken: Vec<bool>,
    /// A base belongs to one node: an equal label could otherwise be mistaken for a child of another.
    bases: Vec<bool>,
    first_free: usize,
}

impl DoubleArray {
    fn place(&mut self, node: &Node, index: usize) -> Result<(), EngineError> {
        let base = self.find_base(node)?;
        self.bases[base] = true;
        self.entries[index] |= ((index ^ base) as u32) << 10;
        if let Some(value) = node.value {
            self.entries[index] |= HAS_VALUE;
            self.taken[base] = true;
            self.entries[base] = IS_VALUE | value;
        }
        for &label in node.children.keys() {
            self.taken[base ^ usize::from(label)] = true;
            self.entries[base ^ usize::from(label)] = label.into();
        }
        node.children.iter().try_for_each(|(&label, child)| self.place(child, base ^ usize::from(label)))
    }

    fn find_base(&mut self, node: &Node) -> Result<usize, EngineError> {
        while self.taken.get(self.first_free) == Some(&true) {
            self.first_free += 1;
        }
        let label = if node.value.is_some() { 0 } else { node.children.keys().next().copied().unwrap_or(0) };
        for index in self.first_free..MAX_ENTRIES {
            if index >= self.entries.len() {
                let size = self.entries.len() + BLOCK;
                self.entries.resize(size, 0);
                self.taken.resize(size, false);
                self.bases.resize(size, false);
            }
            let base = index ^ usize::from(label);
            let fits = |base: usize| {
                !self.bases[base]
                    && (node.value.is_none() || !self.taken[base])
                    && node.children.keys().all(|&label| !self.taken[base ^ usize::from(label)])
            };
            // Both lie in the same block: XOR with a byte changes only the low eight bits.
            if base != 0 && fits(base) {
                return Ok(base);
            }
        }
        Err(invalid("the normalisation map is too large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The walk that llama.cpp's `normalize_prefix` makes.
    fn look_up(map: &[u8], input: &[u8]) -> Option<(usize, String)> {
        let size = u32::from_le_bytes(map[..4].try_into().unwrap()) as usize;
        let entry = |index: usize| u32::from_le_bytes(map[4 + 4 * index..8 + 4 * index].try_into().unwrap());
        let mut index = (entry(0) >> 10) as usize;
        let mut found = None;
        for (position, &byte) in input.iter().enumerate() {
            index ^= usize::from(byte);
            assert!(index < size / 4, "llama.cpp would throw here");
            let packed = entry(index);
            if packed & (IS_VALUE | 0xff) != u32::from(byte) {
                break;
            }
            index ^= (packed >> 10) as usize;
            if packed & HAS_VALUE != 0 {
                let text = &map[4 + size + (entry(index) & !IS_VALUE) as usize..];
                let end = text.iter().position(|&byte| byte == 0).unwrap();
                found = Some((position + 1, String::from_utf8(text[..end].to_vec()).unwrap()));
            }
        }
        found
    }

    #[test]
    fn every_character_finds_its_replacement_and_no_other() {
        let replaced = |code: u32| code.is_multiple_of(7) || (0xfb50..0xfdff).contains(&code);
        let replacements: BTreeMap<char, String> = (1..0x3000)
            .chain(0xfb00..0xff00)
            .filter(|&code| replaced(code))
            .filter_map(char::from_u32)
            .map(|c| (c, format!("<{}>", c as u32)))
            .collect();
        let map = build(&replacements).unwrap();
        for character in (1..0x1_1000).filter_map(char::from_u32) {
            let mut buffer = [0; 4];
            let bytes = character.encode_utf8(&mut buffer).as_bytes();
            let expected = replacements.get(&character).map(|text| (bytes.len(), text.clone()));
            assert_eq!(look_up(&map, bytes), expected, "U+{:04X}", character as u32);
        }
    }
}
