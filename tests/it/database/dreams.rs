//! Dreams as the store keeps them.

use oneiros::error::Error;
use oneiros::features::accounts::UserId;
use oneiros::features::dreams::{
    ConfidenceLevel, DreamStore, EMBEDDING_DIMENSIONS, FailureReason, Interpretation, InterpretationFailure, Mood, ReadingKey, SearchTrial,
    SimilarDream, TokenCounts, TrialDream,
};
use oneiros::features::lore::LensId;
use uuid::Uuid;

use crate::support::database::{TestDatabase, test_database};

const OWNER: UserId = UserId::LOCAL;

async fn another_owner(database: &TestDatabase) -> UserId {
    let id = Uuid::now_v7();
    sqlx::query("INSERT INTO users (id) VALUES ($1)").bind(id).execute(&database.owner_pool).await.unwrap();
    UserId(id)
}

fn lens(id: &str) -> LensId {
    id.parse().unwrap()
}

fn reading(of: &str, title: &str) -> Interpretation {
    Interpretation {
        title: title.into(),
        summary: "The sea calls.".into(),
        interpretation: "You are between two shores.".into(),
        symbols: vec![],
        emotions: vec![],
        mood: Mood::Peaceful,
        archetypes: vec![],
        advice: "Rest.".into(),
        questions: vec![],
        confidence: 0.5,
        confidence_level: ConfidenceLevel::Fair,
        sources: vec![],
        lens: lens(of),
        language: "en".into(),
        model: "model-a".into(),
        prompt_version: "1".into(),
        tokens: TokenCounts { prompt: 10, generated: 20 },
        latency_ms: 30,
        cached: false,
        grounding: 1.0,
        notices: vec![],
        said: vec![],
        composed: vec![],
        steps: vec![],
    }
}

fn key(reading: &Interpretation) -> ReadingKey {
    ReadingKey {
        lens: reading.lens.clone(),
        language: reading.language.clone(),
        model: reading.model.clone(),
        prompt_version: reading.prompt_version.clone(),
        context: String::new(),
    }
}

/// A vector of length 1 that points `angle` away from the first axis.
fn vector(dimension: usize, angle: f32) -> Vec<f32> {
    let mut vector = vec![0.0; dimension];
    vector[0] = angle.cos();
    vector[1] = angle.sin();
    vector
}

#[tokio::test]
async fn the_same_text_again_is_the_same_dream() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let first = store.keep(OWNER, "I was flying over the sea.", "en").await.unwrap();
    let again = store.keep(OWNER, "I was flying over the sea.", "en").await.unwrap();
    assert_eq!(first, again);
    let other = store.keep(OWNER, "I was flying over the sea!", "en").await.unwrap();
    assert_ne!(first.id, other.id);
    let another = another_owner(&database).await;
    assert_ne!(store.keep(another, "I was flying over the sea.", "en").await.unwrap().id, first.id);
}

#[tokio::test]
async fn many_requests_with_one_text_make_one_dream() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let kept = futures_util::future::join_all((0..20).map(|_| store.keep(OWNER, "Мне снилось море.", "ru"))).await;
    let ids: std::collections::HashSet<Uuid> = kept.into_iter().map(|dream| dream.unwrap().id).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_character_that_cannot_be_stored_is_an_error_of_the_text() {
    let database = test_database().await;
    let error = DreamStore::new(database.pool.clone()).keep(OWNER, "the sea\0", "en").await.unwrap_err();
    assert!(matches!(&error, Error::Invalid { field, .. } if field == "text"), "{error:?}");
}

#[tokio::test]
async fn another_owners_dream_is_not_there() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let another = another_owner(&database).await;
    let dream = store.keep(another, "A locked door.", "en").await.unwrap();
    assert!(store.find(OWNER, dream.id).await.unwrap().is_none());
    assert!(!store.delete(OWNER, dream.id).await.unwrap());
    assert!(store.page(OWNER, None, 10).await.unwrap().dreams.is_empty());
    assert!(store.find(another, dream.id).await.unwrap().is_some());
}

