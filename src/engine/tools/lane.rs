//! One lane of an answer, its content or its reasoning, while it grows.

/// Holds white space back until it is known to stand between words.
#[derive(Debug, Default)]
pub(super) struct Lane {
    space: String,
    /// Something but white space has been told.
    pub spoken: bool,
    /// White space at the beginning belongs to a mark before it.
    pub after_mark: bool,
}

impl Lane {
    /// A lane that a mark has opened.
    pub fn after_mark() -> Self {
        Self { after_mark: true, ..Self::default() }
    }

    /// What can be told of `text`.
    pub fn push(&mut self, text: &str) -> String {
        let text = if self.after_mark && (!self.spoken || !self.space.is_empty()) { text.trim_start() } else { text };
        if text.is_empty() {
            return String::new();
        }
        self.space.push_str(text);
        let words = self.space.trim_end().len();
        if words == 0 {
            return String::new();
        }
        (self.spoken, self.after_mark) = (true, false);
        let space = self.space.split_off(words);
        std::mem::replace(&mut self.space, space)
    }

    /// Bytes that are held back.
    pub fn held(&self) -> usize {
        self.space.len()
    }

    /// A mark follows: white space before it is told only if more words come.
    pub fn mark(&mut self) {
        self.after_mark = true;
        if !self.spoken {
            self.space.clear();
        }
    }

    /// Nothing follows.
    pub fn finish(&mut self) -> String {
        if self.after_mark { String::new() } else { std::mem::take(&mut self.space) }
    }
}
