//! Turning texts into vectors: BERT-like models by mean pooling, and others by the pooling that their file names.
//!
//! A lane is a context: several of few threads, and one that uses every thread.

use llama_cpp_2::{
    context::{
        LlamaContext,
        params::{LlamaContextParams, LlamaPoolingType},
    },
    llama_batch::LlamaBatch,
    model::LlamaModel,
    token::LlamaToken,
};

use crate::engine::{
    EngineError, EngineOptions,
    backend::TextPrefixes,
    child::embedding::{
        Piece, TextModel,
        lanes::{Lanes, UnitSize, lanes_for},
    },
};

/// Tokens that go through a context at once, unless one text alone is longer: attention looks at all of them, those of
/// other texts too, so that more take longer for each.
const UNIT_TOKENS: usize = 256;
/// Texts that go through a context at once.
const UNIT_TEXTS: usize = 16;
/// The longest text that a context of few threads has room for; longer ones get every thread.
const LANE_TOKENS: u32 = 512;

/// A multiple of the size of a page on every machine.
const LARGEST_PAGE: usize = 64 * 1024;

/// An embedding model and its contexts.
pub(super) struct ModelEmbedder {
    model: &'static LlamaModel,
    lanes: Lanes<Lane>,
    context_length: usize,
}

struct Lane {
    context: LlamaContext<'static>,
    batch: LlamaBatch<'static>,
    /// The most tokens that went through it at once.
    most: usize,
    /// Its results are in memory that a device shares.
    on_device: bool,
}

// SAFETY: a context keeps nothing of the thread that made it, one thread at a time uses it (`&mut`), and the model that
// contexts share is only read.
unsafe impl Send for Lane {}

impl ModelEmbedder {
    pub(super) fn new(model: &'static LlamaModel, options: &EngineOptions) -> Result<Self, EngineError> {
        let context_length = super::context_length(model, options);
        let threads = super::threads(options);
        // A device computes one unit after the other, and large ones best.
        let count = if options.gpu_layers > 0 { 0 } else { lanes_for(usize::from(options.threads)) };
        let lane = |tokens: u32, threads: i32| Lane::new(model, tokens, threads, options.gpu_layers > 0);
        let alone = lane(context_length.max(LANE_TOKENS), threads)?;
        let parallel = (0..count).map(|_| lane(LANE_TOKENS, threads / count as i32)).collect::<Result<_, _>>()?;
        let tokens = if options.gpu_layers > 0 { LANE_TOKENS as usize } else { UNIT_TOKENS };
        let lanes = Lanes::new(alone, parallel, UnitSize { texts: UNIT_TEXTS, tokens }, LANE_TOKENS as usize);
        Ok(Self { model, lanes, context_length: context_length as usize })
    }
}

/// Models of the E5 family were trained with a word before each text (Wang et al. 2022, arXiv:2212.03533).
pub(super) fn prefixes(model: &LlamaModel) -> TextPrefixes {
    let name = model.meta_val_str("general.name").unwrap_or_default().to_lowercase();
    let is_e5 = name.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "e5");
    if is_e5 { TextPrefixes { query: "query: ".into(), passage: "passage: ".into() } } else { TextPrefixes::default() }
}

impl TextModel for ModelEmbedder {
    fn context_length(&self) -> usize {
        self.context_length
    }

    fn tokens(&self, text: &str) -> Result<(Vec<u32>, bool), String> {
        let mut tokens = self.model.vocab().tokenize(text.as_bytes(), true, false);
        let more = tokens.len() > self.context_length;
        if more {
            let last = tokens[tokens.len() - 1];
            tokens.truncate(self.context_length);
            if self.model.vocab().is_control(last) {
                // The mark of the end stays at the end.
                tokens[self.context_length - 1] = last;
            }
        }
        Ok((tokens.into_iter().map(|token| token.0.cast_unsigned()).collect(), more))
    }