#[tokio::test]
async fn pages_show_every_dream_once_newest_first_also_when_times_tie() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let mut ids = vec![];
    for number in 0..25 {
        ids.push(store.keep(OWNER, &format!("dream {number}"), "en").await.unwrap().id);
    }
    // Three moments for 25 dreams.
    let ties = "UPDATE dreams SET created_at = '2026-01-01'::timestamptz + (substr(text, 7)::int / 10) * interval '1.000001 s'";
    sqlx::query(ties).execute(&database.owner_pool).await.unwrap();
    let (mut seen, mut cursor, mut sizes) = (vec![], None, vec![]);
    loop {
        let page = store.page(OWNER, cursor.as_deref(), 10).await.unwrap();
        sizes.push(page.dreams.len());
        seen.extend(page.dreams);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [10, 10, 5]);
    assert!(seen.is_sorted_by_key(|dream| std::cmp::Reverse((dream.created_at, dream.id))));
    let mut found: Vec<Uuid> = seen.iter().map(|dream| dream.id).collect();
    found.sort_unstable();
    ids.sort_unstable();
    assert_eq!(found, ids);
    assert_eq!(store.page(OWNER, None, 0).await.unwrap().dreams.len(), 1);
    assert_eq!(store.page(OWNER, None, 25).await.unwrap().next_cursor, None);
}

#[tokio::test]
async fn a_cursor_of_ones_own_making_is_an_error_of_the_cursor() {
    let database = test_database().await;
    let error = DreamStore::new(database.pool.clone()).page(OWNER, Some("' OR 1=1"), 10).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid { field, .. } if field == "cursor"), "{error:?}");
}

#[tokio::test]
async fn an_identical_request_is_answered_from_the_cache_and_no_other_is() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let dream = store.keep(OWNER, "A train without a driver.", "en").await.unwrap();
    let reading = reading("jungian", "The train");
    store.keep_reading(OWNER, dream.id, &reading, "").await.unwrap();
    let cached = store.cached(OWNER, dream.id, &key(&reading)).await.unwrap().unwrap();
    assert_eq!(cached, Interpretation { cached: true, ..reading.clone() });
    let own = key(&reading);
    for other in [
        ReadingKey { lens: lens("folk"), ..own.clone() },
        ReadingKey { language: "ru".into(), ..own.clone() },
        ReadingKey { model: "model-b".into(), ..own.clone() },
        ReadingKey { prompt_version: "2".into(), ..own.clone() },
        ReadingKey { context: "told".into(), ..own.clone() },
    ] {
        assert!(store.cached(OWNER, dream.id, &other).await.unwrap().is_none(), "{other:?}");
    }
}

#[tokio::test]
async fn a_dream_shows_its_latest_reading_through_each_lens() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let dream = store.keep(OWNER, "A train without a driver.", "en").await.unwrap();
    let earlier = Interpretation { model: "model-b".into(), ..reading("jungian", "earlier") };
    store.keep_reading(OWNER, dream.id, &earlier, "").await.unwrap();
    store.keep_reading(OWNER, dream.id, &reading("jungian", "later"), "").await.unwrap();
    store.keep_reading(OWNER, dream.id, &reading("folk", "folk"), "").await.unwrap();
    let found = store.find(OWNER, dream.id).await.unwrap().unwrap();
    assert_eq!(found.dream, dream);
    let titles: Vec<&str> = found.interpretations.iter().map(|reading| reading.title.as_str()).collect();
    assert_eq!(titles, ["folk", "later"]);
}

