//! What lore is made of, before it is laid out for use: the embedded files with packs laid over them.

use std::sync::LazyLock;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Dictionary, Lens, LensId, Lore, LoreSource, Pack, PackProblem, checks::refuse, files, symbol::Symbol};

/// Lenses, symbols and sources, and what their version is counted from.
#[derive(Clone)]
pub struct Contents {
    pub lenses: Vec<Lens>,
    pub symbols: Vec<Symbol>,
    pub sources: Vec<LoreSource>,
    hash: Sha256,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SymbolFile {
    #[serde(rename = "symbol")]
    symbols: Vec<Symbol>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceFile {
    #[serde(rename = "source")]
    sources: Vec<LoreSource>,
}

impl Contents {
    /// What comes with the executable.
    pub fn embedded() -> Self {
        static EMBEDDED: LazyLock<Contents> = LazyLock::new(Contents::read);
        EMBEDDED.clone()
    }

    fn read() -> Self {
        let mut hash = Sha256::new();
        let lenses = files::LENSES.iter().map(|text| Lens { builtin: true, ..read(text, &mut hash) }).collect();
        let SourceFile { sources } = read(files::SOURCES, &mut hash);
        let mut symbols = Vec::new();
        for (kind, text) in files::SYMBOLS {
            let file: SymbolFile = read(text, &mut hash);
            symbols.extend(file.symbols.into_iter().map(|symbol| Symbol { kind: Some(kind), builtin: true, ..symbol }));
        }
        Self { lenses, symbols, sources, hash }
    }

    /// Lays packs over it. The first problem of any of them is told, and then nothing of this is of use.
    pub fn add(&mut self, packs: &[Pack]) -> Result<(), PackProblem> {
        for pack in packs {
            self.hash.update(pack.sha256);
            for lens in &pack.lenses {
                replace(&mut self.lenses, lens.clone(), |one, other| one.id == other.id);
            }
            for source in &pack.sources {
                replace(&mut self.sources, source.clone(), |one, other| one.id == other.id);
            }
            for symbol in &pack.symbols {
                match self.symbols.iter_mut().find(|known| known.id == symbol.id) {
                    Some(known) => known.absorb(symbol),
                    None => self.symbols.push(symbol.clone()),
                }
            }
        }
        packs.iter().try_for_each(|pack| self.holds(pack).map_err(|problem| problem.of(&pack.name)))
    }

    /// Whether these packs go with what comes with the executable, and with each other.
    pub fn take(packs: &[Pack]) -> Result<(), PackProblem> {
        Self::embedded().add(packs)
    }

    /// Lays it out for use.
    pub fn finish(self) -> Lore {
        let version = self.hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Lore { lenses: self.lenses, dictionary: Dictionary::new(self.symbols), sources: self.sources, version }
    }

    /// Whether everything that a pack leans on is there.
    fn holds(&self, pack: &Pack) -> Result<(), PackProblem> {
        for lens in &pack.lenses {
            self.knows_sources(&lens.sources).map_err(|problem| problem.within(&format!("lens {}", lens.id)))?;
        }
        for symbol in &pack.symbols {
            let merged = self.symbols.iter().find(|merged| merged.id == symbol.id).unwrap_or(symbol);
            self.is_whole(merged).map_err(|problem| problem.within(&format!("symbol {}", symbol.id)))?;
        }
        Ok(())
    }

    fn is_whole(&self, symbol: &Symbol) -> Result<(), PackProblem> {
        if symbol.words.is_empty() {
            return refuse("", "is in no language: it needs [symbol.en] or another with a name and forms");
        }
        for (language, words) in &symbol.words {
            if words.name.is_empty() || words.forms.is_empty() {
                return refuse(language, "needs a name and at least one form, since no other file gives them");
            }
            if let Some(lens) = words.themes.keys().find(|lens| !self.knows_lens(lens)) {
                return refuse(format!("{language}.themes.{lens}"), format!("there is no lens `{lens}`"));
            }
        }
        symbol.sources.values().try_for_each(|sources| self.knows_sources(sources))
    }

    fn knows_lens(&self, id: &LensId) -> bool {
        self.lenses.iter().any(|lens| lens.id == *id)
    }

    fn knows_sources(&self, ids: &[String]) -> Result<(), PackProblem> {
        let unknown = ids.iter().find(|id| !self.sources.iter().any(|source| source.id == **id));
        unknown.map_or(Ok(()), |id| refuse("sources", format!("there is no source `{id}`: add it as [[source]]")))
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str, hash: &mut Sha256) -> T {
    hash.update(text);
    toml::from_str(text).expect("the embedded lenses and symbols are well-formed: a test reads each of them")
}

/// In the place of its equal, where there is one.
fn replace<T>(all: &mut Vec<T>, new: T, same: fn(&T, &T) -> bool) {
    match all.iter_mut().find(|old| same(old, &new)) {
        Some(old) => *old = new,
        None => all.push(new),
    }
}
