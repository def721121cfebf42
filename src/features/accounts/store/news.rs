//! Word of changes, told through the database to every server of it.

use uuid::Uuid;

use super::{APPLIANCE, AccountStore, CHANNEL};
use crate::db::Line;
use crate::error::Result;
use crate::features::accounts::{UserId, revocation::News};

/// A line on which they are heard.
pub struct NewsLine(Line);

impl AccountStore {
    pub async fn news(&self) -> Result<NewsLine> {
        Ok(NewsLine(Line::open(self.rows.pool(), CHANNEL).await?))
    }
}

impl NewsLine {
    /// The next news; [`News::Unknown`] when the line was lost and stands again.
    pub async fn next(&mut self) -> Result<News> {
        let Some(told) = self.0.next().await? else { return Ok(News::Unknown) };
        Ok(match told.payload() {
            APPLIANCE => News::Appliance,
            other => other.parse::<Uuid>().map_or(News::Unknown, |user| News::Ended(UserId(user))),
        })
    }
}