#[tokio::test]
async fn a_failure_is_shown_until_there_is_a_reading() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let dream = store.keep(OWNER, "Teeth falling out.", "en").await.unwrap();
    let failure = InterpretationFailure { reason: FailureReason::Ungrounded, detail: "no quote was in the text".into(), steps: vec![] };
    store.keep_failure(OWNER, dream.id, &failure).await.unwrap();
    assert_eq!(store.find(OWNER, dream.id).await.unwrap().unwrap().failure, Some(failure));
    store.keep_reading(OWNER, dream.id, &reading("folk", "Teeth"), "").await.unwrap();
    assert_eq!(store.find(OWNER, dream.id).await.unwrap().unwrap().failure, None);
}

#[tokio::test]
async fn a_deleted_dream_takes_its_readings_and_vectors_along() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let dream = store.keep(OWNER, "A house with a new room.", "en").await.unwrap();
    let reading = reading("folk", "Room");
    store.keep_reading(OWNER, dream.id, &reading, "").await.unwrap();
    store.keep_vector(OWNER, dream.id, "small", &vector(384, 0.0)).await.unwrap();
    assert!(store.delete(OWNER, dream.id).await.unwrap());
    assert!(!store.delete(OWNER, dream.id).await.unwrap());
    for table in ["dreams", "interpretations", "dream_embeddings_384"] {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let left: i64 = sqlx::query_scalar(count).fetch_one(&database.owner_pool).await.unwrap();
        assert_eq!(left, 0, "{table}");
    }
    // What an answer that was still being written would do now.
    let failure = InterpretationFailure { reason: FailureReason::Incomplete, detail: String::new(), steps: vec![] };
    assert!(matches!(store.keep_reading(OWNER, dream.id, &reading, "").await, Err(Error::NotFound("dream"))));
    assert!(matches!(store.keep_failure(OWNER, dream.id, &failure).await, Err(Error::NotFound("dream"))));
    assert!(matches!(store.keep_vector(OWNER, dream.id, "small", &vector(384, 0.0)).await, Err(Error::NotFound("dream"))));
    // The same text again starts afresh.
    let again = store.keep(OWNER, "A house with a new room.", "en").await.unwrap();
    assert!(store.cached(OWNER, again.id, &key(&reading)).await.unwrap().is_none());
}

#[tokio::test]
async fn vectors_of_every_dimension_are_kept_and_searched() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let dream = store.keep(OWNER, "A river.", "en").await.unwrap();
    for dimension in EMBEDDING_DIMENSIONS {
        let model = format!("model-{dimension}");
        let kept = vector(*dimension, 0.3);
        store.keep_vector(OWNER, dream.id, &model, &kept).await.unwrap();
        store.keep_vector(OWNER, dream.id, &model, &kept).await.unwrap();
        let found = store.vector(OWNER, dream.id, &model).await.unwrap().unwrap();
        // Half precision: eleven binary digits.
        assert!(found.len() == *dimension && found.iter().zip(&kept).all(|(found, kept)| (found - kept).abs() < 5e-4));
        assert_eq!(store.similar_of_owner(OWNER, &model, &kept, None, 5).await.unwrap().len(), 1);
        assert_eq!(store.similar_of_everyone(&model, &kept, 5).await.unwrap().len(), 1);
    }
    assert_eq!(store.vector(OWNER, dream.id, "unknown").await.unwrap(), None);
    assert!(matches!(store.keep_vector(OWNER, dream.id, "odd", &vector(100, 0.0)).await, Err(Error::Internal(_))));
}

