//! What a log-in costs: one password at a time, and what everybody else feels while several come at once.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    reports::percentile,
    support::{command_line::run_with_input, server::Server},
};

const PASSWORD: &str = "a river under the old bridge";
const LOG_INS: usize = 25;
/// As many as hash at once, and as many again that wait.
const AT_ONCE: usize = 4;
/// About 100 ms are meant. Much less would be too cheap to guess, much more would make people wait.
const FITTING: std::ops::RangeInclusive<f64> = 50.0..=250.0;
/// What a request without an engine may take beside them, on two processors that both hash.
const MOST_BESIDE: f64 = 50.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_takes_a_tenth_of_a_second_and_keeps_nobody_else_waiting() {
    let server = Server::start().await;
    let input = format!("{PASSWORD}\n");
    run_with_input(server.state.path(), ["admin", "user", "add", "ada", "--role", "admin"], input.as_bytes()).await.succeeded();
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let session = format!("{}/api/v1/session", server.base);
    let log_in = async || {
        let begun = Instant::now();
        let answer = client.post(&session).json(&json!({ "name": "ada", "password": PASSWORD })).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        begun.elapsed().as_secs_f64() * 1000.0
    };
    let mut alone = Vec::new();
    for _ in 0..LOG_INS {
        alone.push(log_in().await);
    }
    let hashing = tokio::spawn({
        let (client, session) = (client.clone(), session.clone());
        async move {
            for _ in 0..LOG_INS / AT_ONCE {
                let several = (0..AT_ONCE).map(|_| client.post(&session).json(&json!({ "name": "ada", "password": PASSWORD })).send());
                for answer in futures_util::future::join_all(several).await {
                    assert_eq!(answer.expect("an answer").status(), 200);
                }
            }
        }
    });
    let mut beside = Vec::new();
    while !hashing.is_finished() {
        let begun = Instant::now();
        assert_eq!(client.get(&session).send().await.expect("an answer").status(), 200);
        beside.push(begun.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    hashing.await.expect("the log-ins");
    let (median, slowest) = (percentile(&mut alone.clone(), 0.5), percentile(&mut alone.clone(), 1.0));
    let (beside_median, beside_p95) = (percentile(&mut beside.clone(), 0.5), percentile(&mut beside, 0.95));
    println!(
        "{:#}",
        json!({"log_ins": LOG_INS, "median_ms": median, "slowest_ms": slowest, "each_ms": alone,
            "requests_beside_four_at_once": {"median_ms": beside_median, "p95_ms": beside_p95}})
    );
    assert!(FITTING.contains(&median), "a log-in takes {median:.0} ms");
    assert!(beside_p95 <= MOST_BESIDE, "others wait {beside_p95:.0} ms");
}
