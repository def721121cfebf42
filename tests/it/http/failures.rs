//! What the server says when it fails itself: a number for the operator, and nothing of its inside.

use axum::http::StatusCode;
use sqlx::AssertSqlSafe;

use super::{engines::Behaviour, house::House};

#[tokio::test]
async fn a_failure_inside_shows_no_sql_and_no_trace() {
    let house = House::new(Behaviour::Reads, &["en"]).await;
    let owner = &house.database.as_ref().expect("a database").owner_pool;
    sqlx::query(AssertSqlSafe("ALTER TABLE dreams RENAME COLUMN text TO hidden_text")).execute(owner).await.unwrap();
    for path in ["/api/v1/dreams", "/api/v1/dreams/00000000-0000-0000-0000-0000000000ff"] {
        let answer = house.get(path).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}: {}", answer.text);
        let said = answer.json();
        assert!(said["incident"].is_string() && said["type"] == "/problems/internal", "{said}");
        for inside in ["select", "column", "relation", "sqlx", "postgres", "src/", "panicked", "backtrace", "hidden"] {
            assert!(!answer.text.to_lowercase().contains(inside), "{path} tells of `{inside}`: {}", answer.text);
        }
    }
}
