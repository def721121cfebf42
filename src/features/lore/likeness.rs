//! Recognition by likeness: words of a dream that no form names, compared with the symbols' names by the embedding model.
//!
//! Vectors of one model lie in a narrow cone (of E5, any two words have a cosine of 0.75 to 0.95), so that no fixed cosine tells
//! likeness. A word is an image when one name stands out from all others as that word sees them.

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Found, How, Lore};
use crate::engine::{Asker, Embedder, EmbeddingRequest, EmbeddingRole, EngineError};

/// Names that are embedded at once, and kept when that is done.
const AT_ONCE: usize = 32;
/// Names below which their mean and spread say nothing.
const FEWEST_NAMES: usize = 20;

/// How far the nearest name must stand above the mean of all names, in standard deviations. Of 200 names that have nothing to do
/// with a word, the nearest lies about 2.8 above by chance, and above 4 in one word of a hundred.
const DEVIATIONS_ABOVE_MEAN: f32 = 4.0;
/// The same as a cosine: where all names are about as far, a few thousandths would make many deviations.
const COSINE_ABOVE_MEAN: f32 = 0.06;
/// How far the nearest must stand above the second: a word between two images is neither.
const COSINE_ABOVE_SECOND: f32 = 0.01;
/// Below it two words of E5 are never close, whatever stands out.
const LEAST_COSINE: f32 = 0.85;

/// Finds images by likeness. Keeps the vectors of the symbols' names, which are made once for each model and language, a few at a
/// time: where somebody stops waiting, the next goes on.
#[derive(Default)]
pub struct Likeness {
    kept: Mutex<HashMap<Key, Arc<Names>>>,
    /// Names that are not whole yet. One at a time makes them.
    begun: tokio::sync::Mutex<HashMap<Key, Names>>,
}

/// What names are of.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// The lore's version: those of another are forgotten.
    lore: String,
    model: String,
    language: String,
}

struct Names {
    symbols: Vec<String>,
    texts: Vec<String>,
    /// Of the first texts, or of all.
    vectors: Vec<Vec<f32>>,
}

impl Likeness {
    /// Words of one text that are compared, at most: an embedding costs a few milliseconds each.
    pub const MOST_WORDS: usize = 24;

    /// Images among these words of a text, which are given with their places in it; those beyond the first
    /// [`Self::MOST_WORDS`] are not looked at. Dropping the future loses no names but the few that are being embedded.
    pub async fn find_alike(
        &self,
        lore: &Lore,
        words: &[(Range<usize>, String)],
        language: &str,
        model_id: &str,
        embedder: &dyn Embedder,
        asker: Asker,
    ) -> Result<Vec<Found>, EngineError> {
        let words = &words[..words.len().min(Self::MOST_WORDS)];
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let key = Key { lore: lore.version().to_owned(), model: model_id.to_owned(), language: language.to_owned() };
        let names = match self.kept(&key) {
            Some(names) => names,
            None => self.make(lore, key, embedder, asker.clone()).await?,
        };
        if names.symbols.len() < FEWEST_NAMES {
            return Ok(Vec::new());
        }
        let vectors = embed(embedder, words.iter().map(|(_, word)| word.to_lowercase()).collect(), asker).await?;
        let alike = words.iter().zip(&vectors).filter_map(|((range, _), vector)| {
            let symbol = names.symbols[standing_out(&names.cosines(vector))?].clone();
            Some(Found { symbol, range: range.clone(), how: How::Likeness })
        });
        Ok(alike.collect())
    }

    fn kept(&self, key: &Key) -> Option<Arc<Names>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    async fn make(&self, lore: &Lore, key: Key, embedder: &dyn Embedder, asker: Asker) -> Result<Arc<Names>, EngineError> {
        let mut all_begun = self.begun.lock().await;
        // Somebody else may have made them meanwhile.
        if let Some(names) = self.kept(&key) {
            return Ok(names);
        }
        all_begun.retain(|other, _| other.lore == key.lore);
        let mut begun = match all_begun.entry(key.clone()) {
            Entry::Occupied(begun) => begun,
            Entry::Vacant(none) => none.insert_entry(Names::of(lore, &key.language)),
        };
        begun.get_mut().embed_rest(embedder, &asker).await?;
        let names = Arc::new(begun.remove());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|other, _| other.lore == key.lore);
        kept.insert(key, Arc::clone(&names));
        Ok(names)
    }
}

impl Names {
    fn of(lore: &Lore, language: &str) -> Self {
        let dictionary = lore.dictionary();
        let named = dictionary.ids().filter_map(|id| Some((id.to_owned(), dictionary.name(id, language)?.to_lowercase())));
        let (symbols, texts) = named.unzip();
        Self { symbols, texts, vectors: Vec::new() }
    }

    async fn embed_rest(&mut self, embedder: &dyn Embedder, asker: &Asker) -> Result<(), EngineError> {
        while self.vectors.len() < self.texts.len() {
            let next = self.texts[self.vectors.len()..].iter().take(AT_ONCE).cloned().collect();
            self.vectors.append(&mut embed(embedder, next, asker.clone()).await?);
        }
        Ok(())
    }

    fn cosines(&self, vector: &[f32]) -> Vec<f32> {
        self.vectors.iter().map(|name| name.iter().zip(vector).map(|(a, b)| a * b).sum()).collect()
    }
}

