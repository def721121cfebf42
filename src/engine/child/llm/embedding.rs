//! Turning texts into vectors: BERT-like models by mean pooling, and others by the pooling that their file names.

use std::os::fd::OwnedFd;

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
    EmbeddingRequest, EmbeddingRole, Embeddings, EngineError, EngineOptions,
    child::{
        ModelFacts, Reply, Worker,
        vectors::{BYTES_PER_TOKEN, check, normalised},
    },
    wire::{Event, Request},
};

/// Tokens that go through the model at once, unless one text alone is longer.
const BATCH_TOKENS: u32 = 512;
/// Texts that go through the model at once.
const BATCH_TEXTS: u32 = 16;

/// An embedding model and its context.
pub(super) struct ModelEmbedder {
    model: &'static LlamaModel,
    context: LlamaContext<'static>,
    batch: LlamaBatch<'static>,
    /// Tokens of the longest text.
    context_length: usize,
    batch_tokens: usize,
    prefixes: Prefixes,
}

/// What goes before a text, by its role.
struct Prefixes {
    query: &'static str,
    passage: &'static str,
}

impl Prefixes {
    /// Models of the E5 family were trained with a word before each text (Wang et al. 2022, arXiv:2212.03533).
    fn of(model: &LlamaModel) -> Self {
        let name = model.meta_val_str("general.name").unwrap_or_default().to_lowercase();
        let is_e5 = name.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "e5");
        if is_e5 { Self { query: "query: ", passage: "passage: " } } else { Self { query: "", passage: "" } }
    }

    fn get(&self, role: EmbeddingRole) -> &'static str {
        match role {
            EmbeddingRole::Query => self.query,
            EmbeddingRole::Passage => self.passage,
        }
    }
}

/// One text, cut into tokens.
struct Piece {
    tokens: Vec<LlamaToken>,
    truncated: bool,
}

impl Worker for ModelEmbedder {
    fn serve(&mut self, request: Request, _descriptors: Vec<OwnedFd>, reply: &Reply) -> Result<(), EngineError> {
        let Request::Embed(request) = request else {
            return Err(EngineError::InvalidRequest("an embedding model only makes vectors".into()));
        };
        match self.embed(&request, reply)? {
            Some(embeddings) => reply.send(Event::Embeddings(embeddings)),
            None => Ok(()),
        }
    }
}

impl ModelEmbedder {
    pub(super) fn new(model: &'static LlamaModel, options: &EngineOptions) -> Result<(Self, ModelFacts), EngineError> {
        let context_length = super::context_length(model, options);
        let batch_tokens = context_length.max(BATCH_TOKENS);
        let parameters = LlamaContextParams::default()
            .with_embeddings(true)
            .with_n_ctx(super::non_zero(batch_tokens))
            // Attention that looks both ways needs every token of a text in one physical batch.
            .with_n_batch(batch_tokens)
            .with_n_ubatch(batch_tokens)
            .with_n_seq_max(BATCH_TEXTS)
            .with_kv_unified(true)
            .with_pooling_type(pooling(model)?)
            .with_n_threads(super::threads(options))
            .with_n_threads_batch(super::threads(options));
        let context = model
            .new_context(super::backend()?, parameters)
            .map_err(|error| EngineError::Failed(format!("no memory for a context of {context_length} tokens: {error}")))?;
        let dimensions = u32::try_from(model.n_embd_out()).unwrap_or(0);
        let embedder = Self {
            model,
            context,
            batch: LlamaBatch::new(batch_tokens as usize, 1),
            context_length: context_length as usize,
            batch_tokens: batch_tokens as usize,
            prefixes: Prefixes::of(model),
        };
        Ok((embedder, ModelFacts { context_length, dimensions, ..ModelFacts::default() }))
    }

    /// `None` when the asker went away.
    fn embed(&mut self, request: &EmbeddingRequest, reply: &Reply) -> Result<Option<Embeddings>, EngineError> {
        check(&request.texts)?;
        let prefix = self.prefixes.get(request.role);
        let mut vectors = Vec::with_capacity(request.texts.len());
        let mut truncated = Vec::with_capacity(request.texts.len());
        let mut tokens = 0;
        let mut waiting: Vec<Piece> = Vec::new();
        let mut texts = request.texts.iter();
        loop {
            let piece = texts.next().map(|text| self.cut(prefix, text));
            let waiting_tokens: usize = waiting.iter().map(|piece| piece.tokens.len()).sum();
            let fits = |piece: &Piece| waiting_tokens + piece.tokens.len() <= self.batch_tokens && waiting.len() < BATCH_TEXTS as usize;
            if !waiting.is_empty() && !piece.as_ref().is_some_and(fits) {
                if reply.is_cancelled() {
                    return Ok(None);
                }
                self.run(&waiting, &mut vectors)?;
                waiting.clear();
            }
            let Some(piece) = piece else { break };
            truncated.push(piece.truncated);
            tokens += u32::try_from(piece.tokens.len()).unwrap_or(u32::MAX);
            waiting.push(piece);
        }
        Ok(Some(Embeddings { vectors, tokens, truncated }))
    }

    fn cut(&self, prefix: &str, text: &str) -> Piece {
        let text = text.trim();
        let most_bytes = text.floor_char_boundary(self.context_length * BYTES_PER_TOKEN);
        let whole = format!("{prefix}{}", &text[..most_bytes]);
        let mut tokens = self.model.vocab().tokenize(whole.as_bytes(), true, false);
        let truncated = most_bytes < text.len() || tokens.len() > self.context_length;
        if tokens.len() > self.context_length {
            let last = tokens[tokens.len() - 1];
            tokens.truncate(self.context_length);
            if self.model.vocab().is_control(last) {
                // The mark of the end stays at the end.
                tokens[self.context_length - 1] = last;
            }
        }
        Piece { tokens, truncated }
    }

    fn run(&mut self, pieces: &[Piece], vectors: &mut Vec<Vec<f32>>) -> Result<(), EngineError> {
        let failed = |error: &dyn std::fmt::Display| EngineError::Failed(format!("llama.cpp could not embed: {error}"));
        self.batch.clear();
        for (sequence, piece) in (0..).zip(pieces) {
            for (position, token) in (0..).zip(&piece.tokens) {
                self.batch.add(*token, position, &[sequence], true).map_err(|error| failed(&error))?;
            }
        }
        self.context.clear_kv_cache();
        self.context.decode(&mut self.batch).map_err(|error| failed(&error))?;
        for (sequence, _) in (0..).zip(pieces) {
            let vector = self.context.embeddings_seq_ith(sequence).map_err(|error| failed(&error))?;
            vectors.push(normalised(vector)?);
        }
        Ok(())
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
