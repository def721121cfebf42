//! What is asked of a vocabulary at every token, looked up once.

use llama_cpp_2::{model::LlamaModel, token::LlamaToken};

use crate::engine::tools::ToolStyle;

/// Facts about all tokens of a model.
pub(super) struct Vocabulary {
    /// Control tokens that end nothing: they are never chosen.
    control: Vec<LlamaToken>,
    /// Tokens that end an answer.
    ends: Vec<LlamaToken>,
    /// Control tokens that mark calls and reasoning: chosen and shown only where they are asked for.
    marks: Vec<LlamaToken>,
    size: usize,
}

impl Vocabulary {
    pub(super) fn of(model: &LlamaModel, marks: &Marks) -> Self {
        let vocabulary = model.vocab();
        let ends: Vec<_> = vocabulary.tokens().filter(|token| vocabulary.is_eog(*token)).collect();
        let control: Vec<_> = vocabulary.tokens().filter(|token| vocabulary.is_control(*token) && !ends.contains(token)).collect();
        let marks = control.iter().copied().filter(|token| marks.tokens.iter().any(|(_, mark)| mark == token)).collect();
        Self { control, ends, marks, size: usize::try_from(model.n_vocab()).unwrap_or(0) }
    }

    /// One without control tokens.
    #[cfg(test)]
    pub(super) fn of_size(size: usize) -> Self {
        Self { control: Vec::new(), ends: Vec::new(), marks: Vec::new(), size }
    }

    pub(super) fn len(&self) -> usize {
        self.size
    }

    pub(super) fn ends(&self, token: LlamaToken) -> bool {
        self.ends.contains(&token)
    }

    /// Whether a token is written out only where marks are asked for.
    pub(super) fn marks(&self, token: LlamaToken) -> bool {
        self.marks.contains(&token)
    }

    /// Tokens that may not be chosen. `endless`: nor may those that end the answer. `with_marks`: marks may.
    pub(super) fn barred(&self, endless: bool, with_marks: bool) -> impl Iterator<Item = LlamaToken> + '_ {
        let control = self.control.iter().filter(move |token| !with_marks || !self.marks.contains(token));
        control.chain(if endless { self.ends.iter() } else { [].iter() }).copied()
    }
}

/// The marks of a model's style of calls that are single tokens.
#[derive(Default)]
pub(super) struct Marks {
    pub style: ToolStyle,
    pub tokens: Vec<(&'static str, LlamaToken)>,
}

impl Marks {
    pub(super) fn of(model: &LlamaModel, style: ToolStyle) -> Self {
        let token = |mark: &'static str| match model.vocab().tokenize(mark.as_bytes(), false, true)[..] {
            [token] => Some((mark, token)),
            _ => None,
        };
        Self { style, tokens: style.marks().into_iter().filter_map(token).collect() }
    }

    pub(super) fn token(&self, mark: &str) -> Option<u32> {
        self.tokens.iter().find(|(text, _)| *text == mark).map(|(_, token)| token.0.cast_unsigned())
    }
}
