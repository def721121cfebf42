//! The line on which the database tells of its rows.

use sqlx::PgPool;

use super::{Change, DreamsEvent};
use crate::{db::Line, error::Result, features::accounts::UserId};

/// Where the triggers of the tables tell.
const CHANNEL: &str = "oneiros_events";

#[derive(Clone)]
pub struct EventStore {
    pool: PgPool,
}

/// One connection that hears everybody's events.
pub struct EventLine(Line);

impl EventStore {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    pub async fn line(&self) -> Result<EventLine> {
        Ok(EventLine(Line::open(&self.pool, CHANNEL).await?))
    }
}

impl EventLine {
    /// What changed and whose it is; `None` when the line was lost and stands again, or said what this version does not know.
    pub async fn next(&mut self) -> Result<Option<(UserId, DreamsEvent)>> {
        let told = self.0.next().await?;
        Ok(told.and_then(|told| parse(told.payload())))
    }
}

fn parse(told: &str) -> Option<(UserId, DreamsEvent)> {
    let mut words = told.split(' ');
    let (owner, dream_id, change) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, Change::named(words.next()?)?);
    words.next().is_none().then_some((UserId(owner), DreamsEvent { dream_id, change }))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_the_triggers_say_is_understood_and_nothing_else() {
        let (owner, dream) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let understood = parse(&format!("{owner} {dream} read")).unwrap();
        assert_eq!(understood, (UserId(owner), DreamsEvent { dream_id: dream, change: Change::Read }));
        for other in ["", "x", &format!("{owner} {dream}"), &format!("{owner} {dream} burnt"), &format!("{owner} {dream} read now")] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
