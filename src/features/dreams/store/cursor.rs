//! The opaque text that names where a page ended.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::{Error, Result};

/// Where a page ended: 8 bytes of microseconds since 1970 and the id, as base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub created_at: OffsetDateTime,
    pub id: Uuid,
}

impl Cursor {
    pub fn parse(text: &str) -> Result<Self> {
        Self::decode(text).ok_or_else(|| Error::invalid("cursor", "is not a cursor that this server gave"))
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (time, id) = bytes.split_first_chunk::<8>()?;
        let nanoseconds = i128::from(i64::from_be_bytes(*time)) * 1000;
        let created_at = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?;
        Some(Self { created_at, id: Uuid::from_slice(id).ok()? })
    }

    pub fn to_text(self) -> String {
        let microseconds = self.created_at.unix_timestamp_nanos() / 1000;
        let microseconds = i64::try_from(microseconds).unwrap_or(i64::MAX);
        let mut bytes = microseconds.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_to_the_microsecond() {
        let created_at = OffsetDateTime::from_unix_timestamp_nanos(1_795_000_000_123_456_000).unwrap();
        let cursor = Cursor { created_at, id: Uuid::now_v7() };
        assert_eq!(Cursor::parse(&cursor.to_text()).unwrap(), cursor);
    }

    #[test]
    fn a_broken_cursor_is_an_error_of_its_field() {
        let whole = Cursor { created_at: OffsetDateTime::UNIX_EPOCH, id: Uuid::nil() }.to_text();
        for broken in ["", "!", "AAAA", &whole[1..], &format!("{whole}AAAA"), "f_________________________________________8"] {
            let error = Cursor::parse(broken).unwrap_err();
            assert!(matches!(&error, Error::Invalid { field, .. } if field == "cursor"), "{broken}: {error}");
        }
    }
}
