//! Lore: the data that readings lean on: lenses, the dictionary of dream symbols, sources, and packs of them that an operator adds.
//!
//! Owns the table `packs`, the files under `assets/lenses/` and `assets/symbols/`, and how an image of the dictionary is found in
//! a dream: by its forms ([`Dictionary::find`]), and by likeness to its name ([`Likeness`]). Knows no dreamer and no dream: what a
//! reading makes of it is the dreams' feature's own.
//!
//! The way of a pack: a TOML file → [`Pack::parse`], which refuses what no prompt may hold ([`checks`]) → laid over what comes
//! with the executable ([`Lore::with`]) → kept by [`store`] → read by every server of the database ([`LoreService::current`]).

mod checks;
mod clitics;
mod contents;
mod dictionary;
mod files;
mod forms;
mod lens;
mod likeness;
mod model;
mod pack;
mod problem;
pub mod routes;
mod service;
mod source;
mod stems;
mod store;
mod symbol;
#[cfg(test)]
mod tests;
mod words;

use std::sync::{Arc, LazyLock};

pub use dictionary::{Dictionary, Found, How, Theme};
pub use lens::{DEFAULT_LENS, Lens, LensId, LensWording};
pub use likeness::Likeness;
pub use model::{CitedSource, LensView, PackPage, PackView, SymbolPage, SymbolTheme, SymbolView};
pub use pack::{LARGEST_PACK_BYTES, Pack};
pub use problem::PackProblem;
pub use service::LoreService;
pub use source::{LoreSource, SourceKind};
pub use store::LoreStore;
pub use symbol::SymbolKind;

use contents::Contents;

/// Everything that readings lean on, at one moment.
pub struct Lore {
    lenses: Vec<Lens>,
    dictionary: Dictionary,
    sources: Vec<LoreSource>,
    version: String,
}

impl Lore {
    /// What comes with the executable.
    pub fn embedded() -> Self {
        Contents::embedded().finish()
    }

    /// The same without reading the files each time.
    pub fn shared() -> Arc<Self> {
        static EMBEDDED: LazyLock<Arc<Lore>> = LazyLock::new(|| Arc::new(Lore::embedded()));
        Arc::clone(&EMBEDDED)
    }

    /// The same with packs laid over it, a later one over an earlier one. They may lean on each other in any order.
    pub fn with(packs: &[Pack]) -> Result<Self, PackProblem> {
        let mut contents = Contents::embedded();
        contents.add(packs)?;
        Ok(contents.finish())
    }

    pub fn lens(&self, id: &LensId) -> Option<&Lens> {
        self.lenses.iter().find(|lens| lens.id == *id)
    }

    /// Those that come with the executable first.
    pub fn lenses(&self) -> impl Iterator<Item = &Lens> {
        self.lenses.iter()
    }

    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    pub fn source(&self, id: &str) -> Option<&LoreSource> {
        self.sources.iter().find(|source| source.id == id)
    }

    /// 12 hexadecimal digits over all of it: a change of any of it makes earlier readings stale.
    pub fn version(&self) -> &str {
        &self.version
    }
}
