//! What dreamers say of dreams and readings, as the store keeps it.

use oneiros::{
    error::Error,
    features::{
        accounts::{Belongings, UserId},
        dreams::{DialogTurn, DreamStore, OpinionRequest},
        lore::LensId,
    },
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::support::database::{TestDatabase, test_database};

const OWNER: UserId = UserId::LOCAL;

async fn another_owner(database: &TestDatabase) -> UserId {
    let id = Uuid::now_v7();
    sqlx::query("INSERT INTO users (id) VALUES ($1)").bind(id).execute(&database.owner_pool).await.unwrap();
    UserId(id)
}

/// A dream that was read through these lenses.
async fn read_dream(database: &TestDatabase, owner: UserId, text: &str, lenses: &[&str]) -> Uuid {
    let dream = DreamStore::new(database.pool.clone()).keep(owner, text, "en").await.unwrap().id;
    for lens in lenses {
        let reading = "INSERT INTO interpretations (dream_id, owner_id, lens, language, model, prompt_version, content)
            VALUES ($1, $2, $3, 'en', 'm', '1', '{}')";
        sqlx::query(reading).bind(dream).bind(owner.0).bind(lens).execute(&database.owner_pool).await.unwrap();
    }
    dream
}

fn lens(id: &str) -> LensId {
    id.parse().unwrap()
}

fn chosen() -> OpinionRequest {
    OpinionRequest { rating: None, chosen: Some(true) }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn turn(question: &str) -> DialogTurn {
    DialogTurn {
        id: Uuid::now_v7(),
        lens: lens("folk"),
        question: question.into(),
        answer: "It may be a border.".into(),
        language: "en".into(),
        model: "m".into(),
        created_at: OffsetDateTime::UNIX_EPOCH,
    }
}

#[tokio::test]
async fn images_are_replaced_and_counted_over_the_persons_other_dreams() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let another = another_owner(&database).await;
    let mut dreams = Vec::new();
    for (owner, text, images) in [
        (OWNER, "first", &["river", "bridge"][..]),
        (OWNER, "second", &["river", "river", "horse"]),
        (OWNER, "third", &["river", "bridge", "horse"]),
        (another, "theirs", &["river", "bridge"]),
    ] {
        let dream = read_dream(&database, owner, text, &[]).await;
        store.keep_symbols(owner, dream, &strings(images)).await.unwrap();
        dreams.push(dream);
    }
    assert_eq!(store.symbols_of(OWNER, dreams[1]).await.unwrap(), ["horse", "river"]);
    let recurring = store.recurring(OWNER, dreams[0], &strings(&["bridge", "river", "sea"])).await.unwrap();
    assert_eq!(recurring, [("river".to_owned(), 2), ("bridge".to_owned(), 1)]);
    let holding: Vec<Uuid> = store.dreams_with(OWNER, "river", 2).await.unwrap().into_iter().map(|dream| dream.id).collect();
    assert_eq!(holding, [dreams[2], dreams[1]]);

    store.keep_symbols(OWNER, dreams[1], &strings(&["sea"])).await.unwrap();
    assert_eq!(store.symbols_of(OWNER, dreams[1]).await.unwrap(), ["sea"]);
    store.keep_symbols(OWNER, dreams[1], &[]).await.unwrap();
    assert!(store.symbols_of(OWNER, dreams[1]).await.unwrap().is_empty());
    assert!(store.symbols_of(OWNER, dreams[3]).await.unwrap().is_empty(), "another's");
    let stranger = store.keep_symbols(OWNER, dreams[3], &strings(&["sea"])).await;
    assert!(matches!(stranger, Err(Error::NotFound("dream"))), "{stranger:?}");
}

#[tokio::test]
async fn one_reading_of_a_dream_is_chosen_also_when_two_are_at_once() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let dream = read_dream(&database, OWNER, "a bridge", &["folk", "islamic", "jungian"]).await;
    let lenses = ["folk", "islamic", "jungian"].map(lens);
    let request = chosen();
    let all = lenses.iter().cycle().take(12).map(|lens| store.keep_opinion(OWNER, dream, lens, &request));
    for kept in futures_util::future::join_all(all).await {
        assert!(kept.unwrap().chosen);
    }
    let opinions = store.opinions(OWNER, dream).await.unwrap();
    assert_eq!(opinions.iter().filter(|opinion| opinion.chosen).count(), 1, "{opinions:?}");

    let rated = OpinionRequest { rating: Some(Some(4)), chosen: None };
    let kept = store.keep_opinion(OWNER, dream, &lenses[0], &rated).await.unwrap();
    let kept = store
        .keep_opinion(OWNER, dream, &lenses[0], &OpinionRequest { chosen: Some(!kept.chosen), ..OpinionRequest::default() })
        .await
        .unwrap();
    assert_eq!(kept.rating, Some(4), "what is left out stays");
    let cleared = store.keep_opinion(OWNER, dream, &lenses[0], &OpinionRequest { rating: Some(None), chosen: None }).await.unwrap();
    assert_eq!((cleared.rating, cleared.chosen), (None, kept.chosen));

    let unread = store.keep_opinion(OWNER, dream, &lens("scientific"), &request).await;
    assert!(matches!(unread, Err(Error::NotFound(what)) if what.starts_with("reading")), "{unread:?}");
    let another = another_owner(&database).await;
    let stranger = store.keep_opinion(another, dream, &lenses[0], &request).await;
    assert!(matches!(stranger, Err(Error::NotFound("dream"))), "{stranger:?}");
    assert!(store.opinions(another, dream).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_lens_of_the_last_twenty_choices_is_preferred() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    assert_eq!(store.preferred_lens(OWNER).await.unwrap(), None);
    for (number, chosen_lens) in ["jungian"; 25].into_iter().chain(["folk"; 9]).chain(["islamic"; 12]).enumerate() {
        let dream = read_dream(&database, OWNER, &format!("dream {number}"), &[chosen_lens]).await;
        store.keep_opinion(OWNER, dream, &lens(chosen_lens), &chosen()).await.unwrap();
    }
    assert_eq!(store.preferred_lens(OWNER).await.unwrap(), Some(lens("islamic")));
    assert_eq!(store.preferred_lens(another_owner(&database).await).await.unwrap(), None);
}

#[tokio::test]
async fn a_dreams_own_note_comes_before_the_newest_of_another() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let mut dreams = Vec::new();
    for text in ["old", "newer", "this"] {
        let dream = read_dream(&database, OWNER, text, &[]).await;
        for symbol in ["river", "bridge", "horse"] {
            if text != "this" || symbol == "river" {
                store.keep_association(OWNER, dream, symbol, &format!("{symbol}, {text}")).await.unwrap();
            }
        }
        dreams.push(dream);
    }
    let notes = |notes: Vec<oneiros::features::dreams::Association>| notes.into_iter().map(|own| own.note).collect::<Vec<_>>();
    let known = store.associations_for(OWNER, dreams[2], &strings(&["river", "bridge"])).await.unwrap();
    assert_eq!(notes(known), ["river, this", "bridge, newer"]);
    assert_eq!(notes(store.associations(OWNER, dreams[2]).await.unwrap()), ["river, this"]);
    store.keep_association(OWNER, dreams[2], "river", "changed").await.unwrap();
    assert_eq!(notes(store.associations(OWNER, dreams[2]).await.unwrap()), ["changed"]);
    assert!(store.forget_association(OWNER, dreams[2], "river").await.unwrap());
    assert!(!store.forget_association(OWNER, dreams[2], "river").await.unwrap());

    let another = another_owner(&database).await;
    assert!(store.associations_for(another, dreams[0], &strings(&["river"])).await.unwrap().is_empty());
    assert!(!store.forget_association(another, dreams[0], "river").await.unwrap());
    assert!(matches!(store.keep_association(another, dreams[0], "river", "mine").await, Err(Error::NotFound("dream"))));
}