async fn embed(embedder: &dyn Embedder, texts: Vec<String>, asker: Asker) -> Result<Vec<Vec<f32>>, EngineError> {
    let count = texts.len();
    // Two words of the same kind, so both in the same role.
    let vectors = embedder.embed(EmbeddingRequest { texts, role: EmbeddingRole::Query }, asker).await?.vectors;
    match vectors.len() == count {
        true => Ok(vectors),
        false => Err(EngineError::Failed("there are not as many vectors as texts".into())),
    }
}

/// The place of the one that stands out, where one does.
#[expect(clippy::cast_precision_loss, reason = "there are some hundreds of names")]
fn standing_out(cosines: &[f32]) -> Option<usize> {
    let (nearest, best) = cosines.iter().copied().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let others = || cosines.iter().enumerate().filter(|(place, _)| *place != nearest).map(|(_, cosine)| *cosine);
    let second = others().max_by(f32::total_cmp)?;
    let count = cosines.len() as f32;
    let mean = cosines.iter().sum::<f32>() / count;
    let deviation = (cosines.iter().map(|cosine| (cosine - mean).powi(2)).sum::<f32>() / count).sqrt();
    let above = best - mean;
    let stands_out = best >= LEAST_COSINE
        && above >= COSINE_ABOVE_MEAN
        && above >= DEVIATIONS_ABOVE_MEAN * deviation
        && best - second >= COSINE_ABOVE_SECOND;
    stands_out.then_some(nearest)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::{FutureExt as _, future::BoxFuture};

    use super::*;
    use crate::engine::Embeddings;

    /// Names spread about a mean, as E5 has them, with one at `best`.
    fn cosines(best: f32) -> Vec<f32> {
        let mut cosines: Vec<f32> = (0..200_u16).map(|number| 0.80 + f32::from(number % 5) * 0.01).collect();
        cosines[17] = best;
        cosines
    }

    #[test]
    fn only_a_name_that_stands_out_is_meant() {
        assert_eq!(standing_out(&cosines(0.93)), Some(17));
        assert_eq!(standing_out(&cosines(0.86)), None, "not above all others");
        let mut two = cosines(0.93);
        two[18] = 0.925;
        assert_eq!(standing_out(&two), None, "between two");
        assert_eq!(standing_out(&[]), None);
        assert_eq!(standing_out(&[0.9]), None);
    }

    /// Every text has a direction of its own; "steamer" has that of "boat".
    #[derive(Default)]
    struct Synonyms {
        calls: AtomicUsize,
        texts: AtomicUsize,
        /// The call, counted from 0, that is never answered.
        stalls_at: Option<usize>,
    }

    impl Embedder for Synonyms {
        fn embed(&self, request: EmbeddingRequest, _: Asker) -> BoxFuture<'_, Result<Embeddings, EngineError>> {
            if self.stalls_at == Some(self.calls.fetch_add(1, Ordering::Relaxed)) {
                return std::future::pending().boxed();
            }
            self.texts.fetch_add(request.texts.len(), Ordering::Relaxed);
            let vectors: Vec<_> = request.texts.iter().map(|text| direction(if text == "steamer" { "boat" } else { text })).collect();
            let truncated = vec![false; vectors.len()];
            async move { Ok(Embeddings { vectors, tokens: 0, truncated }) }.boxed()
        }
    }

    /// A direction of 256 that is nearly at right angles to every other text's.
    fn direction(text: &str) -> Vec<f32> {
        let mut seed = text.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
        let vector: Vec<f32> = (0..256)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if seed >> 31 == 0 { 1.0 } else { -1.0 }
            })
            .collect();
        vector.iter().map(|value| value / 16.0).collect()
    }

    fn steamer() -> [(Range<usize>, String); 2] {
        [(3..10, "Steamer".to_owned()), (20..27, "quarkic".to_owned())]
    }

    #[tokio::test]
    async fn a_word_like_a_name_is_that_image_and_names_are_embedded_once() {
        let (lore, likeness, embedder, words) = (Lore::embedded(), Likeness::default(), Synonyms::default(), steamer());
        let names = lore.dictionary().ids().count();
        for texts in [names + 2, names + 4] {
            let found = likeness.find_alike(&lore, &words, "en", "letters", &embedder, Asker::named("a test")).await.unwrap();
            assert_eq!(found, [Found { symbol: "boat".into(), range: 3..10, how: How::Likeness }]);
            assert_eq!(embedder.texts.load(Ordering::Relaxed), texts);
        }
        let none = likeness.find_alike(&lore, &[], "en", "letters", &embedder, Asker::named("a test")).await.unwrap();
        assert!(none.is_empty());
        let foreign = likeness.find_alike(&lore, &words, "fr", "letters", &embedder, Asker::named("a test")).await.unwrap();
        assert!(foreign.is_empty(), "no symbol has a French name");
    }

    #[test]
    fn where_one_stopped_waiting_the_next_goes_on() {
        let (lore, likeness, words) = (Lore::embedded(), Likeness::default(), steamer());
        let embedder = Synonyms { stalls_at: Some(2), ..Synonyms::default() };
        let look = || likeness.find_alike(&lore, &words, "en", "letters", &embedder, Asker::named("a test")).now_or_never();
        assert!(look().is_none());
        assert_eq!(embedder.texts.load(Ordering::Relaxed), 2 * AT_ONCE);
        let found = look().unwrap().unwrap();
        assert_eq!(found, [Found { symbol: "boat".into(), range: 3..10, how: How::Likeness }]);
        assert_eq!(embedder.texts.load(Ordering::Relaxed), lore.dictionary().ids().count() + words.len(), "no name twice");
    }
}