#[tokio::test]
async fn search_within_an_owner_is_exact_and_sees_no_other_owner() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let another = another_owner(&database).await;
    let mut mine = vec![];
    for number in 0..30_u8 {
        let angle = f32::from(number) * 0.05;
        let dream = store.keep(OWNER, &format!("mine {number}"), "en").await.unwrap();
        store.keep_vector(OWNER, dream.id, "small", &vector(384, angle)).await.unwrap();
        mine.push(dream.id);
        let theirs = store.keep(another, &format!("theirs {number}"), "en").await.unwrap();
        store.keep_vector(another, theirs.id, "small", &vector(384, angle)).await.unwrap();
    }
    let found = store.similar_of_owner(OWNER, "small", &vector(384, 0.0), Some(mine[0]), 5).await.unwrap();
    let ids: Vec<Uuid> = found.iter().map(|similar| similar.dream.id).collect();
    assert_eq!(ids, mine[1..6]);
    for (similar, number) in found.iter().zip(1_u8..) {
        let expected = (f32::from(number) * 0.05).cos();
        assert!((similar.similarity - expected).abs() < 5e-4, "{} is not {expected}", similar.similarity);
    }
    assert!(store.similar_of_owner(OWNER, "other-model", &vector(384, 0.0), None, 5).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_search_keeps_models_apart_and_finds_no_dream_that_was_deleted() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let mut dreams = vec![];
    for number in 0..20_u8 {
        let dream = store.keep(OWNER, &format!("dream {number}"), "en").await.unwrap();
        // What is near for the one model is far for the other.
        store.keep_vector(OWNER, dream.id, "one", &vector(384, f32::from(number) * 0.05)).await.unwrap();
        store.keep_vector(OWNER, dream.id, "other", &vector(384, f32::from(19 - number) * 0.05)).await.unwrap();
        dreams.push(dream.id);
    }
    let found = async |model| {
        let found = store.similar_of_owner(OWNER, model, &vector(384, 0.0), None, 3).await.unwrap();
        found.iter().map(|similar| similar.dream.id).collect::<Vec<_>>()
    };
    assert_eq!(found("one").await, [dreams[0], dreams[1], dreams[2]]);
    assert_eq!(found("other").await, [dreams[19], dreams[18], dreams[17]]);
    assert!(store.delete(OWNER, dreams[1]).await.unwrap());
    assert_eq!(found("one").await, [dreams[0], dreams[2], dreams[3]]);
    // A dream that gets another vector is found where that is.
    store.keep_vector(OWNER, dreams[3], "one", &vector(384, 0.01)).await.unwrap();
    assert_eq!(found("one").await, [dreams[0], dreams[3], dreams[2]]);
}

#[tokio::test]
async fn an_owner_of_thousands_of_dreams_finds_the_nearest_of_them_and_nobody_elses() {
    let database = test_database().await;
    let another = another_owner(&database).await;
    let trial = SearchTrial::new(database.owner_pool.clone(), database.pool.clone(), "small".into());
    // Places of a grid around two circles, in turns of both owners, so that many neighbours of a dream are the other's. One
    // has 11,008 of them, more than are all looked at, and the other 5,504.
    let dream = |number: u16| {
        let [east, north] = [number % 129, number / 129].map(|steps| f32::from(steps) * 0.0487);
        let mut place = vec![0.0; 384];
        place[..4].copy_from_slice(&[east.cos(), east.sin(), north.cos(), north.sin()].map(|part| part / 2.0_f32.sqrt()));
        let owner = if (number % 129 + number / 129).is_multiple_of(3) { another } else { OWNER };
        TrialDream { id: Uuid::now_v7(), owner, text: format!("dream {number}"), vector: place }
    };
    let dreams: Vec<TrialDream> = (0..16_512).map(dream).collect();
    trial.keep(&dreams).await.unwrap();
    for (owner, asked) in [OWNER, another].into_iter().flat_map(|owner| [0, 2_000, 16_511].map(|number| (owner, &dreams[number]))) {
        let found = trial.store().similar_of_owner(owner, "small", &asked.vector, Some(asked.id), 10).await.unwrap();
        let likeness = |dream: &TrialDream| dream.vector.iter().zip(&asked.vector).map(|(one, other)| one * other).sum::<f32>();
        let mut own: Vec<f32> = dreams.iter().filter(|dream| dream.owner == owner && dream.id != asked.id).map(likeness).collect();
        own.sort_by(|nearer, farther| farther.total_cmp(nearer));
        let kept = |similar: &SimilarDream| dreams.iter().find(|dream| dream.id == similar.dream.id).unwrap();
        assert!(found.iter().all(|similar| kept(similar).owner == owner && similar.dream.id != asked.id));
        // Places at the same distance may come in any order; one step on the grid is 0.0006.
        let right = found.iter().filter(|similar| likeness(kept(similar)) >= own[9] - 5e-4).count();
        assert!(found.len() == 10 && right >= 9, "{right} of {} are right", found.len());
        assert!(found.is_sorted_by(|nearer, farther| nearer.similarity >= farther.similarity));
    }
    assert!(trial.store().similar_of_owner(OWNER, "other-model", &dreams[0].vector, None, 5).await.unwrap().is_empty());
}