    fn encode(&mut self, pieces: &[&Piece]) -> Result<Vec<Vec<f32>>, EngineError> {
        self.lanes.encode(pieces, Lane::run)
    }
}

impl Lane {
    /// Has room for so many tokens.
    fn new(model: &'static LlamaModel, tokens: u32, threads: i32, on_device: bool) -> Result<Self, EngineError> {
        let parameters = LlamaContextParams::default()
            .with_embeddings(true)
            .with_n_ctx(super::non_zero(tokens))
            // Attention that looks both ways needs every token of a text in one physical batch.
            .with_n_batch(tokens)
            .with_n_ubatch(tokens)
            .with_n_seq_max(UNIT_TEXTS as u32)
            .with_kv_unified(true)
            .with_pooling_type(pooling(model)?)
            .with_n_threads(threads)
            .with_n_threads_batch(threads);
        let context = model
            .new_context(super::backend()?, parameters)
            .map_err(|error| EngineError::Failed(format!("no memory for a context of {tokens} tokens: {error}")))?;
        Ok(Self { context, batch: LlamaBatch::new(tokens as usize, 1), most: 0, on_device })
    }

    fn run(&mut self, pieces: &[&Piece]) -> Result<Vec<Vec<f32>>, EngineError> {
        let failed = |error: &dyn std::fmt::Display| EngineError::Failed(format!("llama.cpp could not embed: {error}"));
        self.batch.clear();
        for (sequence, piece) in (0..).zip(pieces) {
            for (position, id) in (0..).zip(&piece.ids) {
                let token = LlamaToken(id.cast_signed());
                self.batch.add(token, position, &[sequence], true).map_err(|error| failed(&error))?;
            }
        }
        self.context.clear_kv_cache();
        self.context.decode(&mut self.batch).map_err(|error| failed(&error))?;
        self.give_back_logits(pieces.iter().map(|piece| piece.ids.len()).sum());
        let vector = |sequence| self.context.embeddings_seq_ith(sequence).map(<[f32]>::to_vec).map_err(|error| failed(&error));
        (0..).zip(pieces).map(|(sequence, _)| vector(sequence)).collect()
    }

    /// llama.cpp keeps a place for the logit of every word after every token and fills it with zeros, also for models that
    /// tell none: 500 MB with 512 tokens and a quarter of a million words. The zeros are given back to the system.
    fn give_back_logits(&mut self, tokens: usize) {
        if tokens <= self.most || self.on_device {
            return;
        }
        self.most = tokens;
        let first_row = self.context.get_logits();
        let bytes = size_of_val(first_row) * tokens.max(UNIT_TEXTS);
        let start = first_row.as_ptr().cast_mut();
        let before = start.addr().next_multiple_of(LARGEST_PAGE) - start.addr();
        let length = bytes.saturating_sub(before) / LARGEST_PAGE * LARGEST_PAGE;
        if length == 0 {
            return;
        }
        // SAFETY: these are whole pages of the logits' part of a buffer that llama.cpp has just made for so many tokens, in
        // memory that nothing but this process has mapped. Nobody here reads them, and whoever does finds zeros, as before: a
        // model that tells vectors alone has written nothing there.
        let given = unsafe { rustix::mm::madvise(start.wrapping_byte_add(before).cast(), length, rustix::mm::Advice::LinuxDontNeed) };
        if let Err(error) = given {
            eprintln!("memory of logits that are not used could not be given back: {error}");
        }
    }
}

/// The pooling that the file names, else the mean; a reranker makes no vectors.
fn pooling(model: &LlamaModel) -> Result<LlamaPoolingType, EngineError> {
    let architecture = model.meta_val_str("general.architecture").unwrap_or_default();
    match model.meta_val_str(&format!("{architecture}.pooling_type")).as_deref() {
        Ok("4") => Err(EngineError::Failed("this model ranks texts and makes no vectors".into())),
        Ok("1" | "2" | "3") => Ok(LlamaPoolingType::Unspecified),
        _ => Ok(LlamaPoolingType::Mean),
    }
}
