//! Reading at scale: a thousand people, a hundred thousand dreams, a thousand requests a second, each with its session checked.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use oneiros::features::accounts::SESSION_COOKIE;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::Instant as Moment;
use uuid::Uuid;

use crate::{
    reports::percentile,
    support::{server::Server, state::EMBEDDING_MODEL},
};

pub const PEOPLE: usize = 1000;
const DREAMS_OF_ONE: usize = 100;
const A_SECOND: u64 = 1000;
const SECONDS: u64 = 60;
/// Requests under way at once, each on a connection that is kept: an answer that is late holds up none of the others.
const CONNECTIONS: usize = 64;
const MOST_MILLISECONDS: f64 = 50.0;

fn person(number: usize) -> Uuid {
    Uuid::from_u128(0x1000_0000 + number as u128)
}

fn dream(person: usize, number: usize) -> Uuid {
    Uuid::from_u128(0x2000_0000_0000 + (person * DREAMS_OF_ONE + number) as u128)
}

/// The secret of a person's session.
pub fn token(number: usize) -> String {
    format!("the-session-of-person-number-{number:04}-of-a-thousand")
}

/// The private database, as its owner.
async fn owner(state: &Path) -> PgConnection {
    let options = PgConnectOptions::new().host(state.join("postgresql/socket").to_str().expect("UTF-8")).port(5432);
    options.username("oneiros_owner").database("oneiros").connect().await.expect("the private database")
}

/// People who are logged in.
pub async fn people(state: &Path) -> PgConnection {
    let mut database = owner(state).await;
    let people: Vec<Uuid> = (0..PEOPLE).map(person).collect();
    let tokens: Vec<Vec<u8>> = (0..PEOPLE).map(|number| Sha256::digest(token(number)).to_vec()).collect();
    let fill = "WITH people AS (INSERT INTO users (id, name, name_key, password_hash) SELECT id, id::text, id::text, 'none' FROM unnest($1::uuid[]) AS id)
        INSERT INTO sessions (id, owner_id, token_sha256, expires_at) SELECT id, id, token, now() + interval '1 day' FROM unnest($1::uuid[], $2::bytea[]) AS told (id, token)";
    sqlx::query(fill).bind(&people).bind(&tokens).execute(&mut database).await.expect("people");
    database
}

/// Those people, with dreams of a usual length and a vector of each.
async fn fill(state: &Path) {
    let mut database = people(state).await;
    // Made anew once all are there: to let it grow by a hundred thousand takes many minutes.
    let index = "SELECT pg_get_indexdef('dream_embeddings_384_hnsw'::regclass)";
    let index: String = sqlx::query_scalar(index).fetch_one(&mut database).await.expect("the index of all vectors");
    sqlx::query("DROP INDEX dream_embeddings_384_hnsw").execute(&mut database).await.expect("the owner's right");
    let words =
        "I was walking through a house that I knew as a child, and behind the kitchen there was a room that nobody had told me of. ";
    for number in 0..PEOPLE {
        let ids: Vec<Uuid> = (0..DREAMS_OF_ONE).map(|dreamt| dream(number, dreamt)).collect();
        let dreams = "INSERT INTO dreams (id, owner_id, text, text_sha256, language, created_at)
            SELECT id, $2, repeat($3, 4) || id, sha256(id::text::bytea), 'en', now() - interval '1 hour' * n
            FROM unnest($1::uuid[]) WITH ORDINALITY AS told (id, n)";
        sqlx::query(dreams).bind(&ids).bind(person(number)).bind(words).execute(&mut database).await.expect("dreams");
        let vectors = "INSERT INTO dream_embeddings_384 (dream_id, owner_id, model, embedding)
            SELECT id, $2, $3, (SELECT array_agg(random() - 0.5 + n * part * 0) FROM generate_series(1, 384) AS part)::real[]::vector::halfvec(384)
            FROM unnest($1::uuid[]) WITH ORDINALITY AS told (id, n)";
        sqlx::query(vectors).bind(&ids).bind(person(number)).bind(EMBEDDING_MODEL).execute(&mut database).await.expect("vectors");
    }
    sqlx::query(AssertSqlSafe(index)).execute(&mut database).await.expect("the index of all vectors");
    claim(&mut database).await;
    for statement in
        ["VACUUM ANALYZE dreams", "VACUUM ANALYZE dream_embeddings_384", "VACUUM ANALYZE sessions", "VACUUM ANALYZE users", "CHECKPOINT"]
    {
        // The last one is the superuser's; without it the disk is a little busier at first.
        let _ = sqlx::query(AssertSqlSafe(statement)).execute(&mut database).await;
    }
}

