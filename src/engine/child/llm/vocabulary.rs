//! What is asked of a vocabulary at every token, looked up once.

use llama_cpp_2::{model::LlamaModel, token::LlamaToken};

/// Facts about all tokens of a model.
pub(super) struct Vocabulary {
    /// Control tokens that end nothing: they are never chosen.
    control: Vec<LlamaToken>,
    /// Tokens that end an answer.
    ends: Vec<LlamaToken>,
    size: usize,
}

impl Vocabulary {
    pub(super) fn of(model: &LlamaModel) -> Self {
        let vocabulary = model.vocab();
        let ends: Vec<_> = vocabulary.tokens().filter(|token| vocabulary.is_eog(*token)).collect();
        let control = vocabulary.tokens().filter(|token| vocabulary.is_control(*token) && !ends.contains(token)).collect();
        Self { control, ends, size: usize::try_from(model.n_vocab()).unwrap_or(0) }
    }

    /// One without control tokens.
    #[cfg(test)]
    pub(super) fn of_size(size: usize) -> Self {
        Self { control: Vec::new(), ends: Vec::new(), size }
    }

    pub(super) fn len(&self) -> usize {
        self.size
    }

    pub(super) fn ends(&self, token: LlamaToken) -> bool {
        self.ends.contains(&token)
    }

    /// Tokens that may not be chosen. `endless`: nor may those that end the answer.
    pub(super) fn barred(&self, endless: bool) -> impl Iterator<Item = LlamaToken> + '_ {
        self.control.iter().chain(if endless { self.ends.iter() } else { [].iter() }).copied()
    }
}