/// What sqlx sends for a query is explained by PostgreSQL itself: which indexes would serve it.
async fn plan(database: &TestDatabase, query: &str) -> String {
    let mut transaction = database.owner_pool.begin().await.unwrap();
    sqlx::raw_sql("SET LOCAL enable_seqscan = off; SET LOCAL hnsw.iterative_scan = strict_order").execute(&mut *transaction).await.unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN {query}"));
    sqlx::query_scalar::<_, String>(explain).fetch_all(&mut *transaction).await.unwrap().join("\n")
}

#[tokio::test]
async fn search_across_owners_uses_the_index_and_finds_one_models_dreams_among_anothers() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    // 3000 vectors of another model lie nearer than any of ours: a plain index scan would return none of ours.
    let crowd = "WITH kept AS (
            INSERT INTO dreams (id, owner_id, text, text_sha256, language)
            SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000001', 'crowd ' || n, sha256(('crowd ' || n)::bytea), 'en'
            FROM generate_series(1, 3000) n RETURNING id, owner_id)
        INSERT INTO dream_embeddings_384 SELECT id, owner_id, 'crowd',
            (ARRAY[1, random() * 0.1] || array_fill(0, ARRAY[382]))::vector FROM kept";
    sqlx::query(crowd).execute(&database.owner_pool).await.unwrap();
    let mut ours = vec![];
    for number in 1..=10_u8 {
        let dream = store.keep(OWNER, &format!("ours {number}"), "en").await.unwrap();
        store.keep_vector(OWNER, dream.id, "ours", &vector(384, 0.5 + f32::from(number) * 0.05)).await.unwrap();
        ours.push(dream.id);
    }
    sqlx::raw_sql("ANALYZE dream_embeddings_384").execute(&database.owner_pool).await.unwrap();
    let found = store.similar_of_everyone("ours", &vector(384, 0.0), 10).await.unwrap();
    assert_eq!(found.iter().map(|similar| similar.dream.id).collect::<Vec<_>>(), ours);
    let crowd = store.similar_of_everyone("crowd", &vector(384, 0.0), 10).await.unwrap();
    assert_eq!(crowd.len(), 10);
    assert!(crowd.is_sorted_by(|nearer, farther| nearer.similarity >= farther.similarity));

    let zeros = format!("'[1{}]'", ",0".repeat(383));
    let everyone = format!(
        "SELECT dream_id FROM dream_embeddings_384 WHERE model = 'crowd'
        ORDER BY embedding <=> {zeros}::halfvec(384) LIMIT 10"
    );
    assert!(plan(&database, &everyone).await.contains("dream_embeddings_384_hnsw"));
    let own = format!(
        "SELECT dream_id, cosine_distance(embedding, {zeros}::halfvec(384)) AS distance FROM dream_embeddings_384
        WHERE owner_id = '00000000-0000-0000-0000-000000000001' AND model = 'ours' ORDER BY distance LIMIT 10"
    );
    let own = plan(&database, &own).await;
    assert!(own.contains("owner") && !own.contains("hnsw"), "{own}");
}
