//! What the API tells of lore.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{
    Lens, LensId, Lore, Pack, SourceKind, SymbolKind,
    symbol::{Symbol, SymbolWords},
};

/// What is told in English where there is no other language.
pub(super) const FALLBACK: &str = "en";

/// A book or a paper, and what kind of ground it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CitedSource {
    pub kind: SourceKind,
    /// Author and title, in the original.
    pub reference: String,
}

/// A lens through which dreams are read here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LensView {
    pub id: LensId,
    /// As it came with the server; else from a pack.
    pub builtin: bool,
    pub kind: SourceKind,
    /// By language.
    pub names: BTreeMap<String, String>,
    /// A sentence, by language.
    pub about: BTreeMap<String, String>,
    /// Languages that it has wording of its own for (ISO 639-1); readings in others are worded in a generic way.
    pub languages: Vec<String>,
    pub sources: Vec<CitedSource>,
}

/// A symbol in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SymbolView {
    pub id: String,
    pub name: String,
    pub kind: SymbolKind,
    /// Of the name: the one asked for, where the dictionary has it.
    pub language: String,
    /// Lenses through which the dictionary says something of it.
    pub lenses: Vec<LensId>,
}

/// A symbol's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SymbolPage {
    pub id: String,
    pub name: String,
    pub kind: SymbolKind,
    /// Of name, forms and themes: the one asked for, where the dictionary has it.
    pub language: String,
    /// As it came with the server; else from a pack, or changed by one.
    pub builtin: bool,
    /// How it stands in running text.
    pub forms: Vec<String>,
    pub themes: Vec<SymbolTheme>,
}

/// What a symbol may stand for through one lens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SymbolTheme {
    pub lens: LensId,
    /// Goes on from "may stand for:".
    pub text: String,
    pub sources: Vec<CitedSource>,
}

/// A pack in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackView {
    pub name: String,
    /// The maker's own word for its state.
    pub version: String,
    /// When it was imported, or imported again.
    #[serde(with = "time::serde::rfc3339")]
    pub added_at: OffsetDateTime,
    /// Lenses that it adds or replaces.
    pub lenses: Vec<String>,
    /// Symbols that it adds or changes.
    pub symbols: usize,
    /// Sources that it adds or replaces.
    pub sources: usize,
    /// Why this server does without it: it was in order for the version that imported it, and is not for this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub problem: Option<String>,
}

/// A pack as it was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackPage {
    pub name: String,
    #[serde(with = "time::serde::rfc3339")]
    pub added_at: OffsetDateTime,
    /// TOML.
    pub content: String,
}

impl LensView {
    pub(super) fn of(lens: &Lens, lore: &Lore) -> Self {
        Self {
            id: lens.id.clone(),
            builtin: lens.builtin,
            kind: lens.kind,
            names: lens.names.clone(),
            about: lens.about.clone(),
            languages: lens.languages().into_iter().map(str::to_owned).collect(),
            sources: cited(&lens.sources, lore),
        }
    }
}

impl SymbolView {
    /// `None` when it has no name at all.
    pub(super) fn of(symbol: &Symbol, language: &str, lore: &Lore) -> Option<Self> {
        let (language, words) = in_language(symbol, language)?;
        Some(Self {
            id: symbol.id.clone(),
            name: words.name.clone(),
            kind: symbol.kind.unwrap_or_default(),
            language: language.to_owned(),
            lenses: lore.lenses().filter(|lens| words.themes.contains_key(&lens.id)).map(|lens| lens.id.clone()).collect(),
        })
    }
}

impl SymbolPage {
    /// `None` when it has no name at all.
    pub(super) fn of(symbol: &Symbol, language: &str, lore: &Lore) -> Option<Self> {
        let (language, words) = in_language(symbol, language)?;
        let sources = |lens: &LensId| cited(symbol.sources.get(lens).map(Vec::as_slice).unwrap_or_default(), lore);
        let theme = |lens: &Lens| {
            let text = words.themes.get(&lens.id)?.clone();
            Some(SymbolTheme { lens: lens.id.clone(), text, sources: sources(&lens.id) })
        };
        Some(Self {
            id: symbol.id.clone(),
            name: words.name.clone(),
            kind: symbol.kind.unwrap_or_default(),
            language: language.to_owned(),
            builtin: symbol.builtin,
            forms: words.forms.clone(),
            themes: lore.lenses().filter_map(theme).collect(),
        })
    }
}

impl PackView {
    pub(super) fn of(pack: &Pack, added_at: OffsetDateTime) -> Self {
        Self {
            name: pack.name.clone(),
            version: pack.version.clone(),
            added_at,
            lenses: pack.lens_ids(),
            symbols: pack.symbol_count(),
            sources: pack.source_count(),
            problem: None,
        }
    }
}

/// A symbol in this language, else in English, else in the first that it has.
pub(super) fn in_language<'a>(symbol: &'a Symbol, language: &str) -> Option<(&'a str, &'a SymbolWords)> {
    let found =
        symbol.words.get_key_value(language).or_else(|| symbol.words.get_key_value(FALLBACK)).or_else(|| symbol.words.iter().next());
    found.map(|(language, words)| (language.as_str(), words))
}

fn cited(ids: &[String], lore: &Lore) -> Vec<CitedSource> {
    let sources = ids.iter().filter_map(|id| lore.source(id));
    sources.map(|source| CitedSource { kind: source.kind, reference: source.reference.clone() }).collect()
}
