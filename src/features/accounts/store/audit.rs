//! The audit: rows come and never change.

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::AccountStore;
use crate::db::Whose;
use crate::egress::AuditRecord;
use crate::error::Result;
use crate::features::accounts::{Action, AuditEntry, AuditPage, AuditPerson, audit::Entry};

/// Notes what was done, in the transaction that does it where there is one.
pub async fn tell(connection: &mut PgConnection, entry: &Entry) -> Result<()> {
    sqlx::query!(
        "INSERT INTO audit (action, actor_id, subject_id, address, detail) VALUES ($1, $2, $3, $4::text::inet, $5)",
        entry.action.name(),
        entry.actor.map(|user| user.0),
        entry.subject.map(|user| user.0),
        entry.address.map(|address| address.to_string()),
        entry.detail,
    )
    .execute(connection)
    .await?;
    Ok(())
}

impl AccountStore {
    /// Notes a request that left, or was kept from leaving: nobody's doing, at its own time.
    pub async fn tell_of_egress(&self, record: &AuditRecord) -> Result<()> {
        let AuditRecord { time, purpose, destination, method, outcome, bytes } = record;
        sqlx::query!(
            "INSERT INTO audit (at, action, detail) VALUES ($1, $2, $3)",
            time,
            Action::Egress.name(),
            json!({ "purpose": purpose, "destination": destination, "method": method, "outcome": outcome, "bytes": bytes }),
        )
        .execute(self.rows.pool())
        .await?;
        Ok(())
    }

    /// Newest first: of this action, by or about this person (an id, or the beginning of a name), before this id.
    pub async fn audit(&self, action: Option<&str>, person: Option<&str>, before: Option<i64>, limit: u16) -> Result<AuditPage> {
        let mut everyones = self.rows.begin(Whose::Everyones).await?;
        let rows = sqlx::query!(
            r#"SELECT audit.id, audit.at, audit.action, audit.actor_id, audit.subject_id, host(audit.address) AS address, audit.detail,
                actor.name AS "actor_name?", subject.name AS "subject_name?"
            FROM audit LEFT JOIN users AS actor ON actor.id = audit.actor_id LEFT JOIN users AS subject ON subject.id = audit.subject_id
            WHERE ($1::text IS NULL OR audit.action = $1) AND ($2::text IS NULL OR $2 IN (audit.actor_id::text, audit.subject_id::text)
                    OR starts_with(lower(actor.name), lower($2)) OR starts_with(lower(subject.name), lower($2)))
                AND ($3::bigint IS NULL OR audit.id < $3)
            ORDER BY audit.id DESC LIMIT $4"#,
            action,
            person,
            before,
            i64::from(limit) + 1,
        )
        .fetch_all(&mut *everyones)
        .await?;
        everyones.commit().await?;
        let more = rows.len() > usize::from(limit);
        let named = |id: Option<Uuid>, name: Option<String>| id.map(|id| AuditPerson { id, name });
        let entries: Vec<AuditEntry> = rows
            .into_iter()
            .take(usize::from(limit))
            .map(|row| AuditEntry {
                id: row.id,
                at: row.at,
                action: row.action,
                actor: named(row.actor_id, row.actor_name),
                subject: named(row.subject_id, row.subject_name),
                address: row.address,
                detail: row.detail,
            })
            .collect();
        let next_cursor = entries.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(AuditPage { entries, next_cursor })
    }
}
