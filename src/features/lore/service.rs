//! What the feature does: hand out lore as it is now, and let admins change it.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::{
    LensView, Lore, LoreStore, Pack, PackPage, PackProblem, PackView, SymbolKind, SymbolPage, SymbolView, checks,
    contents::Contents,
    forms::folded,
    model::{FALLBACK, in_language},
    store::StoredPack,
    symbol::Symbol,
};
use crate::{
    error::{Error, Result},
    features::accounts::{Action, Entry, Principal, Visitor},
};

/// Packs of one database: every server reads them all whenever one changes.
const MOST_PACKS: usize = 32;
const LONGEST_SEARCH: usize = 100;

/// The feature's face to others and to `http/`.
pub struct LoreService {
    store: LoreStore,
    kept: Arc<Mutex<Option<Kept>>>,
    /// Held by whoever makes lore anew.
    making: Arc<tokio::sync::Mutex<()>>,
}

/// Lore, and the packs that it was made with.
struct Kept {
    fingerprint: Vec<u8>,
    lore: Arc<Lore>,
}

/// Which symbols are asked for.
pub(super) struct SymbolFilter<'a> {
    pub language: Option<&'a str>,
    /// A part of a name, or of a form.
    pub search: Option<&'a str>,
    pub kind: Option<SymbolKind>,
}

impl LoreService {
    pub fn new(store: LoreStore) -> Self {
        Self { store, kept: Arc::default(), making: Arc::default() }
    }

    /// Lore as it is now, made anew only when packs changed, on whichever server of this database. One of those who ask makes it,
    /// the others wait.
    pub async fn current(&self) -> Result<Arc<Lore>> {
        let fingerprint = self.store.fingerprint().await?;
        if let Some(lore) = self.kept(&fingerprint) {
            return Ok(lore);
        }
        let turn = Arc::clone(&self.making).lock_owned().await;
        // Somebody else may have made it meanwhile, or packs may have changed once more.
        let fingerprint = self.store.fingerprint().await?;
        if let Some(lore) = self.kept(&fingerprint) {
            return Ok(lore);
        }
        let (packs, kept) = (self.store.packs().await?, Arc::clone(&self.kept));
        aside(move || {
            let lore = if packs.is_empty() { Lore::shared() } else { Arc::new(made_with(&packs)) };
            // Also when the one who asked is gone by now: the next in turn finds it.
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Kept { fingerprint, lore: Arc::clone(&lore) });
            drop(turn);
            lore
        })
        .await
    }

    fn kept(&self, fingerprint: &[u8]) -> Option<Arc<Lore>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|kept| kept.fingerprint == fingerprint).map(|kept| Arc::clone(&kept.lore))
    }

    pub(super) async fn lenses(&self) -> Result<Vec<LensView>> {
        let lore = self.current().await?;
        Ok(lore.lenses().map(|lens| LensView::of(lens, &lore)).collect())
    }

    pub(super) async fn symbols(&self, filter: &SymbolFilter<'_>) -> Result<Vec<SymbolView>> {
        let (language, search) = (language(filter.language)?, search(filter.search)?);
        let lore = self.current().await?;
        let symbols = lore.dictionary().symbols().iter();
        let wanted = symbols
            .filter(|symbol| filter.kind.is_none_or(|kind| symbol.kind.unwrap_or_default() == kind))
            .filter(|symbol| search.as_deref().is_none_or(|search| is_called(symbol, search, language)));
        Ok(wanted.filter_map(|symbol| SymbolView::of(symbol, language, &lore)).collect())
    }

    pub(super) async fn symbol(&self, id: &str, asked: Option<&str>) -> Result<SymbolPage> {
        let language = language(asked)?;
        let lore = self.current().await?;
        let page = lore.dictionary().symbol(id).and_then(|symbol| SymbolPage::of(symbol, language, &lore));
        page.ok_or(Error::NotFound("symbol"))
    }

    /// Packs, the one that was imported last at the end.
    pub(super) async fn packs(&self) -> Result<Vec<PackView>> {
        let stored = self.store.packs().await?;
        aside(move || shown(&stored)).await
    }

    pub(super) async fn pack(&self, name: &str) -> Result<PackPage> {
        let StoredPack { name, content, added_at } = self.store.pack(name).await?.ok_or(Error::NotFound("pack"))?;
        Ok(PackPage { name, added_at, content })
    }

    /// Takes a pack in, in the place of one of the same name. One that does not go with what is here is refused.
    pub(super) async fn import(&self, content: String, by: &Principal, visitor: &Visitor) -> Result<PackView> {
        let stored = self.store.packs().await?;
        let (pack, content) = aside(move || admitted(&stored, content)).await??;
        let detail = json!({ "pack": pack.name, "version": pack.version, "lenses": pack.lenses.len(), "symbols": pack.symbols.len() });
        let told = Entry::by_admin(Action::PackImported, by, visitor).with(detail);
        let added_at = self.store.keep(&pack, &content, &told).await?;
        Ok(PackView::of(&pack, added_at))
    }

    /// Takes a pack away that no other leans on.
    pub(super) async fn remove(&self, name: &str, by: &Principal, visitor: &Visitor) -> Result<()> {
        let (stored, removed) = (self.store.packs().await?, name.to_owned());
        if let Some(problem) = aside(move || missing_without(&stored, &removed)).await? {
            return Err(Error::Conflict(format!("the pack `{}` leans on it ({problem}): remove that one first", problem.pack)));
        }
        let told = Entry::by_admin(Action::PackRemoved, by, visitor).with(json!({ "pack": name }));
        if self.store.remove(name, &told).await? { Ok(()) } else { Err(Error::NotFound("pack")) }
    }
}