/// As if the first admin had come.
pub async fn claim(database: &mut PgConnection) {
    for statement in ["UPDATE appliance SET claimed_at = now()", "SELECT pg_notify('oneiros_accounts', 'appliance')"] {
        sqlx::query(statement).execute(&mut *database).await.expect("the owner's right");
    }
}

/// 70 % lists, 25 % single dreams, 5 % similar ones by their vector.
fn path(number: usize) -> (usize, &'static str, String) {
    // A number that spreads over people and dreams without a pattern of its own (a multiplicative hash).
    let spread = number.wrapping_mul(2_654_435_761) >> 7;
    let (person, dreamt) = (spread % PEOPLE, spread / PEOPLE % DREAMS_OF_ONE);
    let id = dream(person, dreamt);
    match number % 20 {
        0..14 => (person, "list", "/api/v1/dreams".into()),
        14..19 => (person, "dream", format!("/api/v1/dreams/{id}")),
        _ => (person, "similar", format!("/api/v1/dreams/{id}/similar")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reads_a_second_of_a_thousand_people_are_answered_in_time() {
    let server = Server::start().await;
    fill(server.state.path()).await;
    let client = reqwest::Client::builder().no_proxy().pool_idle_timeout(Duration::from_secs(5)).build().expect("a client");
    let next = Arc::new(AtomicUsize::new(0));
    let total = usize::try_from(A_SECOND * SECONDS).expect("a number");
    let (begin, start) = (Moment::now() + Duration::from_millis(200), Instant::now());
    let workers = (0..CONNECTIONS).map(|_| {
        let (client, next, base) = (client.clone(), Arc::clone(&next), server.base.clone());
        tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    return taken;
                }
                // By the clock, not by the answer before: a server that falls behind is seen to.
                let due = begin + Duration::from_micros(1_000_000 / A_SECOND * number as u64);
                tokio::time::sleep_until(due).await;
                let (person, kind, path) = path(number);
                let cookie = format!("{SESSION_COOKIE}={}", token(person));
                let answer = client.get(format!("{base}{path}")).header("cookie", cookie).send().await.expect("an answer");
                assert_eq!(answer.status(), 200, "{path}");
                assert!(answer.bytes().await.expect("a body").len() > 20, "{path}");
                taken.push((kind, due.elapsed().as_secs_f64() * 1000.0));
            }
        })
    });
    let mut taken = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        taken.extend(worker.await.expect("a worker"));
    }
    let elapsed = start.elapsed().as_secs_f64();
    let of = |kind: &str, share: f64| {
        let mut times: Vec<f64> = taken.iter().filter(|(name, _)| kind.is_empty() || *name == kind).map(|(_, time)| *time).collect();
        percentile(&mut times, share)
    };
    let figures = |kind: &str| json!({"p50_ms": of(kind, 0.5), "p95_ms": of(kind, 0.95), "p99_ms": of(kind, 0.99)});
    #[expect(clippy::cast_precision_loss, reason = "a few ten thousand")]
    let rate = taken.len() as f64 / elapsed;
    println!(
        "{:#}",
        json!({"people": PEOPLE, "dreams": PEOPLE * DREAMS_OF_ONE, "seconds": SECONDS, "requests_a_second": rate, "all": figures(""),
            "list": figures("list"), "dream": figures("dream"), "similar": figures("similar")})
    );
    #[expect(clippy::cast_precision_loss, reason = "a thousand")]
    let wanted = A_SECOND as f64 * 0.98;
    assert!(rate >= wanted, "{rate:.0} requests a second");
    assert!(of("", 0.95) <= MOST_MILLISECONDS, "p95 is {:.1} ms", of("", 0.95));
}