#[tokio::test]
async fn there_are_forty_notes_and_fifty_questions_to_a_dream() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let dream = read_dream(&database, OWNER, "a bridge", &[]).await;
    for number in 0..40 {
        store.keep_association(OWNER, dream, &format!("word {number}"), "a note").await.unwrap();
    }
    let more = store.keep_association(OWNER, dream, "word 40", "a note").await;
    assert!(matches!(&more, Err(Error::Invalid { field, .. }) if field == "symbol"), "{more:?}");
    assert_eq!(store.keep_association(OWNER, dream, "word 7", "another").await.unwrap().note, "another");

    let at_once = (0..60).map(|number| store.keep_turn(OWNER, dream, turn(&format!("question {number}?"))));
    let kept = futures_util::future::join_all(at_once).await;
    assert_eq!(kept.iter().filter(|kept| kept.is_ok()).count(), 50);
    let more = kept.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(&more, Error::Invalid { field, .. } if field == "question"), "{more:?}");
    assert_eq!(store.dialog(OWNER, dream).await.unwrap().len(), 50);
}

#[tokio::test]
async fn a_dialog_is_kept_in_order_and_forgotten_at_once() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let dream = read_dream(&database, OWNER, "a bridge", &[]).await;
    let first = store.keep_turn(OWNER, dream, turn("first?")).await.unwrap();
    let second = store.keep_turn(OWNER, dream, turn("second?")).await.unwrap();
    assert!(first.created_at > OffsetDateTime::UNIX_EPOCH, "the moment is the database's");
    assert_eq!(store.dialog(OWNER, dream).await.unwrap(), [first, second]);
    let another = another_owner(&database).await;
    assert!(store.dialog(another, dream).await.unwrap().is_empty());
    assert!(matches!(store.keep_turn(another, dream, turn("mine?")).await, Err(Error::NotFound("dream"))));
    assert!(matches!(store.forget_dialog(another, dream).await, Err(Error::NotFound("dream"))));
    store.forget_dialog(OWNER, dream).await.unwrap();
    assert!(store.dialog(OWNER, dream).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_said_is_exported_with_its_dream_and_goes_with_it() {
    let database = test_database().await;
    let store = DreamStore::new(database.pool.clone());
    let dream = read_dream(&database, OWNER, "a bridge", &["folk"]).await;
    store.keep_symbols(OWNER, dream, &strings(&["bridge"])).await.unwrap();
    store.keep_association(OWNER, dream, "bridge", "the way to school").await.unwrap();
    store.keep_opinion(OWNER, dream, &lens("folk"), &chosen()).await.unwrap();
    store.keep_turn(OWNER, dream, turn("why?")).await.unwrap();
    let exported = store.export(OWNER).await.unwrap();
    let exported = &exported[0];
    assert_eq!(exported["symbols"][0], "bridge", "{exported}");
    assert_eq!(exported["associations"][0]["note"], "the way to school");
    assert_eq!((&exported["opinions"][0]["lens"], &exported["opinions"][0]["chosen"]), (&"folk".into(), &true.into()));
    assert_eq!((&exported["dialog"][0]["question"], &exported["dialog"][0]["answer"]), (&"why?".into(), &"It may be a border.".into()));

    assert!(store.delete(OWNER, dream).await.unwrap());
    for table in ["dream_symbols", "associations", "reading_opinions", "dialog_turns"] {
        let left: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(&database.owner_pool).await.unwrap();
        assert_eq!(left, 0, "{table}");
    }
}
