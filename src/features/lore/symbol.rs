//! An entry of the dictionary of symbols: names, forms and themes in several languages.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, MapAccess, Visitor},
};
use utoipa::ToSchema;

use super::LensId;

/// What kind of image a symbol is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SymbolKind {
    Nature,
    Animals,
    People,
    Places,
    Objects,
    Events,
    #[default]
    Other,
}

/// One entry.
#[derive(Debug, Clone, Default)]
pub(super) struct Symbol {
    pub id: String,
    pub kind: Option<SymbolKind>,
    /// Ids of sources of the themes, by lens.
    pub sources: BTreeMap<LensId, Vec<String>>,
    /// By language. A misspelt key of the entry lands here, and is no language.
    pub words: BTreeMap<String, SymbolWords>,
    /// Whether it is as it came with the executable.
    pub builtin: bool,
}

/// An entry in one language.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a language with name, forms and themes")]
pub(super) struct SymbolWords {
    /// As a heading. A pack may leave it out of an entry that is there already.
    #[serde(default)]
    pub name: String,
    /// How the image stands in running text, in lower case.
    #[serde(default)]
    pub forms: Vec<String>,
    /// What it may stand for, by lens.
    #[serde(default)]
    pub themes: BTreeMap<LensId, String>,
}

/// By hand, since serde's `flatten` would lose the lines of a file at which something is wrong.
impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SymbolVisitor)
    }
}

struct SymbolVisitor;

impl<'de> Visitor<'de> for SymbolVisitor {
    type Value = Symbol;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a symbol with id, kind, sources and languages")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Symbol, A::Error> {
        let mut symbol = Symbol::default();
        while let Some(key) = entries.next_key::<String>()? {
            match key.as_str() {
                "id" => symbol.id = entries.next_value()?,
                "kind" => symbol.kind = Some(entries.next_value()?),
                "sources" => symbol.sources = entries.next_value()?,
                _ => {
                    symbol.words.insert(key, entries.next_value()?);
                }
            }
        }
        if symbol.id.is_empty() { Err(A::Error::missing_field("id")) } else { Ok(symbol) }
    }
}

impl Symbol {
    /// Takes what a pack says over what is there: names and forms as far as it has any, themes lens by lens.
    pub fn absorb(&mut self, other: &Self) {
        self.builtin = false;
        self.kind = other.kind.or(self.kind);
        for (language, words) in &other.words {
            let own = self.words.entry(language.clone()).or_default();
            if !words.name.is_empty() {
                own.name.clone_from(&words.name);
            }
            if !words.forms.is_empty() {
                own.forms.clone_from(&words.forms);
            }
            own.themes.extend(words.themes.clone());
        }
        self.sources.extend(other.sources.clone());
    }
}
