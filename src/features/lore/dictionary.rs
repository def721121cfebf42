//! The dictionary of dream symbols: what is found in a text, what it is called, and what it may stand for through each lens.

use std::{collections::HashMap, ops::Range};

use super::{
    LensId, SymbolKind,
    forms::Forms,
    symbol::{Symbol, SymbolWords},
    words::words,
};

/// How an image was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// By one of its forms.
    Lemma,
    /// By likeness to its name.
    Likeness,
}

/// An image of the dictionary in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The id in the dictionary.
    pub symbol: String,
    /// Bytes of the text: whole words, with what is written together with them.
    pub range: Range<usize>,
    pub how: How,
}

/// What an image may stand for through one lens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme<'a> {
    /// Goes on from "may stand for:".
    pub text: &'a str,
    /// Ids of sources.
    pub sources: &'a [String],
}

/// Every symbol.
pub struct Dictionary {
    symbols: Vec<Symbol>,
    by_id: HashMap<String, usize>,
    forms: HashMap<String, Forms>,
}

impl Dictionary {
    /// Later symbols take forms from earlier ones.
    pub(super) fn new(symbols: Vec<Symbol>) -> Self {
        let by_id = symbols.iter().enumerate().map(|(number, symbol)| (symbol.id.clone(), number)).collect();
        let mut forms = HashMap::new();
        for (number, symbol) in symbols.iter().enumerate() {
            for (language, words) in &symbol.words {
                let known = forms.entry(language.clone()).or_insert_with(|| Forms::of(language));
                words.forms.iter().for_each(|form| known.add(form, number));
            }
        }
        Self { symbols, by_id, forms }
    }

    /// Every image of the text by its forms in this language (ISO 639-1), in order of the text. Where one form stands within
    /// another, the longer is found; none overlap. The same image may come several times.
    pub fn find(&self, text: &str, language: &str) -> Vec<Found> {
        let Some(forms) = self.forms.get(language) else { return Vec::new() };
        let words = words(text);
        let (mut found, mut at) = (Vec::new(), 0);
        while let Some(word) = words.get(at) {
            let Some(form) = forms.at_head(text, &words[at..]) else {
                at += 1;
                continue;
            };
            at += form.words;
            let range = word.range.start..words[at - 1].range.end;
            found.push(Found { symbol: self.symbols[form.symbol].id.clone(), range, how: How::Lemma });
        }
        found
    }

    /// Whether it has forms in this language.
    pub fn knows(&self, language: &str) -> bool {
        self.forms.contains_key(language)
    }

    /// As a heading in this language; `None` when there is no such symbol or it has no name in it.
    pub fn name(&self, id: &str, language: &str) -> Option<&str> {
        Some(self.words(id, language)?.name.as_str())
    }

    /// What it may stand for, in this language.
    pub fn theme(&self, id: &str, lens: &LensId, language: &str) -> Option<Theme<'_>> {
        let text = self.words(id, language)?.themes.get(lens)?;
        let sources = self.symbol(id)?.sources.get(lens).map(Vec::as_slice).unwrap_or_default();
        Some(Theme { text, sources })
    }

    /// Every symbol's, in the dictionary's order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.symbols.iter().map(|symbol| symbol.id.as_str())
    }

    pub fn kind(&self, id: &str) -> Option<SymbolKind> {
        Some(self.symbol(id)?.kind.unwrap_or_default())
    }

    pub(super) fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    pub(super) fn symbol(&self, id: &str) -> Option<&Symbol> {
        self.by_id.get(id).map(|number| &self.symbols[*number])
    }

    fn words(&self, id: &str, language: &str) -> Option<&SymbolWords> {
        self.symbol(id)?.words.get(language)
    }
}