/// Packs are read and laid out on a thread of their own: large ones take a tenth of a second.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))
}

/// A pack that goes with those that are there.
fn admitted(stored: &[StoredPack], content: String) -> Result<(Pack, String)> {
    let pack = Pack::parse(&content)?;
    if stored.iter().filter(|other| other.name != pack.name).count() >= MOST_PACKS {
        return Err(Error::Conflict(format!("there are {MOST_PACKS} packs already: remove one first")));
    }
    let (mut packs, _) = fitting(stored);
    packs.retain(|other| other.name != pack.name);
    packs.push(pack.clone());
    match Contents::take(&packs) {
        Ok(()) => Ok((pack, content)),
        Err(problem) if problem.pack == pack.name => Err(problem.into()),
        Err(problem) => {
            Err(Error::Conflict(format!("the pack `{}` leans on what this one would take away ({problem}): remove it first", problem.pack)))
        }
    }
}

/// What some other pack would lack without this one.
fn missing_without(stored: &[StoredPack], name: &str) -> Option<PackProblem> {
    let (mut packs, _) = fitting(stored);
    packs.retain(|pack| pack.name != name);
    Contents::take(&packs).err()
}

/// Lore with every pack that goes with the rest. One that was imported by another version of the server may not.
fn made_with(stored: &[StoredPack]) -> Lore {
    let (packs, problems) = fitting(stored);
    for problem in problems {
        tracing::warn!(pack = problem.pack, %problem, "a pack does not go with this version of the server: it is left out");
    }
    Lore::with(&packs).unwrap_or_else(|_| Lore::embedded())
}

/// Those that go together, and what is wrong with each of the others.
fn fitting(stored: &[StoredPack]) -> (Vec<Pack>, Vec<PackProblem>) {
    let (mut packs, mut problems) = (Vec::new(), Vec::new());
    for pack in stored {
        match pack.parse() {
            Ok(pack) => packs.push(pack),
            Err(problem) => problems.push(problem.of(&pack.name)),
        }
    }
    // Each turn takes away the pack that the problem names.
    while let Err(problem) = Contents::take(&packs) {
        packs.retain(|pack| pack.name != problem.pack);
        problems.push(problem);
    }
    (packs, problems)
}

fn shown(stored: &[StoredPack]) -> Vec<PackView> {
    let (_, problems) = fitting(stored);
    let view = |stored: &StoredPack| {
        let view = stored.parse().map(|pack| PackView::of(&pack, stored.added_at));
        let unreadable = || PackView {
            name: stored.name.clone(),
            version: String::new(),
            added_at: stored.added_at,
            lenses: Vec::new(),
            symbols: 0,
            sources: 0,
            problem: None,
        };
        let problem = problems.iter().find(|problem| problem.pack == stored.name).map(ToString::to_string);
        PackView { problem, ..view.unwrap_or_else(|_| unreadable()) }
    };
    stored.iter().map(view).collect()
}

fn language(asked: Option<&str>) -> Result<&str> {
    match asked {
        None => Ok(FALLBACK),
        Some(code) if checks::is_language(code) => Ok(code),
        Some(_) => Err(Error::invalid("language", "is not a language code of two letters (ISO 639-1) such as en, ru or ar")),
    }
}

/// As names and forms are compared; `None` where nothing is searched for.
fn search(asked: Option<&str>) -> Result<Option<String>> {
    if asked.is_some_and(|text| text.chars().count() > LONGEST_SEARCH) {
        return Err(Error::invalid("search", format!("must be at most {LONGEST_SEARCH} characters")));
    }
    Ok(asked.map(folded).filter(|text| !text.is_empty()))
}

fn is_called(symbol: &Symbol, search: &str, language: &str) -> bool {
    let Some((_, words)) = in_language(symbol, language) else { return false };
    std::iter::once(&words.name).chain(&words.forms).any(|name| folded(name).contains(search))
}
